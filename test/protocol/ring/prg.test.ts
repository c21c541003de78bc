import { createCipheriv, hkdfSync } from "node:crypto"
import { describe, expect, it } from "vitest"
import { Prg } from "../../../protocol/ring/prg.ts"
import { Ring } from "../../../protocol/ring/ring.ts"
import { computationVersion } from "../../../protocol/version.ts"

const ring = await Ring.load()
const key = Uint8Array.from({ length: 16 }, (_, i) => i * 7 + 1)

/** The stream as node's AES-128-CTR gives it. */
const reference = (step: number, operation: number, kind: number, bytes: number): Uint8Array => {
  const counter = new DataView(new ArrayBuffer(16))
  for (const [i, part] of [step, operation, kind, 0].entries()) counter.setUint32(i * 4, part)
  return new Uint8Array(
    createCipheriv("aes-128-ctr", key, new Uint8Array(counter.buffer)).update(new Uint8Array(bytes))
  )
}

describe("Prg", () => {
  it("is AES-128-CTR with the counter block step ‖ operation ‖ kind ‖ place", () => {
    const prg = new Prg(key)
    for (const words of [1, 2, 3, 511, 4096, 4097, 30001]) {
      const stream = { step: 70000, operation: 0xfffe, kind: 5 }
      expect(prg.bytes(ring, words, stream)).toEqual(reference(70000, 0xfffe, 5, words * 8))
    }
  })

  it("matches the example of FIPS 197 for its block", () => {
    // FIPS 197, appendix B: key and plaintext; the plaintext is our counter block 0 of a fitting nonce.
    const prg = new Prg(Uint8Array.from(Buffer.from("2b7e151628aed2a6abf7158809cf4f3c", "hex")))
    const stream = { step: 0x3243f6a8, operation: 0x885a308d, kind: 0x313198a2 }
    // place = 2 · 0xe0370734: the word whose block counter completes the plaintext.
    expect(Buffer.from(prg.bytes(ring, 2, stream, 2 * 0xe0370734)).toString("hex")).toBe(
      "3925841d02dc09fbdc118597196a0b32"
    )
  })

  it("can be sought: a slice from any place is the slice of the whole", () => {
    const prg = new Prg(key)
    const stream = { step: 1, operation: 2, kind: 3 }
    const whole = prg.bytes(ring, 10000, stream)
    for (const [place, words] of [
      [0, 1],
      [1, 1],
      [1, 2],
      [4095, 3],
      [4097, 5000],
      [9999, 1]
    ] as const) {
      expect(prg.bytes(ring, words, stream, place)).toEqual(whole.slice(place * 8, (place + words) * 8))
    }
  })

  it("combines the stream with words in place, from any place", () => {
    const prg = new Prg(key)
    const stream = { step: 4, operation: 5, kind: 6 }
    for (const [place, words] of [
      [0, 5000],
      [3, 4999]
    ] as const) {
      const x = new BigUint64Array(prg.bytes(ring, words, { ...stream, kind: 7 }).buffer)
      const y = new BigUint64Array(prg.bytes(ring, words, stream, place).buffer)
      const twins = { add: (a: bigint, b: bigint) => a + b, subtract: (a: bigint, b: bigint) => a - b }
      for (const [how, twin] of Object.entries({ ...twins, xor: (a: bigint, b: bigint) => a ^ b })) {
        const out = ring.from(1, words, new Uint8Array(x.buffer))
        prg.combine(ring, out.at, words, stream, how as "add" | "subtract" | "xor", place)
        expect(ring.words(out)).toEqual(x.map((word, i) => BigInt.asUintN(64, twin(word, y[i]!))))
      }
    }
  })

  it("takes the key of a run from the party's key, the version and the run's name", () => {
    const base = { step: 1, operation: 1, kind: 1 }
    const own = new Uint8Array(hkdfSync("sha256", key, "", `bicameral prg ${computationVersion} a`, 16))
    expect(Prg.ofRun(key, "a").bytes(ring, 4, base)).toEqual(new Prg(own).bytes(ring, 4, base))
  })

  it("gives unrelated streams for different steps, operations, kinds, runs and keys", () => {
    const base = { step: 1, operation: 1, kind: 1 }
    const streams = [
      new Prg(key).bytes(ring, 4, base),
      new Prg(key).bytes(ring, 4, { ...base, step: 2 }),
      new Prg(key).bytes(ring, 4, { ...base, operation: 2 }),
      new Prg(key).bytes(ring, 4, { ...base, kind: 2 }),
      Prg.ofRun(key, "a").bytes(ring, 4, base),
      Prg.ofRun(key, "b").bytes(ring, 4, base),
      Prg.ofRun(
        key.map((byte) => byte ^ 1),
        "a"
      ).bytes(ring, 4, base)
    ]
    expect(new Set(streams.map((bytes) => Buffer.from(bytes).toString("hex"))).size).toBe(streams.length)
  })

  it("leaves the rest of memory alone", () => {
    const out = ring.zeros(1, 3)
    const fence = ring.zeros(1, 5)
    new Prg(key).fill(ring, out.at, 3, { step: 9, operation: 9, kind: 9 }, 1)
    expect(ring.words(fence).every((word) => word === 0n)).toBe(true)
  })

  it("refuses a key of another length", () => {
    expect(() => new Prg(new Uint8Array(15))).toThrow(RangeError)
  })
})
