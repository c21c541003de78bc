/**
 * Single steps of a training in float64, to find out whether it leaves the range of the fixed-point numbers:
 * its first steps before a run, and a further one from the run's model.
 */

import { stepCost } from "../../protocol/computation/cost.ts"
import type { JointTable } from "../../protocol/data/joint.ts"
import { floatMatrix } from "../../protocol/learning/float.ts"
import { floatLayers, type Model, scores } from "../../protocol/learning/model.ts"
import { outputs } from "../../protocol/learning/network.ts"
import { planOfStep, type TrainingPlan } from "../../protocol/learning/plan.ts"
import { watched } from "../../protocol/learning/range.ts"
import { runLocally } from "../../protocol/learning/run.ts"
import { openData, trainingStep } from "../../protocol/learning/step.ts"
import type { JoinedData } from "../description/joined.ts"
import { type ReferenceRun, trainFloatReference } from "./reference.ts"

/** A training that diverges fast does so within these. */
const mostSteps = 100
/** About a second. */
const mostMultiplications = 3e8

/**
 * The first steps of a training: in which of them it leaves the range, if it does; of a very large step none
 * are taken.
 */
export const rehearse = async (
  run: Omit<ReferenceRun, "training" | "replay">,
  { trainingRows }: Pick<JoinedData, "trainingRows">
): Promise<number | undefined> => {
  const { plan } = run
  const affordable = Math.floor(mostMultiplications / stepCost(plan).multiplications)
  const steps = Math.min(plan.steps, mostSteps, affordable)
  if (steps === 0) return undefined
  const batches = Array.from({ length: steps }, (_, i) => run.order(i + 1))
  const rows = Uint32Array.from(new Set(batches.flatMap((batch) => [...batch]))).sort()
  const placeOf = new Map(Array.from(rows, (row, place) => [row, place]))
  const { leftRangeIn } = await trainFloatReference({
    ...run,
    plan: { ...plan, rows: rows.length, validation: undefined },
    steps,
    training: trainingRows(rows),
    order: (step) => batches[step - 1]!.map((row) => placeOf.get(row)!)
  })
  return leftRangeIn
}

/** How a model fits rows that it was trained on. */
export interface Standing {
  /** Whether a further step of the training on these rows leaves the range. */
  readonly strays: boolean
  /** Root mean square, over the rows, of the distance of the outputs to the labels, as they are scaled. */
  readonly error: number
}

/** Takes a further step from a model. */
export const furtherStep = (
  plan: TrainingPlan,
  model: Model,
  { rows, features, labels }: JointTable
): Standing => {
  const { fractionalBits: f, network } = plan
  let strays = false
  const operations = watched(() => {
    strays = true
  })
  const matrix = (cols: number, values: Float64Array) => floatMatrix({ rows, cols }, values, f)
  const batch = runLocally(
    openData(operations, network, matrix(network.inputs, features), matrix(outputs(network), labels))
  )
  runLocally(trainingStep(operations, planOfStep(plan, plan.steps), floatLayers(model, f), batch))
  const squares = scores(model, features).reduce((sum, score, i) => sum + (score - labels[i]!) ** 2, 0)
  return { strays, error: Math.sqrt(squares / rows) }
}
