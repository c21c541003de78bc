/**
 * The statistics that the users need of the joint columns before they encode their cells: of numbers how many there
 * are, their mean and their standard deviation, and of a column with few values how often each occurs. Two passes over
 * the training rows: sums first, then the squared differences from the joint mean, since sums of squares would cancel.
 * A user contributes exact sums (`exact-sum.ts`) under masks (`masks.ts`), so the statistics are the same to the bit
 * however the rows are split among the users, and no user learns another's sums.
 */
import { Data } from "effect"
import type { Column } from "../data/encoding.ts"
import { ExactSum, fractionBits, magnitudeLimit } from "./exact-sum.ts"
import type { Layout } from "./masks.ts"
import { nearestQuotient, nearestRoot } from "./nearest.ts"

/** The statistics that are needed: public. */
export interface StatisticsPlan {
  readonly numbers: ReadonlyArray<{
    readonly column: string
    /** Whether the standard deviation is needed, or the mean alone. */
    readonly deviation: boolean
  }>
  readonly values: ReadonlyArray<{
    readonly column: string
    /** The column has the values 0 … values − 1. */
    readonly values: number
  }>
}

/** What a user holds of a column in one of its tables. A cell that is NaN is missing. */
export interface TrainingCells {
  readonly column: Column
  /** The places of the training rows in the table. */
  readonly rows: ArrayLike<number>
}

/** By column; a user need not hold all. */
export type OwnCells = ReadonlyMap<string, ReadonlyArray<TrainingCells>>

export interface JointStatistics {
  readonly numbers: ReadonlyArray<{
    readonly column: string
    /** Cells that are not missing. */
    readonly count: number
    readonly mean: number
    /** That of the population: the root of the mean squared difference from the mean. */
    readonly deviation?: number
  }>
  readonly values: ReadonlyArray<{ readonly column: string; readonly counts: ReadonlyArray<number> }>
}

/** A cell is not a number that sums are made of. */
export class ValueTooLarge extends Data.TaggedError("ValueTooLarge")<{ readonly column: string }> {
  readonly retryable = false
  override get message(): string {
    return `column ${this.column} has a value of 2^128 or more, of which no mean can be found; correct the file, or declare what stands for a missing value`
  }
}

/** All cells of a column are missing. */
export class NoValues extends Data.TaggedError("NoValues")<{ readonly column: string }> {
  readonly retryable = false
  override get message(): string {
    return `column ${this.column} has no value in any training row, so it has no mean; take it out of data.features, or give it a range and a value to fill in`
  }
}

/** What the users sent does not add up to sums. */
export class SumsDoNotFit extends Data.TaggedError("SumsDoNotFit")<{ readonly column: string }> {
  readonly retryable = false
  override get message(): string {
    return `the masked sums of column ${this.column} do not add up to what the joint rows can have: a user sent different users different sums, or runs another version; find out which, and start a new run`
  }
}

const countBytes = 8
/** Of squares of 2^258 and as many rows as doubles count, 2^53, in units of 2^−256: with a sign 568 bits. */
const sumBytes = 72

/** What a user sends in the first pass: of numbers their count and their sum, then the counts of the values. */
export const firstLayout = ({ numbers, values }: StatisticsPlan): Layout => [
  ...numbers.flatMap(() => [countBytes, sumBytes]),
  ...values.flatMap(({ values }) => new Array<number>(values).fill(countBytes))
]

/** What it sends in the second: sums of squared differences. Without any there is no second pass. */
export const secondLayout = ({ numbers }: StatisticsPlan): Layout =>
  numbers.filter(({ deviation }) => deviation).map(() => sumBytes)

/** The columns of a plan, each once. */
export const columnsOf = ({ numbers, values }: StatisticsPlan): ReadonlyArray<string> => [
  ...new Set([...numbers, ...values].map(({ column }) => column))
]

/** Cells that are read in a turn. */
const cellsATurn = 2 ** 17

/** Hands over the cells that are not missing, in turns. */
function* present(parts: ReadonlyArray<TrainingCells>, use: (x: number) => void): Generator<void, void> {
  for (const { column, rows } of parts) {
    const { values, first, step } = column
    for (let at = 0; at < rows.length; at++) {
      const x = values[first + rows[at]! * step]!
      if (!Number.isNaN(x)) use(x)
      if (at % cellsATurn === cellsATurn - 1) yield
    }
    yield
  }
}

/**
 * A user's own sums of the first pass. A generator that yields after each turn of some milliseconds. Throws
 * `ValueTooLarge`.
 */
export function* firstSums(plan: StatisticsPlan, own: OwnCells): Generator<void, ReadonlyArray<bigint>> {
  const sums: Array<bigint> = []
  for (const { column } of plan.numbers) {
    const sum = new ExactSum()
    let count = 0
    yield* present(own.get(column) ?? [], (x) => {
      if (!(Math.abs(x) < magnitudeLimit)) throw new ValueTooLarge({ column })
      sum.add(x)
      count++
    })
    sums.push(BigInt(count), sum.units)
  }
  for (const { column, values } of plan.values) {
    const counts = new Float64Array(values)
    yield* present(own.get(column) ?? [], (x) => {
      if (counts[x] === undefined)
        throw new RangeError(`column ${column} has a value that is none of its ${values}`)
      counts[x]++
    })
    for (const count of counts) sums.push(BigInt(count))
  }
  return sums
}

/** Those of the second pass: of (x − mean)² as doubles have it. */
export function* secondSums(
  plan: StatisticsPlan,
  own: OwnCells,
  means: ReadonlyArray<Average>
): Generator<void, ReadonlyArray<bigint>> {
  const sums: Array<bigint> = []
  for (const [i, { column, deviation }] of plan.numbers.entries()) {
    if (!deviation) continue
    const sum = new ExactSum()
    const { mean } = means[i]!
    yield* present(own.get(column) ?? [], (x) => sum.add((x - mean) ** 2))
    sums.push(sum.units)
  }
  return sums
}

/** How many cells a column has, and the double nearest to their mean. */
export interface Average {
  readonly count: number
  readonly mean: number
}

/** The greatest magnitude of a sum, and of a sum of squares, of one cell, in units. */
const largest = 1n << BigInt(fractionBits + 128)
const largestSquare = 1n << BigInt(fractionBits + 258)

/** A count as it may be in a table of so many rows. */
const counted = (column: string, count: bigint, rows: number): number => {
  if (count < 0n || count > rows) throw new SumsDoNotFit({ column })
  return Number(count)
}

/**
 * The means of a plan's numbers by the joint sums of the first pass, in a table of so many training rows. Throws
 * `SumsDoNotFit`, and `NoValues`.
 */
export const averages = (
  { numbers }: StatisticsPlan,
  sums: ReadonlyArray<bigint>,
  rows: number
): ReadonlyArray<Average> =>
  numbers.map(({ column }, i) => {
    const [ofOnes, sum] = [sums[2 * i]!, sums[2 * i + 1]!]
    const count = counted(column, ofOnes, rows)
    const most = ofOnes * largest
    if (sum > most || sum < -most) throw new SumsDoNotFit({ column })
    if (count === 0) throw new NoValues({ column })
    return { count, mean: nearestQuotient(sum, ofOnes, fractionBits) }
  })

/** All statistics, by the joint sums of both passes. Throws `SumsDoNotFit`, and `NoValues`. */
export const jointStatistics = (
  plan: StatisticsPlan,
  { first, second }: { readonly first: ReadonlyArray<bigint>; readonly second: ReadonlyArray<bigint> },
  rows: number
): JointStatistics => {
  const squares = second.values()
  const means = averages(plan, first, rows)
  const numbers = plan.numbers.map(({ column, deviation }, i) => {
    const average = means[i]!
    if (!deviation) return { column, ...average }
    const sum = squares.next().value!
    const count = BigInt(average.count)
    if (sum < 0n || sum > count * largestSquare) throw new SumsDoNotFit({ column })
    return { column, ...average, deviation: nearestRoot(sum, count, fractionBits) }
  })
  const counts = first.slice(2 * plan.numbers.length).values()
  const values = plan.values.map(({ column, values }) => ({
    column,
    counts: Array.from({ length: values }, () => counted(column, counts.next().value!, rows))
  }))
  return { numbers, values }
}
