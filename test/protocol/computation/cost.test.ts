import { describe, expect, it } from "vitest"
import { predictionCost, setupCost, stepCost, trainingCost } from "../../../protocol/computation/cost.ts"
import type { Activation } from "../../../protocol/learning/network.ts"
import { trainingPlan } from "../../../protocol/learning/plan.ts"
import { networkOf } from "../learning/example.ts"

const planOf = (widths: ReadonlyArray<number>, output: Activation = "identity") =>
  trainingPlan({
    network: networkOf(widths, output),
    rows: 200,
    batch: 64,
    epochs: 5,
    learningRate: 0.1,
    fractionalBits: 20
  })

describe("cost model", () => {
  it("counts 4, 11 and 18 rounds for a step of one, two and three layers", () => {
    expect(stepCost(planOf([30, 2])).rounds).toBe(4)
    expect(stepCost(planOf([30, 16, 2])).rounds).toBe(11)
    expect(stepCost(planOf([30, 16, 8, 2])).rounds).toBe(18)
  })

  it("counts seven rounds for every further layer, three for a ReLU output", () => {
    expect(stepCost(planOf([30, 16, 8, 8, 2])).rounds).toBe(25)
    expect(stepCost(planOf([30, 16, 2], "relu")).rounds).toBe(14)
  })

  it("adds up the bytes of a two-layer step as the protocol states them", () => {
    const [batch, inputs, hidden, classes] = [64, 30, 16, 2]
    const words = (count: number) => 8 * count
    // Six bytes of c, then 20, 4 and 1 bits a value: 9.125 bytes.
    const relu = 9.125 * batch * hidden
    const weights = inputs * hidden + hidden * classes
    const openings = weights + batch * hidden + batch * classes + batch * hidden
    const rescales = 6 * (batch * classes + batch * hidden)
    const updates = 4 * weights + words(hidden + classes)
    expect(stepCost(planOf([inputs, hidden, classes])).bytesEachWay).toBe(
      relu + words(openings) + rescales + updates
    )
  })

  it("deals 62 bytes for a value of the fused ReLU", () => {
    const { dealtBytes } = predictionCost(planOf([30, 16, 2], "relu"), 64)
    const values = 64 * 16 + 64 * 2
    const headers = 2 * 8
    expect((dealtBytes - headers) / values).toBe(62)
  })

  it("opens the features once a run, and the labels with them for a ReLU output", () => {
    expect(setupCost(planOf([30, 16, 2]))).toEqual({
      rounds: 1,
      bytesEachWay: 200 * 30 * 8,
      dealtBytes: 0,
      multiplications: 0
    })
    expect(setupCost(planOf([30, 16, 2], "relu")).bytesEachWay).toBe(200 * 32 * 8)
  })

  it("counts the multiplications of both directions, but none for deltas that nobody needs", () => {
    const [batch, inputs, hidden, classes] = [64, 30, 16, 2]
    const forward = batch * (inputs * hidden + hidden * classes)
    const gradients = forward
    const back = batch * hidden * classes
    expect(stepCost(planOf([inputs, hidden, classes])).multiplications).toBe(forward + gradients + back)
  })

  it("counts a run as its setup and steps", () => {
    const plan = planOf([30, 16, 2])
    const [setup, step, run] = [setupCost(plan), stepCost(plan), trainingCost(plan)]
    expect(run.rounds).toBe(1 + 15 * step.rounds)
    expect(run.bytesEachWay).toBe(setup.bytesEachWay + 15 * step.bytesEachWay)
    expect(run.dealtBytes).toBe(15 * step.dealtBytes)
  })
})
