import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { checkOf } from "../../../protocol/messages/check.ts"

const P1 = 0x9e3779b1n
const P2 = 0x85ebca77n
const low = (1n << 32n) - 1n
const rotated = (x: bigint, by: bigint) => ((x << by) | (x >> (32n - by))) & low
const taken = (sum: bigint, word: bigint) => (rotated((sum + word * P2) & low, 13n) * P1) & low

/** The same by the definition, a word at a time. */
const byDefinition = (bytes: Uint8Array): number => {
  const padded = new Uint8Array(Math.ceil(bytes.length / 64) * 64)
  padded.set(bytes)
  const view = new DataView(padded.buffer)
  const lanes = new Array<bigint>(16).fill(0n)
  for (let at = 0; at < padded.length; at += 4)
    lanes[(at / 4) % 16] = taken(lanes[(at / 4) % 16]!, BigInt(view.getUint32(at, true)))
  let sum = lanes.reduce(taken, BigInt(bytes.length))
  sum = ((sum ^ (sum >> 15n)) * P2) & low
  return Number(sum ^ (sum >> 13n))
}

describe("the check of an envelope", () => {
  it("is what its definition says, at every length", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        expect(checkOf(bytes, bytes.length)).toBe(byDefinition(bytes))
      })
    )
  })

  it("covers a message of many pieces to its last byte", () => {
    const bytes = Uint8Array.from({ length: 3 * 65_536 + 5 }, (_, i) => (i * 31) & 255)
    const whole = checkOf(bytes, bytes.length)
    expect(whole).toBe(byDefinition(bytes))
    for (const at of [0, 65_535, 65_536, 131_072, bytes.length - 1]) {
      const changed = bytes.with(at, bytes[at]! ^ 1)
      expect(checkOf(changed, changed.length)).not.toBe(whole)
    }
  })

  it("covers what it is given and no more, and tells lengths apart", () => {
    const bytes = new Uint8Array(200)
    expect(checkOf(bytes, 100)).toBe(checkOf(bytes.with(100, 9), 100))
    expect(checkOf(bytes, 100)).not.toBe(checkOf(bytes, 101))
  })
})
