/** `bicameral predict`: what an opened model says of the rows of a file. */
import { FileSystem } from "@effect/platform"
import { Data, Effect, Option } from "effect"
import { fixedScores } from "../../protocol/computation/predicting.ts"
import { classesOf } from "../../protocol/data/description.ts"
import { type Model, scores } from "../../protocol/learning/model.ts"
import { rangeText, rowBeyondRange } from "../../protocol/learning/range.ts"
import { type Metrics, metricsOf } from "../../protocol/metrics/metrics.ts"
import { tallyOfOutputs } from "../../protocol/metrics/tally.ts"
import { Ring } from "../../protocol/ring/ring.ts"
import { unreadable } from "../description/data-path.ts"
import { settingsOf, unknownFile, withOptions } from "../inspect/file-settings.ts"
import { csvText } from "../model/csv-text.ts"
import { readModel } from "../model/model-file.ts"
import { type PredictedColumn, predictedClasses, predictedColumns } from "../model/predictions.ts"
import { type PredictedRows, readRows } from "../model/rows.ts"
import { amount, between, figure } from "../report/figures-text.ts"
import { answer } from "../text/answer.ts"
import { count, counted } from "../text/units.ts"
import type { PredictRequest } from "./commands.ts"

/** The rows, or where they should go, can't be used. */
export class CannotPredict extends Data.TaggedError("CannotPredict")<{
  readonly file: string
  readonly reason: string
}> {
  readonly retryable = false
  override get message(): string {
    return `${this.file}: ${this.reason}`
  }
}

/** Predicts the rows of a file; prints them, or writes them to a file and prints what they are like. */
export const predictRows = Effect.fn("Predict.rows")(function* (request: PredictRequest) {
  const { out, written, rows: file } = request
  const unknown = unknownFile(written, [file])
  if (unknown !== undefined) return yield* unknown
  const { model } = yield* readModel(request.model)
  const read = yield* readRows(model, settingsOf(written, file)).pipe(
    Effect.mapError((error) =>
      error._tag === "TableError"
        ? withOptions(error, true)
        : new CannotPredict({ file, reason: error.message })
    )
  )
  const beyond = rowBeyondRange(model, read.table.features)
  if (beyond !== undefined)
    return yield* new CannotPredict({
      file,
      reason: `row ${read.ids[beyond]} takes the model out of the range of its fixed-point numbers (${rangeText(model.fractionalBits)}); correct the values of its columns`
    })
  const ring = yield* Effect.promise(() => Ring.load())
  const outputs = fixedScores(ring, model, read.table.features)
  const columns = [{ name: model.data.id, values: read.ids }, ...predictedColumns(model, outputs)]
  if (Option.isNone(out))
    return yield* answer({
      text: csvText(columns).trimEnd(),
      value: {
        rows: read.ids.length,
        columns: columns.map(({ name, values }) => ({ name, values: [...values] }))
      }
    })
  yield* writeTable(out.value, columns)
  const said = summary(model, read, outputs)
  yield* answer({
    text: [`${counted(read.ids.length, "row")} predicted in ${out.value}`, ...said].join("\n"),
    value: { rows: read.ids.length, file: out.value, summary: said }
  })
})

/** Parquet where the name says so, otherwise CSV. A file that is there is replaced. */
export const writeTable = (file: string, columns: ReadonlyArray<PredictedColumn>) =>
  Effect.gen(function* () {
    const files = yield* FileSystem.FileSystem
    const bytes = /\.parquet$/i.test(file)
      ? (yield* Effect.promise(() => import("../model/parquet-file.ts"))).parquetBytes(columns)
      : new TextEncoder().encode(csvText(columns))
    yield* files.writeFile(file, bytes).pipe(
      Effect.mapError(
        (error) =>
          new CannotPredict({
            file,
            reason: `can't be written: ${unreadable(error, file, "choose another with --out")}`
          })
      )
    )
  })

const summary = (
  model: Model,
  { table, labelled }: PredictedRows,
  outputs: Float64Array
): ReadonlyArray<string> => [
  ...(classesOf(model.data) === undefined ? [] : ofClasses(model, table.features, outputs)),
  ...(labelled ? tested(metricsOf(model.data, model.loss, tallyOfOutputs(model, outputs, table.labels))) : [])
]

/** How many rows each class has, and how many have another in float64. */
const ofClasses = (model: Model, features: Float64Array, outputs: Float64Array): ReadonlyArray<string> => {
  const found = predictedClasses(model, outputs)
  const inFloat = predictedClasses(model, scores(model, features))
  const others = found.filter((own, row) => own !== inFloat[row]).length
  const rows = classesOf(model.data)!.map((label, place) => ({
    label,
    rows: found.filter((own) => own === place).length
  }))
  return [
    rows
      .filter(({ rows }) => rows > 0)
      .map(({ label, rows }) => `${label} ${count(rows)}`)
      .join(", "),
    ...(others === 0
      ? []
      : [`${counted(others, "row")} would have another class in float64, as a close call`])
  ].filter((line) => line !== "")
}

/** Beside the labels that the file has. */
export const tested = (metrics: Metrics | undefined): ReadonlyArray<string> => {
  if (metrics === undefined) return []
  if (metrics.kind === "numbers")
    return metrics.numbers.map(({ name, r2, rmse }) => `${name}: R² ${figure(r2)}, RMSE ${amount(rmse)}`)
  const { accuracy, accuracyInterval, rows, majority } = metrics
  return [
    `accuracy ${figure(accuracy)} on ${counted(rows, "row")} with labels, 95 % interval ${between(accuracyInterval)}; always saying ${majority.label}: ${figure(majority.accuracy)}`
  ]
}
