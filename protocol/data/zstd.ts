/**
 * Zstandard (RFC 8878), as pages of Parquet have it. Frames and blocks are walked before they are unpacked, so
 * that a frame that is cut short, or wants a window larger than the usual limit, is not begun. The only file
 * that imports `fzstd`.
 */
import { Decompress } from "fzstd"

const magic = 0xfd2fb528
/** Frames for programs other than a decoder have one of sixteen. */
const skippableMagic = 0x184d2a5
/** What decoders take unless they are asked to take more. */
const mostWindowBytes = 2 ** 27
const mostBlockBytes = 2 ** 17

const damaged = () => new RangeError("Zstandard that is damaged")

/** Unpacks a page. Throws unless it has `length` bytes; no more are ever made than that, a block and a window. */
export const unpackZstd = (input: Uint8Array, length: number): Uint8Array => {
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength)
  const frames: Array<Frame> = []
  for (let at = 0; at < input.length; at = frames.at(-1)!.end) frames.push(frameAt(view, at, length))
  const blocks = frames.reduce((sum, frame) => sum + frame.blocks, 0)
  if (length > blocks * mostBlockBytes) throw damaged()
  const page = new Uint8Array(length)
  let filled = 0
  let from = 0
  for (const { end } of frames) {
    const decompress = new Decompress((block) => {
      // Throws where the page is full.
      page.set(block, filled)
      filled += block.length
    })
    decompress.push(input.subarray(from, end), true)
    from = end
  }
  if (filled !== length) throw damaged()
  return page
}

interface Frame {
  readonly end: number
  readonly blocks: number
}

/** The frame that begins at `at`. Throws `RangeError` if it is not whole, or has more than `most` bytes. */
const frameAt = (view: DataView, at: number, most: number): Frame => {
  const word = view.getUint32(at, true)
  if (word >>> 4 === skippableMagic) {
    return { end: within(view, at + 8 + view.getUint32(at + 4, true)), blocks: 0 }
  }
  if (word !== magic) throw damaged()
  const descriptor = view.getUint8(at + 4)
  const isSingle = (descriptor & 32) !== 0
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3]!
  const sizeBytes = descriptor >> 6 === 0 ? Number(isSingle) : 1 << (descriptor >> 6)
  let next = at + 5
  if (isSingle) {
    // The frame's size takes the place of a window.
    if (sizeAt(view, next + dictionaryBytes, sizeBytes) > most) throw damaged()
  } else {
    const window = view.getUint8(next++)
    if ((1 + (window & 7) / 8) * 2 ** (10 + (window >> 3)) > mostWindowBytes) throw damaged()
  }
  next += dictionaryBytes + sizeBytes
  let blocks = 0
  for (let last = false; !last; blocks++) {
    const header = view.getUint16(next, true) | (view.getUint8(next + 2) << 16)
    last = (header & 1) !== 0
    // A block of one byte that is repeated has only that.
    next += 3 + (((header >> 1) & 3) === 1 ? 1 : header >> 3)
  }
  const hasChecksum = (descriptor & 4) !== 0
  return { end: within(view, next + (hasChecksum ? 4 : 0)), blocks }
}

const within = (view: DataView, end: number): number => {
  if (end > view.byteLength) throw damaged()
  return end
}

const sizeAt = (view: DataView, at: number, bytes: number): number => {
  if (bytes === 1) return view.getUint8(at)
  if (bytes === 2) return view.getUint16(at, true) + 256
  return bytes === 4 ? view.getUint32(at, true) : Number(view.getBigUint64(at, true))
}
