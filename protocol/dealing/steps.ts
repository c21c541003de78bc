/**
 * The steps of a plan as a cloud deals for them: what it draws of the masks of the data set and of the weights follows
 * from its own key, so nothing is kept between steps.
 */
import { wordBytes } from "../bytes.ts"
import { layerShapes } from "../computation/cost.ts"
import type { DealerOperations } from "../computation/dealer.ts"
import { dealtSlice, labelsOperation } from "../computation/evaluating.ts"
import { dealtUpdate, type Rows, sliceOf } from "../computation/lanes.ts"
import type { DealtValue, GateMask, LabelMask, MaskDifference } from "../computation/masks.ts"
import { streamKinds } from "../computation/streams.ts"
import { type EvaluatedRows, evaluationAt, evaluationStep, slicesOf } from "../learning/evaluations.ts"
import { opensLabels, outputs } from "../learning/network.ts"
import { type Operation, operation, type Round, type Shape } from "../learning/operations.ts"
import type { BatchOrder } from "../learning/order.ts"
import { type EvaluatingPlan, evaluates, planOfStep, type TrainingPlan } from "../learning/plan.ts"
import { type Batch, gradients, trainingStep } from "../learning/step.ts"
import type { Prg } from "../ring/prg.ts"
import type { Matrix, Ring } from "../ring/ring.ts"
import { cutCorrections } from "./cut.ts"
import type { DealtStep } from "./deal.ts"

/** A cloud's own part of a run's masks. */
export interface OwnMasks {
  readonly ring: Ring
  readonly prg: Prg
  readonly plan: TrainingPlan
  readonly order: BatchOrder
}

/** Rows of the masks under which step 0 opens a matrix. New memory. */
const rowsOfMasks = (
  { ring, prg }: Pick<OwnMasks, "ring" | "prg">,
  op: Operation,
  rows: Iterable<number>,
  cols: number
): Matrix => {
  const places = [...rows]
  const out = ring.matrix(places.length, cols)
  const stream = { step: 0, operation: op, kind: streamKinds.mask }
  for (const [i, row] of places.entries())
    prg.fill(ring, out.at + i * cols * wordBytes, cols, stream, row * cols)
  return out
}

/** What is to be dealt for a training step, or for a slice of an evaluation. */
export const dealtStep = (own: OwnMasks, step: number): DealtStep => {
  const { plan } = own
  if (evaluates(plan) && evaluationAt(plan, step) !== undefined)
    return { step, program: (ops) => ofSlice({ ...own, plan }, step)(ops) }
  return {
    step,
    program: (ops) => trainingStep(ops, planOfStep(plan, step), layerShapes(plan), ofBatch(own, step))
  }
}

const ofBatch = (own: OwnMasks, step: number): Batch<Shape, MaskDifference, LabelMask> => {
  const { network, rowWeights } = own.plan
  const rows = own.order(step)
  const cols = outputs(network)
  const shape = { rows: rows.length, cols }
  const labelled = operation("openLabels", network.layers.length)
  const factor = (op: Operation, cols: number): MaskDifference => ({
    ...rowsOfMasks(own, op, rows, cols),
    of: "factor"
  })
  return {
    inputs: factor(operation("openInput", 0), network.inputs),
    ...(rowWeights && { rowWeights: factor(operation("openRowWeights", 0), 1) }),
    labels: opensLabels(network)
      ? { opened: true, value: { ...rowsOfMasks(own, labelled, rows, cols), of: "labels" } }
      : { opened: false, value: shape }
  }
}

const ofSlice = (own: OwnMasks & { readonly plan: EvaluatingPlan }, step: number) => {
  const { ring, prg, plan } = own
  const { epoch, slice } = evaluationAt(plan, step)!
  const { from, end } = slicesOf(plan)[slice]!
  const opened = evaluationStep(plan, epoch)
  const weights = layerShapes(plan).map(({ weights: { rows, cols } }, l): MaskDifference => {
    const out = ring.matrix(rows, cols)
    const stream = { step: opened, operation: operation("openWeights", l + 1), kind: streamKinds.mask }
    prg.fill(ring, out.at, rows * cols, stream)
    return { ...out, of: "factor" }
  })
  // Validation rows are behind those of the training.
  const rows = Array.from({ length: end - from }, (_, i) => plan.rows + from + i)
  const factor = (op: Operation, cols: number): MaskDifference => ({
    ...rowsOfMasks(own, op, rows, cols),
    of: "factor"
  })
  return dealtSlice(plan, { from: 0, end: end - from }, weights, {
    inputs: factor(operation("openInput", 0), plan.network.inputs),
    ...(plan.validation.classes && { chosen: factor(labelsOperation(plan), outputs(plan.network)) })
  })
}

const shapeOnly = ({ rows, cols }: Shape): MaskDifference => ({ rows, cols, at: 0, of: "factor" })

/** A batch of `rows` rows of which only sizes count. */
export const batchOfShapes = (
  { network, rowWeights }: Pick<TrainingPlan, "network" | "rowWeights">,
  rows: number
): Batch<Shape, MaskDifference, LabelMask> => {
  const labels = { rows, cols: outputs(network) }
  return {
    inputs: shapeOnly({ rows, cols: network.inputs }),
    ...(rowWeights && { rowWeights: shapeOnly({ rows, cols: 1 }) }),
    labels: opensLabels(network)
      ? { opened: true, value: { ...labels, at: 0, of: "labels" } }
      : { opened: false, value: labels }
  }
}

/** A training step of which only sizes count, which are the same for all steps. */
export const stepOfShapes =
  (plan: TrainingPlan) =>
  (ops: DealerOperations): Round<unknown> =>
    trainingStep(ops, plan, layerShapes(plan), batchOfShapes(plan, plan.batch))

/** A slice of an evaluation of which only sizes count. */
export const sliceOfShapes =
  (plan: EvaluatingPlan, rows: EvaluatedRows) =>
  (ops: DealerOperations): Round<unknown> => {
    const { network, validation } = plan
    const inputs = shapeOnly({ rows: rows.end, cols: network.inputs })
    const chosen = shapeOnly({ rows: rows.end, cols: outputs(network) })
    const weights = layerShapes(plan).map((layer) => shapeOnly(layer.weights))
    return dealtSlice(plan, rows, weights, { inputs, ...(validation.classes && { chosen }) })(ops)
  }

/** What a lane with these rows gets of a step, and with `update` also what updates the weights; cut from the whole. */
export const cutStep = (
  { plan, order }: Pick<OwnMasks, "plan" | "order">,
  step: number,
  whole: Uint8Array,
  { update, ...held }: Rows & { readonly update: boolean }
): { readonly gradients: Uint8Array; readonly update: Uint8Array } => {
  const layers = layerShapes(plan)
  const batch = order(step)
  const { rows, ...slice } = sliceOf(batch, held)
  const weights = layers.map((layer) => shapeOnly(layer.weights))
  const ofLane = (ops: DealerOperations): Round<unknown> =>
    gradients<DealtValue, MaskDifference, GateMask, LabelMask>(
      ops,
      plan,
      layers,
      weights,
      batchOfShapes(plan, rows.length)
    )
  const ofLeader = (ops: DealerOperations): Round<unknown> =>
    dealtUpdate(ops, planOfStep(plan, step), layers, batchOfShapes(plan, batch.length).inputs)
  return {
    gradients: rows.length === 0 ? new Uint8Array(0) : cutCorrections(step, whole, ofLane, slice),
    update: update ? cutCorrections(step, whole, ofLeader) : new Uint8Array(0)
  }
}
