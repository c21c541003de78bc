/**
 * The evaluations of a plan: one after each epoch, on the validation rows, in slices. Each slice is numbered like a
 * training step, above all of these, so that its randomness is its own.
 */

/** Rows that follow those of the training. */
export interface ValidationRows {
  readonly rows: number
  /** Whether their labels are classes, one-hot, so that it is counted which are right. */
  readonly classes: boolean
  /** The training ends after so many epochs without a smaller loss on them, and the best epoch's model is its result. */
  readonly patience?: number
}

/** What of a plan says how it evaluates. */
interface Evaluating {
  readonly batch: number
  readonly validation?: ValidationRows | undefined
}

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
export const slicesOf = ({ validation, batch }: Evaluating): ReadonlyArray<EvaluatedRows> =>
  validation === undefined ? [] : evaluationSlices(validation.rows, batch)

/** Numbers of the evaluations' slices begin here, above those of all training steps. */
const evaluationsFrom = 2 ** 31

/**
 * The number of the first slice of the evaluation after an epoch, from 1; those of its other slices follow. The
 * weights are opened under that of the first.
 */
export const evaluationStep = (plan: Evaluating, epoch: number): number =>
  evaluationsFrom + (epoch - 1) * slicesOf(plan).length

/** A slice of the evaluation after an epoch, which count from 1; slices from 0. */
export interface EvaluationPlace {
  readonly epoch: number
  readonly slice: number
}

/** Which slice of which evaluation has this number; undefined for a training step. */
export const evaluationAt = (plan: Evaluating, step: number): EvaluationPlace | undefined => {
  const each = slicesOf(plan).length
  if (step < evaluationsFrom || each === 0) return undefined
  const at = step - evaluationsFrom
  return { epoch: 1 + Math.floor(at / each), slice: at % each }
}

/** What an evaluation tells. */
export interface Evaluated {
  /** The sum of squared errors in units of the last place, of 2^−f: the clouds decide by it. */
  readonly error: number
  readonly right?: number
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
export const endsAfter = (
  { epochs, validation }: Omit<Evaluating, "batch"> & { readonly epochs: number },
  curve: Curve
): boolean => curve.length >= epochs || curve.length - bestEpoch(curve) >= (validation?.patience ?? epochs)
