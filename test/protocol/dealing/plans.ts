/** Plans of every kind, and the KGC of a run: what is dealt between clouds is compared with what it deals. */
import { Effect } from "effect"
import fc from "fast-check"
import { expect } from "vitest"
import { masksOf } from "../../../actors/kgc/run-masks.ts"
import { partBytes } from "../../../actors/party/stretches.ts"
import { cutStep, dealtStep } from "../../../protocol/dealing/steps.ts"
import { evaluationStep, slicesOf } from "../../../protocol/learning/evaluations.ts"
import { losses } from "../../../protocol/learning/loss.ts"
import { InvalidPlan } from "../../../protocol/learning/network.ts"
import { batchOrder } from "../../../protocol/learning/order.ts"
import { evaluates, type TrainingPlan, trainingPlan } from "../../../protocol/learning/plan.ts"
import { networkOf } from "../learning/example.ts"
import type { DealingClouds } from "./clouds.ts"

export const orderKey = new Uint8Array(16).fill(9)

/** Plans of small networks; undefined for settings that a plan refuses. */
export const anyPlan = (width: number, rows: number): fc.Arbitrary<TrainingPlan | undefined> =>
  fc
    .record({
      widths: fc.array(fc.integer({ min: 1, max: width }), { minLength: 2, maxLength: 4 }),
      output: fc.constantFrom("identity" as const, "relu" as const),
      loss: fc.constantFrom(...losses),
      rows: fc.integer({ min: 1, max: rows }),
      share: fc.double({ min: 0.1, max: 1, noNaN: true }),
      fractionalBits: fc.constantFrom(8, 13, 20, 22),
      momentum: fc.constantFrom(0, 0.9),
      weightDecay: fc.constantFrom(0, 0.001),
      rowWeights: fc.constantFrom(undefined, undefined, { gain: 2 }),
      validation: fc.option(fc.record({ rows: fc.integer({ min: 1, max: 9 }), classes: fc.boolean() }))
    })
    .map(({ widths, output, share, validation, ...settings }) => {
      try {
        return trainingPlan({
          ...settings,
          ...(validation !== null && { validation }),
          network: networkOf(widths, settings.loss === "squared-error" ? output : "identity"),
          ...{ batch: Math.ceil(settings.rows * share), epochs: 2, learningRate: 0.1 }
        })
      } catch (error) {
        if (error instanceof InvalidPlan) return undefined
        throw error
      }
    })

/** Numbers of the plan's first steps, and of the slices of its last evaluation. */
export const stepsOf = (plan: TrainingPlan, steps = 2): ReadonlyArray<number> => [
  ...Array.from({ length: Math.min(steps, plan.steps) }, (_, i) => 1 + i),
  ...(evaluates(plan) ? slicesOf(plan).map((_, i) => evaluationStep(plan, plan.epochs) + i) : [])
]

/** Demands that two messages are the same, and says where they are not. */
export const expectSame = (where: object, found: Uint8Array, expected: Uint8Array): void => {
  const at = expected.findIndex((byte, i) => byte !== found[i])
  expect({ ...where, bytes: found.length, at }).toEqual({ ...where, bytes: expected.length, at: -1 })
}

/** Demands that both clouds make of some steps what the KGC deals, for lanes cut at these rows too. */
export const expectDealt = async (
  clouds: DealingClouds,
  plan: TrainingPlan,
  steps: ReadonlyArray<number>,
  cuts: ReadonlyArray<number> = []
) => {
  const order = batchOrder(plan, orderKey)
  const [, , ring] = clouds.rings
  const mark = ring.mark()
  const keys = { cloud0: clouds.prgs[0], cloud1: clouds.prgs[1] }
  const kgc = await Effect.runPromise(masksOf(ring, keys, plan, orderKey))
  const { corrections, received } = clouds.run((cloud) =>
    steps.map((step) => dealtStep({ ring: clouds.rings[cloud], prg: clouds.prgs[cloud], plan, order }, step))
  )
  for (const [i, step] of steps.entries()) {
    const expected = new Uint8Array(kgc.bytesOf(step))
    kgc.dealStep(step, expected)
    expectSame({ step }, corrections[i]!, expected)
    if (step > plan.steps) continue
    for (const [j, from] of [0, ...cuts].entries()) {
      const part = { from, end: cuts[j] ?? plan.rows, update: j === 0 }
      const sizes = partBytes(plan, order(step), part)
      const to = { gradients: new Uint8Array(sizes.gradients), update: new Uint8Array(sizes.update) }
      kgc.dealPart(step, part, to)
      const cut = cutStep({ plan, order }, step, corrections[i]!, part)
      expectSame({ step, part, of: "gradients" }, cut.gradients, to.gradients)
      expectSame({ step, part, of: "update" }, cut.update, to.update)
    }
  }
  ring.release(mark)
  return received
}
