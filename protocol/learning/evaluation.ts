/**
 * The evaluation of a model on the validation rows, written once over abstract operations like the training step
 * (`step.ts`). What both clouds learn of it is two sums: the squared error of the outputs, which of classes is the
 * Brier score, and of classes how many rows are right. The rows go in slices, whose sums add up before they are told.
 */
import type { Evaluated, ValidationRows } from "./evaluations.ts"
import { probabilities } from "./loss.ts"
import { outputs } from "./network.ts"
import { type Operation, type Operations, operation, type Round, together } from "./operations.ts"
import type { StepPlan } from "./plan.ts"
import { hiddenLayers, type Layer, toValue } from "./step.ts"

/** The plan of an evaluation. */
export interface EvaluationPlan extends Pick<StepPlan, "network" | "fractionalBits" | "loss"> {
  readonly validation: Pick<ValidationRows, "classes">
}

/** The validation rows as step 0 leaves them, or some of them. */
export interface EvaluatedData<V, O> {
  readonly inputs: O
  readonly labels: V
  /** Labels of classes as a factor. */
  readonly chosen?: O
}

/** Step 0 for the validation rows: opens the features, which are consumed, and labels of classes. */
export function* openEvaluated<V, O, G, L>(
  ops: Operations<V, O, G, L>,
  { network, validation }: EvaluationPlan,
  features: V,
  labels: V
): Round<EvaluatedData<V, O>> {
  const openFeatures = ops.open(operation("openInput", 0), features, true)
  if (!validation.classes) {
    const [inputs] = yield* together(openFeatures)
    return { inputs, labels }
  }
  const [inputs, chosen] = yield* together(
    openFeatures,
    ops.open(operation("openLabels", network.layers.length), labels)
  )
  return { inputs, labels, chosen }
}

/** Some of the rows. */
export const gatherEvaluated = <V, O>(
  { inputs, labels, chosen }: EvaluatedData<V, O>,
  gather: { readonly value: (x: V) => V; readonly opened: (x: O) => O }
): EvaluatedData<V, O> => ({
  inputs: gather.opened(inputs),
  labels: gather.value(labels),
  ...(chosen !== undefined && { chosen: gather.opened(chosen) })
})

/** Sums over rows, 1 × 1. */
export interface EvaluatedSums<V> {
  /** Of the squared errors, a value. */
  readonly error: V
  /** How many rows are right, in units. */
  readonly right?: V
}

/**
 * The sums over some rows, with opened weights. Rounds: five a hidden layer, those of the loss's output, then two for
 * the error, or for K classes 4⌈log2 K⌉ + 4, at least 6.
 */
export function* evaluateRows<V, O, G, L>(
  ops: Operations<V, O, G, L>,
  plan: EvaluationPlan,
  layers: ReadonlyArray<Pick<Layer<V>, "bias">>,
  weights: ReadonlyArray<O>,
  { inputs, labels, chosen }: EvaluatedData<V, O>
): Round<EvaluatedSums<V>> {
  const { sums } = yield* hiddenLayers(ops, plan, layers, weights, inputs)
  const { output, scores } = yield* outputOf(ops, plan, sums)
  const error = squaredError(ops, plan, ops.subtract(output, labels))
  if (chosen === undefined) return { error: yield* error }
  const [summed, right] = yield* together(error, countRight(ops, plan, scores, chosen))
  return { error: summed, right }
}

/**
 * What the labels are compared with, and what decides on the class: of a cross-entropy the probabilities and the
 * logits, else the outputs.
 */
function* outputOf<V, O, G, L>(
  ops: Operations<V, O, G, L>,
  plan: EvaluationPlan,
  sums: V
): Round<{ readonly output: V; readonly scores: V }> {
  const { network, loss, fractionalBits, validation } = plan
  const last = network.layers.length
  const op = operation("forwardRescale", last)
  if (network.layers[last - 1]!.activation === "relu") {
    const { value } = yield* ops.rescaleRelu(op, sums, toValue(plan))
    return { output: value, scores: value }
  }
  if (loss === "squared-error") {
    const value = yield* ops.rescale(op, sums, toValue(plan), 1)
    return { output: value, scores: value }
  }
  const output = probabilities(ops, { loss, classes: outputs(network), f: fractionalBits }, last, sums)
  if (!validation.classes) {
    const value = yield* output
    return { output: value, scores: value }
  }
  const [value, scores] = yield* together(
    output,
    ops.rescale(operation("scores", last), sums, toValue(plan), 1)
  )
  return { output: value, scores }
}

function* squaredError<V, O, G, L>(ops: Operations<V, O, G, L>, plan: EvaluationPlan, errors: V): Round<V> {
  const last = plan.network.layers.length
  const opened = yield* ops.open(operation("openErrors", last), errors)
  const op = operation("squares", last)
  return ops.columnSums(yield* ops.rescale(op, ops.rowDots(op, opened, opened), toValue(plan), 1))
}

/** By how much the score of the label, a product, may be too small. */
const unitsLost = 1

/**
 * How many rows have no score above that of their label. The label's score is rounded by a unit, so it counts as the
 * greatest also if it is two units of the last place less, and always if it is the greatest, alone or not.
 */
function* countRight<V, O, G, L>(
  ops: Operations<V, O, G, L>,
  plan: EvaluationPlan,
  scores: V,
  chosen: O
): Round<V> {
  const last = plan.network.layers.length
  function* ofLabel(): Round<V> {
    const opened = yield* ops.open(operation("openScores", last), scores)
    const op = operation("labelScore", last)
    return yield* ops.rescale(op, ops.rowDots(op, opened, chosen), toValue(plan), 1)
  }
  const [greatest, own] = yield* together(greatestOfRows(ops, plan, scores), ofLabel())
  const lead = ops.addUnits(ops.subtract(own, greatest), unitsLost)
  const { value, gate } = yield* sign(ops, plan, operation("right", last), lead)
  return ops.columnSums(ops.indicator(gate, value))
}

/** The greatest score of each row, by halves: max(a, b) = a + max(b − a, 0). Exact. */
function* greatestOfRows<V, O, G, L>(ops: Operations<V, O, G, L>, plan: EvaluationPlan, scores: V): Round<V> {
  let best = scores
  let cols = outputs(plan.network)
  for (let level = 1; cols > 1; level++) {
    // Of an odd number the one in the middle is in both halves.
    const half = Math.ceil(cols / 2)
    const first = ops.columns(best, 0, half)
    const excess = ops.subtract(ops.columns(best, cols - half, cols), first)
    best = ops.add(first, (yield* sign(ops, plan, operation("greatest", level), excess)).value)
    cols = half
  }
  return best
}

/**
 * max(x, 0) of values, and the gate x ≥ 0. Exact: a ReLU divides by a power of two, so x is multiplied by it. x·2^f has
 * room wherever a score, which is a sum of products, has.
 */
const sign = <V, O, G, L>(
  ops: Operations<V, O, G, L>,
  { fractionalBits }: EvaluationPlan,
  op: Operation,
  x: V
): Round<{ readonly value: V; readonly gate: G }> =>
  ops.rescaleRelu(op, ops.shiftLeft(x, fractionalBits), fractionalBits)

/** The sums of two slices together. Local. */
export const addSums = <V, O, G, L>(
  ops: Pick<Operations<V, O, G, L>, "add">,
  one: EvaluatedSums<V>,
  other: EvaluatedSums<V>
): EvaluatedSums<V> => ({
  error: ops.add(one.error, other.error),
  ...(one.right !== undefined && other.right !== undefined && { right: ops.add(one.right, other.right) })
})

/** Tells both parties the sums of all slices. One round, all that is told of the rows. */
export function* revealSums<V, O, G, L>(
  ops: Operations<V, O, G, L>,
  { error, right }: EvaluatedSums<V>
): Round<Evaluated> {
  const telling = ops.reveal(operation("revealError", 0), error)
  if (right === undefined) {
    const [[sum = 0]] = yield* together(telling)
    return { error: sum }
  }
  const [[sum = 0], [count = 0]] = yield* together(telling, ops.reveal(operation("revealRight", 0), right))
  return { error: sum, right: count }
}
