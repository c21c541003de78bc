/** Trainings on ciphertexts, in whole runs with all parties in this process; `run/ciphertexts.sweep.ts` has processes. */
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { within } from "../../scenarios/run/run-result.ts"
import { quicklyBut } from "../support/shipped.ts"
import { runInMemory, smallScenario, splits, writeScenario } from "../support/small-scenario.ts"
import { full, slice } from "../support/sweep.ts"

const training = { on: "ciphertexts", epochs: 1, batch: 16, rate: 0.25 }
const { security } = smallScenario(splits.rows)

const cases = [
  { name: "of blocks, without users", split: splits.blocks, changes: {} },
  {
    name: "with momentum, decay and a schedule, three layers and a hybrid model",
    split: splits.rows,
    changes: {
      training: { ...training, momentum: 0.5, weightDecay: 0.01, schedule: "cosine" },
      network: { hidden: [3, 2] },
      security: { ...security, output: "hybrid" }
    }
  },
  {
    name: "with full exponents, as in the paper",
    split: splits.columns,
    changes: { network: { hidden: [2] }, security: { ...security, exponents: "full" } }
  }
]

describe("a training on ciphertexts", () => {
  for (const { name, split, changes } of slice(cases, 2))
    it.scopedLive(`ends with the model of its fixed-point reference, ${name}`, () =>
      Effect.gen(function* () {
        const { file, out } = yield* writeScenario(split, {
          ...{ seed: 5, training },
          placement: { usersLeaveAfterUpload: true },
          ...changes
        })
        const result = yield* runInMemory(file, out)
        expect(result.maxWeightDeviation).toBe(0)
        expect(result.kept.kgc).toEqual([])
        expect(result.rounds.measured).toBe(result.rounds.predicted)
        expect(within(result.bytes, 0.05)).toBe(true)
        expect(within(result.bytes.byPhase.train!, 0.01)).toBe(true)
      })
    )

  // Under 2048 bits: its 14 steps take half a minute on two quiet cores, and the making of primes as long.
  if (full)
    it.scopedLive("of three-hospitals ends with the model of its fixed-point reference after an epoch", () =>
      Effect.gen(function* () {
        const { result } = yield* quicklyBut("three-hospitals", {
          training: { on: "ciphertexts", epochs: 1, batch: 32, rate: 0.1 },
          security: { modulusBits: 2048 },
          // An epoch is too few steps to learn from.
          expect: { maxWeightDeviation: 0 }
        })
        expect(result.steps).toBe(14)
        expect(result.maxWeightDeviation).toBe(0)
        expect(result.rounds.measured).toBe(result.rounds.predicted)
        expect(within(result.bytes.byPhase.train!, 0.01)).toBe(true)
      })
    )
})
