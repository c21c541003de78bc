/** What is said of a model that is worth no more than the simplest prediction, and what may help. Pure. */
import { type Agreement, lossOf } from "../../actors/party/agreement.ts"
import { classWeightsOf } from "../../protocol/data/class-weights.ts"
import { classesOf, isCategory, isStandard } from "../../protocol/data/description.ts"
import type { ClassMetrics, Metrics } from "../../protocol/metrics/metrics.ts"
import { counted } from "../text/units.ts"

/** What came of the tests of a run. */
export interface Outcome {
  readonly steps: number
  /** Of the run, as far as they are revealed. */
  readonly accuracy: number | null
  readonly metrics?: Metrics | undefined
  readonly referenceMetrics?: Metrics | undefined
}

/** A line where the model, or if nothing is known of it the reference, has learned nothing; else none. */
export const unlearned = (agreement: Agreement, outcome: Outcome): ReadonlyArray<string> => {
  const { accuracy, metrics, referenceMetrics, steps } = outcome
  const areWeighed = classWeightsOf(agreement.data) !== undefined
  const isKnown = metrics !== undefined || (accuracy !== null && !areWeighed)
  const whose = isKnown ? "the model" : "the float64 reference trained the same way"
  const figures = metrics ?? referenceMetrics
  const found =
    areWeighed && figures?.kind === "classes"
      ? chance(figures)
      : failures(figures, isKnown ? accuracy : undefined)
  return found.map((what) => `${whose} ${what}: it has learned nothing of use; ${remedies(agreement, steps)}`)
}

/** What says that nothing is learned; `accuracy` stands in for that of the figures, if they are of another model. */
const failures = (
  metrics: Metrics | undefined,
  accuracy: number | null | undefined
): ReadonlyArray<string> => {
  if (metrics === undefined) return []
  if (metrics.kind === "numbers")
    return metrics.numbers.flatMap(({ name, r2 }) =>
      r2 === null || r2 > 0
        ? []
        : [`predicts ${name} no better than its mean on the held-out rows does (R² ${r2.toFixed(4)})`]
    )
  const { majority } = metrics
  const share = accuracy ?? metrics.accuracy
  // Of rows of one class only there is nothing to tell apart.
  if (share > majority.accuracy || majority.accuracy === 1) return []
  return [
    `is right for ${share.toFixed(4)} of the held-out rows, and always saying ${majority.label} would be for ${majority.accuracy.toFixed(4)}`
  ]
}

/** With class weights a model may leave many rows of a frequent class to the others, and be worth it. */
const chance = ({ balancedAccuracy, classes }: ClassMetrics): ReadonlyArray<string> => {
  const occurring = classes.filter(({ rows }) => rows > 0).length
  if (balancedAccuracy > 1 / occurring || occurring < 2) return []
  return [
    `finds ${balancedAccuracy.toFixed(4)} of the held-out rows of a class in the mean, and always saying the same would find ${(1 / occurring).toFixed(4)}`
  ]
}

/** Below so many steps, more of them may be all that is missing. */
const fewSteps = 1000

/** What to change, in the order in which to try it. */
const remedies = (agreement: Agreement, steps: number): string => {
  const { data, training } = agreement
  const { momentum = 0, rate } = training
  const numbers = data.features.filter((feature) => !isCategory(feature))
  const changes = [
    ...(classesOf(data) !== undefined && lossOf(agreement) === "squared-error"
      ? ["training.loss: softmax in place of squared-error"]
      : []),
    ...(momentum === 0 ? [`training.momentum: 0.9, with a tenth of the rate`] : []),
    `a training.rate three times lower, or higher, than ${rate}`,
    ...(steps < fewSteps ? [`more training.epochs: ${counted(steps, "step")} are few`] : []),
    ...(numbers.some((feature) => !isStandard(feature))
      ? ["scale: standard for features that fill a small part of their range"]
      : [])
  ]
  return `bicameral tune tries rates, layers and epochs; otherwise try, one after another, ${changes.join("; ")}`
}
