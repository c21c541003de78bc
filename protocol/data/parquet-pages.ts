/**
 * The pages of a column of a Parquet file, read and unpacked one at a time, so that no more of a file than a
 * page is in memory, however large its groups of rows are. What a page says of itself is checked before
 * memory or time is spent on it.
 */
import { setImmediate } from "node:timers/promises"
import { crc32 } from "node:zlib"
import { Data } from "effect"
import type { ColumnMetaData, Encoding, SchemaElement } from "hyparquet"
import { parquetHeader } from "hyparquet/src/column.js"
import type { ByteSource } from "./byte-source.ts"
import { unpackPage } from "./parquet-codecs.ts"
import { readRuns } from "./parquet-runs.ts"
import {
  counted,
  dictionaryPlaces,
  isReadableEncoding,
  type NextValue,
  plainValues,
  storedValues
} from "./parquet-values.ts"

type Header = ReturnType<typeof parquetHeader>

/** A page that can't be used, for a reason that its column is named with. */
export class PageFault extends Data.TaggedError("PageFault")<{
  readonly reason: string
  readonly remedy: string
}> {
  readonly retryable = false
  override get message(): string {
    return `${this.reason}; ${this.remedy}`
  }
}

export const wholeCopy = "get a whole copy of the file, or write it anew"

/** A column in a group of rows. */
export interface Chunk {
  readonly file: ByteSource
  readonly element: SchemaElement
  readonly data: ColumnMetaData
  /** The rows of the group. */
  readonly rows: number
  /** Bytes that a page may take. */
  readonly room: number
}

/** Cells of consecutive rows: a page, or a part of one. */
export interface Cells<A> {
  /** The first row, counted from the group's first. */
  readonly from: number
  readonly cells: ReadonlyArray<A>
}

/** After these rows the event loop gets its turn: a group may have a million in a page. */
const rowsATurn = 1 << 14

/**
 * The cells of a column that is neither nested nor repeated: all rows of the group, in order. `cellOf` makes a
 * cell of a stored value, once for each entry of a dictionary; `absent` stands where a row has none. Rejects
 * with `PageFault`, with `Unreadable`, and with errors of many kinds where a page is damaged.
 */
export async function* readCells<A>(
  chunk: Chunk,
  cellOf: (value: unknown) => A,
  absent: A
): AsyncGenerator<Cells<A>> {
  const { data, rows } = chunk
  const bytes = new ReadAhead(chunk.file)
  let at = Number(data.data_page_offset)
  const dictionaryAt = Number(data.dictionary_page_offset ?? 0)
  if (dictionaryAt > 0 && dictionaryAt < at) at = dictionaryAt
  let dictionary: ReadonlyArray<A> = []
  let sinceTurn = 0
  for (let from = 0; from < rows; ) {
    const { header, length } = await readHeader(bytes, at)
    const packed = await bytes.read(at + length, header.compressed_page_size)
    at += length + header.compressed_page_size
    if (header.crc !== undefined && (crc32(packed) | 0) !== header.crc) {
      throw new PageFault({ reason: "has a page whose checksum is another", remedy: wholeCopy })
    }
    if (header.dictionary_page_header !== undefined) {
      const { num_values: length } = header.dictionary_page_header
      requireRoom(chunk, header, length)
      const page = unpackPage(data.codec, packed, header.uncompressed_page_size)
      dictionary = Array.from({ length }, converted(plainValues(page, chunk.element, length), cellOf))
      continue
    }
    const count = (header.data_page_header ?? header.data_page_header_v2)?.num_values
    // Only pages of data and dictionaries are needed: there may be indexes between them.
    if (count === undefined) continue
    if (count > rows - from) throw new RangeError("rows that the group does not have")
    requireRoom(chunk, header, count)
    const content = contentOf(chunk, header, packed, count)
    const next = cellsOf(chunk, content, dictionary, cellOf, absent)
    for (const end = from + count; from < end; ) {
      const part = Math.min(end - from, rowsATurn - sinceTurn)
      yield { from, cells: Array.from({ length: part }, next) }
      from += part
      sinceTurn = (sinceTurn + part) % rowsATurn
      if (sinceTurn === 0) await setImmediate()
    }
  }
}

/** Bytes of a file at rising positions, read in pieces of some size, since pages may be tiny. */
class ReadAhead {
  readonly #file: ByteSource
  #from = 0
  #bytes: Uint8Array = new Uint8Array(0)

  constructor(file: ByteSource) {
    this.#file = file
  }

  /** The bytes of a range. Rejects with `RangeError` where the file has none. */
  async read(from: number, length: number): Promise<Uint8Array> {
    if (!(from >= 0 && length >= 0 && from + length <= this.#file.size)) {
      throw new RangeError("bytes that the file does not have")
    }
    if (from < this.#from || from + length > this.#from + this.#bytes.length) {
      const piece = Math.max(length, pieceBytes)
      this.#bytes = await this.#file.read(from, Math.min(piece, this.#file.size - from))
      this.#from = from
    }
    return this.#bytes.subarray(from - this.#from, from - this.#from + length)
  }

  /** As many bytes as there are, up to `most`. */
  upTo(from: number, most: number): Promise<Uint8Array> {
    return this.read(from, Math.min(most, this.#file.size - from))
  }
}

const pieceBytes = 1 << 16
/** A header has the least and the greatest value of its page, each of any length. */
const mostHeaderBytes = 1 << 24

const readHeader = async (bytes: ReadAhead, at: number): Promise<{ header: Header; length: number }> => {
  for (let most = 1 << 12; ; most *= 16) {
    const read = await bytes.upTo(at, most)
    const reader = { view: new DataView(read.buffer, read.byteOffset, read.length), offset: 0 }
    try {
      const header = parquetHeader(reader)
      return { header, length: reader.offset }
    } catch (error) {
      // It may be longer than what was read of it.
      if (read.length < most || most >= mostHeaderBytes) throw error
    }
  }
}

/** Throws `PageFault` if a page takes more memory than there is. */
const requireRoom = ({ room }: Chunk, header: Header, values: number): void => {
  const bytes = header.uncompressed_page_size
  if (!(bytes >= 0 && values >= 0)) throw new RangeError("a page of less than nothing")
  // A value takes up to eight times its bytes while it is a cell, and its place in a list.
  if (8 * bytes + 16 * values <= room && bytes < 2 ** 31) return
  const size = (Math.max(8 * bytes, 16 * values) / 2 ** 30).toFixed(1)
  throw new PageFault({
    reason: `has a page that takes about ${size} GiB of memory, where ${(room / 2 ** 30).toFixed(1)} GiB are free`,
    remedy: "write the file with smaller pages or row groups, of a million rows or less"
  })
}

/** What a page of data holds. */
interface Content {
  readonly rows: number
  /** Whether each row has a value, 1 or 0; undefined where all have one. */
  readonly levels: Uint8Array | undefined
  readonly encoding: Encoding
  readonly values: Uint8Array
}

const contentOf = ({ data, element }: Chunk, header: Header, packed: Uint8Array, rows: number): Content => {
  const { data_page_header: first, data_page_header_v2: second } = header
  const optional = element.repetition_type !== "REQUIRED"
  const length = header.uncompressed_page_size
  if (second !== undefined) {
    // Levels stand before the values, and are not compressed.
    const { repetition_levels_byte_length: before, definition_levels_byte_length: levelBytes } = second
    const after = before + levelBytes
    if (!(before >= 0 && levelBytes >= 0 && after <= Math.min(length, packed.length))) {
      throw new RangeError("levels longer than their page")
    }
    const values = packed.subarray(after)
    return {
      rows,
      levels: optional ? levelsOf(packed.subarray(before, after), rows) : undefined,
      encoding: readable(second.encoding),
      values: second.is_compressed === false ? values : unpackPage(data.codec, values, length - after)
    }
  }
  const page = unpackPage(data.codec, packed, length)
  const encoding = readable(first!.encoding)
  if (!optional) return { rows, levels: undefined, encoding, values: page }
  if (first!.definition_level_encoding !== "RLE") throw encodingFault(first!.definition_level_encoding)
  const { content, rest } = counted(page)
  return { rows, levels: levelsOf(content, rows), encoding, values: rest }
}

const levelsOf = (bytes: Uint8Array, count: number): Uint8Array => {
  const levels = new Uint8Array(count)
  readRuns(bytes, 1, levels)
  return levels
}

const readable = (encoding: Encoding | undefined): Encoding => {
  if (isReadableEncoding(encoding)) return encoding
  throw encodingFault(encoding)
}

const encodingFault = (encoding: Encoding | undefined): PageFault =>
  new PageFault({
    reason: `has values in ${encoding === undefined ? "an encoding that is not known" : `the encoding ${encoding}, which is not read`}`,
    remedy: "write the column with the encoding PLAIN or with a dictionary"
  })

/** The cells of a page, one at each call. */
const cellsOf = <A>(
  { element, room }: Chunk,
  { rows, levels, encoding, values }: Content,
  dictionary: ReadonlyArray<A>,
  cellOf: (value: unknown) => A,
  absent: A
): (() => A) => {
  let count = rows
  if (levels !== undefined) for (const level of levels) if (level !== 1) count--
  const next = encoding.endsWith("_DICTIONARY")
    ? entries(dictionaryPlaces(values, count, dictionary.length), dictionary)
    : converted(storedValues(values, encoding, element, count, room), cellOf)
  if (levels === undefined) return next
  let row = 0
  return () => (levels[row++] === 1 ? next() : absent)
}

const entries = <A>(places: Int32Array, dictionary: ReadonlyArray<A>): (() => A) => {
  let place = 0
  return () => dictionary[places[place++]!]!
}

const converted =
  <A>(next: NextValue, cellOf: (value: unknown) => A): (() => A) =>
  () =>
    cellOf(next())
