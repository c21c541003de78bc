/**
 * The check at the end of every envelope: 32 bits of a checksum that WebAssembly computes three times as fast as zlib its CRC-32. It is
 * against corruption, by a bad link or an injected fault; against people there are the broker's permissions and TLS.
 */
import { instantiate } from "../ring/kernels.ts"

const BLOCK = 64
/** Bytes that are copied in at a time: they stay in the second-level cache. */
const PIECE = 65_536

const memory = new WebAssembly.Memory({ initial: 16, maximum: 65_536 })
const kernels = instantiate(memory)
const bytesOf = new Uint8Array(memory.buffer)
const state = Math.ceil((kernels.heapBase() >>> 0) / BLOCK) * BLOCK
const piece = state + BLOCK

/** Of the first `length` bytes; below 2^32. */
export const checkOf = (bytes: Uint8Array, length: number): number =>
  checkOfParts([length === bytes.length ? bytes : bytes.subarray(0, length)])

/** Of the bytes of all parts, one behind the other. */
export const checkOfParts = (parts: ReadonlyArray<Uint8Array>): number => {
  bytesOf.fill(0, state, piece)
  let length = 0
  let held = 0
  for (const part of parts) {
    length += part.length
    for (let from = 0; from < part.length; ) {
      const end = Math.min(from + PIECE - held, part.length)
      bytesOf.set(from === 0 && end === part.length ? part : part.subarray(from, end), piece + held)
      held += end - from
      from = end
      if (held < PIECE) break
      kernels.checkFold(piece, PIECE, state)
      held = 0
    }
  }
  if (held > 0) {
    const whole = Math.ceil(held / BLOCK) * BLOCK
    bytesOf.fill(0, piece + held, piece + whole)
    kernels.checkFold(piece, whole, state)
  }
  return kernels.checkDigest(state, length) >>> 0
}
