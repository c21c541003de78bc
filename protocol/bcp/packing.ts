/**
 * Packing of 64-bit words into the slots of one plaintext, the least significant slot first, so that one ciphertext carries
 * many. A slot is wider than a word: sums of shares and statistical masks grow into the rest of it and not into the next
 * slot. Unpacking reads every slot modulo 2^64.
 */

import { Data } from "effect"
import { fromBytes } from "./integers.ts"

/** Slots of uploaded words and of the archive: two shares and a carry, with a bit to spare. */
export const uploadSlotBits = 66

/** Slots of the sealed model: 64 bits, a mask of 40 bits above them, and two bits for carries. */
export const outputSlotBits = 106

/** Bytes of a word. */
export const wordBytes = 8

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
 * Packs little-endian 64-bit words into plaintexts; the last one is filled with zeros. With `above`, words of the same number
 * and below 2^(slotBits − 66), a slot carries word + 2^64·above: a statistical mask that unpacking drops. Throws RangeError
 * where the lengths are wrong.
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
  const limbs = new Limbs(slots * slotBits)
  return Array.from({ length: plaintextsFor(count, bits, slotBits) }, (_, i) => {
    limbs.clear()
    for (let slot = 0; slot < slots && i * slots + slot < count; slot++) {
      const at = (i * slots + slot) * wordBytes
      limbs.or(slot * slotBits, low.getUint32(at, true))
      limbs.or(slot * slotBits + 32, low.getUint32(at + 4, true))
      if (high !== undefined) {
        limbs.or(slot * slotBits + 64, high.getUint32(at, true))
        limbs.or(slot * slotBits + 96, high.getUint32(at + 4, true))
      }
    }
    return limbs.toInteger()
  })
}

/**
 * The words of packed plaintexts, `count` of them or as many as there are slots. Throws PlaintextTooWide, and RangeError where
 * there are fewer or more plaintexts than `count` words take.
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
  const limbs = new Limbs(slots * slotBits)
  plaintexts.forEach((plaintext, index) => {
    if (!limbs.fromInteger(plaintext)) throw new PlaintextTooWide({ index, slots, slotBits })
    for (let slot = 0; slot < slots && index * slots + slot < wanted; slot++) {
      const at = (index * slots + slot) * wordBytes
      view.setUint32(at, limbs.read(slot * slotBits), true)
      view.setUint32(at + 4, limbs.read(slot * slotBits + 32), true)
    }
  })
  return words
}

/**
 * An integer of `bits` bits as 32-bit limbs in one buffer, so that a plaintext is put together in time linear in its length;
 * adding shifted `bigint`s would be quadratic.
 */
class Limbs {
  readonly #bits: number
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #last: number

  constructor(bits: number) {
    this.#bits = bits
    // Three limbs more than the integer has, so that a word and its mask at the last slot may be written in whole.
    this.#last = Math.ceil(bits / 32) + 2
    this.#bytes = new Uint8Array(4 * (this.#last + 1))
    this.#view = new DataView(this.#bytes.buffer)
  }

  clear(): void {
    this.#bytes.fill(0)
  }

  /** Sets the bits of a 32-bit `value` at bit `offset`; they are 0 before. */
  or(offset: number, value: number): void {
    const limb = offset >>> 5
    const shift = offset & 31
    this.#set(limb, this.#get(limb) | (value << shift))
    if (shift !== 0) this.#set(limb + 1, this.#get(limb + 1) | (value >>> (32 - shift)))
  }

  /** The 32 bits from bit `offset`. */
  read(offset: number): number {
    const limb = offset >>> 5
    const shift = offset & 31
    if (shift === 0) return this.#get(limb)
    return ((this.#get(limb) >>> shift) | (this.#get(limb + 1) << (32 - shift))) >>> 0
  }

  toInteger(): bigint {
    return fromBytes(this.#bytes)
  }

  /** False where the integer is longer than the limbs. */
  fromInteger(x: bigint): boolean {
    if (x >> BigInt(this.#bits) !== 0n) return false
    Buffer.from(this.#bytes.buffer).write(x.toString(16).padStart(2 * this.#bytes.length, "0"), "hex")
    return true
  }

  // The bytes are big-endian, as `bigint` conversion wants them; limbs count from the least significant end.
  #get(limb: number): number {
    return this.#view.getUint32(4 * (this.#last - limb))
  }

  #set(limb: number, value: number): void {
    this.#view.setUint32(4 * (this.#last - limb), value >>> 0)
  }
}
