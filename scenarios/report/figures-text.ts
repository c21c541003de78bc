/** The figures of a test on held-out rows, and what each owner gets alone, as lines for people. Pure. */

import { type Interval, wilson } from "../../protocol/metrics/intervals.ts"
import type { ClassFigures, ClassMetrics, Metrics, NumberMetrics } from "../../protocol/metrics/metrics.ts"
import { count, counted, table } from "../text/units.ts"
import type { RunResult } from "./result.ts"

type Tested = Pick<
  RunResult,
  "accuracy" | "tested" | "metrics" | "referenceAccuracy" | "referenceMetrics" | "reasons" | "seed"
>

/** The lines of the figure by which a model is judged, after its name: the accuracy, or R². */
export const judgement = (result: Tested): readonly [name: string, ...lines: ReadonlyArray<string>] => {
  const shown = result.metrics ?? result.referenceMetrics
  return shown?.kind === "numbers"
    ? ["R²", ...r2Lines(result, shown)]
    : ["accuracy", ...accuracyLines(result, shown)]
}

const accuracyLines = (result: Tested, shown: ClassMetrics | undefined): ReadonlyArray<string> => {
  const { accuracy, tested, referenceAccuracy, reasons } = result
  const plain = referenceAccuracy === null ? noReference(result) : isPlain(figure(referenceAccuracy))
  if (accuracy === null || tested === null) return [`${reasons.accuracy}; ${plain}`]
  const always = shown && `; always saying ${shown.majority.label}: ${figure(shown.majority.accuracy)}`
  return [
    `${figure(accuracy)} secure (${count(tested.correct)} of ${counted(tested.total, "held-out row")}); ${plain}`,
    `95 % interval ${between(wilson(tested.correct, tested.total))}${always ?? ""}`,
    ...(referenceAccuracy === null ? [] : withoutSeed(result))
  ]
}

const r2Lines = (result: Tested, { numbers }: NumberMetrics): ReadonlyArray<string> => {
  const { metrics, referenceMetrics } = result
  const r2Of = (some: Metrics | undefined) =>
    some?.kind === "numbers"
      ? some.numbers.map(({ name, r2 }) => `${numbers.length > 1 ? `${name} ` : ""}${figure(r2)}`).join(", ")
      : undefined
  const [secure, reference] = [r2Of(metrics), r2Of(referenceMetrics)]
  const plain = reference === undefined ? noReference(result) : isPlain(reference)
  if (secure === undefined || metrics === undefined) return [`not revealed; ${plain}`]
  return [
    `${secure} secure (${counted(metrics.rows, "held-out row")}); ${plain}`,
    ...(reference === undefined ? [] : withoutSeed(result))
  ]
}

const isPlain = (figures: string): string => `${figures} plain (float64 reference trained the same way)`

const noReference = ({ reasons }: Tested): string => `no float64 reference: ${reasons.referenceAccuracy}`

/** Why the two differ where nothing else explains it. */
const withoutSeed = ({ seed }: Tested): ReadonlyArray<string> =>
  seed === null
    ? [
        "without a seed the reference has first weights, batches and held-out rows of its own: it differs as a second run would"
      ]
    : []

/** A table for more classes than these is no help. */
const mostClasses = 20

/** All figures, where the scenario reveals them; those of the reference beside them. */
export const figureTables = ({ metrics, referenceMetrics }: Tested): ReadonlyArray<string> => {
  if (metrics === undefined) return []
  if (metrics.kind === "numbers")
    return ["", ...numberTable(metrics, referenceMetrics?.kind === "numbers" ? referenceMetrics : undefined)]
  const plain = referenceMetrics?.kind === "classes" ? referenceMetrics : undefined
  const classes = metrics.classes.length > mostClasses ? [] : ["", ...classTable(metrics)]
  return ["", ...classFigures(metrics, plain), ...classes]
}

const classFigures = (secure: ClassMetrics, plain: ClassMetrics | undefined): ReadonlyArray<string> => {
  const row = (name: string, of: (some: ClassMetrics) => string) => [name, of(secure), plain ? of(plain) : ""]
  const ofTwo = secure.twoClasses && [
    row("ROC AUC", ({ twoClasses: two }) => withInterval(two?.auc ?? null, two?.aucInterval ?? null)),
    row(`sensitivity (${secure.twoClasses.positive})`, ({ twoClasses: two }) =>
      figure(two?.sensitivity ?? null)
    ),
    row("specificity", ({ twoClasses: two }) => figure(two?.specificity ?? null))
  ]
  return table([
    ["figure", "secure", plain ? "plain" : ""],
    row("balanced accuracy", ({ balancedAccuracy }) => figure(balancedAccuracy)),
    row("macro F1", ({ macroF1 }) => figure(macroF1)),
    ...(ofTwo ?? []),
    row("log loss", ({ logLoss }) => figure(logLoss)),
    row("Brier score", ({ brier }) => figure(brier)),
    row("calibration error", ({ calibrationError }) => figure(calibrationError))
  ])
}

const classTable = ({ classes }: ClassMetrics): ReadonlyArray<string> =>
  table([
    ["class", "rows", "predicted", "precision", "recall", "F1"],
    ...classes.map(({ label, rows, predicted, precision, recall, f1 }: ClassFigures) => [
      label,
      count(rows),
      count(predicted),
      figure(precision),
      figure(recall),
      figure(f1)
    ])
  ])

const numberTable = ({ numbers }: NumberMetrics, plain: NumberMetrics | undefined): ReadonlyArray<string> =>
  table([
    ["number", "figure", "secure", plain ? "plain" : "", "always the mean"],
    ...numbers.flatMap((secure, output) => {
      const other = plain?.numbers[output]
      return [
        [
          secure.name,
          "R²",
          figure(secure.r2),
          other ? figure(other.r2) : "",
          figure(secure.r2 === null ? null : 0)
        ],
        ["", "RMSE", amount(secure.rmse), other ? amount(other.rmse) : "", amount(secure.meanRmse)],
        [
          "",
          "MAE",
          secure.maeInterval === null
            ? amount(secure.mae)
            : `${amount(secure.mae)} (${secure.maeInterval.map(amount).join(" to ")})`,
          other ? amount(other.mae) : "",
          ""
        ]
      ]
    })
  ])

/** What each owner gets alone, beside what all get together. */
export const gain = ({
  alone,
  referenceMetrics,
  rows
}: Pick<RunResult, "alone" | "referenceMetrics" | "rows">): ReadonlyArray<string> => {
  if (alone === undefined || referenceMetrics === undefined) return []
  if (alone.every((each) => each.rows === 0))
    return ["", "the gain of joining is not measured: no owner holds a whole row to train on alone"]
  const [name, together] =
    referenceMetrics.kind === "classes"
      ? ["accuracy", referenceMetrics.accuracy]
      : ["R²", mean(referenceMetrics.numbers.flatMap(({ r2 }) => r2 ?? []))]
  // Where nearly all rows are of one class, a model that knows no other is nearly as accurate as any.
  const balanced = referenceMetrics.kind === "classes" && isLopsided(referenceMetrics)
  return [
    "",
    `the gain of joining: the same network in float64, tested on ${counted(referenceMetrics.rows, "held-out row")} of all`,
    ...table([
      ["alone", "rows", name, ...(balanced ? ["balanced accuracy"] : [])],
      ...alone.map(({ user, rows: own, accuracy, balancedAccuracy, r2, reason }) => [
        user,
        count(own),
        reason ?? figure(accuracy ?? r2 ?? null),
        ...(balanced ? [figure(balancedAccuracy ?? null)] : [])
      ]),
      [
        "together",
        count(rows.training),
        figure(together),
        ...(balanced ? [figure(referenceMetrics.balancedAccuracy)] : [])
      ]
    ]).map((line) => `  ${line}`)
  ]
}

/** Share of the rows from which one class is most of them. */
const lopsided = 0.8

const isLopsided = ({ majority }: { readonly majority: { readonly accuracy: number } }): boolean =>
  majority.accuracy >= lopsided

const mean = (values: ReadonlyArray<number>): number =>
  values.reduce((sum, each) => sum + each, 0) / values.length

export const figure = (value: number | null): string =>
  value === null ? "–" : value.toFixed(4).replace("-", "−")

/** A number in units of the data. */
export const amount = (value: number): string => String(Number(value.toPrecision(4)))

export const between = ([low, high]: Interval): string => `${figure(low)} to ${figure(high)}`

const withInterval = (value: number | null, interval: Interval | null): string =>
  interval === null ? figure(value) : `${figure(value)} (${between(interval)})`
