import { describe, expect, it } from "vitest"
import { setupCost, stepCost, trainingCost } from "../../../protocol/computation/cost.ts"
import type { Loss } from "../../../protocol/learning/loss.ts"
import { InvalidPlan } from "../../../protocol/learning/network.ts"
import { type TrainingSettings, trainingPlan } from "../../../protocol/learning/plan.ts"
import { Ring } from "../../../protocol/ring/ring.ts"
import { trainInLanes, trainUndivided } from "../computation/lanes.ts"
import { type Example, example, networkOf, weighted } from "./example.ts"
import { naiveLayers, naiveLoss } from "./naive.ts"
import { trainFixed, trainFloat, trainSecurely } from "./secure.ts"

const kinds: ReadonlyArray<{ readonly loss: Loss; readonly outputs: number }> = [
  { loss: "softmax", outputs: 4 },
  { loss: "softmax", outputs: 2 },
  { loss: "sigmoid", outputs: 3 },
  { loss: "squared-error", outputs: 3 }
]

const weightsOf = (outputs: number): ReadonlyArray<number> => [0.55, 3.25, 1.4, 0.8].slice(0, outputs)

const planFor = (given: Example, changes: Partial<TrainingSettings> = {}) =>
  trainingPlan({
    ...{ network: given.network, rows: given.rows, batch: given.rows, epochs: 1 },
    ...{ learningRate: 0.25, fractionalBits: 20, rowWeights: { gain: 4 } },
    ...changes
  })

/** A row of an example, by itself. */
const rowOf = ({ features, labels, ...given }: Example, row: number): Example => {
  const part = (values: Float64Array, width: number) => values.subarray(row * width, (row + 1) * width)
  return {
    ...given,
    rows: 1,
    features: part(features, given.network.inputs),
    labels: part(labels, labels.length / given.rows)
  }
}

describe.each(kinds)("row weights with the $loss of $outputs", ({ loss, outputs }) => {
  const plain = example(17, [5, 6, outputs], "identity", 24)
  const weights = weightsOf(outputs)
  const given = weighted(plain, weights)

  it("multiply what each row adds to the loss, as its numerical gradient shows", () => {
    const plan = planFor(given, { loss })
    const { before, after } = trainFloat(given, plan)
    const rate = plan.rate.factor / 2 ** plan.rate.shift
    const layers = naiveLayers(plain)
    const total = (): number =>
      Array.from({ length: plain.rows }, (_, n) => {
        const row = rowOf(plain, n)
        return weights[row.labels.indexOf(1)]! * naiveLoss(row, layers, loss)
      }).reduce((sum, each) => sum + each)
    const numbers = layers.flatMap(({ weights, bias }) => [...weights, bias])
    let at = 0
    for (const row of numbers)
      for (let i = 0; i < row.length; i++, at++) {
        const [kept, epsilon] = [row[i]!, 1e-6]
        row[i] = kept + epsilon
        const above = total()
        row[i] = kept - epsilon
        const below = total()
        row[i] = kept
        const gradient = (before[at]! - after[at]!) / 2 ** plan.fractionalBits / rate
        expect(gradient).toBeCloseTo((above - below) / (2 * epsilon), 5)
      }
  })

  it("give on shares what the fixed-point reference has, to the bit, in two rounds more", async () => {
    const settings = { loss, batch: 8, epochs: 4, momentum: 0.9 }
    const plan = planFor(given, settings)
    const secure = await trainSecurely(given, plan, "run-1")
    const fixed = trainFixed(await Ring.load(), given, plan, "run-1")
    expect(secure.weights).toEqual(fixed.weights)
    const { setup, trained } = secure.measured
    expect(setupCost(plan)).toMatchObject(setup)
    expect(trainingCost(plan)).toMatchObject(trained)
    const without = planFor(given, { ...settings, rowWeights: undefined })
    const [more, less] = [stepCost(plan), stepCost(without)]
    expect(more.rounds - less.rounds).toBe(2)
    // A word, and the upper six bytes of another.
    expect(more.bytesEachWay - less.bytesEachWay).toBe(plan.batch * outputs * (8 + 6))
    expect(setup.bytesEachWay - setupCost(without).bytesEachWay).toBe(plan.rows * 8)
    expect(setup.rounds).toBe(setupCost(without).rounds)
    const float = trainFloat(given, plan).after
    const apart = fixed.weights.map((word, i) => Math.abs(Number(BigInt.asIntN(64, word)) - float[i]!))
    expect(Math.max(...apart) / 2 ** plan.fractionalBits).toBeLessThan(2 ** -9)
  })

  it("give the same model in lanes, at the predicted cost", async () => {
    const plan = planFor(given, { loss, batch: 11 })
    const lanes = [
      { from: 0, end: 7 },
      { from: 7, end: 8 },
      { from: 8, end: 24 }
    ]
    const [whole, cut] = [await trainUndivided(given, plan), await trainInLanes(given, plan, lanes)]
    const fixed = trainFixed(await Ring.load(), given, plan, "run-1")
    expect(whole.weights).toEqual(fixed.weights.map((word) => BigInt.asIntN(64, word)))
    expect(cut.weights).toEqual(whole.weights)
    for (const { taken, expected } of [...whole.exchanges, ...cut.exchanges]) expect(taken).toEqual(expected)
  })
})

describe("row weights of one", () => {
  it("train as without weights", () => {
    const given = example(18, [5, 6, 3], "identity", 24)
    const settings = { loss: "softmax", batch: 8, epochs: 3, rowWeights: { gain: 1 } } as const
    const none = trainFloat(given, planFor(given, { ...settings, rowWeights: undefined })).after
    for (const [i, number] of trainFloat(given, planFor(given, settings)).after.entries())
      expect(number / none[i]!).toBeCloseTo(1, 9)
  })
})

describe("a plan with row weights", () => {
  const settings = {
    ...{ network: networkOf([30, 16, 2], "identity"), rows: 456, batch: 32, epochs: 10 },
    ...{ learningRate: 0.2, fractionalBits: 20, momentum: 0.9 }
  }
  const refusal = (changes: Partial<TrainingSettings>): InvalidPlan => {
    try {
      trainingPlan({ ...settings, ...changes })
    } catch (error) {
      if (error instanceof InvalidPlan) return error
      throw error
    }
    throw new Error("the plan was accepted")
  }

  it("has room for gradients that are larger by as much, in fewer bits of the rate, or is refused", () => {
    const factor = (gain: number) => trainingPlan({ ...settings, rowWeights: { gain } }).rate.factor
    expect(factor(0.5)).toBe(trainingPlan(settings).rate.factor)
    expect(factor(16)).toBeLessThan(factor(1) / 4)
    expect(refusal({ rowWeights: { gain: 64 } }).message).toMatch(/class weights.*smaller weights/)
  })

  it("is refused for an output with relu, whose labels are opened", () => {
    const network = networkOf([30, 16, 2], "relu")
    expect(refusal({ network, rowWeights: { gain: 1 } })).toMatchObject({ field: "rowWeights" })
  })
})
