import { describe, expect, it } from "vitest"
import {
  classify,
  countCorrect,
  greatestOfEachRow,
  type Model,
  modelOf,
  noClass,
  scores
} from "../../../protocol/learning/model.ts"
import { flowers } from "../data/description.ts"
import { networkOf, uniform } from "./example.ts"

/** One layer of two inputs and three outputs: each output is one number times the first input, or the bias. */
const linear = (weights: readonly [number, number, number], bias: readonly [number, number, number]): Model =>
  modelOf(
    { data: flowers, network: networkOf([2, 3], "identity"), loss: "softmax", fractionalBits: 20 },
    Float64Array.of(...weights, 0, 0, 0, ...bias)
  )

const rowsOf = (...first: ReadonlyArray<number>) => Float64Array.from(first.flatMap((x) => [x, 0]))

describe("classes of a model", () => {
  it("are those of the greatest output, the first of several that are alike", () => {
    expect([...classify(linear([1, 0, -1], [0, 0, 0]), rowsOf(1, -1, 0))]).toEqual([0, 2, 0])
    const scored = Float64Array.of(1, 2, 2, -3, -1, -2, 0, 0, 0)
    expect([...greatestOfEachRow(scored, 3)]).toEqual([1, 1, 0])
  })

  it("are none where an output is no finite number, whatever the others are", () => {
    const broken = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
    for (const number of broken)
      for (const place of [0, 1, 2]) {
        const row = [1, 2, 3]
        row[place] = number
        expect([...greatestOfEachRow(Float64Array.from(row), 3)]).toEqual([noClass])
      }
    // Each product is finite, their sum is not; and infinity less infinity is no number.
    expect([...classify(linear([1e308, 0, 0], [1e308, 0, 0]), rowsOf(1, 0.5))]).toEqual([noClass, noClass])
  })

  it("that are none count as wrong, though the labels are none either", () => {
    const diverged = linear([Number.NaN, 1, 0], [0, 0, 0])
    const labels = Float64Array.of(0, 1, 0, 0, 1, 0)
    expect(countCorrect(diverged, rowsOf(1, 1), labels)).toBe(0)
    expect(countCorrect(diverged, rowsOf(1), Float64Array.of(Number.NaN, 0, 0))).toBe(0)
    expect(countCorrect(linear([0, 1, 0], [0, 0, 0]), rowsOf(1, -1), labels)).toBe(1)
  })

  it("of many rows are those of each row by itself", () => {
    const next = uniform(7)
    const network = networkOf([2, 5, 3], "identity")
    const model = modelOf(
      { data: flowers, network, loss: "softmax", fractionalBits: 20 },
      Float64Array.from({ length: 2 * 5 + 5 + 5 * 3 + 3 }, () => next() - 0.5)
    )
    const features = Float64Array.from({ length: 2 * 2500 }, () => 2 * next() - 1)
    const classes = classify(model, features)
    expect(classes.length).toBe(2500)
    for (const row of [0, 1023, 1024, 2047, 2048, 2499]) {
      const alone = features.subarray(2 * row, 2 * row + 2)
      expect(classes[row]).toBe(classify(model, alone)[0])
      expect(scores(model, features).subarray(3 * row, 3 * row + 3)).toEqual(scores(model, alone))
    }
    expect(classify(model, new Float64Array(0)).length).toBe(0)
  })
})
