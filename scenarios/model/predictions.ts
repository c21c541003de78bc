/** What a model predicts for rows, as the columns of a table: the label with its probabilities, or the numbers. Pure. */
import { type ClassLabel, classesOf } from "../../protocol/data/description.ts"
import { unscaledLabels } from "../../protocol/data/encoding.ts"
import { greatestOfEachRow, type Model, noClass } from "../../protocol/learning/model.ts"
import { labelOutcomes } from "../../protocol/metrics/outcomes.ts"

export interface PredictedColumn {
  readonly name: string
  readonly values: ReadonlyArray<string> | Float64Array
}

/** The class of each row, by its place; `outputs` is rows × classes. */
export const predictedClasses = (model: Pick<Model, "data">, outputs: Float64Array): Uint32Array =>
  greatestOfEachRow(outputs, classesOf(model.data)!.length)

/**
 * Of classes, the label and then a probability for each class, `diagnosis=malignant`; of numbers, each in its own units.
 * `outputs` is rows × outputs, the network's.
 */
export const predictedColumns = (
  model: Pick<Model, "data" | "loss">,
  outputs: Float64Array
): ReadonlyArray<PredictedColumn> => {
  const { label } = model.data
  if ("values" in label) return classColumns(model, label, outputs)
  const back = unscaledLabels(model.data)
  return label.numbers.map(({ name }, output) => ({
    name,
    values: Float64Array.from({ length: outputs.length / back.length }, (_, row) =>
      back[output]!(outputs[row * back.length + output]!)
    )
  }))
}

const classColumns = (
  model: Pick<Model, "data" | "loss">,
  { column, values }: ClassLabel,
  outputs: Float64Array
): ReadonlyArray<PredictedColumn> => {
  const width = values.length
  const classes = predictedClasses(model, outputs)
  const probabilities = values.map(() => new Float64Array(classes.length))
  classes.forEach((found, row) => {
    if (found === noClass) return
    const own = labelOutcomes(model.loss, outputs.subarray(row * width, (row + 1) * width)).probabilities
    for (const [of, p] of own.entries()) probabilities[of]![row] = p
  })
  return [
    { name: column, values: Array.from(classes, (found) => values[found] ?? "") },
    ...values.map((value, of) => ({ name: `${column}=${value}`, values: probabilities[of]! }))
  ]
}
