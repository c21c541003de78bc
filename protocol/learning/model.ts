/**
 * The trained model as its owners get it: the network, its weights as real numbers, and the public description of the
 * data (ranges, scaling, labels), which is all it takes to predict. On its way it is one run of fixed-point words, for
 * each layer the weights row by row and then the bias.
 */
import type { DataDescription } from "../data/encoding.ts"
import { floatMatrix, floatOperations, floatValues } from "./float.ts"
import { biasShape, type Network, outputs, weightShape } from "./network.ts"
import type { Shape } from "./operations.ts"
import { runLocally } from "./run.ts"
import { predict } from "./step.ts"

export interface ModelLayer {
  /** inputs × units. */
  readonly weights: ReadonlyArray<ReadonlyArray<number>>
  /** One number a unit. */
  readonly bias: ReadonlyArray<number>
}

export interface Model {
  readonly format: "bicameral model"
  readonly version: 2
  readonly data: DataDescription
  readonly network: Network
  readonly layers: ReadonlyArray<ModelLayer>
}

const size = ({ rows, cols }: Shape): number => rows * cols

/** The matrices of a model in the order of its words. */
export const modelShapes = (network: Network): ReadonlyArray<Shape> =>
  network.layers.flatMap((_, i) => [weightShape(network, i + 1), biasShape(network, i + 1)])

/** How many words a model has. */
export const modelWords = (network: Network): number =>
  modelShapes(network).reduce((sum, shape) => sum + size(shape), 0)

/** The model of these real numbers, given in the order of its words. */
export const modelOf = (data: DataDescription, network: Network, values: Float64Array): Model => {
  let at = 0
  const take = ({ rows, cols }: Shape) =>
    Array.from({ length: rows }, () => {
      at += cols
      return Array.from(values.subarray(at - cols, at))
    })
  const layers = network.layers.map((_, i) => {
    const weights = take(weightShape(network, i + 1))
    return { weights, bias: take(biasShape(network, i + 1))[0]! }
  })
  return { format: "bicameral model", version: 2, data, network, layers }
}

/** The model's numbers in the order of its words; the reverse of `modelOf`. */
export const modelValues = (model: Model): Float64Array =>
  Float64Array.from(model.layers.flatMap(({ weights, bias }) => [...weights.flat(), ...bias]))

/**
 * The class of each row: the index of the greatest output. `features` is rows × inputs, scaled as the model's data
 * description says, row-major. Computed in float64.
 */
export const classify = (model: Model, features: Float64Array): Uint32Array => {
  const { network } = model
  const rows = features.length / network.inputs
  const layers = model.layers.map(({ weights, bias }, i) => ({
    weights: floatMatrix(weightShape(network, i + 1), weights.flat(), 0),
    bias: floatMatrix(biasShape(network, i + 1), bias, 0)
  }))
  const plan = { network, fractionalBits: 0, rate: { factor: 1, shift: 1, relativeError: 0 } }
  const inputs = floatMatrix({ rows, cols: network.inputs }, features, 0)
  const scores = floatValues(runLocally(predict(floatOperations, plan, layers, inputs)), 0)
  return greatestOfEachRow(scores, outputs(network))
}

/** Index of the greatest entry of each row; the first where several are. */
export const greatestOfEachRow = (values: Float64Array, cols: number): Uint32Array =>
  Uint32Array.from({ length: values.length / cols }, (_, row) => {
    const scores = values.subarray(row * cols, (row + 1) * cols)
    return scores.indexOf(Math.max(...scores))
  })
