/** Dealing by real transfers and products: plans of every kind, and steps of the networks that training is measured on. */
import fc from "fast-check"
import { expect, it } from "vitest"
import { dealingRounds } from "../../../protocol/dealing/cost.ts"
import { valuesAtOnce } from "../../../protocol/dealing/pieces.ts"
import { programOfShapes } from "../../../protocol/dealing/steps.ts"
import type { Loss } from "../../../protocol/learning/loss.ts"
import { operation } from "../../../protocol/learning/operations.ts"
import { type TrainingPlan, trainingPlan } from "../../../protocol/learning/plan.ts"
import { full, seed } from "../../support/sweep.ts"
import { networkOf } from "../learning/example.ts"
import { DealingClouds, type DealtProgram, prgOf } from "./clouds.ts"
import { anyPlan, expectDealt, expectSame, stepsOf } from "./plans.ts"

const extension = { fieldBits: 4, transfers: 2 ** 15 }

const ofShapes = (plan: TrainingPlan, steps: ReadonlyArray<number>) =>
  steps.map((step) => programOfShapes(plan, step))

/** Demands that steps of a plan are dealt as the KGC deals them, and send what the sizes say. */
const expectDealtAndSized = async (
  plan: TrainingPlan,
  steps: ReadonlyArray<number>,
  cuts: ReadonlyArray<number> = []
): Promise<void> => {
  const clouds = await DealingClouds.real([prgOf(seed), prgOf(seed + 1)], extension)
  const received = await expectDealt(clouds, plan, steps, cuts)
  const sent = received[1].map(({ length }, round) => [length, received[0][round]!.length])
  expect(sent).toEqual(dealingRounds(extension, ofShapes(plan, steps)))
}

it("any plan is dealt as the KGC deals it, to the byte, and sends what the sizes say", async () => {
  const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 3 })
  await fc.assert(
    fc.asyncProperty(anyPlan(20, 200), cuts, async (plan, places) => {
      fc.pre(plan !== undefined)
      const rows = places.map((place) => Math.floor(place * plan.rows)).sort((a, b) => a - b)
      await expectDealtAndSized(plan, stepsOf(plan, 3), rows)
    }),
    { numRuns: full ? 50 : 4, seed }
  )
})

it("more values than a piece has are dealt in several, cut between groups", async () => {
  const clouds = await DealingClouds.real([prgOf(seed), prgOf(seed + 1)], extension)
  const shape = { rows: valuesAtOnce + 70, cols: 1 }
  const program: DealtProgram = function* (ops) {
    const { gate } = yield* ops.rescaleRelu(operation("forwardRescale", 1), { rows: 100, cols: 1 }, 21)
    yield* ops.rescaleGated(operation("backwardRescale", 1), { rows: 100, cols: 1 }, 21, gate)
    const large = yield* ops.rescaleRelu(operation("forwardRescale", 2), shape, 21)
    yield* ops.rescaleGated(operation("backwardRescale", 2), shape, 21, large.gate)
  }
  const { corrections } = clouds.together([{ step: 1, program }])
  expectSame({ step: 1 }, corrections[0]!, clouds.kgc(1, program))
})

interface Measured {
  readonly widths: ReadonlyArray<number>
  readonly loss: Loss
  readonly batch: number
  readonly steps: number
}

const small: Measured = { widths: [30, 16, 2], loss: "softmax", batch: 32, steps: 16 }
const wide: Measured = { widths: [784, 128, 128, 10], loss: "squared-error", batch: 128, steps: 1 }
const measured = full ? [small, wide, { ...wide, loss: "softmax" as const }] : [small]

it.each(measured)("steps of $widths, $loss, are dealt likewise", async ({ widths, loss, batch, steps }) => {
  const plan = trainingPlan({
    ...{ network: networkOf(widths, "identity"), rows: 10 * batch, batch, epochs: 2, learningRate: 0.1 },
    ...{ loss, fractionalBits: 20 }
  })
  await expectDealtAndSized(plan, stepsOf(plan, steps), [batch, 3 * batch + 7])
})
