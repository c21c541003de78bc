/**
 * Splits a user's words into two additive shares modulo 2^64 (the paper's m_i0 = R_i and m_i1 = m_i − R_i).
 * R_i is the AES-128-CTR key stream of a seed, so C0's share can travel as a seed if size matters. Only the
 * user sees both shares; either one alone is uniform.
 */
import { createCipheriv } from "node:crypto"
import { Data } from "effect"
import { plainBytes, wordBytes } from "../bytes.ts"

/** Bytes of the seed R_i is expanded from: λ = 128 bits. */
export const seedBytes = 16

/** Bytes that are not the expected words or seed. */
export class NotWords extends Data.TaggedError("NotWords")<{
  readonly what: string
  readonly bytes: number
  readonly expected: string
}> {
  readonly retryable = false
  override get message() {
    return `${this.what} has ${this.bytes} bytes; expected ${this.expected}.`
  }
}

// One call of the cipher takes at most 2^31 − 1 bytes; this part is well below and a multiple of 16.
const partBytes = 1 << 26

/**
 * The words of R = PRG(seed) from the `firstWord`-th, as little-endian bytes. The counter block is the
 * position in the stream (two words a block), so any part can be computed alone. A seed serves one upload of
 * one user. Throws `NotWords` on a seed of another length.
 */
export const expandSeed = (seed: Uint8Array, words: number, firstWord = 0): Uint8Array => {
  if (seed.length !== seedBytes) {
    throw new NotWords({ what: "A share's seed", bytes: seed.length, expected: `${seedBytes}` })
  }
  const counter = new Uint8Array(16)
  new DataView(counter.buffer).setBigUint64(8, BigInt(Math.floor(firstWord / 2)))
  const cipher = createCipheriv("aes-128-ctr", seed, counter)
  if (firstWord % 2 === 1) cipher.update(new Uint8Array(wordBytes))
  if (words * wordBytes <= partBytes) return plainBytes(cipher.update(new Uint8Array(words * wordBytes)))
  const stream = new Uint8Array(words * wordBytes)
  const zeros = new Uint8Array(Math.min(stream.length, partBytes))
  for (let at = 0; at < stream.length; at += partBytes) {
    stream.set(cipher.update(zeros.subarray(0, Math.min(partBytes, stream.length - at))), at)
  }
  return stream
}

/**
 * a + b mod 2^64, word by word; little-endian bytes in and out, a new array. Throws `NotWords` on unequal
 * lengths.
 */
export const addWords = (a: Uint8Array, b: Uint8Array): Uint8Array => combineHalves(a, b, addHalves)

/**
 * a − b mod 2^64, word by word; little-endian bytes in and out, a new array. Throws `NotWords` on unequal
 * lengths.
 */
export const subtractWords = (a: Uint8Array, b: Uint8Array): Uint8Array => combineHalves(a, b, subtractHalves)

/** Splits words into share 0 (the seed's expansion) and share 1; their sum modulo 2^64 is the words. */
export const splitWords = (
  words: Uint8Array,
  seed: Uint8Array
): { readonly share0: Uint8Array; readonly share1: Uint8Array } => {
  checkWords("The words to split", words)
  const share0 = expandSeed(seed, words.length / wordBytes)
  return { share0, share1: subtractWords(words, share0) }
}

const checkWords = (what: string, bytes: Uint8Array): void => {
  if (bytes.length % wordBytes !== 0) {
    throw new NotWords({ what, bytes: bytes.length, expected: `a multiple of ${wordBytes}` })
  }
}

/**
 * The 32-bit halves of words: a view if the bytes are aligned, else a copy. Node runs on little-endian
 * machines only.
 */
const halves = (bytes: Uint8Array): Uint32Array => {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : new Uint8Array(bytes)
  return new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.length / 4)
}

const combineHalves = (
  a: Uint8Array,
  b: Uint8Array,
  combine: (out: Uint32Array, a: Uint32Array, b: Uint32Array) => void
): Uint8Array => {
  checkWords("The first operand", a)
  if (b.length !== a.length) {
    throw new NotWords({ what: "The second operand", bytes: b.length, expected: `${a.length}, as the first` })
  }
  const out = new Uint32Array(a.length / 4)
  combine(out, halves(a), halves(b))
  return new Uint8Array(out.buffer)
}

// Two 32-bit halves and a carry: one BigInt per word would be fifty times slower.
const addHalves = (out: Uint32Array, a: Uint32Array, b: Uint32Array): void => {
  for (let i = 0; i < out.length; i += 2) {
    const low = a[i]! + b[i]!
    out[i] = low
    out[i + 1] = a[i + 1]! + b[i + 1]! + (low > 0xffff_ffff ? 1 : 0)
  }
}

const subtractHalves = (out: Uint32Array, a: Uint32Array, b: Uint32Array): void => {
  for (let i = 0; i < out.length; i += 2) {
    const low = a[i]! - b[i]!
    out[i] = low
    out[i + 1] = a[i + 1]! - b[i + 1]! - (low < 0 ? 1 : 0)
  }
}
