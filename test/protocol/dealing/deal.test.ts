import { describe, expect, it } from "vitest"
import { operation } from "../../../protocol/learning/operations.ts"
import { DealingClouds, type DealtProgram } from "./clouds.ts"

const update = operation("weightUpdate", 2)
const relu = operation("forwardRescale", 2)

const same = async (program: DealtProgram, steps = [1]) => {
  const clouds = await DealingClouds.load(3)
  const { corrections } = clouds.together(steps.map((step) => ({ step, program })))
  for (const [i, step] of steps.entries()) {
    const expected = clouds.kgc(step, program)
    const found = corrections[i]!
    expect(found.length).toBe(expected.length)
    const at = expected.findIndex((byte, j) => byte !== found[j])
    expect({ step, at }).toEqual({ step, at: -1 })
  }
}

describe("clouds that deal for themselves", () => {
  it("deal a rescale", () => same((ops) => ops.rescale(update, { rows: 3, cols: 30 }, 21, 3)))
  it("deal a relu", () => same((ops) => ops.rescaleRelu(relu, { rows: 3, cols: 30 }, 21)))
})
