/** Whole runs with weighed classes: the model of the reference, and what nobody sees. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer, Logger } from "effect"
import { layer as bcpPool } from "../../actors/party/bcp-pool.ts"
import { within } from "../../scenarios/run/run-result.ts"
import { read, runInMemory, type Split, splits, writeScenario } from "../support/small-scenario.ts"
import { audited, lineOf } from "../support/trial.ts"

/** Of sixty leaves, as many elms are left as say so. */
const thinned = (split: Split, elms: number): Split =>
  split.map((files) =>
    files.map(([rows, columns]) => {
      const keeps = (id: string) => {
        const place = Number(id.slice("leaf-".length))
        return place % 2 === 0 || place < 2 * elms
      }
      return [rows.filter(({ id }) => keeps(id)), columns] as const
    })
  )

const changes = {
  training: { epochs: 2, batch: 8, rate: 0.05, loss: "softmax", classWeights: "balanced" },
  reveal: ["metrics", "heldOutRows", "curve", "column-statistics"],
  validation: 0.2
} as const

describe("run - class weights", () => {
  it.scopedLive(
    "is the fixed-point reference bit for bit, by labels of one user, at the predicted cost",
    () =>
      Effect.gen(function* () {
        const { file, out } = yield* writeScenario(thinned(splits.columns, 10), { ...changes, seed: 5 })
        const result = yield* runInMemory(file, out)
        expect(result.maxWeightDeviation).toBe(0)
        expect(result.curve?.epochs).toEqual(result.curve?.reference)
        expect(within(result.bytes, 0.05)).toBe(true)
        expect(result.rounds.measured).toBe(result.rounds.predicted)
        const [ash, elm] = result.classWeights!
        expect([ash!.label, elm!.label]).toEqual(["ash", "elm"])
        expect(elm!.weight).toBeGreaterThan(1)
        expect(JSON.parse(yield* read(out, "model.json")).data.label.weights).toEqual([
          ash!.weight,
          elm!.weight
        ])
        // Labels to train on are not ones, and are looked for.
        expect(result.warnings.filter((each) => each.includes("no row to train on has"))).toEqual([])
      })
  )

  it.scopedLive("gives nobody more than is claimed", () =>
    Effect.gen(function* () {
      const { file } = yield* writeScenario(thinned(splits.rows, 10), {
        ...changes,
        reveal: ["accuracy"],
        validation: 0
      })
      const { error, findings, pads, recording } = yield* audited(file, { rows: 24, epochs: 1 })
      expect(error).toBeUndefined()
      expect([...findings, ...pads].map(lineOf)).toEqual([])
      expect(recording.statistics?.found.counts.get("kind")).toHaveLength(2)
    }).pipe(Effect.provide(Layer.merge(bcpPool(2), Logger.remove(Logger.defaultLogger))))
  )
})
