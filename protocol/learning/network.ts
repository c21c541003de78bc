/**
 * The shape of a network: dense layers, ReLU on the hidden ones, identity or ReLU on the last. Public: every
 * party knows it. Layers count from 1 as in the formulas, so `layers[l - 1]` is layer l; layer 0 is the data.
 */
import { Data } from "effect"
import type { Shape } from "./operations.ts"

export type Activation = "relu" | "identity"

export interface DenseLayer {
  readonly units: number
  readonly activation: Activation
}

export interface Network {
  /** Features of a row. */
  readonly inputs: number
  readonly layers: ReadonlyArray<DenseLayer>
  /** Variance of a first weight times the inputs of its layer; `defaultInitialVariance` by default. */
  readonly initialVariance?: number
}

/** He's, which keeps the variance of activations from layer to layer with ReLU. */
export const defaultInitialVariance = 2

/**
 * A network or training plan that cannot be run. `field` is the path below the plan,
 * `network.layers[0].units` for one.
 */
export class InvalidPlan extends Data.TaggedError("InvalidPlan")<{
  readonly field: string
  readonly reason: string
  readonly remedy: string
}> {
  readonly retryable = false
  override get message(): string {
    return `${this.field}: ${this.reason}; ${this.remedy}`
  }
}

/** Layers beyond this have no operation number (`operation` in operations.ts). */
const maximumLayers = 4095
/** Keeps a weight matrix of two such layers addressable; far above what dense layers are used for. */
const maximumUnits = 1 << 16

/** Throws `InvalidPlan` naming the field unless `value` is an integer in [1, limit]. */
export const requireCount = (field: string, value: number, limit: number): void => {
  if (Number.isSafeInteger(value) && value >= 1 && value <= limit) return
  throw new InvalidPlan({
    field,
    reason: `${value} is not a whole number from 1 to ${limit}`,
    remedy: "give a whole number in that range"
  })
}

/** Throws `InvalidPlan` for a network with no layers, a bad width, or a hidden layer without ReLU. */
export const validateNetwork = (network: Network): void => {
  requireCount("network.inputs", network.inputs, maximumUnits)
  if (network.layers.length < 1 || network.layers.length > maximumLayers)
    throw new InvalidPlan({
      field: "network.layers",
      reason: `there are ${network.layers.length} layers`,
      remedy: `list from 1 to ${maximumLayers} layers, the output layer last`
    })
  const { initialVariance = defaultInitialVariance } = network
  if (!(initialVariance > 0 && initialVariance <= 16))
    throw new InvalidPlan({
      field: "network.initialVariance",
      reason: `${initialVariance} is not a number above 0 and up to 16`,
      remedy: "use 2, or less where a high rate diverges"
    })
  network.layers.forEach((layer, index) => {
    const field = `network.layers[${index}]`
    requireCount(`${field}.units`, layer.units, maximumUnits)
    const last = index === network.layers.length - 1
    if (layer.activation === "relu" || (last && layer.activation === "identity")) return
    throw new InvalidPlan({
      field: `${field}.activation`,
      reason: `"${layer.activation}" cannot be used ${last ? "on the output layer" : "on a hidden layer"}`,
      remedy: last ? 'use "identity" or "relu"' : 'use "relu"'
    })
  })
}

/** Width of layer l; layer 0 is the data. */
export const width = (network: Network, layer: number): number =>
  layer === 0 ? network.inputs : network.layers[layer - 1]!.units

/** Width of the last layer: the columns of the labels and of a prediction. */
export const outputs = (network: Network): number => width(network, network.layers.length)

/** Weights of layer l: inputs × units. */
export const weightShape = (network: Network, layer: number): Shape => ({
  rows: width(network, layer - 1),
  cols: width(network, layer)
})

/** Bias of layer l: one row. */
export const biasShape = (network: Network, layer: number): Shape => ({
  rows: 1,
  cols: width(network, layer)
})

/** Whether labels are opened under a mask once a run, which a ReLU output needs (`gatedDifference`). */
export const opensLabels = (network: Network): boolean =>
  network.layers[network.layers.length - 1]!.activation === "relu"
