import { describe, expect, it } from "vitest"
import { operation } from "../../../protocol/learning/operations.ts"
import { sigmoidScale, softmaxScale } from "../../../protocol/learning/scales.ts"
import { DealingClouds, type DealtProgram, prgOf } from "./clouds.ts"

const update = operation("weightUpdate", 2)
const relu = operation("forwardRescale", 2)
const back = operation("backwardRescale", 1)
const delta = operation("openDelta", 2)
const x = operation("openActivation", 1)
const y = operation("openWeights", 2)
const labels = operation("openLabels", 2)
const times = operation("forwardProduct", 2)

const same = async (program: DealtProgram, steps = [1]) => {
  const clouds = await DealingClouds.real([prgOf(3), prgOf(103)])
  const { corrections, received } = clouds.together(steps.map((step) => ({ step, program })))
  console.log(received.map((rounds) => [rounds.length, rounds.reduce((sum, { length }) => sum + length, 0)]))
  for (const [i, step] of steps.entries()) {
    const expected = clouds.kgc(step, program)
    const found = corrections[i]!
    expect(found.length).toBe(expected.length)
    const at = expected.findIndex((byte, j) => byte !== found[j])
    expect({ step, at }).toEqual({ step, at: -1 })
  }
}

describe("clouds that deal for themselves", () => {
  const shape = { rows: 3, cols: 30 }
  for (const shift of [1, 4, 8, 15, 16, 21, 31, 41, 61, 62])
    it(`deal a rescale by ${shift}`, () => same((ops) => ops.rescale(update, shape, shift, 3)))
  for (const shift of [9, 14, 15, 16, 21, 27, 31])
    it(`deal a relu by ${shift}, and what its gate gates`, () =>
      same(
        function* (ops) {
          const { gate } = yield* ops.rescaleRelu(relu, shape, shift)
          const opened = yield* ops.openLabels(labels, shape)
          ops.gatedDifference(delta, shape, opened, gate)
          yield* ops.rescaleGated(back, shape, shift, gate)
        },
        [1, 2]
      ))
  it("deal products", () =>
    same(
      function* (ops) {
        const X = yield* ops.open(x, { rows: 5, cols: 7 })
        const Y = yield* ops.open(y, { rows: 7, cols: 6 })
        const z = ops.product(times, X, Y, "plain")
        const { gate } = yield* ops.rescaleRelu(relu, z, 20)
        yield* ops.rescaleGated(back, z, 20, gate)
        yield* ops.rescale(update, z, 25, 3)
      },
      [4, 5]
    ))
  it("deal products of rows and dots", () =>
    same(
      function* (ops) {
        const X = yield* ops.open(x, { rows: 9, cols: 7 })
        const Y = yield* ops.open(y, { rows: 9, cols: 1 })
        const Z = yield* ops.open(labels, { rows: 9, cols: 7 })
        yield* ops.rescale(update, ops.rowProduct(times, X, Y), 25, 1)
        yield* ops.rescale(back, ops.rowDots(operation("squares", 2), X, Z), 25, 1)
      },
      [4, 5]
    ))
  for (const difference of [true, false])
    it(`deal sigmoids ${difference}`, () =>
      same((ops) => ops.sigmoids(2, { rows: 11, cols: 2 }, sigmoidScale(20, difference)), [1, 2]))
  it("deal a softmax", () =>
    same(
      function* (ops) {
        const scale = softmaxScale(20, 10)
        const z = { rows: 7, cols: 10 }
        const e = yield* ops.exponentials(2, z, scale)
        const n = yield* ops.normalise(2, e, scale)
        yield* ops.reciprocals(2, ops.rowSums(n), scale)
      },
      [1, 2]
    ))
})
