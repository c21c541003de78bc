import { createCipheriv } from "node:crypto"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import {
  addWords,
  expandSeed,
  NotWords,
  seedBytes,
  splitWords,
  subtractWords
} from "../../../protocol/sharing/split.ts"

const toBytes = (words: ReadonlyArray<bigint>) => new Uint8Array(BigUint64Array.from(words).buffer)
const toWords = (bytes: Uint8Array) => Array.from(new BigUint64Array(new Uint8Array(bytes).buffer))

const edges = [0n, 1n, 0xffff_ffffn, 0x1_0000_0000n, 1n << 63n, (1n << 64n) - 1n]
const word = fc.oneof(fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), fc.constantFrom(...edges))
const seed = fc.uint8Array({ minLength: seedBytes, maxLength: seedBytes })

describe("words of Z_2^64 as bytes", () => {
  it("adds and subtracts as BigInt does, for every pair of edges", () => {
    const pairs = edges.flatMap((a) => edges.map((b) => [a, b] as const))
    const a = toBytes(pairs.map((p) => p[0]))
    const b = toBytes(pairs.map((p) => p[1]))
    expect(toWords(addWords(a, b))).toEqual(pairs.map(([x, y]) => BigInt.asUintN(64, x + y)))
    expect(toWords(subtractWords(a, b))).toEqual(pairs.map(([x, y]) => BigInt.asUintN(64, x - y)))
  })

  it("adds and subtracts as BigInt does, on any words", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(word, word)), (pairs) => {
        const a = toBytes(pairs.map((p) => p[0]))
        const b = toBytes(pairs.map((p) => p[1]))
        expect(toWords(addWords(a, b))).toEqual(pairs.map(([x, y]) => BigInt.asUintN(64, x + y)))
        expect(toWords(subtractWords(a, b))).toEqual(pairs.map(([x, y]) => BigInt.asUintN(64, x - y)))
      })
    )
  })

  it("takes bytes that are not aligned, and Buffers", () => {
    const shifted = Buffer.from([9, ...toBytes([5n, 1n << 40n])]).subarray(1)
    expect(toWords(addWords(shifted, toBytes([1n, 1n])))).toEqual([6n, (1n << 40n) + 1n])
  })

  it("refuses operands of unequal length and bytes that are no words", () => {
    expect(() => addWords(new Uint8Array(8), new Uint8Array(16))).toThrow(NotWords)
    expect(() => addWords(new Uint8Array(7), new Uint8Array(7))).toThrow(/multiple of 8/)
  })
})

describe("splitting", () => {
  it("gives two shares that add up to the words", () => {
    fc.assert(
      fc.property(fc.array(word), seed, (words, key) => {
        const { share0, share1 } = splitWords(toBytes(words), key)
        expect(toWords(addWords(share0, share1))).toEqual(words)
        expect(share0).toEqual(expandSeed(key, words.length))
      })
    )
  })

  it("expands a seed to the AES-128-CTR key stream", () => {
    const key = Uint8Array.from({ length: seedBytes }, (_, i) => 3 * i)
    const stream = createCipheriv("aes-128-ctr", key, new Uint8Array(16)).update(new Uint8Array(80))
    expect(expandSeed(key, 10)).toEqual(new Uint8Array(stream))
  })

  it("finds any part of the stream without what comes before", () => {
    const key = new Uint8Array(seedBytes).fill(7)
    const whole = expandSeed(key, 100)
    fc.assert(
      fc.property(fc.nat(100), fc.nat(100), (a, b) => {
        const [first, end] = [Math.min(a, b), Math.max(a, b)]
        expect(expandSeed(key, end - first, first)).toEqual(whole.subarray(8 * first, 8 * end))
      })
    )
  })

  it("gives each cloud a share that tells nothing of the words", () => {
    // Bits of share 1 over random seeds, for two very different inputs: each bit is set half of the time.
    const rounds = 2000
    for (const words of [new Uint8Array(64), new Uint8Array(64).fill(255)]) {
      let ones = 0
      for (let round = 0; round < rounds; round++) {
        const key = new Uint8Array(seedBytes)
        new DataView(key.buffer).setUint32(0, round)
        for (const byte of splitWords(words, key).share1) ones += popCount(byte)
      }
      const bits = rounds * 64 * 8
      expect(Math.abs(ones - bits / 2)).toBeLessThan(5 * Math.sqrt(bits / 4))
    }
  })

  it("refuses a seed of the wrong length, and bytes that are no words", () => {
    expect(() => expandSeed(new Uint8Array(15), 1)).toThrow(NotWords)
    expect(() => splitWords(new Uint8Array(9), new Uint8Array(seedBytes))).toThrow(NotWords)
  })
})

const popCount = (byte: number): number => byte.toString(2).replaceAll("0", "").length
