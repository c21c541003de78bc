/**
 * What held-out rows say of a model, as counts and sums. Each user that tests makes a tally of the rows that it holds
 * whole; the tally of all rows is the sum of theirs, entry by entry, and all figures follow from it (`metrics.ts`). A
 * tally holds no row and no id. Of few rows it still tells much: with one row in a bin, its score to within the bin.
 */
import { Data } from "effect"
import { classesOf, type DataDescription, labelCount } from "../data/description.ts"
import { unscaledLabels } from "../data/encoding.ts"
import type { JointTable } from "../data/joint.ts"
import type { Loss } from "../learning/loss.ts"
import { greatestOfEachRow, type Model, noClass, scores } from "../learning/model.ts"
import { labelOutcomes, rankingLimit } from "./outcomes.ts"

/** Of how many rows something holds, and sums of real numbers; `placesOf` says which is where. */
export interface Tally {
  readonly counts: Uint32Array
  readonly sums: Float64Array
}

/** The confidence of a class, from 0 to 1, is looked at by tenths. */
export const calibrationBins = 10
/** Bins of the score by which the rows of two classes are ranked. */
export const scoreBins = 1024

/** Where a tally of classes has what. */
export interface ClassPlaces {
  readonly classes: number
  /** Rows of a class by what the model takes them for: classes × (classes + 1), the last column for none. */
  readonly confusion: number
  /** Rows by confidence, and those of them that are right. */
  readonly confident: number
  readonly right: number
  /** Rows of each of two classes by score: 2 × `scoreBins`, or nothing. */
  readonly histogram: number
  readonly counts: number
  /** Σ −ln p and Σ |p − y|², over the rows that have a class. */
  readonly logLoss: 0
  readonly brier: 1
  /** Sum of the confidence, by tenths of it. */
  readonly confidence: 2
  readonly sums: number
}

export const classPlaces = (classes: number): ClassPlaces => {
  const confident = classes * (classes + 1)
  const right = confident + calibrationBins
  const histogram = right + calibrationBins
  const counts = histogram + (classes === 2 ? 2 * scoreBins : 0)
  return {
    classes,
    confusion: 0,
    confident,
    right,
    histogram,
    counts,
    logLoss: 0,
    brier: 1,
    confidence: 2,
    sums: 2 + calibrationBins
  }
}

/** Counts of a tally of numbers: all rows, and those of which every output is a finite number. */
export const numberCounts = { rows: 0, finite: 1 } as const
/** Sums for each output, in the units of its column: of y, y², e, e² and |e|, with e the error of the prediction. */
export const numberSums = { y: 0, yy: 1, e: 2, ee: 3, absolute: 4 } as const
export const sumsOfNumber = 5

/** A tally of no rows. */
export const emptyTally = (data: Pick<DataDescription, "label">): Tally => {
  const classes = classesOf(data)?.length
  const { counts, sums } =
    classes === undefined ? { counts: 2, sums: sumsOfNumber * labelCount(data) } : classPlaces(classes)
  return { counts: new Uint32Array(counts), sums: new Float64Array(sums) }
}

/** The tally of all rows of some tallies, which must be of one label. */
export const addTallies = (data: Pick<DataDescription, "label">, tallies: ReadonlyArray<Tally>): Tally => {
  const sum = emptyTally(data)
  for (const { counts, sums } of tallies) {
    for (let i = 0; i < sum.counts.length; i++) sum.counts[i]! += counts[i]!
    for (let i = 0; i < sum.sums.length; i++) sum.sums[i]! += sums[i]!
  }
  return sum
}

/** Tests a model on rows with their labels. */
export const tallyOf = (model: Model, { features, labels }: JointTable): Tally =>
  tallyOfOutputs(model, scores(model, features), labels)

/** The same of outputs that are there: of both, rows × outputs. */
export const tallyOfOutputs = (
  model: Pick<Model, "data" | "loss">,
  found: Float64Array,
  labels: Float64Array
): Tally => {
  const { data } = model
  const tally = emptyTally(data)
  const classes = classesOf(data)?.length
  if (classes === undefined) tallyNumbers(tally, model, found, labels)
  else tallyClasses(tally, model.loss, classes, found, labels)
  return tally
}

const tallyClasses = (
  { counts, sums }: Tally,
  loss: Loss,
  classes: number,
  found: Float64Array,
  labels: Float64Array
): void => {
  const places = classPlaces(classes)
  const truth = greatestOfEachRow(labels, classes)
  const taken = greatestOfEachRow(found, classes)
  truth.forEach((actual, row) => {
    const predicted = taken[row]!
    counts[places.confusion + actual * (classes + 1) + (predicted === noClass ? classes : predicted)]! += 1
    if (predicted === noClass) return
    const { probabilities, ranking, surprise } = labelOutcomes(
      loss,
      found.subarray(row * classes, (row + 1) * classes)
    )
    sums[places.logLoss]! += surprise(actual)
    sums[places.brier]! += probabilities.reduce((sum, p, i) => sum + (p - Number(i === actual)) ** 2, 0)
    const confidence = probabilities[predicted]!
    const tenth = binOf(confidence, calibrationBins)
    counts[places.confident + tenth]! += 1
    sums[places.confidence + tenth]! += confidence
    if (predicted === actual) counts[places.right + tenth]! += 1
    if (classes !== 2) return
    const limit = rankingLimit(loss)
    counts[places.histogram + actual * scoreBins + binOf((ranking / limit + 1) / 2, scoreBins)]! += 1
  })
}

/** The bin of a number from 0 to 1; what lies outside is in the first or the last. */
const binOf = (x: number, bins: number): number => Math.min(bins - 1, Math.max(0, Math.floor(x * bins)))

const tallyNumbers = (
  { counts, sums }: Tally,
  { data }: Pick<Model, "data">,
  found: Float64Array,
  labels: Float64Array
): void => {
  const width = labelCount(data)
  const unscaled = unscaledLabels(data)
  for (let first = 0; first < labels.length; first += width) {
    counts[numberCounts.rows]! += 1
    const predicted = found.subarray(first, first + width)
    if (!predicted.every(Number.isFinite)) continue
    counts[numberCounts.finite]! += 1
    predicted.forEach((value, output) => {
      const y = unscaled[output]!(labels[first + output]!)
      const e = unscaled[output]!(value) - y
      const at = output * sumsOfNumber
      sums[at + numberSums.y]! += y
      sums[at + numberSums.yy]! += y * y
      sums[at + numberSums.e]! += e
      sums[at + numberSums.ee]! += e * e
      sums[at + numberSums.absolute]! += Math.abs(e)
    })
  }
}

/** A tally as it travels: little-endian u32 and float64. */
export interface TallyBytes {
  readonly counts: Uint8Array
  readonly sums: Uint8Array
}

/** A user's tally is not one of this scenario's label and of as many rows as it has tested. */
export class MalformedTally extends Data.TaggedError("MalformedTally")<{
  readonly user: string
  readonly reason: string
}> {
  readonly retryable = false
  override get message(): string {
    return `the tally of ${this.user}'s test on held-out rows ${this.reason}; have its operator look into it`
  }
}

export const tallyToBytes = ({ counts, sums }: Tally): TallyBytes => ({
  counts: new Uint8Array(counts.slice().buffer),
  sums: new Uint8Array(sums.slice().buffer)
})

/** Bytes of a tally on the wire. */
export const tallySize = (data: Pick<DataDescription, "label">): number => {
  const { counts, sums } = emptyTally(data)
  return counts.byteLength + sums.byteLength
}

/** The tally of a user; throws `MalformedTally` unless it is one for this label, of so many rows. */
export const tallyFromBytes = (
  data: Pick<DataDescription, "label">,
  user: string,
  rows: number,
  { counts, sums }: TallyBytes
): Tally => {
  const empty = emptyTally(data)
  const malformed = (reason: string) => new MalformedTally({ user, reason })
  if (counts.length !== empty.counts.byteLength || sums.length !== empty.sums.byteLength)
    throw malformed("is not as long as one of the scenario's label")
  const tally = {
    counts: new Uint32Array(counts.slice().buffer),
    sums: new Float64Array(sums.slice().buffer)
  }
  if (!tally.sums.every(Number.isFinite)) throw malformed("has sums that are not finite")
  if (rows > mostRows || rowsOf(data, tally) !== rows)
    throw malformed(`is not of the ${rows} rows that were tested`)
  const classes = classesOf(data)?.length
  if (!(classes === undefined ? isOfNumbers(tally) : isOfClasses(tally, classes)))
    throw malformed("has counts or sums that no rows have")
  return tally
}

/** Rows of a tally: those of all users together can be counted in 32 bits. */
const mostRows = 2 ** 27

const isOfNumbers = ({ counts, sums }: Tally): boolean => {
  const neverNegative = new Set<number>([numberSums.yy, numberSums.ee, numberSums.absolute])
  const isNegative = (sum: number, i: number) => sum < 0 && neverNegative.has(i % sumsOfNumber)
  return counts[numberCounts.finite]! <= counts[numberCounts.rows]! && !sums.some(isNegative)
}

const isOfClasses = ({ counts, sums }: Tally, classes: number): boolean => {
  const places = classPlaces(classes)
  const sum = (from: number, to: number) => counts.subarray(from, to).reduce((total, each) => total + each, 0)
  const inRow = (actual: number) => actual * (classes + 1)
  const labels = Array.from({ length: classes }, (_, actual) => actual)
  // Of each label, the rows that are taken for any class.
  const ranked = labels.map((actual) => sum(inRow(actual), inRow(actual) + classes))
  const right = labels.reduce((total, actual) => total + counts[inRow(actual) + actual]!, 0)
  const bins = Array.from({ length: calibrationBins }, (_, bin) => bin)
  return (
    sum(places.confident, places.right) === ranked.reduce((total, each) => total + each, 0) &&
    sum(places.right, places.histogram) === right &&
    bins.every((bin) => counts[places.right + bin]! <= counts[places.confident + bin]!) &&
    (classes !== 2 ||
      labels.every((actual) => {
        const from = places.histogram + actual * scoreBins
        return sum(from, from + scoreBins) === ranked[actual]
      })) &&
    sums.every((each) => each >= 0)
  )
}

/** How many rows a tally is of. */
export const rowsOf = (data: Pick<DataDescription, "label">, { counts }: Tally): number => {
  const classes = classesOf(data)?.length
  return classes === undefined
    ? counts[numberCounts.rows]!
    : counts.subarray(0, classPlaces(classes).confident).reduce((sum, each) => sum + each, 0)
}

/** How many rows are in the class that they are taken for; of numbers none. */
export const correctOf = (data: Pick<DataDescription, "label">, { counts }: Tally): number => {
  const classes = classesOf(data)?.length ?? 0
  let correct = 0
  for (let each = 0; each < classes; each++) correct += counts[each * (classes + 1) + each]!
  return correct
}
