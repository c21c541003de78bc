/** Whole runs with joint statistics: the model of the reference however the table is split, what travels, and what nobody sees. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer, Logger } from "effect"
import { layer as bcpPool } from "../../actors/party/bcp-pool.ts"
import { within } from "../../scenarios/run/run-result.ts"
import { byStatistics, gapped } from "../support/gaps.ts"
import { read, runInMemory, splits, writeScenario } from "../support/small-scenario.ts"
import { audited, lineOf } from "../support/trial.ts"

const short = { ...byStatistics, training: { epochs: 2, batch: 8, rate: 0.25 } }

describe("run - joint statistics", () => {
  it.scopedLive(
    "is the fixed-point reference bit for bit, however the table is split, at the predicted cost",
    () =>
      Effect.gen(function* () {
        const models: Array<string> = []
        for (const split of [splits.rows, splits.columns]) {
          const { file, out } = yield* writeScenario(gapped(split), { ...short, seed: 5 })
          const result = yield* runInMemory(file, out)
          expect(result.maxWeightDeviation).toBe(0)
          expect(within(result.bytes, 0.05)).toBe(true)
          models.push(yield* read(out, "model.json"))
        }
        expect(models[1]).toBe(models[0])
      })
  )

  it.scopedLive("gives nobody more than is claimed, and masks that each serve once", () =>
    Effect.gen(function* () {
      const { file } = yield* writeScenario(gapped(splits.rows), {
        ...short,
        reveal: ["accuracy"],
        join: "private"
      })
      const { error, findings, pads, recording } = yield* audited(file, { rows: 24, epochs: 1 })
      expect(error).toBeUndefined()
      expect([...findings, ...pads].map(lineOf)).toEqual([])
      expect(recording.statistics?.found.moments.size).toBe(3)
      const { secrets, sums } = recording.held.get("user1")!
      expect([...secrets.keys()]).toEqual(expect.arrayContaining(["mask secret for user2"]))
      expect(sums?.[1].length).toBe(2 * 3 + 9)
    }).pipe(Effect.provide(Layer.merge(bcpPool(2), Logger.remove(Logger.defaultLogger))))
  )
})
