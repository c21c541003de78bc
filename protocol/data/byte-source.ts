/**
 * The bytes of a data file: a size, and ranges that are read on demand, so that a file may be larger than
 * memory. A file compressed with gzip is unpacked piece by piece.
 */
import { pipeline, Readable } from "node:stream"
import { createGunzip } from "node:zlib"
import { Data } from "effect"
import { plainBytes } from "../bytes.ts"

export interface ByteSource {
  readonly size: number
  /** The bytes of a range that lies within the size. Rejects with `Unreadable`. */
  readonly read: (from: number, length: number) => Promise<Uint8Array>
}

/** Bytes that can't be read at their position. */
export class Unreadable extends Data.TaggedError("Unreadable")<{
  /** The fault and its remedy. */
  readonly reason: string
}> {
  readonly retryable = false
  override get message(): string {
    return this.reason
  }
}

/** Bytes in memory. */
export const bytesSource = (bytes: Uint8Array): ByteSource => ({
  size: bytes.length,
  read: (from, length) => Promise.resolve(bytes.subarray(from, from + length))
})

/** The next bytes, and the share of the file, up to 1, that has been read with them. */
export interface Piece {
  readonly bytes: Uint8Array
  readonly share: number
}

/** The content of a file, after decompression. */
export interface Contents {
  /** The first bytes, fewer than `headBytes` only if there are no more. */
  readonly head: Uint8Array
  readonly pieces: () => AsyncIterable<Piece>
  /** All of it, to be read by ranges; undefined if that takes more than `most` bytes of memory. */
  readonly whole: (most: number) => Promise<ByteSource | undefined>
}

export const headBytes = 65_536
const pieceBytes = 1 << 20
/** What a file compressed with gzip may unpack to: a small one can unpack to a thousand times its size. */
export const mostUnpackedBytes = 2 ** 34

/** A file as it is. */
export const plainContents = async (file: ByteSource): Promise<Contents> => ({
  head: await file.read(0, Math.min(headBytes, file.size)),
  pieces: () => piecesOf(file),
  whole: () => Promise.resolve(file)
})

async function* piecesOf(file: ByteSource): AsyncGenerator<Piece> {
  for (let at = 0; at < file.size; at += pieceBytes) {
    const length = Math.min(pieceBytes, file.size - at)
    yield { bytes: await file.read(at, length), share: (at + length) / file.size }
  }
}

/** A file unpacks to more than it may. */
export class TooLargeUnpacked extends Data.TaggedError("TooLargeUnpacked")<{ readonly most: number }> {
  readonly retryable = false
  override get message(): string {
    return `unpacks to more than ${this.most / 2 ** 30} GiB; unpack it, so that it is read as it is`
  }
}

/**
 * The content of a file compressed with gzip. Reading rejects with the error of `node:zlib` if the file is
 * damaged, and with `TooLargeUnpacked` once it has unpacked to more than `most` bytes.
 */
export const unzippedContents = async (file: ByteSource, most = mostUnpackedBytes): Promise<Contents> => {
  const pieces = () => unzippedPieces(file, most)
  const first: Array<Uint8Array> = []
  let length = 0
  for await (const { bytes } of pieces()) {
    first.push(bytes)
    length += bytes.length
    if (length >= headBytes) break
  }
  return {
    head: plainBytes(Buffer.concat(first)).subarray(0, headBytes),
    pieces,
    whole: async (room) => {
      const all: Array<Uint8Array> = []
      let size = 0
      for await (const { bytes } of pieces()) {
        size += bytes.length
        if (size > room) return undefined
        all.push(bytes)
      }
      return bytesSource(plainBytes(Buffer.concat(all)))
    }
  }
}

async function* unzippedPieces(file: ByteSource, most: number): AsyncGenerator<Piece> {
  let [share, size] = [0, 0]
  const packed = async function* () {
    for await (const piece of piecesOf(file)) {
      yield piece.bytes
      share = piece.share
    }
  }
  const unzip = createGunzip({ chunkSize: 1 << 18 })
  // An error in the pipeline ends the iteration below with it.
  pipeline(Readable.from(packed()), unzip, () => {})
  for await (const chunk of unzip) {
    const bytes = plainBytes(chunk as Uint8Array)
    size += bytes.length
    if (size > most) throw new TooLargeUnpacked({ most })
    yield { bytes, share }
  }
}
