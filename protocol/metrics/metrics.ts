/**
 * The figures by which a model is reported, from the tally of its held-out rows (`tally.ts`), with the simplest
 * prediction on the same rows beside them: the class that most of them have, or their mean. A figure that is not defined
 * is null. Pure.
 */
import { classesOf, type DataDescription, labelColumns } from "../data/description.ts"
import type { Loss } from "../learning/loss.ts"
import { type Interval, normalQuantile, wilson } from "./intervals.ts"
import { type RocPoint, rocArea, rocCurve } from "./roc.ts"
import {
  type ClassPlaces,
  calibrationBins,
  classPlaces,
  numberCounts,
  numberSums,
  scoreBins,
  sumsOfNumber,
  type Tally
} from "./tally.ts"

export interface ClassFigures {
  readonly label: string
  /** Rows that have this label, and rows that the model gives it. */
  readonly rows: number
  readonly predicted: number
  /** Null where nothing is given the label, or no row has it. */
  readonly precision: number | null
  readonly recall: number | null
  readonly f1: number | null
}

/** What is usual of two classes; the second of the label's values is the positive one. */
export interface TwoClassFigures {
  readonly positive: string
  readonly auc: number | null
  readonly aucInterval: Interval | null
  /** The area from the scores themselves, which are counted in bins, differs by at most this. */
  readonly aucBinning: number | null
  /** Recall of the positive class, and of the other. */
  readonly sensitivity: number | null
  readonly specificity: number | null
  /** The curve itself, where both classes have rows; results of earlier versions lack it. */
  readonly roc?: ReadonlyArray<RocPoint>
}

/** Rows of a tenth of the confidence: the mean of it, and how many are right. */
export interface ConfidenceBin {
  readonly rows: number
  readonly right: number
  readonly confidence: number
}

export interface ClassMetrics {
  readonly kind: "classes"
  readonly rows: number
  /** Rows for which an output is no finite number. */
  readonly withoutClass: number
  readonly accuracy: number
  /** Wilson, 95 %. */
  readonly accuracyInterval: Interval
  /** The label that most of the rows have, and the accuracy of saying it always. */
  readonly majority: { readonly label: string; readonly accuracy: number }
  /** The mean recall of the classes that have rows. */
  readonly balancedAccuracy: number
  /** The mean F1 of the classes that have rows or are predicted. */
  readonly macroF1: number
  /** The mean of −ln p for the label's p; null with squared error, whose outputs are no probabilities. */
  readonly logLoss: number | null
  /** The mean of Σ(p − y)² over the classes; of two classes half of that. */
  readonly brier: number | null
  /** Expected calibration error, by tenths of the confidence. */
  readonly calibrationError: number | null
  /** By tenths of the confidence, ascending, those that have rows; results of earlier versions lack it. */
  readonly calibration?: ReadonlyArray<ConfidenceBin>
  readonly twoClasses?: TwoClassFigures
  readonly classes: ReadonlyArray<ClassFigures>
  /** Rows of each label by what the model takes them for, in the order of the labels. */
  readonly confusion: ReadonlyArray<ReadonlyArray<number>>
}

export interface NumberFigures {
  readonly name: string
  readonly mae: number
  /** By the central limit theorem, 95 %. */
  readonly maeInterval: Interval | null
  readonly rmse: number
  /** Null where the numbers of the rows do not differ. */
  readonly r2: number | null
  /** The mean of the rows, and the RMSE of predicting it always. */
  readonly mean: number
  readonly meanRmse: number
}

export interface NumberMetrics {
  readonly kind: "numbers"
  readonly rows: number
  /** Rows for which an output is no finite number; the figures are of the others. */
  readonly withoutNumber: number
  readonly numbers: ReadonlyArray<NumberFigures>
}

export type Metrics = ClassMetrics | NumberMetrics

/** The figures of a tally; undefined where it has no row to find any on. */
export const metricsOf = (
  data: Pick<DataDescription, "label">,
  loss: Loss,
  tally: Tally
): Metrics | undefined => {
  const classes = classesOf(data)
  return classes === undefined ? numberMetrics(labelColumns(data), tally) : classMetrics(classes, loss, tally)
}

const sum = (values: Iterable<number>): number => {
  let total = 0
  for (const each of values) total += each
  return total
}

const share = (part: number, whole: number): number | null => (whole === 0 ? null : part / whole)

/** The mean of those that are defined. */
const mean = (values: ReadonlyArray<number | null>): number => {
  const defined = values.filter((each) => each !== null)
  return sum(defined) / defined.length
}

const classMetrics = (
  labels: ReadonlyArray<string>,
  loss: Loss,
  { counts, sums }: Tally
): ClassMetrics | undefined => {
  const places = classPlaces(labels.length)
  const row = (label: number) => {
    const from = places.confusion + label * (labels.length + 1)
    return counts.subarray(from, from + labels.length + 1)
  }
  const rowsOf = labels.map((_, label) => sum(row(label)))
  const rows = sum(rowsOf)
  if (rows === 0) return undefined
  const right = labels.map((_, label) => row(label)[label]!)
  const correct = sum(right)
  const withoutClass = sum(labels.map((_, label) => row(label)[labels.length]!))
  const tested = rows - withoutClass
  const classes = labels.map((label, index): ClassFigures => {
    const predicted = sum(labels.map((_, other) => row(other)[index]!))
    const [own, all] = [rowsOf[index]!, right[index]!]
    return {
      label,
      rows: own,
      predicted,
      precision: share(all, predicted),
      recall: share(all, own),
      f1: share(2 * all, own + predicted)
    }
  })
  const most = rowsOf.indexOf(Math.max(...rowsOf))
  const brier = share(sums[places.brier]!, tested)
  return {
    kind: "classes",
    rows,
    withoutClass,
    accuracy: correct / rows,
    accuracyInterval: wilson(correct, rows),
    majority: { label: labels[most]!, accuracy: rowsOf[most]! / rows },
    balancedAccuracy: mean(classes.map(({ recall }) => recall)),
    macroF1: mean(classes.map(({ f1 }) => f1)),
    logLoss: loss === "squared-error" ? null : share(sums[places.logLoss]!, tested),
    brier: brier === null || labels.length > 2 ? brier : brier / 2,
    calibrationError: calibrationError(places, { counts, sums }, tested),
    calibration: calibrationOf(places, { counts, sums }),
    ...(labels.length === 2 ? { twoClasses: twoClassFigures(places, counts, classes) } : {}),
    classes,
    confusion: labels.map((_, label) => Array.from(row(label).subarray(0, labels.length)))
  }
}

/** Σ over the bins of |right − confidence| (Guo et al., ICML 2017). */
const calibrationError = (
  { confidence, right }: ClassPlaces,
  { counts, sums }: Tally,
  tested: number
): number | null =>
  share(
    sum(
      Array.from({ length: calibrationBins }, (_, bin) =>
        Math.abs(counts[right + bin]! - sums[confidence + bin]!)
      )
    ),
    tested
  )

const calibrationOf = (
  { confident, confidence, right }: ClassPlaces,
  { counts, sums }: Tally
): ReadonlyArray<ConfidenceBin> =>
  Array.from({ length: calibrationBins }, (_, bin) => {
    const rows = counts[confident + bin]!
    return { rows, right: counts[right + bin]!, confidence: sums[confidence + bin]! / rows }
  }).filter(({ rows }) => rows > 0)

const twoClassFigures = (
  { histogram }: ClassPlaces,
  counts: Uint32Array,
  [negative, positive]: ReadonlyArray<ClassFigures>
): TwoClassFigures => {
  const bins = (label: number) =>
    counts.subarray(histogram + label * scoreBins, histogram + (label + 1) * scoreBins)
  const area = rocArea(bins(0), bins(1))
  return {
    positive: positive!.label,
    auc: area?.auc ?? null,
    aucInterval: area?.interval ?? null,
    aucBinning: area?.binning ?? null,
    sensitivity: positive!.recall,
    specificity: negative!.recall,
    ...(area && { roc: rocCurve(bins(0), bins(1)) })
  }
}

/** Of a smaller share of the mean square, a variance is lost to rounding. */
const leastVariance = 1e-12

const numberMetrics = (names: ReadonlyArray<string>, { counts, sums }: Tally): NumberMetrics | undefined => {
  const rows = counts[numberCounts.finite]!
  if (rows === 0) return undefined
  const numbers = names.map((name, output): NumberFigures => {
    const of = (what: keyof typeof numberSums) => sums[output * sumsOfNumber + numberSums[what]]!
    const mae = of("absolute") / rows
    const squares = of("yy") - of("y") ** 2 / rows
    const differ = squares > leastVariance * of("yy")
    const half =
      rows < 2 ? null : normalQuantile * Math.sqrt(Math.max(0, of("ee") / rows - mae ** 2) / (rows - 1))
    return {
      name,
      mae,
      maeInterval: half === null ? null : [Math.max(0, mae - half), mae + half],
      rmse: Math.sqrt(of("ee") / rows),
      r2: differ ? 1 - of("ee") / squares : null,
      mean: of("y") / rows,
      meanRmse: differ ? Math.sqrt(squares / rows) : 0
    }
  })
  return { kind: "numbers", rows, withoutNumber: counts[numberCounts.rows]! - rows, numbers }
}
