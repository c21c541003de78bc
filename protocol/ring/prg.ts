/**
 * The pseudorandom generator of the correlated randomness: AES-128-CTR with one key for each party and run,
 * and a nonce that says where in the plan the words are used. The holder of the key can compute any part of
 * any stream alone, so a lane or a dealing process finds its slice by seeking and needs no state.
 *
 * The stream of (step, operation, kind) is AES-128-CTR from the initial counter block step ‖ operation ‖ kind
 * ‖ 0, each a big-endian u32. It is computed as AES over counter blocks that a kernel writes: the same bytes,
 * without setting up a cipher for each of the many short streams of a step.
 */
import { type Cipher, createCipheriv } from "node:crypto"
import { derive } from "../aead.ts"
import { free, wordBytes } from "../bytes.ts"
import { computationVersion } from "../version.ts"
import type { Ring } from "./ring.ts"

const BLOCK_BYTES = 16
const CHUNK_BLOCKS = 4096 // 64 KiB: counter blocks and key stream stay in the second-level cache

/** The address of one stream of a run; all are u32. */
export interface Stream {
  readonly step: number
  readonly operation: number
  readonly kind: number
}

export class Prg {
  readonly #cipher: Cipher

  /** @param key 16 bytes, secret, of one party and one run */
  constructor(key: Uint8Array) {
    if (key.length !== 16) throw new RangeError(`a PRG key has 16 bytes, not ${key.length}`)
    this.#cipher = createCipheriv("aes-128-ecb", key, null)
    this.#cipher.setAutoPadding(false)
  }

  /**
   * The generator of a run, from a party's long-term key: HKDF-SHA256 with the computation's version and the
   * run's name as context.
   */
  static ofRun(partyKey: Uint8Array, run: string): Prg {
    return new Prg(derive(partyKey, "", `bicameral prg ${computationVersion} ${run}`, 16))
  }

  /**
   * Fills `words` u64 words of the ring's memory at `at` with the stream from the word `place` on: the word
   * of place p is the p-th of the stream. A stream holds 2^33 words.
   */
  fill(ring: Ring, at: number, words: number, stream: Stream, place = 0): void {
    this.#chunks(ring, words, stream, place, (key, from) => ring.memory.set(key, at + from * wordBytes))
  }

  /**
   * Combines the words at `at` with the stream in place, piece by piece, so that no second array is needed.
   */
  combine(
    ring: Ring,
    at: number,
    words: number,
    stream: Stream,
    how: "add" | "subtract" | "xor",
    place = 0
  ): void {
    const mark = ring.mark()
    const piece = ring.allocate(CHUNK_BLOCKS * BLOCK_BYTES)
    this.#chunks(ring, words, stream, place, (key, from) => {
      ring.memory.set(key, piece)
      const to = at + from * wordBytes
      ring.kernels[how](to, to, piece, key.length / wordBytes)
    })
    ring.release(mark)
  }

  /** Hands `use` the stream in pieces, each with the number of words before it. */
  #chunks(
    ring: Ring,
    words: number,
    { step, operation, kind }: Stream,
    place: number,
    use: (key: Uint8Array, from: number) => void
  ): void {
    const mark = ring.mark()
    const blocks = ring.allocate(CHUNK_BLOCKS * BLOCK_BYTES)
    for (let from = place, end = place + words; from < end; ) {
      const first = Math.floor(from / 2)
      const to = Math.min(end, (first + CHUNK_BLOCKS) * 2)
      const count = Math.ceil(to / 2) - first
      ring.kernels.counterBlocks(blocks, step, operation, kind, first, count)
      const key = this.#cipher.update(ring.bytes(blocks, count * BLOCK_BYTES))
      const skipped = (from - first * 2) * wordBytes
      const wanted = (to - from) * wordBytes
      use(wanted === key.length ? key : key.subarray(skipped, skipped + wanted), from - place)
      // Megabytes a step: waiting for the garbage collector would cost more than the cipher.
      free(key)
      from = to
    }
    ring.release(mark)
  }

  /** The same as bytes of the caller's own. */
  bytes(ring: Ring, words: number, stream: Stream, place = 0): Uint8Array {
    const mark = ring.mark()
    const at = ring.allocate(words * wordBytes)
    this.fill(ring, at, words, stream, place)
    const bytes = ring.bytes(at, words * wordBytes).slice()
    ring.release(mark)
    return bytes
  }
}
