import { describe, expect, it } from "vitest"
import { predictionCost, setupCost, stepCost, trainingCost } from "../../../protocol/computation/cost.ts"
import type { Activation } from "../../../protocol/learning/network.ts"
import type { TrainingSettings } from "../../../protocol/learning/plan.ts"
import { trainingPlan } from "../../../protocol/learning/plan.ts"
import { Ring } from "../../../protocol/ring/ring.ts"
import { example } from "./example.ts"
import { trainFixed, trainSecurely } from "./secure.ts"

const networks: ReadonlyArray<
  { readonly widths: ReadonlyArray<number>; readonly output: Activation } & Partial<TrainingSettings>
> = [
  { widths: [5, 3], output: "identity" },
  { widths: [6, 9, 3], output: "identity" },
  { widths: [6, 9, 3], output: "relu" },
  { widths: [7, 9, 6, 2], output: "identity" },
  { widths: [7, 9, 6, 2], output: "relu" },
  { widths: [4, 8, 7, 6, 3], output: "identity" },
  { widths: [4, 8, 7, 6, 3], output: "relu" },
  { widths: [5, 3], output: "identity", loss: "softmax" },
  { widths: [6, 9, 5], output: "identity", loss: "softmax" },
  { widths: [6, 9, 2], output: "identity", loss: "softmax" },
  { widths: [6, 9, 1], output: "identity", loss: "sigmoid" },
  { widths: [6, 9, 5], output: "identity", loss: "softmax", momentum: 0.9 },
  {
    widths: [6, 9, 3],
    output: "relu",
    momentum: 0.75,
    weightDecay: 0.001,
    schedule: { factor: 0.5, everyEpochs: 2 }
  },
  { widths: [5, 3], output: "identity", weightDecay: 0.01, schedule: "cosine" }
]

describe.each(networks)("secure training of $widths, $output output", ({ widths, output, ...rest }) => {
  const given = example(41, widths, output, 33)
  const plan = trainingPlan({
    network: given.network,
    rows: given.rows,
    batch: 8,
    epochs: 6,
    learningRate: 0.1,
    fractionalBits: 20,
    ...rest
  })

  it("equals the fixed-point reference bit for bit, predictions too, in the rounds and bytes predicted", async () => {
    const secure = await trainSecurely(given, plan, "run-1")
    const fixed = trainFixed(await Ring.load(), given, plan, "run-1")
    expect(plan.steps).toBeGreaterThanOrEqual(20)
    expect(secure.weights).toEqual(fixed.weights)
    expect(secure.predicted).toEqual(fixed.predicted)

    const { setup, trained, all } = secure.measured
    expect(setupCost(plan)).toMatchObject(setup)
    expect(trainingCost(plan)).toMatchObject(trained)
    expect(all.rounds - trained.rounds).toBe(predictionCost(plan, given.rows).rounds)
    expect(all.bytesEachWay - trained.bytesEachWay).toBe(predictionCost(plan, given.rows).bytesEachWay)
    expect(all.dealtBytes - trained.dealtBytes).toBe(predictionCost(plan, given.rows).dealtBytes)
  })
})

describe("secure training", () => {
  const given = example(42, [4, 6, 2], "identity", 16)
  const plan = trainingPlan({
    network: given.network,
    rows: 16,
    batch: 8,
    epochs: 2,
    learningRate: 0.1,
    fractionalBits: 20
  })

  it("repeats bit for bit under the same run and keys, and rounds otherwise under another run", async () => {
    const [once, again, other] = [
      await trainSecurely(given, plan, "run-1"),
      await trainSecurely(given, plan, "run-1"),
      await trainSecurely(given, plan, "run-2")
    ]
    expect(again).toEqual(once)
    expect(other.weights).not.toEqual(once.weights)
  })

  it("takes no more rounds or corrections of weights with momentum, weight decay and a schedule", () => {
    const { network } = example(43, [40, 30, 2], "identity", 8)
    const plain = trainingPlan({ ...plan, network, rows: 8, learningRate: 0.1 })
    const momentum = trainingPlan({ ...plain, momentum: 0.9 })
    const decay = trainingPlan({ ...plain, momentum: 0.9, weightDecay: 1e-4 })
    const [before, after] = [stepCost(plain), stepCost(momentum)]
    expect(after.rounds).toBe(before.rounds)
    // The top bits of the biases' rounding, of the shift of the weights.
    expect(after.dealtBytes - before.dealtBytes).toBeLessThan(32 * 4 + 32)
    // A byte more of each weight keeps enough bits of the fraction, and for the decay two more.
    const weights = 40 * 30 + 30 * 2
    expect(after.bytesEachWay - before.bytesEachWay).toBe(weights)
    expect(stepCost(decay).bytesEachWay - before.bytesEachWay).toBe(2 * weights)
    expect(stepCost(decay).rounds).toBe(before.rounds)
  })

  it("takes at most 18 rounds for a step of three layers, 11 for two, and ten more for a softmax", async () => {
    for (const [widths, rounds, loss] of [
      [[4, 6, 2], 11, "squared-error"],
      [[4, 6, 5, 2], 18, "squared-error"],
      [[4, 6, 2], 14, "softmax"],
      [[4, 6, 3], 21, "softmax"]
    ] as const) {
      const network = example(43, widths, "identity", 8)
      const one = trainingPlan({ ...plan, network: network.network, rows: 8, epochs: 1, loss })
      const { measured } = await trainSecurely(network, one, "run-1")
      expect(measured.trained.rounds - measured.setup.rounds).toBe(rounds)
      expect(stepCost(one).rounds).toBe(rounds)
    }
  })
})
