/**
 * Packs 64-bit words into the slots of one plaintext, the least significant slot first, so that one
 * ciphertext carries many. A slot is wider than a word: sums of shares and statistical masks grow into its
 * upper bits and not into the next slot. Unpacking reads every slot modulo 2^64.
 */

import { Data } from "effect"
import { wordBytes } from "../bytes.ts"
import { fromDigits, toDigits } from "./digits.ts"
import { residue } from "./integers.ts"
import type { Parameters } from "./parameters.ts"

/** Slots of uploaded words and of the archive: two shares and a carry, with a bit to spare. */
export const uploadSlotBits = 66

/** Slots of the encrypted model: 64 bits, a mask of 40 bits above them, and two bits for carries. */
export const outputSlotBits = 106

/** A plaintext that is longer than its slots, so no packed words. */
export class PlaintextTooWide extends Data.TaggedError("PlaintextTooWide")<{
  readonly index: number
  readonly slots: number
  readonly slotBits: number
}> {
  override get message(): string {
    return `plaintext ${this.index} does not fit ${this.slots} slots of ${this.slotBits} bits: it was not packed with this layout`
  }
}

/** Slots of a plaintext under a modulus of `bits` bits: ⌊(bits − 2)/slotBits⌋. */
export const slotsPerPlaintext = (bits: number, slotBits: number): number => Math.floor((bits - 2) / slotBits)

/** Plaintexts that `words` words take. */
export const plaintextsFor = (words: number, bits: number, slotBits: number): number =>
  Math.ceil(words / slotsPerPlaintext(bits, slotBits))

/**
 * Packs little-endian 64-bit words into plaintexts; the last one is filled with zeros. With `above`, words of
 * the same number and below 2^(slotBits − 66), a slot carries word + 2^64·above: a statistical mask that
 * unpacking drops. Throws RangeError where the lengths are wrong.
 */
export const pack = (
  words: Uint8Array,
  bits: number,
  slotBits: number,
  above?: Uint8Array
): Array<bigint> => {
  if (words.length % wordBytes !== 0) throw new RangeError("words come in multiples of 8 bytes")
  if (above !== undefined && above.length !== words.length)
    throw new RangeError("a mask is needed for every word")
  const low = new DataView(words.buffer, words.byteOffset, words.byteLength)
  const high = above && new DataView(above.buffer, above.byteOffset, above.byteLength)
  const count = words.length / wordBytes
  const slots = slotsPerPlaintext(bits, slotBits)
  const limbs = new Limbs(plaintextsFor(count, bits, slotBits), slots * slotBits)
  for (let word = 0; word < count; word++) {
    const plaintext = Math.floor(word / slots)
    const bit = (word % slots) * slotBits
    const at = word * wordBytes
    limbs.or(plaintext, bit, low.getUint32(at, true))
    limbs.or(plaintext, bit + 32, low.getUint32(at + 4, true))
    if (high !== undefined) {
      limbs.or(plaintext, bit + 64, high.getUint32(at, true))
      limbs.or(plaintext, bit + 96, high.getUint32(at + 4, true))
    }
  }
  return limbs.toIntegers()
}

/**
 * The words of packed plaintexts, `count` of them or as many as there are slots. Throws PlaintextTooWide, and
 * RangeError if `count` words take fewer or more plaintexts.
 */
export const unpack = (
  plaintexts: ReadonlyArray<bigint>,
  bits: number,
  slotBits: number,
  count?: number
): Uint8Array => {
  const slots = slotsPerPlaintext(bits, slotBits)
  const wanted = count ?? plaintexts.length * slots
  if (plaintextsFor(wanted, bits, slotBits) !== plaintexts.length)
    throw new RangeError(`${wanted} words do not take ${plaintexts.length} plaintexts`)
  const words = new Uint8Array(wanted * wordBytes)
  const view = new DataView(words.buffer)
  const tooWide = plaintexts.findIndex((plaintext) => plaintext >> BigInt(slots * slotBits) !== 0n)
  if (tooWide >= 0) throw new PlaintextTooWide({ index: tooWide, slots, slotBits })
  const limbs = new Limbs(plaintexts, slots * slotBits)
  for (let word = 0; word < wanted; word++) {
    const plaintext = Math.floor(word / slots)
    const bit = (word % slots) * slotBits
    view.setUint32(word * wordBytes, limbs.read(plaintext, bit), true)
    view.setUint32(word * wordBytes + 4, limbs.read(plaintext, bit + 32), true)
  }
  return words
}

/**
 * The same of slots with a sign, which are wider than a word: Σ x_i·2^(slotBits·i) modulo N, each x_i modulo 2^64. An offset
 * of half a slot, a multiple of 2^64, makes all slots positive. Throws as `unpack`.
 */
export const unpackSigned = (
  plaintexts: ReadonlyArray<bigint>,
  { N, bits }: Pick<Parameters, "N" | "bits">,
  slotBits: number,
  count?: number
): Uint8Array => {
  if (slotBits <= 64) throw new RangeError("slots with a sign are wider than a word")
  let offset = 0n
  for (let slot = slotsPerPlaintext(bits, slotBits); slot > 0; slot--)
    offset = (offset << BigInt(slotBits)) + (1n << BigInt(slotBits - 1))
  const positive = plaintexts.map((plaintext) => residue(plaintext + offset, N))
  return unpack(positive, bits, slotBits, count)
}

/**
 * Integers of `bits` bits as 32-bit limbs in one buffer, so that a plaintext is put together in time linear
 * in its length; adding shifted `bigint`s would be quadratic.
 */
class Limbs {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #width: number

  /** So many zeros, or the given integers. */
  constructor(integers: number | ReadonlyArray<bigint>, bits: number) {
    // Three limbs more than an integer has, so that a word and its mask at the last slot may be written in
    // whole.
    this.#width = 4 * (Math.ceil(bits / 32) + 3)
    this.#bytes =
      typeof integers === "number" ? new Uint8Array(integers * this.#width) : toDigits(integers, this.#width)
    this.#view = new DataView(this.#bytes.buffer)
  }

  /** Sets the bits of a 32-bit `value` at bit `offset` of an integer; they are 0 before. */
  or(integer: number, offset: number, value: number): void {
    const at = integer * this.#width + 4 * (offset >>> 5)
    const shift = offset & 31
    this.#view.setUint32(at, this.#view.getUint32(at, true) | (value << shift), true)
    if (shift !== 0)
      this.#view.setUint32(at + 4, this.#view.getUint32(at + 4, true) | (value >>> (32 - shift)), true)
  }

  /** The 32 bits from bit `offset` of an integer. */
  read(integer: number, offset: number): number {
    const at = integer * this.#width + 4 * (offset >>> 5)
    const shift = offset & 31
    const low = this.#view.getUint32(at, true)
    return shift === 0 ? low : ((low >>> shift) | (this.#view.getUint32(at + 4, true) << (32 - shift))) >>> 0
  }

  toIntegers(): Array<bigint> {
    return fromDigits(this.#bytes, this.#width)
  }
}
