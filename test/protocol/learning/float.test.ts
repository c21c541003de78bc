import { describe, expect, it } from "vitest"
import { type FloatMatrix, floatOperations, floatValues } from "../../../protocol/learning/float.ts"
import type { Loss } from "../../../protocol/learning/loss.ts"
import { fixedRate, planOfStep, trainingPlan } from "../../../protocol/learning/plan.ts"
import { runLocally } from "../../../protocol/learning/run.ts"
import { atRest, type Layer, predict, trainingStep } from "../../../protocol/learning/step.ts"
import { example, floatBatch, floatLayers } from "./example.ts"
import {
  type NaiveLayer,
  naiveForward,
  naiveLayers,
  naiveLoss,
  naiveMomentumStep,
  naiveStep
} from "./naive.ts"

const networks = [
  { widths: [4, 3], output: "identity" },
  { widths: [5, 7, 3], output: "identity" },
  { widths: [5, 7, 3], output: "relu" },
  { widths: [6, 8, 5, 2], output: "identity" },
  { widths: [6, 8, 5, 2], output: "relu" },
  { widths: [3, 6, 5, 4, 2], output: "relu" },
  { widths: [4, 3], output: "identity", loss: "softmax" },
  { widths: [5, 7, 4], output: "identity", loss: "softmax" },
  { widths: [5, 7, 2], output: "identity", loss: "softmax" },
  { widths: [5, 7, 3], output: "identity", loss: "sigmoid" }
] as const

const planFor = (
  given: ReturnType<typeof example>,
  learningRate: number,
  loss: Loss = "squared-error",
  fractionalBits = 20
) =>
  trainingPlan({
    loss,
    network: given.network,
    rows: given.rows,
    batch: given.rows,
    epochs: 1,
    learningRate,
    fractionalBits
  })

/** Zeros in place of an example's weights. */
const noWeights = ({ weights, biases }: ReturnType<typeof example>) => {
  const zeros = (values: ReadonlyArray<Float64Array>) => values.map(({ length }) => new Float64Array(length))
  return { weights: zeros(weights), biases: zeros(biases) }
}

describe.each(networks)("float64 training step of $widths, $output output", ({ widths, output, ...rest }) => {
  const { loss = "squared-error" }: { readonly loss?: Loss } = rest

  it(`descends along the numerical gradient of the ${loss}`, () => {
    const given = example(11, widths, output, 9)
    const plan = planFor(given, 0.5, loss)
    const f = plan.fractionalBits
    const updated = runLocally(
      trainingStep(floatOperations, plan, floatLayers(given, f), floatBatch(given, f))
    )
    const rate = plan.rate.factor / 2 ** plan.rate.shift
    const layers = naiveLayers(given)

    const slope = (numbers: number[], i: number): number => {
      const epsilon = 1e-6
      const kept = numbers[i]!
      numbers[i] = kept + epsilon
      const above = naiveLoss(given, layers, loss)
      numbers[i] = kept - epsilon
      const below = naiveLoss(given, layers, loss)
      numbers[i] = kept
      return (above - below) / (2 * epsilon)
    }
    updated.forEach((layer, l) => {
      const { weights, bias }: NaiveLayer = layers[l]!
      const cols = bias.length
      floatValues(layer.weights, f).forEach((after, at) => {
        const gradient = (given.weights[l]![at]! - after) / rate
        expect(gradient).toBeCloseTo(slope(weights[Math.floor(at / cols)]!, at % cols), 6)
      })
      floatValues(layer.bias, f).forEach((after, j) => {
        expect((given.biases[l]![j]! - after) / rate).toBeCloseTo(slope(bias, j), 6)
      })
    })
  })

  it("equals the step written by hand, over many steps", () => {
    const given = example(12, widths, output, 8)
    const plan = planFor(given, 0.1, loss)
    const f = plan.fractionalBits
    let layers: ReturnType<typeof floatLayers> = floatLayers(given, f)
    let naive = naiveLayers(given)
    for (let step = 0; step < 25; step++) {
      layers = [...runLocally(trainingStep(floatOperations, plan, layers, floatBatch(given, f)))]
      naive = naiveStep(given, naive, plan.rate.factor / 2 ** plan.rate.shift, loss)
    }
    layers.forEach((layer, l) => {
      const difference = (x: Float64Array, y: number[]) =>
        Math.max(...y.map((value, i) => Math.abs(value - x[i]!)))
      expect(difference(floatValues(layer.weights, f), naive[l]!.weights.flat())).toBeLessThan(1e-12)
      expect(difference(floatValues(layer.bias, f), naive[l]!.bias)).toBeLessThan(1e-12)
    })
  })

  it("equals momentum, weight decay and a schedule written by hand", () => {
    const given = example(12, widths, output, 8)
    const settings = { momentum: 0.9, weightDecay: 0.01, schedule: "cosine" } as const
    const plan = trainingPlan({ ...planFor(given, 0.02, loss), ...settings, epochs: 25 })
    const { momentum, decay } = plan.addends
    const f = plan.fractionalBits
    const zerosLike = (x: FloatMatrix): FloatMatrix => ({ ...x, data: new Float64Array(x.data.length) })
    let layers: ReadonlyArray<Layer<FloatMatrix>> = floatLayers(given, f).map((layer) =>
      atRest(layer, plan, zerosLike)
    )
    let naive = { layers: naiveLayers(given), velocities: naiveLayers({ ...given, ...noWeights(given) }) }
    for (let step = 1; step <= plan.steps; step++) {
      const share = Math.cos((Math.PI * (step - 1)) / 2 / plan.steps) ** 2
      const { rate, addends } = planOfStep(plan, step)
      expect(rate.factor / plan.rate.factor).toBeCloseTo(share, 2)
      layers = runLocally(trainingStep(floatOperations, planOfStep(plan, step), layers, floatBatch(given, f)))
      naive = naiveMomentumStep(given, naive.layers, naive.velocities, {
        rate: rate.factor / 2 ** rate.shift,
        momentum: momentum!.value,
        lost: (decay!.value * addends.decay!.by) / decay!.by,
        loss
      })
    }
    layers.forEach((layer, l) => {
      const difference = (x: Float64Array, y: number[]) =>
        Math.max(...y.map((value, i) => Math.abs(value - x[i]!)))
      expect(difference(floatValues(layer.weights, f), naive.layers[l]!.weights.flat())).toBeLessThan(1e-12)
      expect(difference(floatValues(layer.bias, f), naive.layers[l]!.bias)).toBeLessThan(1e-12)
    })
  })

  it("predicts what the layers by hand put out", () => {
    const given = example(13, widths, output, 6)
    const plan = planFor(given, 0.1)
    const f = plan.fractionalBits
    const predicted = runLocally(
      predict(floatOperations, plan, floatLayers(given, f), floatBatch(given, f).inputs)
    )
    const layers = naiveLayers(given)
    const expected = Array.from(
      { length: given.rows },
      (_, n) =>
        naiveForward(given.network, layers, [
          ...given.features.subarray(n * given.network.inputs, (n + 1) * given.network.inputs)
        ]).after.at(-1)!
    ).flat()
    floatValues(predicted, f).forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i]!, 12)
    })
  })
})

describe("float64 reference", () => {
  it("does not depend on the number of fractional bits, which are exact in doubles", () => {
    const given = example(14, [5, 6, 3], "identity", 7)
    const [at0, at20] = [0, 20].map((f) => {
      const plan = { ...planFor(given, 0.2), fractionalBits: f, rate: fixedRate(0.2, given.rows) }
      const layers = runLocally(
        trainingStep(floatOperations, plan, floatLayers(given, f), floatBatch(given, f))
      )
      return layers.flatMap((layer) => [...floatValues(layer.weights, f), ...floatValues(layer.bias, f)])
    })
    expect(at20).toEqual(at0)
  })

  it("refuses factors that do not fit", () => {
    const ops = floatOperations
    const x = { rows: 2, cols: 3, data: new Float64Array(6) }
    expect(() => ops.product(0 as never, x, x, "plain")).toThrow(/product of 2 × 3 and 2 × 3/)
  })
})
