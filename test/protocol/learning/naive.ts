/** The slow readable twin of the training step: gradient descent by hand, on arrays of arrays. */
import type { Loss } from "../../../protocol/learning/loss.ts"
import type { Network } from "../../../protocol/learning/network.ts"
import type { Example } from "./example.ts"

type Rows = number[][]

export interface NaiveLayer {
  readonly weights: Rows
  readonly bias: number[]
}

const rowsOf = (values: Float64Array, cols: number): Rows =>
  Array.from({ length: values.length / cols }, (_, i) => [...values.subarray(i * cols, (i + 1) * cols)])

export const naiveLayers = ({ network, weights, biases }: Example): NaiveLayer[] =>
  network.layers.map(({ units }, l) => ({ weights: rowsOf(weights[l]!, units), bias: [...biases[l]!] }))

/** What every layer puts out for one row, and its values before the ReLU. */
export const naiveForward = (network: Network, layers: ReadonlyArray<NaiveLayer>, row: number[]) => {
  const before: number[][] = []
  const after: number[][] = [row]
  layers.forEach(({ weights, bias }, l) => {
    const z = bias.map((b, j) => b + weights.reduce((sum, w, i) => sum + after[l]![i]! * w[j]!, 0))
    before.push(z)
    after.push(network.layers[l]!.activation === "relu" ? z.map((value) => Math.max(value, 0)) : z)
  })
  return { before, after }
}

/** What a loss compares with the labels. */
const comparedBy = (loss: Loss, outputs: number[]): number[] => {
  if (loss === "squared-error") return outputs
  if (loss === "sigmoid") return outputs.map((z) => 1 / (1 + Math.exp(-z)))
  const sum = outputs.reduce((total, z) => total + Math.exp(z), 0)
  return outputs.map((z) => Math.exp(z) / sum)
}

const lossOf = (loss: Loss, found: number, label: number): number =>
  loss === "squared-error"
    ? (found - label) ** 2 / 2
    : -label * Math.log(found) - (loss === "sigmoid" ? (1 - label) * Math.log(1 - found) : 0)

/** The loss over rows and outputs. */
export const naiveLoss = (
  example: Example,
  layers: ReadonlyArray<NaiveLayer>,
  loss: Loss = "squared-error"
): number => {
  const classes = example.network.layers.at(-1)!.units
  const labels = rowsOf(example.labels, classes)
  return rowsOf(example.features, example.network.inputs).reduce((total, row, n) => {
    const found = comparedBy(loss, naiveForward(example.network, layers, row).after.at(-1)!)
    return total + found.reduce((sum, value, j) => sum + lossOf(loss, value, labels[n]![j]!), 0)
  }, 0)
}

/** A step of heavy-ball momentum with an L2 penalty on the weights, written as the textbooks do. */
export const naiveMomentumStep = (
  example: Example,
  layers: ReadonlyArray<NaiveLayer>,
  velocities: ReadonlyArray<NaiveLayer>,
  by: { readonly rate: number; readonly momentum: number; readonly lost: number; readonly loss?: Loss }
) => {
  const stepped = naiveStep(example, layers, by.rate, by.loss)
  const next = (w: number, after: number, v: number, lost: number): number =>
    by.momentum * v + (w - after) + lost * w
  const moved = layers.map(({ weights, bias }, l) => ({
    weights: weights.map((row, i) =>
      row.map((w, j) => next(w, stepped[l]!.weights[i]![j]!, velocities[l]!.weights[i]![j]!, by.lost))
    ),
    bias: bias.map((b, j) => next(b, stepped[l]!.bias[j]!, velocities[l]!.bias[j]!, 0))
  }))
  return {
    velocities: moved,
    layers: layers.map(({ weights, bias }, l) => ({
      weights: weights.map((row, i) => row.map((w, j) => w - moved[l]!.weights[i]![j]!)),
      bias: bias.map((b, j) => b - moved[l]!.bias[j]!)
    }))
  }
}

/** One step with all rows of the example as the batch; `rate` multiplies the summed gradient. */
export const naiveStep = (
  example: Example,
  layers: ReadonlyArray<NaiveLayer>,
  rate: number,
  loss: Loss = "squared-error"
): NaiveLayer[] => {
  const { network } = example
  const labels = rowsOf(example.labels, network.layers.at(-1)!.units)
  const next = layers.map(({ weights, bias }) => ({
    weights: weights.map((row) => [...row]),
    bias: [...bias]
  }))
  rowsOf(example.features, network.inputs).forEach((row, n) => {
    const { before, after } = naiveForward(network, layers, row)
    let delta = comparedBy(loss, after.at(-1)!).map((f, j) => f - labels[n]![j]!)
    for (let l = layers.length - 1; l >= 0; l--) {
      if (network.layers[l]!.activation === "relu") delta = delta.map((d, j) => (before[l]![j]! >= 0 ? d : 0))
      for (let j = 0; j < delta.length; j++) {
        next[l]!.bias[j]! -= rate * delta[j]!
        for (let i = 0; i < after[l]!.length; i++)
          next[l]!.weights[i]![j]! -= rate * after[l]![i]! * delta[j]!
      }
      delta = layers[l]!.weights.map((w) => w.reduce((sum, value, j) => sum + value * delta[j]!, 0))
    }
  })
  return next
}
