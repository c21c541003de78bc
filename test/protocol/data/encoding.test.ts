import { describe, expect, it } from "vitest"
import { readRows } from "../../../protocol/data/cells.ts"
import {
  featureCount,
  jointColumns,
  jointIndices,
  sourceColumns
} from "../../../protocol/data/description.ts"
import { encodeTable, heldTable, scale } from "../../../protocol/data/encoding.ts"
import type { Column } from "../../../protocol/data/table.ts"
import { flowers } from "./description.ts"

const held = (columns: ReadonlyMap<string, Column>) =>
  heldTable(flowers, { ids: ["a", "b"], columns, clipped: new Map() }, false)

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
      ["species", { values: Float64Array.of(2, 0), first: 0, step: 1 }],
      ["length", { values: Float64Array.of(10, 2.5), first: 0, step: 1 }]
    ])
    const encoded = encodeTable(flowers, held(columns))
    expect(encoded.columns).toEqual(Uint32Array.of(0, 2, 3, 4))
    expect(readRows(encoded.cells)).toEqual(Float64Array.of(1, 0, 0, 1, -0.5, 1, 0, 0))
  })

  it("reads the columns of one array side by side, such as the points of images", () => {
    const values = Uint8Array.of(0, 1, 10, 0)
    const columns = new Map([
      ["length", { values, first: 0, step: 2 }],
      ["width", { values, first: 1, step: 2 }]
    ])
    const { cells } = encodeTable(flowers, held(columns))
    expect(readRows(cells)).toEqual(Float64Array.of(-1, 1, 1, 0))
    expect(readRows(cells, 1)).toEqual(Float64Array.of(1, 0))
  })
})
