/** Models whose outputs are their inputs, so that a test says outputs and labels, and the tally of what they come to. */
import type { Label } from "../../../protocol/data/description.ts"
import { noStatistics, prepare, type Statistics } from "../../../protocol/data/preparation.ts"
import type { Loss } from "../../../protocol/learning/loss.ts"
import { modelOf } from "../../../protocol/learning/model.ts"
import { metricsOf } from "../../../protocol/metrics/metrics.ts"
import { type Tally, tallyOf } from "../../../protocol/metrics/tally.ts"
import { networkOf } from "../learning/example.ts"

const prepared = (label: Label, statistics: Statistics = noStatistics) =>
  prepare({ id: "id", features: [{ name: "x", range: [0, 1] }], label, scaleTo: [-1, 1] }, statistics)

export const classesLabel = (classes: number): Label => ({
  column: "kind",
  values: Array.from({ length: classes }, (_, i) => `c${i}`)
})

/** What passes its inputs on. */
const passing = (label: Label, outputs: number, loss: Loss, statistics?: Statistics) => {
  const identity = Array.from({ length: outputs }, (_, i) =>
    Array.from({ length: outputs }, (_, j) => Number(i === j))
  )
  const values = [...identity.flat(), ...Array.from({ length: outputs }, () => 0)]
  const network = networkOf([outputs, outputs], "identity")
  return modelOf(
    { data: prepared(label, statistics), network, loss, fractionalBits: 20 },
    Float64Array.from(values)
  )
}

/** Outputs by row, with the class of each. */
export interface Classified {
  readonly outputs: ReadonlyArray<ReadonlyArray<number>>
  readonly truth: ReadonlyArray<number>
}

export const tallyOfClasses = (classes: number, loss: Loss, { outputs, truth }: Classified): Tally =>
  tallyOf(passing(classesLabel(classes), classes, loss), {
    rows: truth.length,
    features: Float64Array.from(outputs.flat()),
    labels: Float64Array.from(
      truth.flatMap((own) => Array.from({ length: classes }, (_, i) => Number(i === own)))
    )
  })

export const classMetricsOf = (classes: number, loss: Loss, tested: Classified) => {
  const metrics = metricsOf({ label: classesLabel(classes) }, loss, tallyOfClasses(classes, loss, tested))
  if (metrics?.kind !== "classes") throw new Error("no metrics of classes")
  return metrics
}

export const numberLabel: Label = { numbers: [{ name: "height" }, { name: "depth", range: [0, 10] }] }
const heights: Statistics = {
  moments: new Map([["height", { count: 4, mean: 170, deviation: 10 }]]),
  counts: new Map()
}

/** Predictions and truths by row, in their own units: of a height by mean and deviation, of a depth by its range. */
export interface Predicted {
  readonly predictions: ReadonlyArray<readonly [number, number]>
  readonly truth: ReadonlyArray<readonly [number, number]>
}

const scaled = ([height, depth]: readonly [number, number]) => [(height - 170) / 10, -1 + depth / 5]

export const tallyOfNumbers = ({ predictions, truth }: Predicted): Tally =>
  tallyOf(passing(numberLabel, 2, "squared-error", heights), {
    rows: truth.length,
    features: Float64Array.from(predictions.flatMap(scaled)),
    labels: Float64Array.from(truth.flatMap(scaled))
  })

export const numberMetricsOf = (tested: Predicted) => {
  const metrics = metricsOf({ label: numberLabel }, "squared-error", tallyOfNumbers(tested))
  if (metrics?.kind !== "numbers") throw new Error("no metrics of numbers")
  return metrics
}
