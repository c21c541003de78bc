/**
 * The trained model as its owners get it: the network, its weights as real numbers, and the whole preparation of
 * the data (ranges, means, categories, labels), which suffices to predict. It travels as one run of
 * fixed-point words: for each layer the weights row by row, then the bias.
 */
import type { Prepared } from "../data/description.ts"
import { type FloatMatrix, floatMatrix, floatOperations, floatValues } from "./float.ts"
import type { Loss } from "./loss.ts"
import { biasShape, type Network, outputs, weightShape } from "./network.ts"
import type { Shape } from "./operations.ts"
import { runLocally } from "./run.ts"
import { type Layer, predict } from "./step.ts"

export interface ModelLayer {
  /** inputs × units. */
  readonly weights: ReadonlyArray<ReadonlyArray<number>>
  /** One number a unit. */
  readonly bias: ReadonlyArray<number>
}

/** Of what a file of a model holds. */
export const modelVersion = 4

export interface Model {
  readonly format: "bicameral model"
  readonly version: typeof modelVersion
  /** With what it takes to make a row of features of a row of a file. */
  readonly data: Prepared
  readonly network: Network
  /** What it was trained with: of a cross-entropy the outputs are logits. */
  readonly loss: Loss
  /** Of the numbers that it was trained in. */
  readonly fractionalBits: number
  readonly layers: ReadonlyArray<ModelLayer>
}

const size = ({ rows, cols }: Shape): number => rows * cols

/** The matrices of a model in the order of its words. */
const modelShapes = (network: Network): ReadonlyArray<Shape> =>
  network.layers.flatMap((_, i) => [weightShape(network, i + 1), biasShape(network, i + 1)])

/** How many words a model has. */
export const modelWords = (network: Network): number =>
  modelShapes(network).reduce((sum, shape) => sum + size(shape), 0)

/** What a model is beside its numbers. */
export type Trained = Pick<Model, "data" | "network" | "loss" | "fractionalBits">

/** What a model is beside its numbers, as a file: with it, who asks for predictions prepares rows. */
export interface Preparation extends Trained {
  readonly format: "bicameral preparation"
  readonly version: typeof modelVersion
}

/** The model of these real numbers, given in the order of its words. */
export const modelOf = ({ data, network, loss, fractionalBits }: Trained, values: Float64Array): Model => {
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
  return { format: "bicameral model", version: modelVersion, data, network, loss, fractionalBits, layers }
}

/** The model's numbers in the order of its words; the reverse of `modelOf`. */
export const modelValues = (model: Model): Float64Array =>
  Float64Array.from(model.layers.flatMap(({ weights, bias }) => [...weights.flat(), ...bias]))

/** Stands for the class of a row that has none: one of its outputs is not a finite number. */
export const noClass = 2 ** 32 - 1

/**
 * Rows whose outputs are computed together: their intermediate values are small next to the rows themselves.
 */
export const rowsAtATime = 1024

/**
 * The outputs of the network for each row, rows × outputs, computed in float64. `features` is rows × inputs,
 * scaled as the model's data description says, row-major.
 */
export const scores = (model: Model, features: Float64Array): Float64Array => {
  const { network } = model
  const { inputs } = network
  const layers = floatLayers(model, 0)
  const plan = { network, fractionalBits: 0 }
  const rows = features.length / inputs
  const found = new Float64Array(rows * outputs(network))
  for (let first = 0; first < rows; first += rowsAtATime) {
    const some = features.subarray(first * inputs, (first + rowsAtATime) * inputs)
    const x = floatMatrix({ rows: some.length / inputs, cols: inputs }, some, 0)
    const values = floatValues(runLocally(predict(floatOperations, plan, layers, x)), 0)
    found.set(values, first * outputs(network))
  }
  return found
}

/** The layers of a model for computing in float64, on matrices of scale f. */
export const floatLayers = (
  { network, layers }: Model,
  fractionalBits: number
): ReadonlyArray<Layer<FloatMatrix>> =>
  layers.map(({ weights, bias }, i) => ({
    weights: floatMatrix(weightShape(network, i + 1), weights.flat(), fractionalBits),
    bias: floatMatrix(biasShape(network, i + 1), bias, fractionalBits)
  }))

/** The class of each row: the index of the greatest of its `scores`, or `noClass`. */
export const classify = (model: Model, features: Float64Array): Uint32Array =>
  greatestOfEachRow(scores(model, features), outputs(model.network))

/**
 * Index of the greatest entry of each row, the first where several are; `noClass` where an entry is not
 * finite.
 */
export const greatestOfEachRow = (values: Float64Array, cols: number): Uint32Array =>
  Uint32Array.from({ length: values.length / cols }, (_, row) => {
    const scores = values.subarray(row * cols, (row + 1) * cols)
    let greatest = 0
    for (let i = 0; i < cols; i++) {
      if (!Number.isFinite(scores[i])) return noClass
      if (scores[i]! > scores[greatest]!) greatest = i
    }
    return greatest
  })

/**
 * How many of the rows the model puts into the class of their labels, one-hot; a row without a class is not
 * among them.
 */
export const countCorrect = (model: Model, features: Float64Array, labels: Float64Array): number => {
  const expected = greatestOfEachRow(labels, outputs(model.network))
  return classify(model, features).filter((found, row) => found !== noClass && found === expected[row]).length
}
