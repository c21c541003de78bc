/**
 * Single steps of a training in float64, to find out whether it leaves the range of the fixed-point numbers:
 * its first steps before a run, and a further one from the run's model.
 */

import { stepCost } from "../../protocol/computation/cost.ts"
import { classWeightsOf } from "../../protocol/data/class-weights.ts"
import type { JointTable } from "../../protocol/data/joint.ts"
import { floatMatrix } from "../../protocol/learning/float.ts"
import type { Loss } from "../../protocol/learning/loss.ts"
import { floatLayers, greatestOfEachRow, type Model, scores } from "../../protocol/learning/model.ts"
import { outputs } from "../../protocol/learning/network.ts"
import { planOfStep, type TrainingPlan } from "../../protocol/learning/plan.ts"
import { watched } from "../../protocol/learning/range.ts"
import { runLocally } from "../../protocol/learning/run.ts"
import { openData, trainingStep } from "../../protocol/learning/step.ts"
import { labelOutcomes } from "../../protocol/metrics/outcomes.ts"
import type { JoinedData } from "../description/joined.ts"
import { type ReferenceRun, trainFloatReference } from "./reference.ts"

/** A training that diverges fast does so within these. */
const mostSteps = 100
/** About a second. */
const mostMultiplications = 3e8

/** What the first steps of a training show. */
export interface Rehearsal {
  /** The first of them that leaves the range, if one does. */
  readonly leftRangeIn: number | undefined
  /** Whether the model is far worse after them than before. */
  readonly diverges: boolean
  readonly steps: number
}

/** The first steps of a training; of a very large step none are taken. */
export const rehearse = async (
  run: Omit<ReferenceRun, "training" | "replay">,
  { trainingRows }: Pick<JoinedData, "trainingRows">
): Promise<Rehearsal> => {
  const { plan } = run
  const affordable = Math.floor(mostMultiplications / stepCost(plan).multiplications)
  const steps = Math.min(plan.steps, mostSteps, affordable)
  if (steps === 0) return { leftRangeIn: undefined, diverges: false, steps }
  const batches = Array.from({ length: steps }, (_, i) => run.order(i + 1))
  const rows = Uint32Array.from(new Set(batches.flatMap((batch) => [...batch]))).sort()
  const placeOf = new Map(Array.from(rows, (row, place) => [row, place]))
  const training = trainingRows(rows)
  const { leftRangeIn, model } = await trainFloatReference({
    ...run,
    plan: { ...plan, rows: rows.length, validation: undefined },
    steps,
    training,
    order: (step) => batches[step - 1]!.map((row) => placeOf.get(row)!)
  })
  return { leftRangeIn, diverges: (await fitOf(run, model, training)).diverges, steps }
}

/** How far a model is from the labels of rows that it was trained on. */
export interface Fit {
  /**
   * The mean of −ln p of the labels with a cross-entropy; else the root mean square of the distance of the outputs to
   * the labels, as they are scaled.
   */
  readonly error: number
  /** The same of the weights that the training began with. */
  readonly first: number
  /** Whether the training has made the model far worse. */
  readonly diverges: boolean
}

/** A distance, and a multiple of the first error, that no training that converges is above. */
const farOff = 10
const muchWorse = 3

/** How a model fits rows that it was trained on, of which there should be many. */
export const fitOf = async (
  run: Omit<ReferenceRun, "training" | "replay">,
  model: Model,
  training: JointTable
): Promise<Fit> => {
  const { loss, network } = run.plan
  const untrained = await trainFloatReference({ ...run, plan: { ...run.plan, steps: 0 }, training })
  const [error, first] = [errorOf(loss, model, training), errorOf(loss, untrained.model, training)]
  const least = loss === "squared-error" ? farOff : muchWorse * Math.log(outputs(network))
  // NaN is not below anything.
  return { error, first, diverges: !(error <= Math.max(least, muchWorse * first)) }
}

const errorOf = (loss: Loss, model: Model, { rows, features, labels }: JointTable): number => {
  const found = scores(model, features)
  const classes = outputs(model.network)
  if (loss === "squared-error") {
    // Labels of classes come times the weight of their row.
    const weighed = classWeightsOf(model.data) !== undefined
    const label = weighed ? (i: number) => Number(labels[i]! > 0) : (i: number) => labels[i]!
    return Math.sqrt(found.reduce((sum, score, i) => sum + (score - label(i)) ** 2, 0) / rows)
  }
  const truth = greatestOfEachRow(labels, classes)
  return (
    truth.reduce((sum, label, row) => {
      const { surprise } = labelOutcomes(loss, found.subarray(row * classes, (row + 1) * classes))
      return sum + surprise(label)
    }, 0) / rows
  )
}

/** Whether a further step of the training, from a model on these rows, leaves the range. */
export const straysFurther = (
  plan: TrainingPlan,
  model: Model,
  { rows, features, labels }: JointTable
): boolean => {
  const { fractionalBits: f, network } = plan
  let strays = false
  const operations = watched(() => {
    strays = true
  })
  const matrix = (cols: number, values: Float64Array) => floatMatrix({ rows, cols }, values, f)
  const batch = runLocally(
    openData(operations, plan, matrix(network.inputs, features), matrix(outputs(network), labels))
  )
  runLocally(trainingStep(operations, planOfStep(plan, plan.steps), floatLayers(model, f), batch))
  return strays
}
