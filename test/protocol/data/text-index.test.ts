import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { TextIndex } from "../../../protocol/data/text-index.ts"

describe("an index of texts", () => {
  it("numbers them in the order in which they are met, as a map does", () => {
    const text = fc.oneof(fc.string({ maxLength: 2 }), fc.nat(3000).map(String))
    const property = fc.property(fc.array(text, { maxLength: 3000, size: "max" }), (texts) => {
      const index = new TextIndex()
      const map = new Map<string, number>()
      const expected = texts.map((each) => {
        if (!map.has(each)) map.set(each, map.size)
        return map.get(each)!
      })
      expect(texts.map((each) => index.numberOf(each))).toEqual(expected)
      expect(index.size).toBe(map.size)
      expect(index.texts).toEqual([...map.keys()])
    })
    fc.assert(property, { numRuns: 20 })
  })

  it("finds each of many after it has grown", () => {
    const index = new TextIndex()
    const ids = Array.from({ length: 100_000 }, (_, row) => `R${row}`)
    for (const id of ids) index.numberOf(id)
    expect(ids.every((id, number) => index.numberOf(id) === number)).toBe(true)
    expect(index.size).toBe(100_000)
  })
})
