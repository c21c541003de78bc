/** The figures of a test on held-out rows, as `result.json` holds them (`protocol/metrics/metrics.ts`). */
import { Schema } from "../../protocol/schema.ts"

const described = <A, I>(schema: Schema.Schema<A, I>, description: string) =>
  schema.annotations({ description })
const figure = (description: string) => described(Schema.NullOr(Schema.Number), description)
const Interval = Schema.Tuple(Schema.Number, Schema.Number)
const interval = (description: string) => described(Schema.NullOr(Interval), description)

const left = <A, I>(schema: Schema.Schema<A, I>, description: string) =>
  Schema.optionalWith(described(schema, description), { exact: true })

const ClassFigures = Schema.Struct({
  label: Schema.String,
  rows: described(Schema.Number, "Rows that have the label"),
  predicted: described(Schema.Number, "Rows that the model gives it"),
  precision: figure("Of the rows that are given the label, the share that has it; null where there is none"),
  recall: figure("Of the rows that have the label, the share that is given it; null where there is none"),
  f1: figure("The harmonic mean of precision and recall")
})

const TwoClassFigures = Schema.Struct({
  positive: described(Schema.String, "The second of the label's values"),
  auc: figure("Area under the ROC curve"),
  aucInterval: interval(
    "DeLong's 95 % interval; null where no pair is ranked wrongly, or of one row of a class"
  ),
  aucBinning: figure("The area from the scores themselves differs by at most this"),
  sensitivity: figure("Recall of the positive class"),
  specificity: figure("Recall of the other class"),
  roc: left(
    Schema.Array(Schema.Tuple(Schema.Number, Schema.Number)),
    "Corners of the ROC curve: rows of the other class and of the positive one with a score of at least a threshold"
  )
})

const ClassMetrics = Schema.Struct({
  kind: Schema.Literal("classes"),
  rows: Schema.Number,
  withoutClass: described(Schema.Number, "Rows for which an output is no finite number"),
  accuracy: Schema.Number,
  accuracyInterval: described(Interval, "Wilson's 95 % interval"),
  majority: described(
    Schema.Struct({ label: Schema.String, accuracy: Schema.Number }),
    "The label that most of these rows have, and the accuracy of saying it always"
  ),
  balancedAccuracy: described(Schema.Number, "Mean recall of the classes that have rows"),
  macroF1: described(Schema.Number, "Mean F1 of the classes that have rows or are predicted"),
  logLoss: figure("Mean of −ln p of the label; null with squared error, whose outputs are no probabilities"),
  brier: figure("Mean of the sum over the classes of (p − y)²; of two classes half of that"),
  calibrationError: figure("Expected calibration error, by tenths of the confidence"),
  calibration: left(
    Schema.Array(
      Schema.Struct({
        rows: Schema.Number,
        right: Schema.Number,
        confidence: described(Schema.Number, "Its mean over these rows")
      })
    ),
    "Rows by tenths of the confidence, and how many of them are right"
  ),
  twoClasses: Schema.optionalWith(TwoClassFigures, { exact: true }),
  classes: Schema.Array(ClassFigures),
  confusion: described(
    Schema.Array(Schema.Array(Schema.Number)),
    "Rows of each label by what the model takes them for, in the order of the labels"
  )
})

const NumberFigures = Schema.Struct({
  name: Schema.String,
  mae: described(Schema.Number, "Mean absolute error, in the column's units"),
  maeInterval: interval("Its 95 % interval"),
  rmse: described(Schema.Number, "Root mean square of the error"),
  r2: figure("1 − Σe²/Σ(y − mean)²; null where the numbers do not differ"),
  mean: described(Schema.Number, "The mean of these rows"),
  meanRmse: described(Schema.Number, "RMSE of predicting the mean always")
})

const NumberMetrics = Schema.Struct({
  kind: Schema.Literal("numbers"),
  rows: Schema.Number,
  withoutNumber: described(Schema.Number, "Rows for which an output is no finite number; not among the rows"),
  numbers: Schema.Array(NumberFigures)
})

export const Figures = Schema.Union(ClassMetrics, NumberMetrics)
