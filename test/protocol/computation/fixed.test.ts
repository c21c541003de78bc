import fc from "fast-check"
import { beforeAll, describe, expect, it } from "vitest"
import { fixedOperations } from "../../../protocol/computation/fixed.ts"
import { floatOperations, floatValues } from "../../../protocol/learning/float.ts"
import { operation } from "../../../protocol/learning/operations.ts"
import { trainingPlan } from "../../../protocol/learning/plan.ts"
import { runLocally } from "../../../protocol/learning/run.ts"
import { trainingStep } from "../../../protocol/learning/step.ts"
import { type Matrix, Ring } from "../../../protocol/ring/ring.ts"
import { example, floatBatch, floatLayers } from "../learning/example.ts"
import { trainFixed, wordsOf } from "../learning/secure.ts"

let ring: Ring
beforeAll(async () => {
  ring = await Ring.load()
})

const signed = (word: bigint): bigint => BigInt.asIntN(64, word)
const op = operation("forwardRescale", 1)

describe("fixed-point rescale", () => {
  const magnitude = fc.bigInt({ min: -(2n ** 62n) + 1n, max: 2n ** 62n - 1n })
  const rescaled = (x: bigint, shift: number, factor: number, r?: bigint): bigint => {
    const mark = ring.mark()
    const matrix = ring.matrix(1, 1)
    ring.words(matrix)[0] = x
    const drawn = (): Matrix => {
      const rounding = ring.matrix(1, 1)
      ring.words(rounding)[0] = r!
      return rounding
    }
    const ops = fixedOperations(
      ring,
      r === undefined
        ? undefined
        : {
            ...{ maskDifference: drawn, rounding: drawn, leadingRounding: drawn },
            ...{ leadingPart: drawn, masks: drawn, leadingMask: drawn }
          }
    )
    const y = signed(ring.words(runLocally(ops.rescale(op, matrix, shift, factor)))[0]!)
    ring.release(mark)
    return y
  }

  it("rounds to the nearest, halves up, where no rounding is dealt", () => {
    fc.assert(
      fc.property(magnitude, fc.integer({ min: 1, max: 61 }), (x, shift) => {
        expect(rescaled(x, shift, 1)).toBe((x + 2n ** BigInt(shift - 1)) >> BigInt(shift))
      })
    )
  })

  it("with dealt rounding r is ⌊(x + 2^62 + r)/2^s⌋ − 2^(62−s) − ⌊r/2^s⌋ over the integers", () => {
    fc.assert(
      fc.property(
        magnitude,
        fc.integer({ min: 1, max: 61 }),
        fc.bigInt(0n, 2n ** 64n - 1n),
        (x, shift, r) => {
          const s = BigInt(shift)
          const expected = ((x + 2n ** 62n + r) >> s) - 2n ** (62n - s) - (r >> s)
          expect(rescaled(x, shift, 1, r)).toBe(expected)
          expect([x >> s, (x >> s) + 1n]).toContain(expected)
        }
      )
    )
  })

  it("multiplies by the factor before it divides", () => {
    expect(rescaled(-1000n, 3, 819)).toBe(-102375n)
  })
})

describe("fixed-point reference", () => {
  it.each([
    { widths: [6, 9, 3], output: "identity", loss: "squared-error", bits: 14 },
    { widths: [6, 9, 3], output: "relu", loss: "squared-error", bits: 14 },
    { widths: [7, 9, 6, 2], output: "identity", loss: "squared-error", bits: 14 },
    { widths: [6, 9, 3], output: "identity", loss: "softmax", bits: 11 },
    { widths: [6, 9, 2], output: "identity", loss: "softmax", bits: 11 }
  ] as const)(
    "stays within 2^-$bits of float64 over 24 steps of $widths, $output output, $loss",
    ({ widths, output, loss, bits }) => {
      for (const seed of [51, 52, 53]) {
        const given = example(seed, widths, output, 8)
        const plan = trainingPlan({
          network: given.network,
          rows: 8,
          batch: 8,
          epochs: 24,
          learningRate: 0.1,
          fractionalBits: 20,
          loss
        })
        let layers: ReturnType<typeof floatLayers> = floatLayers(given, 20)
        for (let step = 1; step <= plan.steps; step++)
          layers = [...runLocally(trainingStep(floatOperations, plan, layers, floatBatch(given, 20)))]
        const float = layers.flatMap(({ weights, bias }) => [
          ...floatValues(weights, 20),
          ...floatValues(bias, 20)
        ])
        for (const run of [undefined, "run-1"]) {
          const { weights } = trainFixed(ring, given, plan, run)
          const deviation = weights.map((word, i) => Math.abs(Number(signed(word)) / 2 ** 20 - float[i]!))
          expect(Math.max(...deviation)).toBeLessThan(2 ** -bits)
        }
      }
    }
  )

  it("replays the rounding of one run, which another run does not share", () => {
    const given = example(54, [6, 9, 3], "identity", 16)
    const plan = trainingPlan({
      network: given.network,
      rows: 16,
      batch: 8,
      epochs: 3,
      learningRate: 0.1,
      fractionalBits: 20
    })
    const { weights } = trainFixed(ring, given, plan, "run-1")
    expect(trainFixed(ring, given, plan, "run-1").weights).toEqual(weights)
    expect(trainFixed(ring, given, plan, "run-2").weights).not.toEqual(weights)
    expect(trainFixed(ring, given, plan).weights).not.toEqual(weights)
  })

  it("leaves the layers it was given as they were", () => {
    const given = example(55, [3, 4, 2], "identity", 4)
    const plan = trainingPlan({
      network: given.network,
      rows: 4,
      batch: 4,
      epochs: 1,
      learningRate: 0.1,
      fractionalBits: 20
    })
    const encode = (values: Float64Array, cols: number) => {
      const x = ring.matrix(values.length / cols, cols)
      ring.encode(x, values, 20)
      return x
    }
    const layers = given.network.layers.map(({ units }, l) => ({
      weights: encode(given.weights[l]!, units),
      bias: encode(given.biases[l]!, units)
    }))
    const before = wordsOf(ring, layers)
    const batch = {
      inputs: encode(given.features, 3),
      labels: { opened: false, value: encode(given.labels, 2) } as const
    }
    const after = runLocally(trainingStep(fixedOperations(ring), plan, layers, batch))
    expect(wordsOf(ring, layers)).toEqual(before)
    expect(wordsOf(ring, after)).not.toEqual(before)
  })
})
