import { describe, expect, it } from "vitest"
import { readRows } from "../../../protocol/data/cells.ts"
import { balancedWeights, RareClass, weightsByClass } from "../../../protocol/data/class-weights.ts"
import type { ClassLabel, DataDescription } from "../../../protocol/data/description.ts"
import { encodeTable, heldTable } from "../../../protocol/data/encoding.ts"
import {
  noStatistics,
  prepare,
  type Statistics,
  statisticsNeeded
} from "../../../protocol/data/preparation.ts"
import { digestIds, joinRows, placeCells } from "../../../protocol/data/rows.ts"

const described = (weights?: ClassLabel["weights"]): DataDescription => ({
  id: "id",
  features: [{ name: "age", range: [0, 10] }],
  label: { column: "kind", values: ["ash", "elm", "oak"], ...(weights && { weights }) },
  scaleTo: [0, 1]
})

const counted = (...counts: ReadonlyArray<number>): Statistics => ({
  ...noStatistics,
  counts: new Map([["kind", counts]])
})

describe("balanced weights", () => {
  it("are rows over classes times rows of the class", () => {
    // As sklearn.utils.class_weight.compute_class_weight("balanced", …) has it.
    expect(balancedWeights({ values: ["a", "b"] }, [500, 268])).toEqual([768 / 1000, 768 / 536])
    const weights = balancedWeights({ values: ["a", "b", "c"] }, [7, 2, 1])
    expect(weights.reduce((sum, weight, i) => sum + weight * [7, 2, 1][i]!, 0)).toBeCloseTo(10, 12)
    expect(weights.map((weight, i) => weight * [7, 2, 1][i]!)[0]).toBeCloseTo(10 / 3, 12)
  })

  it("are of the classes that have rows", () => {
    expect(balancedWeights({ values: ["a", "b", "c"] }, [30, 0, 10])).toEqual([40 / 60, 1, 40 / 20])
    expect(balancedWeights({ values: ["a", "b"] }, [30, 0])).toEqual([1, 1])
  })

  it("are refused where a class is too rare for them, without its count", () => {
    expect(balancedWeights({ values: ["a", "b"] }, [127, 1])[1]).toBe(64)
    const rare = () => balancedWeights({ values: ["a", "b"] }, [2000, 1])
    expect(rare).toThrow(RareClass)
    expect(rare).toThrow(/the label b has so few training rows .* above 64; give classWeights as numbers/)
  })

  it("need the counts of the label, and given weights none", () => {
    expect(statisticsNeeded(described("balanced")).counts).toEqual([{ column: "kind", values: 3 }])
    for (const weights of [undefined, [1, 2, 3]])
      expect(statisticsNeeded(described(weights))).toEqual({ moments: [], counts: [] })
    const prepared = prepare(described("balanced"), counted(1, 2, 3))
    expect(weightsByClass(prepared)).toEqual([
      { label: "ash", weight: 2 },
      { label: "elm", weight: 1 },
      { label: "oak", weight: 6 / 9 }
    ])
    expect(weightsByClass(prepare(described(), noStatistics))).toBeUndefined()
  })
})

describe("labels of weighted classes", () => {
  const ids = Array.from({ length: 10 }, (_, i) => `leaf-${i}`)
  const kinds = ids.map((_, i) => i % 3)
  const digests = digestIds(new Uint8Array(16), ids)
  const joint = joinRows([{ digests, heldOut: false }], 0.2, 0.25)

  /** Of each row of the joint table its cells and its kind. */
  const placedOf = (weights?: ClassLabel["weights"]) => {
    const prepared = prepare(described(weights), noStatistics)
    const values = Float64Array.from(kinds.flatMap((kind, i) => [i, kind]))
    const columns = new Map([
      ["age", { values, first: 0, step: 2 }],
      ["kind", { values, first: 1, step: 2 }]
    ])
    const table = heldTable(prepared, { ids, columns, clipped: new Map() }, false)
    const { training, heldOut } = placeCells([encodeTable(prepared, table)], [digests], joint)
    return [...training, ...heldOut].flatMap(({ rows, cells }) => {
      const all = [...readRows(cells)]
      return Array.from(rows, (row, i) => ({ row, cells: all.slice(4 * i, 4 * i + 4) }))
    })
  }

  it("are the weight of the class in rows to train on, and as they are in all others", () => {
    const weights = [0.5, 3, 1.25]
    const [plain, weighed] = [placedOf(), placedOf(weights)]
    expect([joint.training, joint.uploaded, joint.total]).toEqual([6, 8, 10])
    for (const [i, { row, cells }] of weighed.entries()) {
      const [age, ...label] = plain[i]!.cells
      const expected = row < joint.training ? label.map((cell, kind) => cell * weights[kind]!) : label
      expect(cells).toEqual([age, ...expected])
    }
    expect(weighed.filter(({ cells }) => cells.includes(1.25) || cells.includes(3)).length).toBeGreaterThan(0)
  })

  it("are as they are where all classes weigh the same", () => {
    expect(placedOf([1, 1, 1])).toEqual(placedOf())
  })
})
