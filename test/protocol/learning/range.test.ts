import { describe, expect, it } from "vitest"
import { floatMatrix } from "../../../protocol/learning/float.ts"
import { modelOf, modelWords } from "../../../protocol/learning/model.ts"
import { operation } from "../../../protocol/learning/operations.ts"
import { leavesRange, rangeText, sumLimit, valueLimit, watched } from "../../../protocol/learning/range.ts"
import { runLocally } from "../../../protocol/learning/run.ts"
import { OutOfRange, Ring } from "../../../protocol/ring/ring.ts"
import { flowers } from "../data/description.ts"
import { networkOf, uniform } from "./example.ts"

const f = 20
const op = operation("forwardRescale", 1)

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
  const strays = (use: "open" | "rescale" | "rescaleRelu" | "rescaleGated", word: number, factor = 1) => {
    let left = false
    const ops = watched(() => {
      left = true
    })
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
    expect(strays("rescale", 2 ** 61, 1)).toBe(false)
    expect(strays("rescale", 2 ** 61, 2)).toBe(true)
  })

  it("is left by a model whose weights are those of a training that diverged, and by no ordinary one", () => {
    const next = uniform(3)
    const network = networkOf([2, 8, 3], "identity")
    const model = (magnitude: number) =>
      modelOf(
        flowers,
        network,
        Float64Array.from({ length: modelWords(network) }, () => (2 * next() - 1) * magnitude)
      )
    for (const magnitude of [0, 0.5, 10, 100]) expect(leavesRange(model(magnitude), f)).toBe(false)
    for (const magnitude of [4e6, 1e12, Number.NaN]) expect(leavesRange(model(magnitude), f)).toBe(true)
    // One column at which rows are rarely large is not most of them.
    const steep = modelOf(
      flowers,
      networkOf([2, 3], "identity"),
      Float64Array.of(2.2e6, 0, 0, 0, 0, 0, 0, 0, 0)
    )
    expect(leavesRange(steep, f)).toBe(false)
  })
})
