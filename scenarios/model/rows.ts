/** Rows that a model is to predict: of a data file of any format, prepared as the rows of the training were. */
import { Effect } from "effect"
import { featureCount, labelColumns, type Prepared } from "../../protocol/data/description.ts"
import { encodeTable, type HeldTable, heldTable } from "../../protocol/data/encoding.ts"
import { assemble, type JointTable } from "../../protocol/data/joint.ts"
import { trimmed } from "../../protocol/data/spelling.ts"
import type { Model } from "../../protocol/learning/model.ts"
import { readTable, surveyTable } from "../description/data-files.ts"
import type { FileSettings } from "../inspect/file-settings.ts"

/** Rows in the order of their file. */
export interface PredictedRows {
  readonly ids: ReadonlyArray<string>
  /** With labels where `labelled`, otherwise with none. */
  readonly table: JointTable
  /** Whether the file has all columns that are predicted, with a value in every row. */
  readonly labelled: boolean
}

/** The names of a file's columns; of one that names none, as many empty texts. */
const namesOf = (settings: FileSettings) =>
  Effect.gen(function* () {
    let names: ReadonlyArray<string> = []
    const open = (columns: ReadonlyArray<{ readonly name: string }>) => {
      names = columns.map(({ name }) => trimmed(name))
    }
    yield* surveyTable({ user: "", ...settings }, { open, cell: () => {} }, 1)
    return names
  })

/**
 * Reads the rows of a file. It has the model's features under their names, or without names in their order. Rows are
 * numbered where it has no column of ids.
 */
export const readRows = Effect.fn("Model.readRows")(function* (
  { data }: Pick<Model, "data">,
  settings: FileSettings
) {
  const names = yield* namesOf(settings)
  const has = (column: string) => names.includes(trimmed(column))
  const features = data.features.map(({ name }) => name)
  const labels = labelColumns(data)
  const isNamed = names.some((name) => name !== "")
  const labelled = labels.every(has)
  const source = {
    ...{ user: "", ...settings, columns: labelled ? [...features, ...labels] : features },
    ...(isNamed ? {} : { header: features }),
    ...(isNamed && has(data.id) ? {} : { ids: { prefix: "", first: 1 } })
  }
  const held = heldTable(data, yield* readTable(source, data), false)
  const rowsRead: PredictedRows = {
    ids: held.ids,
    table: preparedTable(data, held),
    labelled: labelled && held.unlabelled.length === 0
  }
  return rowsRead
})

/** The features of rows as the network takes them, and labels where the columns held have them. */
export const preparedTable = (data: Prepared, held: HeldTable): JointTable => {
  const { ids, columns, cells } = encodeTable(data, held)
  const features = featureCount(data)
  const rows = Uint32Array.from(ids.keys())
  const outline = { firstRow: 0, rows: ids.length, features, labels: columns.length - features }
  return assemble([{ rows, columns, cells }], outline)
}
