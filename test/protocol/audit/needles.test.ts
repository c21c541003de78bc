import { describe, expect, it } from "vitest"
import { Needles } from "../../../protocol/audit/needles.ts"

const random = (seed: number, length: number) =>
  Uint8Array.from({ length }, (_, i) => (Math.imul(i + 1, 2654435761 + 97 * seed) >>> 13) & 0xff)

/** A word as small numbers are: three bytes that tell, and noughts. */
const small = (value: number) => Uint8Array.of(value, 7, 9, 0, 0, 0, 0, 0)

describe("the search for patterns", () => {
  it("finds them at any offset, and each fact that they stand for", () => {
    const needles = new Needles()
    const key = random(1, 16)
    needles.add(3, key)
    needles.add(5, key)
    const data = random(2, 100)
    expect(needles.search(data)).toEqual([])
    for (const at of [0, 1, 41, 84]) {
      const with_ = data.slice()
      with_.set(key, at)
      expect(needles.search(with_)).toEqual([{ facts: [3, 5], patterns: 1 }])
    }
    const cut = data.slice()
    cut.set(key.subarray(0, 15), 20)
    expect(needles.search(cut)).toEqual([])
  })

  it("takes a few small numbers for chance, and many for what they are", () => {
    const needles = new Needles()
    for (let value = 1; value <= 8; value++) needles.add(0, small(value))
    const holding = (count: number) => {
      const data = new Uint8Array(200)
      for (let i = 0; i < count; i++) data.set(small(i + 1), 3 + 17 * i)
      return needles.search(data)
    }
    expect(holding(4)).toEqual([])
    expect(holding(5)).toEqual([{ facts: [0], patterns: 5 }])
  })

  it("refuses patterns that turn up anywhere", () => {
    expect(() => new Needles().add(0, new Uint8Array(7))).toThrow(RangeError)
  })
})
