/** How the work on ciphertexts is cut into jobs. */
import { describe, expect, it } from "vitest"
import { piecesOf, piecesOfPowers } from "../../../protocol/ciphertexts/pieces.ts"

describe("pieces", () => {
  it.each([
    [0, []],
    [1, [1]],
    [16, [16]],
    [17, [8, 9]],
    [40, [13, 13, 14]]
  ])("of %i items are about as long as one another, and all of them", (items, counts) => {
    const pieces = piecesOf(items, 16)
    expect(pieces.map(({ count }) => count)).toEqual(counts)
    expect(pieces.reduce((next, { first, count }) => (first === next ? next + count : Number.NaN), 0)).toBe(
      items
    )
  })

  it.each([
    ["few terms share jobs", { terms: 1, groups: 32, results: 1 }, 2],
    ["many terms have jobs of their own", { terms: 30, groups: 3, results: 2 }, 3],
    ["many results have several jobs", { terms: 4, groups: 2, results: 32 }, 4],
    ["no terms share jobs", { terms: 0, groups: 4, results: 16 }, 2]
  ])("groups of %s", (_, shape, jobs) => {
    const pieces = piecesOfPowers(shape)
    expect(pieces).toHaveLength(jobs)
    const places = pieces.flatMap(({ results, groups }) =>
      Array.from(
        { length: results.count * groups.count },
        (_, i) =>
          (results.first + Math.floor(i / groups.count)) * shape.groups + groups.first + (i % groups.count)
      )
    )
    expect(places.sort((x, y) => x - y)).toEqual(Array.from({ length: places.length }, (_, i) => i))
    expect(places).toHaveLength(shape.results * shape.groups)
  })
})
