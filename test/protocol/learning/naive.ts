/** The slow readable twin of the training step: gradient descent by hand, on arrays of arrays. */
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

/** Σ over rows and outputs of ½(f − y)². */
export const naiveLoss = (example: Example, layers: ReadonlyArray<NaiveLayer>): number => {
  const classes = example.network.layers.at(-1)!.units
  const labels = rowsOf(example.labels, classes)
  return rowsOf(example.features, example.network.inputs).reduce((loss, row, n) => {
    const output = naiveForward(example.network, layers, row).after.at(-1)!
    return loss + output.reduce((sum, f, j) => sum + (f - labels[n]![j]!) ** 2 / 2, 0)
  }, 0)
}

/** One step with all rows of the example as the batch; `rate` multiplies the summed gradient. */
export const naiveStep = (
  example: Example,
  layers: ReadonlyArray<NaiveLayer>,
  rate: number
): NaiveLayer[] => {
  const { network } = example
  const labels = rowsOf(example.labels, network.layers.at(-1)!.units)
  const next = layers.map(({ weights, bias }) => ({
    weights: weights.map((row) => [...row]),
    bias: [...bias]
  }))
  rowsOf(example.features, network.inputs).forEach((row, n) => {
    const { before, after } = naiveForward(network, layers, row)
    let delta = after.at(-1)!.map((f, j) => f - labels[n]![j]!)
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
