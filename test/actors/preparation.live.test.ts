/** Whole runs on cells as they come: missing ones, categories, values far away, labels that are not there. */
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Model } from "../../protocol/learning/model.ts"
import { within } from "../../scenarios/run/run-result.ts"
import {
  type Leaf,
  leaves,
  read,
  rowCount,
  runInMemory,
  type Split,
  whole,
  writeScenario
} from "../support/small-scenario.ts"

const shapes = ["oval", "round", "lobed", "NA"]

/** Some rows lack the label, some a width, and of each shape there are some; one leaf is as long as a tree. */
const found: ReadonlyArray<Leaf> = leaves.map(({ id, cells }, row) => ({
  id,
  cells: {
    ...cells,
    length: row === 7 ? "700" : cells.length!,
    width: row % 9 === 2 ? "n/a" : cells.width!,
    shape: shapes[row % 4]!,
    kind: row % 20 === 11 ? "" : cells.kind!
  }
}))
const unlabelled = 3

const columns = [...whole, "shape"]
const part = (from: number, to: number) => found.slice(from, to)

const splits = {
  rows: [[[part(0, 20), columns]], [[part(20, 45), columns]], [[part(45, rowCount), columns]]],
  columns: [
    [[found, ["length", "shape"]]],
    [[found.toReversed(), ["width", "veins", "weight"]]],
    [[found, ["kind"]]]
  ]
} satisfies Record<string, Split>

const asTheyCome = {
  data: {
    features: {
      length: "standard",
      width: { fill: "mean", indicator: true },
      veins: { range: [4, 6], outside: "clip" },
      weight: { range: [0, 1], scale: "standard" },
      shape: { values: ["oval", "round"], other: true, fill: "mode" }
    },
    label: { column: "kind", values: ["ash", "elm"] }
  },
  reveal: ["accuracy", "heldOutRows", "progress", "column-statistics"],
  training: { epochs: 4, batch: 8, rate: 0.125 }
}

const hybrid = { modulusBits: 512, insecure: true, upload: "hybrid", output: "hybrid" }

const run = (split: Split, changes: object = {}) =>
  Effect.gen(function* () {
    const { file, out } = yield* writeScenario(split, { ...asTheyCome, seed: 5, ...changes })
    const result = yield* runInMemory(file, out)
    const logOf = (party: string) => read(out, "parties", party, "events.jsonl")
    return { result, model: yield* read(out, "model.json"), logOf }
  })

describe("cells as they come", () => {
  it.scopedLive(
    "give the reference's model bit for bit, however they are split, and all the preparation",
    () =>
      Effect.gen(function* () {
        const { result, model } = yield* run(splits.rows)
        expect(result.maxWeightDeviation).toBe(0)
        expect(result.rows.training + result.rows.heldOut).toBe(rowCount - unlabelled)
        expect(result.rounds.measured).toBe(result.rounds.predicted)
        expect(within(result.bytes, 0.05)).toBe(true)
        const { data, network } = JSON.parse(model) as Model
        expect(network.inputs).toBe(8)
        const [length, width, , , shape] = data.features
        expect(length).toMatchObject({ mean: expect.any(Number), deviation: expect.any(Number) })
        expect(width).toMatchObject({ fill: { value: (width as { readonly mean: number }).mean } })
        expect(shape).toMatchObject({ fill: { value: expect.stringMatching(/^(oval|round)$/) } })
        const other = yield* run(splits.columns, { security: hybrid })
        expect(other.model).toBe(model)
        expect(other.result.tested).toEqual(result.tested)
        expect(within(other.result.bytes, 0.05)).toBe(true)
      })
  )

  it.scopedLive("are told in numbers to their owner alone", () =>
    Effect.gen(function* () {
      const { logOf } = yield* run(splits.rows)
      const own = yield* logOf("user1")
      expect(own).toContain("1 rows are left out, since their label is missing")
      expect(own).toMatch(/cells of column .*width.*: 1 filled, 0 clipped/)
      expect(own).toMatch(/cells of column .*veins.*: 0 filled, [1-9]\d* clipped/)
      for (const other of ["cloud0", "cloud1", "kgc", "director"])
        expect(yield* logOf(other)).not.toMatch(/ filled, | rows are left out/)
    })
  )

  it.scopedLive("predict numbers too", () =>
    Effect.gen(function* () {
      const { data } = asTheyCome
      const label = { column: "weight", scale: "standard" }
      const { weight: _, ...features } = data.features
      const numbers = splits.rows.map((held) =>
        held.map(([rows]) => [rows, columns.filter((column) => column !== "kind")] as const)
      )
      const { result, model } = yield* run(numbers, {
        data: { features, label },
        reveal: ["metrics", "progress", "column-statistics"]
      })
      const { accuracy, metrics, reasons, referenceMetrics } = result
      if (metrics?.kind !== "numbers" || referenceMetrics?.kind !== "numbers") throw new Error("no numbers")
      expect(metrics.rows).toBe(result.rows.heldOut)
      expect(metrics.numbers[0]).toMatchObject({ name: "weight", mean: expect.closeTo(0.5, 0) })
      expect(metrics.numbers[0]!.r2).toBeCloseTo(referenceMetrics.numbers[0]!.r2!, 3)
      expect({ accuracy, reasons }).toEqual({
        accuracy: null,
        reasons: {
          accuracy: "numbers are predicted, which are in no class",
          referenceAccuracy: "numbers are predicted, which are in no class"
        }
      })
      expect(within(result.bytes.byPhase.output!, 0.05)).toBe(true)
      expect(result.maxWeightDeviation).toBe(0)
      const { layers } = JSON.parse(model) as Model
      expect(layers.at(-1)!.bias.length).toBe(1)
    })
  )
})
