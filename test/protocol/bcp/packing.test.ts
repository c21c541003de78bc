import fc from "fast-check"
import { describe, expect, it } from "vitest"
import {
  outputSlotBits,
  PlaintextTooWide,
  pack,
  plaintextsFor,
  slotsPerPlaintext,
  unpack,
  uploadSlotBits
} from "../../../protocol/bcp/packing.ts"

const words = (values: ReadonlyArray<bigint>): Uint8Array => {
  const bytes = new Uint8Array(8 * values.length)
  values.forEach((value, i) => {
    new DataView(bytes.buffer).setBigUint64(8 * i, value, true)
  })
  return bytes
}

/** The slow twin: sums of shifted integers. */
const slowPack = (values: ReadonlyArray<bigint>, bits: number, slotBits: number): Array<bigint> => {
  const slots = slotsPerPlaintext(bits, slotBits)
  const plaintexts = new Array<bigint>(plaintextsFor(values.length, bits, slotBits)).fill(0n)
  values.forEach((value, i) => {
    plaintexts[Math.floor(i / slots)]! += value << BigInt((i % slots) * slotBits)
  })
  return plaintexts
}

const u64 = fc.oneof(fc.bigInt(0n, 2n ** 64n - 1n), fc.constantFrom(0n, 1n, 2n ** 63n, 2n ** 64n - 1n))
const sizes = fc.constantFrom(512, 2048, 3072)
const slotWidths = fc.constantFrom(uploadSlotBits, outputSlotBits, 64, 96, 128)

describe("slot packing", () => {
  it("31 uploaded words a ciphertext and 19 sealed weights at 2048 bits", () => {
    expect(slotsPerPlaintext(2048, uploadSlotBits)).toBe(31)
    expect(slotsPerPlaintext(2048, outputSlotBits)).toBe(19)
  })

  it("is the sum of shifted words, and unpacks to them", () => {
    fc.assert(
      fc.property(fc.array(u64, { maxLength: 80 }), sizes, slotWidths, (values, bits, slotBits) => {
        const packed = pack(words(values), bits, slotBits)
        expect(packed).toEqual(slowPack(values, bits, slotBits))
        expect(unpack(packed, bits, slotBits, values.length)).toEqual(words(values))
        for (const plaintext of packed) expect(plaintext < 2n ** BigInt(bits - 2)).toBe(true)
      })
    )
  })

  it("sums of two shares carry into the slot, and unpack modulo 2^64", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(u64, u64), { minLength: 1, maxLength: 40 }), sizes, (pairs, bits) => {
        const left = pack(words(pairs.map(([x]) => x)), bits, uploadSlotBits)
        const right = pack(words(pairs.map(([, y]) => y)), bits, uploadSlotBits)
        const sums = left.map((x, i) => x + right[i]!)
        expect(unpack(sums, bits, uploadSlotBits, pairs.length)).toEqual(
          words(pairs.map(([x, y]) => (x + y) % 2n ** 64n))
        )
      })
    )
  })

  it("masks above the words are multiples of 2^64 a slot, and unpacking drops them", () => {
    const mask = fc.bigInt(0n, 2n ** 40n - 1n)
    fc.assert(
      fc.property(fc.array(fc.tuple(u64, mask), { maxLength: 50 }), sizes, (pairs, bits) => {
        const [low, high] = [pairs.map(([x]) => x), pairs.map(([, y]) => y)]
        const packed = pack(words(low), bits, outputSlotBits, words(high))
        expect(packed).toEqual(
          slowPack(
            pairs.map(([x, y]) => x + (y << 64n)),
            bits,
            outputSlotBits
          )
        )
        expect(unpack(packed, bits, outputSlotBits, pairs.length)).toEqual(words(low))
      })
    )
  })

  it("reads words from any place in a buffer", () => {
    const bytes = new Uint8Array([255, ...words([5n, 6n]), 255])
    expect(pack(bytes.subarray(1, 17), 512, 66)).toEqual([5n + (6n << 66n)])
  })

  it("refuses what was not packed so", () => {
    expect(() => unpack([1n, 2n ** 462n], 512, 66)).toThrow(PlaintextTooWide)
    expect(() => unpack([1n, 2n ** 462n], 512, 66)).toThrow(/plaintext 1 does not fit 7 slots/)
    expect(() => unpack([1n], 512, 66, 8)).toThrow(RangeError)
    expect(() => unpack([1n, 1n], 512, 66, 7)).toThrow(RangeError)
    expect(() => pack(new Uint8Array(7), 512, 66)).toThrow(RangeError)
    expect(() => pack(new Uint8Array(16), 512, 106, new Uint8Array(8))).toThrow(RangeError)
  })
})
