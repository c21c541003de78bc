/**
 * The check at the end of every envelope: a checksum of 32 bits that WebAssembly computes three times as fast
 * as zlib its CRC-32. It detects corruption by a bad link or an injected fault; against attackers there are
 * the broker's permissions and TLS. It imports `ring/` since its kernel is in the same WebAssembly module.
 */
import { instantiate } from "../ring/kernels.ts"

const BLOCK = 64
/** Bytes that are copied in one piece: they stay in the second-level cache. */
const PIECE = 65_536

const memory = new WebAssembly.Memory({ initial: 16, maximum: 65_536 })
const kernels = instantiate(memory)
const bytesOf = new Uint8Array(memory.buffer)
const state = Math.ceil((kernels.heapBase() >>> 0) / BLOCK) * BLOCK
const piece = state + BLOCK

/** Of the first `length` bytes; below 2^32. */
export const checkOf = (bytes: Uint8Array, length: number): number =>
  checkOfParts([length === bytes.length ? bytes : bytes.subarray(0, length)])

/** The check of the bytes of all parts, one after another. */
export const checkOfParts = (parts: ReadonlyArray<Uint8Array>): number => {
  const sum = new Check()
  for (const part of parts) sum.add(part)
  return sum.end()
}

/**
 * Copies the parts to `to` from `start`, and returns the check of all of `to` up to their end. Each piece is
 * summed while it is in the cache.
 */
export const copyWithCheck = (to: Uint8Array, start: number, parts: ReadonlyArray<Uint8Array>): number => {
  const sum = new Check()
  sum.add(to.subarray(0, start))
  let at = start
  for (const part of parts)
    for (let from = 0; from < part.length; from += PIECE) {
      const bytes = part.length <= PIECE ? part : part.subarray(from, from + PIECE)
      to.set(bytes, at)
      sum.add(bytes)
      at += bytes.length
    }
  return sum.end()
}

/** A sum in progress over consecutive bytes. Only one at a time: it lies in the kernels' memory. */
class Check {
  #length = 0
  #held = 0

  constructor() {
    bytesOf.fill(0, state, piece)
  }

  add(bytes: Uint8Array): void {
    this.#length += bytes.length
    for (let from = 0; from < bytes.length; ) {
      const end = Math.min(from + PIECE - this.#held, bytes.length)
      bytesOf.set(from === 0 && end === bytes.length ? bytes : bytes.subarray(from, end), piece + this.#held)
      this.#held += end - from
      from = end
      if (this.#held < PIECE) break
      kernels.checkFold(piece, PIECE, state)
      this.#held = 0
    }
  }

  end(): number {
    if (this.#held > 0) {
      const whole = Math.ceil(this.#held / BLOCK) * BLOCK
      bytesOf.fill(0, piece + this.#held, piece + whole)
      kernels.checkFold(piece, whole, state)
    }
    return kernels.checkDigest(state, this.#length) >>> 0
  }
}
