import { describe, expect, it } from "vitest"
import { InvalidPlan } from "../../../protocol/learning/network.ts"
import { shareOfRate } from "../../../protocol/learning/optimiser.ts"
import {
  planOfStep,
  type TrainingPlan,
  type TrainingSettings,
  trainingPlan,
  updateShift
} from "../../../protocol/learning/plan.ts"
import { leftOutBytes } from "../../../protocol/learning/scales.ts"
import { Ring } from "../../../protocol/ring/ring.ts"
import { example, networkOf } from "./example.ts"
import { trainFixed, trainFloat } from "./secure.ts"

const settings: TrainingSettings = {
  network: networkOf([30, 16, 2], "identity"),
  rows: 456,
  batch: 32,
  epochs: 10,
  learningRate: 0.2,
  fractionalBits: 20
}

const planWith = (changes: Partial<TrainingSettings>): TrainingPlan =>
  trainingPlan({ ...settings, ...changes })

const refusal = (changes: Partial<TrainingSettings>): InvalidPlan => {
  try {
    planWith(changes)
  } catch (error) {
    if (error instanceof InvalidPlan) return error
    throw error
  }
  throw new Error("the plan was accepted")
}

describe("what an update adds to the gradient", () => {
  it("is nothing without momentum and weight decay", () => {
    expect(planWith({}).addends).toEqual({})
    expect(planWith({ momentum: 0, weightDecay: 0 })).toEqual(planWith({}))
  })

  it("meets 1 − μ and η·λ within 2^-8, with no more bytes opened than that takes", () => {
    for (const learningRate of [1e-3, 0.01, 0.1, 1])
      for (const momentum of [0.3, 0.5, 0.9, 0.95, 0.99])
        for (const weightDecay of [0, 1e-5, 1e-4, 0.01]) {
          const plan = planWith({ learningRate, momentum, weightDecay })
          const shift = updateShift(plan)
          const { momentum: carried, decay } = plan.addends
          for (const each of [carried, decay]) {
            if (each === undefined) continue
            expect(each.by * 2 ** (8 * each.zeroBytes - shift)).toBe(each.value)
            expect(each.zeroBytes).toBeLessThanOrEqual(leftOutBytes(shift))
          }
          expect(Math.abs((1 - carried!.value) / (1 - momentum) - 1)).toBeLessThanOrEqual(2 ** -8)
          if (decay !== undefined)
            expect(Math.abs(decay.value / (learningRate * weightDecay) - 1)).toBeLessThanOrEqual(2 ** -8)
        }
    expect(planWith({ momentum: 0.5 }).addends.momentum).toMatchObject({ value: 0.5 })
  })

  it("is refused where no word can hold it", () => {
    expect(refusal({ momentum: 1 }).field).toBe("momentum")
    expect(refusal({ momentum: -0.1 }).field).toBe("momentum")
    expect(planWith({ momentum: 0.999, fractionalBits: 18 }).addends.momentum!.value).toBeLessThan(1)
    expect(refusal({ weightDecay: 1e-15 }).message).toMatch(/too small/)
    expect(refusal({ weightDecay: 6 }).field).toBe("weightDecay")
  })

  it("has room for a velocity of 1/(1 − μ) gradients, or is refused", () => {
    const large = { rows: 4096, batch: 1024 }
    expect(planWith(large).rate.factor).toBeLessThan(2 ** 9)
    expect(planWith({ ...large, momentum: 0.9 }).rate.factor).toBeLessThan(2 ** 7)
    expect(refusal({ ...large, momentum: 0.99 }).message).toMatch(/a momentum of 0.99; .*, or less momentum/)
  })
})

describe("the schedule of rates", () => {
  const of = { stepsPerEpoch: 10, steps: 40 }

  it("is the rate as it is, half a cosine, or falls every so many epochs", () => {
    for (const step of [1, 17, 40]) expect(shareOfRate("constant", step, of)).toBe(1)
    for (let step = 1; step <= 40; step++)
      expect(shareOfRate("cosine", step, of)).toBeCloseTo((1 + Math.cos((Math.PI * (step - 1)) / 40)) / 2, 12)
    const falling = { factor: 0.5, everyEpochs: 2 }
    expect([1, 20, 21, 40].map((step) => shareOfRate(falling, step, of))).toEqual([1, 1, 0.5, 0.5])
  })

  it("gives each step its factor, of at least one, and the same share of the weight decay", () => {
    const plan = planWith({ schedule: { factor: 0.1, everyEpochs: 1 }, weightDecay: 0.01 })
    const factors = Array.from(
      { length: 10 },
      (_, epoch) => planOfStep(plan, epoch * plan.stepsPerEpoch + 1).rate.factor
    )
    expect(factors[0]).toBe(plan.rate.factor)
    // A factor of ten bits, whatever the rate, so that a tenth of it has seven.
    expect(plan.rate.factor).toBeGreaterThanOrEqual(512)
    expect(factors[1]! / plan.rate.factor).toBeCloseTo(0.1, 2)
    expect(factors.at(-1)).toBe(1)
    const { addends } = planOfStep(plan, plan.stepsPerEpoch + 1)
    expect(addends.decay!.by / plan.addends.decay!.by).toBeCloseTo(0.1, 1)
    expect(addends.decay!.zeroBytes).toBe(plan.addends.decay!.zeroBytes)
    expect(planOfStep(planWith({}), 7)).toEqual(planWith({}))
  })
})

const rootMeanSquare = (values: ReadonlyArray<number>): number =>
  Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length)

describe("momentum in fixed point", () => {
  it("follows float64 where an update is below the last place", async () => {
    const given = example(7, [6, 8, 3], "identity", 16)
    const plan = trainingPlan({
      ...{ network: given.network, rows: 16, batch: 4, epochs: 150, fractionalBits: 20 },
      // A velocity of a unit or two, of which gradients are a tenth.
      ...{ learningRate: 2e-6, momentum: 0.9 }
    })
    const { before, after } = trainFloat(given, plan)
    const apart = (words: ReadonlyArray<bigint>) =>
      rootMeanSquare(words.map((word, i) => Number(BigInt.asIntN(64, word)) - after[i]!))
    const moved = rootMeanSquare(after.map((value, i) => value - before[i]!))
    const replayed = apart(trainFixed(await Ring.load(), given, plan, "run-1").weights)
    expect(moved).toBeGreaterThan(2000)
    expect(replayed / moved).toBeLessThan(0.05)
    // Rounded to the nearest, as no cloud rounds, it would come to rest beside it.
    expect(apart(trainFixed(await Ring.load(), given, plan).weights)).toBeGreaterThan(2 * replayed)
  })
})
