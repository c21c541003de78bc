import { describe, expect, it } from "vitest"
import { floatMatrix } from "../../../protocol/learning/float.ts"
import { modelOf, modelWords } from "../../../protocol/learning/model.ts"
import type { Network } from "../../../protocol/learning/network.ts"
import { operation } from "../../../protocol/learning/operations.ts"
import { trainingPlan } from "../../../protocol/learning/plan.ts"
import { leavesRange, rangeText, sumLimit, valueLimit, watched } from "../../../protocol/learning/range.ts"
import { runLocally } from "../../../protocol/learning/run.ts"
import { OutOfRange, Ring } from "../../../protocol/ring/ring.ts"
import { flowers } from "../data/description.ts"
import { example, networkOf, uniform } from "./example.ts"
import { trainFixed, trainFloat } from "./secure.ts"

const f = 20
const planOf = (network: Network) =>
  trainingPlan({ network, rows: 32, batch: 32, epochs: 1, learningRate: 0.1, fractionalBits: f })
const op = operation("forwardRescale", 1)
const modelIn = (network: Network, values: Float64Array) =>
  modelOf({ data: flowers, network, loss: "squared-error", fractionalBits: f }, values)

describe("range of the fixed-point numbers", () => {
  it("is what the protocol says: sums below 2^21 at 20 fractional bits, and values as the ring encodes them", async () => {
    expect(sumLimit(f)).toBe(2 ** 21)
    expect(rangeText(f)).toContain("sums below 2^21")
    const ring = await Ring.load()
    const encode = (value: number) => () => ring.encode(ring.matrix(1, 1), Float64Array.of(value), f)
    expect(encode(valueLimit(f) * (1 - 2 ** -50))).not.toThrow()
    expect(encode(valueLimit(f))).toThrow(OutOfRange)
  })

  /** Whether a rescale of 1 by a product with these numbers among others is seen to leave the range. */
  const strays = (
    use: "open" | "rescale" | "rescaleRelu" | "rescaleGated",
    word: number,
    factor = 1,
    opened?: number
  ) => {
    let left = false
    const ops = watched(() => {
      left = true
    }, opened)
    const x = floatMatrix({ rows: 1, cols: 3 }, [1, word, -1], 0)
    const gate = floatMatrix({ rows: 1, cols: 3 }, [1, 1, 1], 0)
    runLocally(
      (function* () {
        if (use === "open") yield* ops.open(op, x)
        else if (use === "rescale") yield* ops.rescale(op, x, 21, factor)
        else if (use === "rescaleRelu") yield* ops.rescaleRelu(op, x, 21)
        else yield* ops.rescaleGated(op, x, 21, gate)
      })()
    )
    return left
  }

  it("is left by a word of 2^62 wherever one is opened or rescaled, the factor of the rate included", () => {
    for (const use of ["open", "rescale", "rescaleRelu", "rescaleGated"] as const) {
      expect(strays(use, 2 ** 62 - 2 ** 10)).toBe(false)
      for (const word of [2 ** 62, -(2 ** 62), Number.NaN, Number.POSITIVE_INFINITY])
        expect(strays(use, word)).toBe(true)
    }
    // On ciphertexts an opened value has fewer bits than a word, and only that.
    expect(strays("open", 2 ** 31, 1, 2 ** 31)).toBe(true)
    expect(strays("open", 2 ** 31 - 1, 1, 2 ** 31)).toBe(false)
    expect(strays("rescaleRelu", 2 ** 31, 1, 2 ** 31)).toBe(false)
    expect(strays("rescale", 2 ** 61, 1)).toBe(false)
    expect(strays("rescale", 2 ** 61, 2)).toBe(true)
  })

  it("is left by a model whose weights are those of a training that diverged, and by no ordinary one", () => {
    const next = uniform(3)
    const network = networkOf([2, 8, 3], "identity")
    const model = (magnitude: number) =>
      modelIn(
        network,
        Float64Array.from({ length: modelWords(network) }, () => (2 * next() - 1) * magnitude)
      )
    const plan = planOf(network)
    for (const magnitude of [0, 0.5, 10]) expect(leavesRange(model(magnitude), plan)).toBe(false)
    for (const magnitude of [4e6, 1e12, Number.NaN]) expect(leavesRange(model(magnitude), plan)).toBe(true)
    // Forwards this one would be in range.
    expect(leavesRange(model(500), plan)).toBe(true)
  })

  it("is left by a single weight that no training ends with, as of a unit that nothing activates any more", () => {
    const steep = (weight: number) => {
      const network = networkOf([2, 3], "identity")
      const values = Float64Array.of(weight, 0, 0, 0, 0, 0, 0, 0, 0)
      return leavesRange(modelIn(network, values), planOf(network))
    }
    expect(steep(-(2 ** 19))).toBe(true)
    expect(steep(2 ** 8)).toBe(false)
  })

  it("is left by what trainings end with that have left it, and by no other", async () => {
    for (const loss of ["squared-error", "softmax"] as const)
      for (const momentum of [0, 0.9])
        for (const learningRate of [0.1, 0.3, 30, 300]) {
          const given = example(7, [2, 16, 16, 3], "identity", 32)
          const settings = { network: given.network, rows: 32, batch: 8, epochs: 12, fractionalBits: f }
          const plan = trainingPlan({ ...settings, learningRate, loss, momentum })
          const { weights } = trainFixed(await Ring.load(), given, plan, "run-1")
          const values = Float64Array.from(weights, (word) => Number(BigInt.asIntN(64, word)) / 2 ** f)
          let diverged = false
          trainFloat(
            given,
            plan,
            watched(() => {
              diverged = true
            })
          )
          const left = leavesRange(modelIn(given.network, values), plan)
          expect(left, `${loss}, momentum ${momentum}, rate ${learningRate}`).toBe(diverged)
        }
  })
})
