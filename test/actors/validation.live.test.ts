/** Whole runs that validate after each epoch: what is told, against the reference, and when the training ends. */
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { within } from "../../scenarios/run/run-result.ts"
import { runInMemory, splits, writeScenario } from "../support/small-scenario.ts"

const reveal = ["accuracy", "heldOutRows", "curve"]
const training = { epochs: 4, batch: 8, rate: 0.25 }
const validated = { seed: 5, validation: 0.25, reveal, training, expect: { maxWeightDeviation: 0 } }

const run = (changes: object = {}) =>
  Effect.gen(function* () {
    const { file, out } = yield* writeScenario(splits.blocks, { ...validated, ...changes })
    const result = yield* runInMemory(file, out)
    const model = yield* Effect.promise(() => readFile(join(out, "model.json"), "utf8"))
    return { result, model }
  })

describe("validation - in memory", () => {
  for (const [name, changes] of [
    ["a ReLU output", { network: { hidden: [5], output: "relu" } }],
    ["softmax", { training: { ...training, rate: 0.05, loss: "softmax" } }]
  ] as const)
    it.scopedLive(`tells the curve of the fixed-point reference, as predicted: ${name}`, () =>
      Effect.gen(function* () {
        const { result } = yield* run(changes)
        expect(result.maxWeightDeviation).toBe(0)
        const { curve } = result
        // 48 rows are not held out.
        expect(result.rows).toEqual({ training: 36, validation: 12, heldOut: 12 })
        expect(curve?.rows).toBe(12)
        expect(curve?.epochs.length).toBe(4)
        expect(curve?.reference).toEqual(curve?.epochs)
        for (const { loss, accuracy } of curve!.epochs) {
          expect(loss).toBeGreaterThan(0)
          expect(accuracy! * 12).toBeCloseTo(Math.round(accuracy! * 12))
        }
        expect(result.rounds.measured).toBe(result.rounds.predicted)
        // A busy machine repeats requests of the setup.
        expect(within(result.bytes, 0.1)).toBe(true)
        expect(within(result.bytes.byPhase.train!, 0.05)).toBe(true)
      })
    )

  it.scopedLive("ends when the loss no longer falls, with the model of the best epoch", () =>
    Effect.gen(function* () {
      const rising = { ...training, epochs: 12, rate: 0.6, loss: "squared-error" }
      const { result, model } = yield* run({ training: { ...rising, stop: { patience: 2 } } })
      const { curve } = result
      expect(curve?.stopped).toBe(true)
      expect(curve!.epochs.length).toBe(curve!.best + 2)
      expect(result.maxWeightDeviation).toBe(0)
      expect(result.steps).toBe(curve!.epochs.length * 4)
      expect(result.rounds.measured).toBe(result.rounds.predicted)
      const { result: other, model: atBest } = yield* run({ training: { ...rising, epochs: curve!.best } })
      expect(other.curve?.epochs).toEqual(curve!.epochs.slice(0, curve!.best))
      expect(atBest).toBe(model)
    })
  )
})
