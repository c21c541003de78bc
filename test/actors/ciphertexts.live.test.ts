/** Trainings on ciphertexts, in whole runs with all parties in this process; `run/ciphertexts.sweep.ts` has processes. */
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { within } from "../../scenarios/run/run-result.ts"
import { runInMemory, splits, writeScenario } from "../support/small-scenario.ts"

const training = { on: "ciphertexts", epochs: 1, batch: 16, rate: 0.25 }

describe("a training on ciphertexts", () => {
  it.scopedLive("ends with the model of its fixed-point reference, without a KGC", () =>
    Effect.gen(function* () {
      const { file, out } = yield* writeScenario(splits.blocks, {
        seed: 5,
        training,
        placement: { usersLeaveAfterUpload: true }
      })
      const result = yield* runInMemory(file, out)
      expect(result.maxWeightDeviation).toBe(0)
      expect(result.kept.kgc).toEqual([])
      expect(result.rounds.measured).toBe(result.rounds.predicted)
      expect(within(result.bytes, 0.05)).toBe(true)
      expect(within(result.bytes.byPhase.train!, 0.01)).toBe(true)
    })
  )
})
