/** Clouds that deal for themselves, in a whole run with all parties in this process; `run/dealing.sweep.ts` has processes. */
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { within } from "../../scenarios/run/run-result.ts"
import { read, runInMemory, smallScenario, splits, writeScenario } from "../support/small-scenario.ts"
import { bySoftmax, threeKinds } from "../support/three-kinds.ts"

const { security } = smallScenario(splits.rows)
const byClouds = { security: { ...security, dealing: "clouds" } }

describe("clouds that deal for themselves", () => {
  it.scopedLive("train the model of a run in which the KGC deals, and send what is predicted", () =>
    Effect.gen(function* () {
      const changes = {
        ...bySoftmax,
        validation: 0.2,
        reveal: ["curve"],
        training: { ...bySoftmax.training, epochs: 3 }
      }
      const dealt = yield* writeScenario(threeKinds, changes)
      yield* runInMemory(dealt.file, dealt.out)
      const { file, out } = yield* writeScenario(threeKinds, { ...changes, ...byClouds })
      const result = yield* runInMemory(file, out)
      expect(yield* read(out, "model.json")).toBe(yield* read(dealt.out, "model.json"))
      expect(result.maxWeightDeviation).toBe(0)
      expect(result.kept.kgc).toEqual([])
      expect(within(result.bytes, 0.02)).toBe(true)
      expect(within(result.bytes.byPhase.train!, 0.02)).toBe(true)
    })
  )
})
