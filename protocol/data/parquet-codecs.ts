/** The ways in which the pages of a Parquet file are compressed. */
import { brotliDecompressSync, gunzipSync } from "node:zlib"
import { snappyUncompress } from "hyparquet"
import { unpackHadoopLz4, unpackLz4 } from "./lz4.ts"
import { unpackZstd } from "./zstd.ts"

interface Codec {
  /**
   * Unpacks a page, whose header says how long it becomes: it makes no more bytes than that. Throws if the
   * page is damaged.
   */
  readonly unpack: (input: Uint8Array, length: number) => Uint8Array
  /** What a byte can unpack to at most, where memory for the whole page is taken first. */
  readonly most?: number
}

const unpackSnappy = (input: Uint8Array, length: number): Uint8Array => {
  const page = new Uint8Array(length)
  snappyUncompress(input, page)
  return page
}

const codecs: ReadonlyMap<string, Codec> = new Map([
  ["UNCOMPRESSED", { unpack: (input: Uint8Array) => input }],
  // Three bytes repeat 64.
  ["SNAPPY", { unpack: unpackSnappy, most: 22 }],
  ["GZIP", { unpack: (input, length) => gunzipSync(input, { maxOutputLength: length }) }],
  ["BROTLI", { unpack: (input, length) => brotliDecompressSync(input, { maxOutputLength: length }) }],
  ["ZSTD", { unpack: unpackZstd }],
  ["LZ4", { unpack: unpackHadoopLz4, most: 255 }],
  ["LZ4_RAW", { unpack: unpackLz4, most: 255 }]
] satisfies ReadonlyArray<readonly [string, Codec]>)

export const isReadableCodec = (codec: string): boolean => codecs.has(codec)

/** Unpacks a page of `length` bytes. Throws if it has another length. */
export const unpackPage = (codec: string, input: Uint8Array, length: number): Uint8Array => {
  // Nothing may be compressed to nothing.
  if (length === 0) return new Uint8Array(0)
  const { unpack, most = Number.POSITIVE_INFINITY } = codecs.get(codec)!
  const page = length > most * input.length ? undefined : unpack(input, length)
  if (page?.length !== length) throw new RangeError("a page of another length than its header says")
  return page
}
