/**
 * The evaluations of a plan: one after each epoch, on the validation rows, in slices. Each slice is numbered like a
 * training step, above all of these, so that its randomness is its own.
 */
import type { Evaluated } from "./evaluation.ts"
import type { TrainingPlan } from "./plan.ts"

/** Consecutive rows of the validation, counted from its first. */
export interface EvaluatedRows {
  readonly from: number
  readonly end: number
}

/** In which slices so many rows are evaluated: of a batch at most, whose memory and messages are at hand. */
export const evaluationSlices = (rows: number, batch: number): ReadonlyArray<EvaluatedRows> =>
  Array.from({ length: Math.ceil(rows / batch) }, (_, i) => ({
    from: i * batch,
    end: Math.min(rows, (i + 1) * batch)
  }))

/** The slices of an evaluation of the plan; none without validation. */
export const slicesOf = ({
  validation,
  batch
}: Pick<TrainingPlan, "validation" | "batch">): ReadonlyArray<EvaluatedRows> =>
  validation === undefined ? [] : evaluationSlices(validation.rows, batch)

/** Numbers of the evaluations' slices begin here, above those of all training steps. */
const evaluationsFrom = 2 ** 31

/**
 * The number of the first slice of the evaluation after an epoch, from 1; those of its other slices follow. The
 * weights are opened under that of the first.
 */
export const evaluationStep = (plan: Pick<TrainingPlan, "validation" | "batch">, epoch: number): number =>
  evaluationsFrom + (epoch - 1) * slicesOf(plan).length

/** A slice of the evaluation after an epoch, which count from 1; slices from 0. */
export interface EvaluationPlace {
  readonly epoch: number
  readonly slice: number
}

/** Which slice of which evaluation has this number; undefined for a training step. */
export const evaluationAt = (
  plan: Pick<TrainingPlan, "validation" | "batch">,
  step: number
): EvaluationPlace | undefined => {
  const each = slicesOf(plan).length
  if (step < evaluationsFrom || each === 0) return undefined
  const at = step - evaluationsFrom
  return { epoch: 1 + Math.floor(at / each), slice: at % each }
}

/** How the model did on the validation rows, epoch by epoch. */
export type Curve = ReadonlyArray<Evaluated>

/** A sum of squares below zero has wrapped: the training has left the range. */
const lossOf = ({ error }: Evaluated): number => (error < 0 ? Number.POSITIVE_INFINITY : error)

/** The epoch with the smallest loss, from 1; the first of several. 0 before the first. */
export const bestEpoch = (curve: Curve): number => {
  let best = 0
  for (const [i, each] of curve.entries())
    if (best === 0 || lossOf(each) < lossOf(curve[best - 1]!)) best = i + 1
  return best
}

/** Whether the training ends with the last epoch of the curve, before its time or not. */
export const endsAfter = ({ epochs, validation }: TrainingPlan, curve: Curve): boolean =>
  curve.length >= epochs || curve.length - bestEpoch(curve) >= (validation?.patience ?? epochs)
