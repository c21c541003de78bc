/**
 * The training step, written once over abstract operations (section 6 of docs/protocol.md). The float64 and fixed-point
 * references, a cloud, the dealer and the cost model all run this file; it fixes which openings share a round. Nothing
 * here sees a value in the clear unless the interpreter works in the clear.
 */
import { type Network, opensLabels } from "./network.ts"
import { type Operations, operation, type Round, together } from "./operations.ts"
import type { ForwardPlan, StepPlan } from "./plan.ts"

export interface Layer<V> {
  /** inputs × units. */
  readonly weights: V
  /** 1 × units, at the scale of a value. */
  readonly bias: V
}

/** Labels of a batch: as they are for an identity output, opened under a mask for a ReLU output. */
export type Labels<V, O> =
  | { readonly opened: false; readonly value: V }
  | { readonly opened: true; readonly value: O }

export interface Batch<V, O> {
  /** batch × features. */
  readonly inputs: O
  /** batch × outputs. */
  readonly labels: Labels<V, O>
}

/** The training matrices as step 0 leaves them: the features opened once for the whole run, and the labels where needed. */
export type OpenedData<V, O> = Batch<V, O>

/** Step 0: opens the features, and for a ReLU output the labels, together. What is opened is consumed. */
export function* openData<V, O, G>(
  ops: Operations<V, O, G>,
  network: Network,
  features: V,
  labels: V
): Round<OpenedData<V, O>> {
  const openFeatures = ops.open(operation("openInput", 0), features, true)
  if (!opensLabels(network)) {
    const [inputs] = yield* together(openFeatures)
    return { inputs, labels: { opened: false, value: labels } }
  }
  const [inputs, opened] = yield* together(
    openFeatures,
    ops.open(operation("openLabels", network.layers.length), labels, true)
  )
  return { inputs, labels: { opened: true, value: opened } }
}

/** The rows of a step: `gather` and `gatherOpened` take the same rows of a matrix and of an opened one. */
export const gatherBatch = <V, O>(
  { inputs, labels }: OpenedData<V, O>,
  gather: (x: V) => V,
  gatherOpened: (x: O) => O
): Batch<V, O> => ({
  inputs: gatherOpened(inputs),
  labels: labels.opened
    ? { opened: true, value: gatherOpened(labels.value) }
    : { opened: false, value: gather(labels.value) }
})

/** What the forward pass leaves for the backward pass. Index l - 1 of each array belongs to layer l. */
interface Forward<V, O, G> {
  /** What layer l was fed: the batch, then the opened activations. */
  readonly fed: ReadonlyArray<O>
  /** Gates of the layers with ReLU. */
  readonly gates: ReadonlyArray<G | undefined>
  readonly output: V
}

/**
 * Forward pass with opened weights. Rounds: five a hidden layer (four of the ReLU, one to open its result), then one for
 * an identity output or four for ReLU.
 */
export function* forward<V, O, G>(
  ops: Operations<V, O, G>,
  plan: ForwardPlan,
  layers: ReadonlyArray<Layer<V>>,
  weights: ReadonlyArray<O>,
  inputs: O
): Round<Forward<V, O, G>> {
  const fed: O[] = [inputs]
  const gates: Array<G | undefined> = []
  for (let l = 1; ; l++) {
    const product = ops.product(operation("forwardProduct", l), fed[l - 1]!, weights[l - 1]!, "plain")
    const z = ops.addBias(product, layers[l - 1]!.bias, plan.fractionalBits)
    const last = l === layers.length
    const op = operation("forwardRescale", l)
    if (last && plan.network.layers[l - 1]!.activation === "identity")
      return { fed, gates: [...gates, undefined], output: yield* ops.rescale(op, z, plan.fractionalBits, 1) }
    const { value, gate } = yield* ops.rescaleRelu(op, z, plan.fractionalBits)
    gates.push(gate)
    if (last) return { fed, gates, output: value }
    fed.push(yield* ops.open(operation("openActivation", l), value))
  }
}

/** Opens the weights of all layers in one round. */
function* openWeights<V, O, G>(
  ops: Operations<V, O, G>,
  layers: ReadonlyArray<Layer<V>>
): Round<ReadonlyArray<O>> {
  return yield* together(
    ...layers.map((layer, index) => ops.open(operation("openWeights", index + 1), layer.weights))
  )
}

/** δ_L = H_L − Y, times the gate where the output is ReLU. Local. */
const outputDelta = <V, O, G>(
  ops: Operations<V, O, G>,
  { output, gates }: Forward<V, O, G>,
  labels: Labels<V, O>
): V => {
  if (!labels.opened) return ops.subtract(output, labels.value)
  const last = gates.length
  return ops.gatedDifference(operation("openDelta", last), output, labels.value, gates[last - 1]!)
}

/**
 * One step of gradient descent on a batch; returns the new layers. Rounds with an identity output: 4 for one layer, 11
 * for two, 18 for three, 7 more for each further one; three more with a ReLU output.
 */
export function* trainingStep<V, O, G>(
  ops: Operations<V, O, G>,
  plan: StepPlan,
  layers: ReadonlyArray<Layer<V>>,
  batch: Batch<V, O>
): Round<ReadonlyArray<Layer<V>>> {
  const { fractionalBits, rate } = plan
  const weights = yield* openWeights(ops, layers)
  const pass = yield* forward(ops, plan, layers, weights, batch.inputs)
  const updated: Array<Layer<V>> = []

  let delta = outputDelta(ops, pass, batch.labels)
  for (let l = layers.length; l >= 1; l--) {
    const opened = yield* ops.open(operation("openDelta", l), delta)
    const gradient = ops.product(operation("gradientProduct", l), pass.fed[l - 1]!, opened, "leftTransposed")
    // The gradient of the weights carries 2f fractional bits, that of the bias f.
    const weightUpdate = ops.rescale(
      operation("weightUpdate", l),
      gradient,
      fractionalBits + rate.shift,
      rate.factor
    )
    const biasUpdate = ops.rescale(operation("biasUpdate", l), ops.columnSums(delta), rate.shift, rate.factor)
    const { weights: oldWeights, bias: oldBias } = layers[l - 1]!
    const settle = (change: V, biasChange: V): void => {
      updated.unshift({ weights: ops.subtract(oldWeights, change), bias: ops.subtract(oldBias, biasChange) })
    }
    if (l === 1) {
      const [change, biasChange] = yield* together(weightUpdate, biasUpdate)
      settle(change, biasChange)
    } else {
      const back = ops.product(operation("backwardProduct", l), opened, weights[l - 1]!, "rightTransposed")
      const backward = ops.rescaleGated(
        operation("backwardRescale", l - 1),
        back,
        fractionalBits,
        pass.gates[l - 2]!
      )
      const [next, change, biasChange] = yield* together(backward, weightUpdate, biasUpdate)
      settle(change, biasChange)
      delta = next
    }
  }
  return updated
}

/** Output of the network for rows that have not been opened yet: weights and rows are opened in the same round. */
export function* predict<V, O, G>(
  ops: Operations<V, O, G>,
  plan: ForwardPlan,
  layers: ReadonlyArray<Layer<V>>,
  features: V
): Round<V> {
  const [inputs, weights] = yield* together(
    ops.open(operation("openInput", 0), features),
    openWeights(ops, layers)
  )
  const { output } = yield* forward(ops, plan, layers, weights, inputs)
  return output
}
