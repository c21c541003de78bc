/**
 * The values of a page of Parquet, in each of its encodings (Encodings.md of the format). The encodings of
 * single values are hyparquet's; what it takes from the file without a check is checked here.
 */
import type { Encoding, SchemaElement } from "hyparquet"
import { deltaBinaryUnpack, deltaLengthByteArray } from "hyparquet/src/delta.js"
import { byteStreamSplit } from "hyparquet/src/encoding.js"
import { readPlain } from "hyparquet/src/plain.js"
import { readRuns } from "./parquet-runs.ts"

/** The next value as it is stored: a number, a big integer, a boolean or bytes. Throws where there is none. */
export type NextValue = () => unknown

/** A position in the bytes of a page. */
interface Reader {
  readonly view: DataView
  offset: number
}

const damaged = () => new RangeError("values that are damaged")

const encodings = new Set<Encoding>([
  "PLAIN",
  "RLE",
  "PLAIN_DICTIONARY",
  "RLE_DICTIONARY",
  "DELTA_BINARY_PACKED",
  "DELTA_LENGTH_BYTE_ARRAY",
  "DELTA_BYTE_ARRAY",
  "BYTE_STREAM_SPLIT"
])
export const isReadableEncoding = (encoding: Encoding | undefined): encoding is Encoding =>
  encoding !== undefined && encodings.has(encoding)

/** The bytes of a value of fixed length; undefined where each has its own. */
const widthOf = ({ type, type_length: length }: SchemaElement): number | undefined => {
  if (type === "INT32" || type === "FLOAT") return 4
  if (type === "INT64" || type === "DOUBLE") return 8
  if (type === "INT96") return 12
  return type === "FIXED_LEN_BYTE_ARRAY" ? length : undefined
}

/** `count` values, one after another. Throws if there are fewer. */
export const plainValues = (bytes: Uint8Array, element: SchemaElement, count: number): NextValue => {
  if (element.type === "BYTE_ARRAY") return plainTexts(bytes)
  const width = element.type === "BOOLEAN" ? 1 / 8 : widthOf(element)
  if (width === undefined || Math.ceil(count * width) > bytes.length) throw damaged()
  return inOrder(readPlain(readerOf(bytes), element.type!, count, element.type_length))
}

const inOrder = (values: ArrayLike<unknown>): NextValue => {
  let place = 0
  return () => values[place++]
}

/** Each is cut out when it is wanted: a page may have a million. */
const plainTexts = (bytes: Uint8Array): NextValue => {
  const { view } = readerOf(bytes)
  let at = 0
  return () => {
    const from = at + 4
    at = from + view.getUint32(at, true)
    if (at > bytes.length) throw damaged()
    return bytes.subarray(from, at)
  }
}

/**
 * `count` values of a page that are stored in it, not in a dictionary; `most` bytes may be taken for texts
 * that continue each other. Throws if they are damaged.
 */
export const storedValues = (
  bytes: Uint8Array,
  encoding: Encoding,
  element: SchemaElement,
  count: number,
  most: number
): NextValue => {
  if (count === 0) return inOrder([])
  if (encoding === "PLAIN") return plainValues(bytes, element, count)
  if (encoding === "RLE") return inOrder(booleans(bytes, element, count))
  const reader = readerOf(bytes)
  const values = deltasOrSplit(reader, encoding, element, count, most)
  if (reader.offset > bytes.length) throw damaged()
  return inOrder(values)
}

const readerOf = (bytes: Uint8Array): Reader => ({
  view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length),
  offset: 0
})

/** The places of `count` values in a dictionary of `entries`. Throws `RangeError` if they are not in it. */
export const dictionaryPlaces = (bytes: Uint8Array, count: number, entries: number): Int32Array => {
  const places = new Int32Array(count)
  if (count === 0) return places
  const bits = bytes[0]
  if (bits === undefined) throw damaged()
  if (bits > 0) readRuns(bytes.subarray(1), bits, places)
  for (const place of places) if (place < 0 || place >= entries) throw damaged()
  return places
}

const booleans = (bytes: Uint8Array, { type }: SchemaElement, count: number): ReadonlyArray<boolean> => {
  if (type !== "BOOLEAN") throw damaged()
  const flags = new Uint8Array(count)
  readRuns(counted(bytes).content, 1, flags)
  return Array.from(flags, (flag) => flag === 1)
}

/** Bytes after their length in four bytes, and what follows them. Throws `RangeError` if they are not all there. */
export const counted = (bytes: Uint8Array): { readonly content: Uint8Array; readonly rest: Uint8Array } => {
  const end = 4 + readerOf(bytes).view.getUint32(0, true)
  if (end > bytes.length) throw damaged()
  return { content: bytes.subarray(4, end), rest: bytes.subarray(end) }
}

const deltasOrSplit = (
  reader: Reader,
  encoding: Encoding,
  element: SchemaElement,
  count: number,
  most: number
): ArrayLike<unknown> => {
  const { type, type_length: length } = element
  if (encoding === "BYTE_STREAM_SPLIT") {
    if (count * (widthOf(element) ?? 1) > reader.view.byteLength) throw damaged()
    return byteStreamSplit(reader, count, type!, length)
  }
  if (encoding === "DELTA_BINARY_PACKED") {
    if (type !== "INT32" && type !== "INT64") throw damaged()
    return deltas(reader, type === "INT32" ? new Int32Array(count) : new BigInt64Array(count))
  }
  const isBytes = type === "BYTE_ARRAY" || type === "FIXED_LEN_BYTE_ARRAY"
  if (!isBytes) throw damaged()
  if (encoding === "DELTA_BYTE_ARRAY") return continued(reader, count, most)
  const texts = new Array<Uint8Array>(count)
  requireDeltas(reader)
  deltaLengthByteArray(reader, count, texts)
  return texts
}

const deltas = <A extends Int32Array | BigInt64Array>(reader: Reader, out: A): A => {
  requireDeltas(reader)
  deltaBinaryUnpack(reader, out.length, out)
  return out
}

/** The sizes of blocks, which must be such that each advances the reader. */
const requireDeltas = ({ view, offset }: Reader): void => {
  let at = offset
  const size = () => {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = view.getUint8(at++)
      value += (byte & 127) * 2 ** shift
      if (byte < 128) return value
    }
    throw damaged()
  }
  const [block, miniblocks] = [size(), size()]
  const values = block / miniblocks
  if (!(miniblocks > 0 && values > 0 && values % 8 === 0 && block <= 2 ** 24)) throw damaged()
}

/** Texts that each begin as the one before them does. */
const continued = (reader: Reader, count: number, most: number): ArrayLike<unknown> => {
  const shared = deltas(reader, new Int32Array(count))
  const own = deltas(reader, new Int32Array(count))
  const { view } = reader
  let before = new Uint8Array(0)
  let total = 0
  return Array.from(shared, (prefix, place) => {
    const length = own[place]!
    total += prefix + length
    if (prefix < 0 || prefix > before.length || length < 0) throw damaged()
    if (reader.offset + length > view.byteLength || total > most) throw damaged()
    const text = new Uint8Array(prefix + length)
    text.set(before.subarray(0, prefix))
    text.set(new Uint8Array(view.buffer, view.byteOffset + reader.offset, length), prefix)
    reader.offset += length
    before = text
    return text
  })
}
