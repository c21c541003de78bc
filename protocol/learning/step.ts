/**
 * The training step, written once over abstract operations (section 6 of docs/concepts/protocol.md). The float64 and
 * fixed-point references, a cloud, the dealer and the cost model all run this file; it fixes which openings
 * share a round. Nothing here sees a value in the clear unless the interpreter works in the clear.
 */
import { type Loss, probabilities } from "./loss.ts"
import { opensLabels, outputs } from "./network.ts"
import { type Added, type Operations, operation, type Round, together } from "./operations.ts"
import { type ForwardPlan, type StepPlan, type TrainingPlan, updateShift } from "./plan.ts"
import { productBits } from "./scales.ts"

export interface Layer<V> {
  /** inputs × units. */
  readonly weights: V
  /** 1 × units, at the scale of a value. */
  readonly bias: V
  /** With momentum: what the last update has subtracted from both; zeros before the first. */
  readonly velocity?: Velocity<V>
}

/** Of the shapes of the weights and of the bias. */
export interface Velocity<V> {
  readonly weights: V
  readonly bias: V
}

/** A layer before the first update: with momentum, its velocity is of zeros. */
export const atRest = <V>(
  layer: Velocity<V>,
  { addends }: Pick<StepPlan, "addends">,
  zerosLike: (x: V) => V
): Layer<V> =>
  addends.momentum === undefined
    ? layer
    : { ...layer, velocity: { weights: zerosLike(layer.weights), bias: zerosLike(layer.bias) } }

/** Labels of a batch: as they are for an identity output, opened under a mask for a ReLU output. */
export type Labels<V, L> =
  | { readonly opened: false; readonly value: V }
  | { readonly opened: true; readonly value: L }

export interface Batch<V, O, L> {
  /** batch × features. */
  readonly inputs: O
  /** batch × outputs; with row weights, each row times its weight. */
  readonly labels: Labels<V, L>
  /** batch × 1. Without them all rows weigh the same. */
  readonly rowWeights?: O
}

/**
 * The training matrices as step 0 leaves them: the features opened once for the whole run, and the labels or the
 * weights of rows where needed.
 */
export type OpenedData<V, O, L> = Batch<V, O, L>

/**
 * Step 0: opens the features, which are consumed, and together with them the labels for a ReLU output, or the weights of
 * rows. A row of labels of classes is its weight where the class is, else 0, so its sum is the weight.
 */
export function* openData<V, O, G, L>(
  ops: Operations<V, O, G, L>,
  { network, rowWeights }: Pick<TrainingPlan, "network" | "rowWeights">,
  features: V,
  labels: V
): Round<OpenedData<V, O, L>> {
  const openFeatures = ops.open(operation("openInput", 0), features, true)
  if (rowWeights !== undefined) {
    const sums = ops.rowSums(labels)
    const [inputs, opened] = yield* together(
      openFeatures,
      ops.open(operation("openRowWeights", 0), sums, true)
    )
    return { inputs, labels: { opened: false, value: labels }, rowWeights: opened }
  }
  if (!opensLabels(network)) {
    const [inputs] = yield* together(openFeatures)
    return { inputs, labels: { opened: false, value: labels } }
  }
  const [inputs, opened] = yield* together(
    openFeatures,
    ops.openLabels(operation("openLabels", network.layers.length), labels)
  )
  return { inputs, labels: { opened: true, value: opened } }
}

/** How the same rows of each kind of matrix are taken. */
export interface Gather<V, O, L> {
  readonly value: (x: V) => V
  readonly opened: (x: O) => O
  readonly labels: (x: L) => L
}

/** The rows of a step. */
export const gatherBatch = <V, O, L>(
  { inputs, labels, rowWeights }: OpenedData<V, O, L>,
  gather: Gather<V, O, L>
): Batch<V, O, L> => ({
  inputs: gather.opened(inputs),
  ...(rowWeights !== undefined && { rowWeights: gather.opened(rowWeights) }),
  labels: labels.opened
    ? { opened: true, value: gather.labels(labels.value) }
    : { opened: false, value: gather.value(labels.value) }
})

/** By how many bits a product is rescaled to a value. */
export const toValue = ({ fractionalBits }: ForwardPlan): number =>
  productBits(fractionalBits) - fractionalBits

/** What the hidden layers make of the inputs. Index l - 1 of each array belongs to layer l. */
interface Hidden<V, O, G> {
  /** The input of layer l: the batch, then the opened activations. */
  readonly fed: ReadonlyArray<O>
  /** Gates of the hidden layers. */
  readonly gates: ReadonlyArray<G | undefined>
  /** The sums of the last layer, which are not rescaled yet. */
  readonly sums: V
}

/** What the forward pass keeps for the backward pass; `gates` of all layers with ReLU. */
interface Forward<V, O, G> extends Pick<Hidden<V, O, G>, "fed" | "gates"> {
  /** What the labels are compared with: the output of the last layer, or the probabilities of a cross-entropy. */
  readonly output: V
}

/** The hidden layers, with opened weights. Rounds: five a layer, four of the ReLU and one to open its result. */
export function* hiddenLayers<V, O, G, L>(
  ops: Operations<V, O, G, L>,
  plan: ForwardPlan,
  layers: ReadonlyArray<Pick<Layer<V>, "bias">>,
  weights: ReadonlyArray<O>,
  inputs: O
): Round<Hidden<V, O, G>> {
  const fed: O[] = [inputs]
  const gates: Array<G | undefined> = []
  for (let l = 1; ; l++) {
    const product = ops.product(operation("forwardProduct", l), fed[l - 1]!, weights[l - 1]!, "plain")
    const sums = ops.addBias(product, layers[l - 1]!.bias, toValue(plan))
    if (l === layers.length) return { fed, gates, sums }
    const { value, gate } = yield* ops.rescaleRelu(operation("forwardRescale", l), sums, toValue(plan))
    gates.push(gate)
    fed.push(yield* ops.open(operation("openActivation", l), value))
  }
}

/**
 * Forward pass with opened weights. Rounds: those of the hidden layers, then one for an identity output, four for
 * ReLU, or those of the loss's probabilities.
 */
function* forward<V, O, G, L>(
  ops: Operations<V, O, G, L>,
  plan: ForwardPlan,
  layers: ReadonlyArray<Pick<Layer<V>, "bias">>,
  weights: ReadonlyArray<O>,
  inputs: O,
  loss: Loss
): Round<Forward<V, O, G>> {
  const { fed, gates, sums } = yield* hiddenLayers(ops, plan, layers, weights, inputs)
  const shift = toValue(plan)
  const last = layers.length
  const op = operation("forwardRescale", last)
  if (plan.network.layers[last - 1]!.activation === "relu") {
    const { value, gate } = yield* ops.rescaleRelu(op, sums, shift)
    return { fed, gates: [...gates, gate], output: value }
  }
  const of = { classes: outputs(plan.network), f: plan.fractionalBits }
  const output =
    loss === "squared-error"
      ? yield* ops.rescale(op, sums, shift, 1)
      : yield* probabilities(ops, { ...of, loss }, last, sums)
  return { fed, gates: [...gates, undefined], output }
}

/** Opens the weights of all layers in one round. */
export function* openWeights<V, O, G, L>(
  ops: Operations<V, O, G, L>,
  layers: ReadonlyArray<Layer<V>>
): Round<ReadonlyArray<O>> {
  return yield* together(
    ...layers.map((layer, index) => ops.open(operation("openWeights", index + 1), layer.weights))
  )
}

/**
 * δ_L = H_L − Y, times the gate where the output is ReLU, or p − Y for a cross-entropy. Local. With row weights w it is
 * w·δ_L = w·H_L − wY, in two rounds; what is propagated back is then weighted too.
 */
function* outputDelta<V, O, G, L>(
  ops: Operations<V, O, G, L>,
  plan: ForwardPlan,
  { output, gates }: Forward<V, O, G>,
  { labels, rowWeights }: Pick<Batch<V, O, L>, "labels" | "rowWeights">
): Round<V> {
  const last = gates.length
  if (labels.opened)
    return ops.gatedDifference(operation("openDelta", last), output, labels.value, gates[last - 1]!)
  if (rowWeights === undefined) return ops.subtract(output, labels.value)
  const op = operation("weighOutput", last)
  const opened = yield* ops.open(operation("openOutput", last), output)
  const weighed = yield* ops.rescale(op, ops.rowProduct(op, opened, rowWeights), toValue(plan), 1)
  return ops.subtract(weighed, labels.value)
}

/**
 * The gradient of a layer: the product Xᵀδ, and the column sums of δ. Those of the slices of a batch add up
 * to that of the batch.
 */
export interface Gradient<V> {
  /** inputs × units. It can be rescaled, and nothing else. */
  readonly weights: V
  /** 1 × units. */
  readonly bias: V
}

/**
 * Backward pass. What `settle` makes of the gradient of layer l, from the last to the first, runs in the same
 * round as δ of the layer before.
 */
function* backward<V, O, G, L>(
  ops: Operations<V, O, G, L>,
  plan: StepPlan,
  {
    weights,
    pass,
    batch
  }: {
    readonly weights: ReadonlyArray<O>
    readonly pass: Forward<V, O, G>
    readonly batch: Pick<Batch<V, O, L>, "labels" | "rowWeights">
  },
  settle: (l: number, gradient: Gradient<V>) => ReadonlyArray<Round<void>>
): Round<void> {
  let delta = yield* outputDelta(ops, plan, pass, batch)
  for (let l = weights.length; ; l--) {
    const opened = yield* ops.open(operation("openDelta", l), delta)
    const gradient = ops.product(operation("gradientProduct", l), pass.fed[l - 1]!, opened, "leftTransposed")
    const settling = settle(l, { weights: gradient, bias: ops.columnSums(delta) })
    if (l === 1) {
      yield* together(...settling)
      return
    }
    const back = ops.product(operation("backwardProduct", l), opened, weights[l - 1]!, "rightTransposed")
    const gate = pass.gates[l - 2]!
    const [next] = yield* together(
      ops.rescaleGated(operation("backwardRescale", l - 1), back, toValue(plan), gate),
      ...settling
    )
    delta = next as V
  }
}

/**
 * The new layer l: its old weights less rate times gradient, or with momentum less the velocity, to which that is added.
 * One round.
 */
function* updateLayer<V, O, G, L>(
  ops: Operations<V, O, G, L>,
  plan: StepPlan,
  l: number,
  { weights, bias, velocity }: Layer<V>,
  gradient: Gradient<V>
): Round<Layer<V>> {
  const { rate } = plan
  const { momentum, decay } = plan.addends
  // The gradient of the weights is a product, that of the bias a value.
  const shift = updateShift(plan)
  const carried = (of: V | undefined): Added<V> =>
    momentum === undefined || of === undefined ? [] : [{ of, factor: momentum }]
  const decayed: Added<V> = decay === undefined ? [] : [{ of: weights, factor: decay }]
  // Momentum is a fraction of the same power of two for both.
  const [biasShift, biasFactor] =
    velocity === undefined ? [rate.shift, rate.factor] : [shift, rate.factor * 2 ** toValue(plan)]
  const [change, biasChange] = yield* together(
    ops.rescale(operation("weightUpdate", l), gradient.weights, shift, rate.factor, [
      ...carried(velocity?.weights),
      ...decayed
    ]),
    ops.rescale(operation("biasUpdate", l), gradient.bias, biasShift, biasFactor, carried(velocity?.bias))
  )
  return {
    weights: ops.subtract(weights, change),
    bias: ops.subtract(bias, biasChange),
    ...(velocity && { velocity: { weights: change, bias: biasChange } })
  }
}

/**
 * One step of gradient descent on a batch; returns the new layers. Rounds with an identity output: 4 for one
 * layer, 11 for two, 18 for three, 7 more for each further one; three more with a ReLU output, a sigmoid or a
 * softmax of two classes, ten more with one of more classes; two more with row weights. It is
 * `openWeights`, `gradients` and `update` in fewer messages, with the same result to the bit.
 */
export function* trainingStep<V, O, G, L>(
  ops: Operations<V, O, G, L>,
  plan: StepPlan,
  layers: ReadonlyArray<Layer<V>>,
  batch: Batch<V, O, L>
): Round<ReadonlyArray<Layer<V>>> {
  const weights = yield* openWeights(ops, layers)
  const pass = yield* forward(ops, plan, layers, weights, batch.inputs, plan.loss)
  const updated: Array<Layer<V>> = []
  function* settle(l: number, gradient: Gradient<V>): Round<void> {
    updated[l - 1] = yield* updateLayer(ops, plan, l, layers[l - 1]!, gradient)
  }
  yield* backward(ops, plan, { weights, pass, batch }, (l, gradient) => [settle(l, gradient)])
  return updated
}

/** The gradients of all layers on a batch or a slice of it. Of the layers it needs the biases. */
export function* gradients<V, O, G, L>(
  ops: Operations<V, O, G, L>,
  plan: StepPlan,
  layers: ReadonlyArray<Pick<Layer<V>, "bias">>,
  weights: ReadonlyArray<O>,
  batch: Batch<V, O, L>
): Round<ReadonlyArray<Gradient<V>>> {
  const pass = yield* forward(ops, plan, layers, weights, batch.inputs, plan.loss)
  const found: Array<Gradient<V>> = []
  yield* backward(ops, plan, { weights, pass, batch }, (l, gradient) => {
    found[l - 1] = gradient
    return []
  })
  return found
}

/** The new layers from the gradients on the whole batch. One round. */
export function* update<V, O, G, L>(
  ops: Operations<V, O, G, L>,
  plan: StepPlan,
  layers: ReadonlyArray<Layer<V>>,
  gradients: ReadonlyArray<Gradient<V>>
): Round<ReadonlyArray<Layer<V>>> {
  return yield* together(
    ...layers.map((layer, index) => updateLayer(ops, plan, index + 1, layer, gradients[index]!))
  )
}

/**
 * Output of the network, which for a cross-entropy are the logits, for rows that have not been opened yet: weights and rows are opened in the same
 * round.
 */
export function* predict<V, O, G, L>(
  ops: Operations<V, O, G, L>,
  plan: ForwardPlan,
  layers: ReadonlyArray<Layer<V>>,
  features: V
): Round<V> {
  const [inputs, weights] = yield* together(
    ops.open(operation("openInput", 0), features),
    openWeights(ops, layers)
  )
  const { output } = yield* forward(ops, plan, layers, weights, inputs, "squared-error")
  return output
}

/** The same for weights that are open already, of rows that are consumed: `openWeights` once, then this for any number of rows. */
export function* predictWith<V, O, G, L>(
  ops: Operations<V, O, G, L>,
  plan: ForwardPlan,
  layers: ReadonlyArray<Pick<Layer<V>, "bias">>,
  weights: ReadonlyArray<O>,
  features: V
): Round<V> {
  const inputs = yield* ops.open(operation("openInput", 0), features, true)
  const { output } = yield* forward(ops, plan, layers, weights, inputs, "squared-error")
  return output
}
