import { describe, expect, it } from "vitest"
import {
  encodeTable,
  featureCount,
  jointColumns,
  jointIndices,
  scale,
  sourceColumns
} from "../../../protocol/data/encoding.ts"
import { flowers } from "./description.ts"

describe("encoding - columns", () => {
  it("puts the features first, then a column a label", () => {
    expect(jointColumns(flowers).map(({ name }) => name)).toEqual([
      "length",
      "width",
      "species=setosa",
      "species=versicolor",
      "species=virginica"
    ])
    expect(featureCount(flowers)).toBe(2)
    expect(sourceColumns(flowers)).toEqual(["length", "width", "species"])
  })

  it("gives a held column its joint indices, ascending whatever the order of holding", () => {
    expect(jointIndices(flowers, ["species", "width"])).toEqual(Uint32Array.of(1, 2, 3, 4))
    expect(jointIndices(flowers, [])).toEqual(Uint32Array.of())
  })
})

describe("encoding - cells", () => {
  it("maps the ends and the middle of the public range onto those of the target", () => {
    expect([0, 5, 10].map((x) => scale(x, [0, 10], [-1, 1]))).toEqual([-1, 0, 1])
    expect([-1, 0, 1].map((x) => scale(x, [-1, 1], [0, 2]))).toEqual([0, 1, 2])
  })

  it("scales features and encodes the label one-hot", () => {
    const columns = new Map([
      ["species", Float64Array.of(2, 0)],
      ["length", Float64Array.of(10, 2.5)]
    ])
    const encoded = encodeTable(flowers, { ids: ["a", "b"], columns })
    expect(encoded.columns).toEqual(Uint32Array.of(0, 2, 3, 4))
    expect(encoded.cells).toEqual(Float64Array.of(1, 0, 0, 1, -0.5, 1, 0, 0))
  })
})
