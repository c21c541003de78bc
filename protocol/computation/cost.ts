/**
 * The cost model: runs the step on shapes alone and adds up its rounds, the bytes each cloud sends the other,
 * the bytes the dealer sends cloud 1 and the multiplications of its matrix products. Exact for what the
 * computation sends; the envelopes of the messages come on top. Public: it needs only the plan.
 */

import { wordBytes } from "../bytes.ts"
import { type EvaluatedData, evaluateRows, openEvaluated, revealSums } from "../learning/evaluation.ts"
import { type EvaluatedRows, slicesOf } from "../learning/evaluations.ts"
import { biasShape, opensLabels, outputs, weightShape } from "../learning/network.ts"
import { type Added, type Operations, type Round, type Shape, together } from "../learning/operations.ts"
import { type EvaluatingPlan, evaluates, type ForwardPlan, type TrainingPlan } from "../learning/plan.ts"
import type { SoftmaxScale } from "../learning/scales.ts"
import {
  atRest,
  type Batch,
  gradients,
  type Layer,
  openData,
  openWeights,
  predict,
  predictWith,
  trainingStep,
  update
} from "../learning/step.ts"
import { exponentialFunction, type MaskedFunction, sigmoidFunction } from "./functions.ts"
import { localShapes } from "./local-shapes.ts"
import { normaliseShapes } from "./normalise.ts"
import { productShape } from "./product.ts"
import { blindedBytes, dealtLayout, openedBytes, type Rescaled, SECTION_HEADER_BYTES } from "./sizes.ts"
import { rangeOf, type Slice } from "./slices.ts"

export interface Cost {
  readonly rounds: number
  /** Bytes of all openings that cloud 0 sends cloud 1, and as many back. */
  readonly bytesEachWay: number
  /** Bytes of the dealer's corrections to cloud 1. */
  readonly dealtBytes: number
  /** Of the matrix products; the dealer and each cloud compute them once. */
  readonly multiplications: number
}

/** The cost of `once` and then `times` times `each`. */
const repeated = (once: Cost, times: number, each: Cost): Cost => ({
  rounds: once.rounds + times * each.rounds,
  bytesEachWay: once.bytesEachWay + times * each.bytesEachWay,
  dealtBytes: once.dealtBytes + times * each.dealtBytes,
  multiplications: once.multiplications + times * each.multiplications
})

/** A value in the cost model, or a product that is not rescaled yet. */
interface CostedShape extends Shape, Rescaled {}

/** Matrices, opened matrices and gates in the cost model. */
type ShapeOperations = Operations<CostedShape, Shape, Shape, Shape>

/** Runs a computation on shapes and returns its cost. */
export const costOf = (computation: (ops: ShapeOperations) => Round<unknown>, slice?: Slice): Cost => {
  let bytesEachWay = 0
  let dealt = 0
  let multiplications = 0
  const size = ({ rows, cols }: Shape): number => rows * cols
  /** Values of the whole groups that are dealt for. */
  const padded = (shape: Shape): number => rangeOf(shape, slice).padded
  const shapeOf = ({ rows, cols }: Shape): Shape => ({ rows, cols })
  const blinded = (x: CostedShape, shift: number, added?: Added<unknown>) =>
    openedBytes.rescale(size(x), blindedBytes(x, shift, added))
  const deal = ({ bytes }: { readonly bytes: number }): void => {
    dealt += SECTION_HEADER_BYTES + bytes
  }
  function* rounds<A>(openings: ReadonlyArray<number>, result: A): Round<A> {
    for (const bytes of openings) {
      bytesEachWay += bytes
      yield []
    }
    return result
  }
  function* compared(shape: Shape, shift: number): Round<void> {
    deal(dealtLayout.bound(padded(shape), shift))
    yield* rounds(openedBytes.relu(padded(shape), shift), undefined)
  }
  function* clamped(z: CostedShape, masked: MaskedFunction): Round<Shape> {
    const { shift, valueShift, words } = masked
    const cols = masked.columns(z.cols)
    const shape = { rows: z.rows, cols }
    deal(dealtLayout.logits(padded(shape), shift, words))
    yield* rounds(blinded(z, shift), undefined)
    deal(dealtLayout.clamped(padded(shape), valueShift))
    yield* together(
      compared(shape, shift),
      compared(shape, shift),
      rounds(blinded(shape, valueShift), undefined)
    )
    return shapeOf(z)
  }
  function* normalise(e: Shape, scale: SoftmaxScale): Round<Shape> {
    const { sums, thresholds, masked } = normaliseShapes(e, scale)
    deal(dealtLayout.sums(padded(sums), scale.thresholdShift))
    deal(dealtLayout.normalise(padded(masked)))
    yield* rounds([size(e) * wordBytes], undefined)
    yield* compared(thresholds, scale.thresholdShift)
    return shapeOf(e)
  }
  const run = computation({
    open: (_op, x) => rounds(openedBytes.open(size(x)), x),
    openLabels: (_op, y) => rounds(openedBytes.open(size(y)), y),
    product: (_op, x, y, form) => {
      const shape = productShape(x, y, form)
      multiplications += size(shape) * (form === "leftTransposed" ? x.rows : x.cols)
      return { ...shape, product: true }
    },
    ...localShapes,
    rescale: (_op, x, shift, _factor, added) => {
      deal(dealtLayout.rescale(padded(x), shift))
      return rounds(blinded(x, shift, added), shapeOf(x))
    },
    rescaleRelu: (_op, z, shift) => {
      deal(dealtLayout.rescaleRelu(padded(z), shift))
      const value = shapeOf(z)
      return rounds([...blinded(z, shift), ...openedBytes.relu(padded(z), shift)], { value, gate: value })
    },
    rescaleGated: (_op, x, shift) => {
      deal(dealtLayout.rescaleGated(padded(x), shift))
      return rounds(blinded(x, shift), shapeOf(x))
    },
    gatedDifference: (_op, activation) => {
      deal(dealtLayout.gatedDifference(padded(activation)))
      return activation
    },
    exponentials: (_layer, z, scale) => clamped(z, exponentialFunction(scale)),
    sigmoids: (_layer, z, scale) => clamped(z, sigmoidFunction(scale)),
    normalise: (_layer, e, scale) => normalise(e, scale),
    reciprocals: (_layer, sums, scale) => {
      deal(dealtLayout.lines(padded(normaliseShapes(sums, scale).lines)))
      return rounds([size(sums) * wordBytes], sums)
    },
    reveal: (_op, x) => rounds([size(x) * wordBytes], [])
  })
  for (let count = 0; ; count++) {
    if (run.next([]).done) return { rounds: count, bytesEachWay, dealtBytes: dealt, multiplications }
  }
}

/** Shapes of the layers, for interpreters that need no numbers; with those of velocities if a plan has momentum. */
export const layerShapes = ({
  network,
  addends = {}
}: Pick<TrainingPlan, "network"> & Partial<Pick<TrainingPlan, "addends">>): ReadonlyArray<Layer<Shape>> =>
  network.layers.map((_, index) => {
    const shapes = { weights: weightShape(network, index + 1), bias: biasShape(network, index + 1) }
    return atRest(shapes, { addends }, (shape) => shape)
  })

/** Shapes of a batch, as `trainingStep` takes it. */
export const batchShapes = (
  { network, rowWeights }: Pick<TrainingPlan, "network" | "rowWeights">,
  rows: number
): Batch<Shape, Shape, Shape> => ({
  inputs: { rows, cols: network.inputs },
  ...(rowWeights && { rowWeights: { rows, cols: 1 } }),
  labels: { opened: opensLabels(network), value: { rows, cols: outputs(network) } }
})

/** Opening the training matrices once: step 0. */
export const setupCost = (plan: Pick<TrainingPlan, "network" | "rows" | "rowWeights">): Cost => {
  const { network, rows } = plan
  return costOf((ops) =>
    openData(ops, plan, { rows, cols: network.inputs }, { rows, cols: outputs(network) })
  )
}

/** One training step. */
export const stepCost = (plan: TrainingPlan): Cost =>
  costOf((ops) => trainingStep(ops, plan, layerShapes(plan), batchShapes(plan, plan.batch)))

/** The gradients of a slice of `rows` rows of a batch, at a lane. */
export const sliceCost = (plan: TrainingPlan, slice: Slice, rows: number): Cost => {
  const shapes = layerShapes(plan)
  const weights = shapes.map((layer) => layer.weights)
  return costOf((ops) => gradients(ops, plan, shapes, weights, batchShapes(plan, rows)), slice)
}

/** The update at lane 0: the rest of a step after opening the weights and the lanes' gradients. */
export const updateCost = (plan: TrainingPlan): Cost => {
  const shapes = layerShapes(plan)
  const gradients = shapes.map(({ weights, bias }) => ({
    weights: { ...weights, product: true } as const,
    bias
  }))
  return costOf((ops) => update(ops, plan, shapes, gradients))
}

/** Opening the validation rows once. */
const evaluatedSetupCost = (plan: EvaluatingPlan): Cost => {
  const { inputs, labels } = evaluatedShapes(plan, plan.validation.rows)
  return costOf((ops) => openEvaluated(ops, plan, inputs, labels))
}

/** Opening the weights for an evaluation, or for a session in which they serve. */
export const openedWeightsCost = (plan: Pick<TrainingPlan, "network">): Cost =>
  costOf((ops) => openWeights<CostedShape, Shape, Shape, Shape>(ops, layerShapes({ network: plan.network })))

/** Evaluating a slice of the validation rows, without opening the weights. */
export const evaluatedSliceCost = (plan: EvaluatingPlan, { from, end }: EvaluatedRows): Cost => {
  const shapes = layerShapes({ network: plan.network })
  const weights = shapes.map((layer) => layer.weights)
  return costOf((ops) => evaluateRows(ops, plan, shapes, weights, evaluatedShapes(plan, end - from)))
}

/** An evaluation, the telling of its sums included. */
export const evaluationCost = (plan: EvaluatingPlan): Cost => {
  const sum = { rows: 1, cols: 1 }
  const told = costOf((ops) =>
    revealSums(ops, { error: sum, ...(plan.validation.classes && { right: sum }) })
  )
  const slices = slicesOf(plan)
  const whole = repeated(told, slices.length - 1, evaluatedSliceCost(plan, slices[0]!))
  return [openedWeightsCost(plan), evaluatedSliceCost(plan, slices.at(-1)!)].reduce(
    (total, each) => repeated(total, 1, each),
    whole
  )
}

/** Shapes of some validation rows, as `evaluateRows` takes them. */
export const evaluatedShapes = (
  { network, validation }: EvaluatingPlan,
  rows: number
): EvaluatedData<Shape, Shape> => {
  const labels = { rows, cols: outputs(network) }
  return {
    inputs: { rows, cols: network.inputs },
    labels,
    ...(validation.classes && { chosen: labels })
  }
}

/** Setup, all steps and all evaluations. */
export const trainingCost = (plan: TrainingPlan): Cost => {
  const training = repeated(setupCost(plan), plan.steps, stepCost(plan))
  if (!evaluates(plan)) return training
  return repeated(repeated(training, 1, evaluatedSetupCost(plan)), plan.epochs, evaluationCost(plan))
}

/** Secure prediction for `rows` rows that have not been opened. */
export const predictionCost = (plan: ForwardPlan, rows: number): Cost =>
  costOf((ops) => predict(ops, plan, layerShapes(plan), { rows, cols: plan.network.inputs }))

/** The same with weights that are open. */
export const servedCost = (plan: ForwardPlan, rows: number): Cost => {
  const shapes = layerShapes(plan)
  const weights = shapes.map((layer) => layer.weights)
  return costOf((ops) => predictWith(ops, plan, shapes, weights, { rows, cols: plan.network.inputs }))
}
