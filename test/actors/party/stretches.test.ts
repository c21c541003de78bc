import { describe, expect, it } from "vitest"
import { stepsAsked, stretchesOf, stretchesOfLane } from "../../../actors/party/stretches.ts"
import { stepCost } from "../../../protocol/computation/cost.ts"
import { trainingPlan } from "../../../protocol/learning/plan.ts"

const planOf = (inputs: number, units: number, rows: number, batch: number) =>
  trainingPlan({
    network: {
      inputs,
      layers: [
        { units, activation: "relu" },
        { units: 2, activation: "identity" }
      ]
    },
    rows,
    batch,
    epochs: 1,
    learningRate: 0.1,
    fractionalBits: 20
  })

describe("the stretches of a lane", () => {
  it("are those of its leader but for the evaluations, from any step", () => {
    const plan = { ...planOf(4, 6, 160, 8), epochs: 3, steps: 60, validation: { rows: 10, classes: true } }
    for (const after of [0, 16, 20, 36, 40]) {
      const own = stretchesOfLane(plan, after)
      const leaders = stretchesOf(plan, after)
      expect(leaders).toEqual(expect.arrayContaining([...own]))
      expect(own.flatMap(({ first, last }) => [first, last]).at(-1)).toBe(60)
      expect(own[0]!.first).toBe(after + 1)
      expect(leaders.length).toBeGreaterThan(own.length)
    }
  })
})

describe("steps that are asked for at once", () => {
  it("are sixteen at most, all there are, as many as one message of the broker holds, or one", () => {
    expect(stepsAsked(planOf(30, 16, 3200, 32))).toBe(16)
    expect(stepsAsked(planOf(30, 16, 96, 32))).toBe(3)
    const wide = planOf(784, 128, 6000, 128)
    const bytes = stepCost(wide).dealtBytes
    expect(stepsAsked(wide)).toBe(Math.floor((15 * 2 ** 20) / bytes))
    expect(stepsAsked(wide)).toBeGreaterThan(1)
    const huge = planOf(16_384, 128, 2000, 1000)
    expect(stepCost(huge).dealtBytes).toBeGreaterThan(15 * 2 ** 20)
    expect(stepsAsked(huge)).toBe(1)
  })
})
