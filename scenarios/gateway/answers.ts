/** What the gateway says of a model and of its predictions. Pure. */
import { classesOf, type Feature, isCategory } from "../../protocol/data/description.ts"
import type { Preparation } from "../../protocol/learning/model.ts"
import { type PredictedColumn, predictedColumns } from "../model/predictions.ts"
import type { AboutModel, Column, Prediction } from "./api.ts"

const aboutColumn = (feature: Feature): Column => {
  const { name } = feature
  const mayBeMissing = feature.fill !== undefined
  if (isCategory(feature)) return { name, kind: "category", mayBeMissing, values: feature.values }
  const { kind = "number", range } = feature
  return { name, kind, mayBeMissing, ...(range !== undefined && kind === "number" && { range }) }
}

export const aboutModel = ({ data }: Preparation): AboutModel => ({
  id: data.id,
  columns: data.features.map(aboutColumn),
  predicts:
    "values" in data.label
      ? { label: data.label.column, values: data.label.values }
      : { numbers: data.label.numbers.map(({ name }) => name) }
})

/** Of rows with these ids, what `bicameral predict` has in its table. `outputs` is rows × outputs. */
export const predictionsOf = (
  preparation: Preparation,
  ids: ReadonlyArray<string>,
  outputs: Float64Array
): ReadonlyArray<Prediction> => {
  const columns = predictedColumns(preparation, outputs)
  const classes = classesOf(preparation.data)
  const cell = ({ values }: PredictedColumn, row: number) => values[row]!
  if (classes === undefined)
    return ids.map((id, row) => ({
      id,
      numbers: columns.map((column) => ({ column: column.name, value: Number(cell(column, row)) }))
    }))
  const [label, ...probabilities] = columns
  return ids.map((id, row) => ({
    id,
    label: String(cell(label!, row)),
    probabilities: classes.map((name, of) => ({
      label: name,
      probability: Number(cell(probabilities[of]!, row))
    }))
  }))
}
