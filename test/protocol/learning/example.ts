/** Random networks and data for the tests of learning, from a seed, so that a failure repeats. */
import { type FloatMatrix, floatMatrix } from "../../../protocol/learning/float.ts"
import { type Activation, type Network, outputs, width } from "../../../protocol/learning/network.ts"
import type { Batch, Layer } from "../../../protocol/learning/step.ts"

/** Mulberry32: uniform in [0, 1). */
export const uniform = (seed: number) => {
  let state = seed >>> 0
  return (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Widths from the inputs to the outputs. */
export const networkOf = (widths: ReadonlyArray<number>, output: Activation): Network => ({
  inputs: widths[0]!,
  layers: widths.slice(1).map((units, index) => ({
    units,
    activation: index === widths.length - 2 ? output : "relu"
  }))
})

const values = (count: number, next: () => number, magnitude: number): Float64Array =>
  Float64Array.from({ length: count }, () => (2 * next() - 1) * magnitude)

export interface Example {
  readonly network: Network
  /** For each layer, weights then bias, as real numbers, row-major. */
  readonly weights: ReadonlyArray<Float64Array>
  readonly biases: ReadonlyArray<Float64Array>
  /** rows × inputs, in [−1, 1]. */
  readonly features: Float64Array
  /** rows × outputs, one-hot. */
  readonly labels: Float64Array
  readonly rows: number
}

export const example = (
  seed: number,
  widths: ReadonlyArray<number>,
  output: Activation,
  rows: number
): Example => {
  const next = uniform(seed)
  const network = networkOf(widths, output)
  const classes = outputs(network)
  const labels = new Float64Array(rows * classes)
  for (let row = 0; row < rows; row++) labels[row * classes + Math.floor(next() * classes)] = 1
  const layers = network.layers.map((layer, index) => {
    const inputs = width(network, index)
    return {
      weights: values(inputs * layer.units, next, Math.sqrt(6 / inputs)),
      bias: values(layer.units, next, 0.3)
    }
  })
  return {
    network,
    weights: layers.map((layer) => layer.weights),
    biases: layers.map((layer) => layer.bias),
    features: values(rows * network.inputs, next, 1),
    labels,
    rows
  }
}

/** The labels of an example times the weight of their class. */
export const weighted = (given: Example, weights: ReadonlyArray<number>): Example => ({
  ...given,
  labels: given.labels.map((label, i) => label * weights[i % weights.length]!)
})

export const floatLayers = (
  { network, weights, biases }: Example,
  fractionalBits: number
): Layer<FloatMatrix>[] =>
  network.layers.map(({ units }, index) => ({
    weights: floatMatrix({ rows: width(network, index), cols: units }, weights[index]!, fractionalBits),
    bias: floatMatrix({ rows: 1, cols: units }, biases[index]!, fractionalBits)
  }))

/** All rows of the example as one batch; a float matrix in the clear is its own opening. */
export const floatBatch = (
  { network, features, labels, rows }: Example,
  fractionalBits: number
): Batch<FloatMatrix, FloatMatrix, FloatMatrix> => {
  const value = floatMatrix({ rows, cols: outputs(network) }, labels, fractionalBits)
  const opened = network.layers.at(-1)!.activation === "relu"
  return {
    inputs: floatMatrix({ rows, cols: network.inputs }, features, fractionalBits),
    labels: opened ? { opened, value } : { opened, value }
  }
}
