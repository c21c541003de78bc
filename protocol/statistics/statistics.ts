/**
 * The statistics that the users need of the joint columns before they encode their cells: of numbers how many there
 * are, their mean and their standard deviation, and of a column with few values how often each occurs. Two passes over
 * the training rows: sums first, then the squared differences from the joint mean, since sums of squares would cancel.
 * A user contributes exact sums (`exact-sum.ts`) under masks (`masks.ts`), so the statistics are the same to the bit
 * however the rows are split among the users, and no user learns another's sums.
 */
import { Data } from "effect"
import type { HeldTable } from "../data/encoding.ts"
import type { Moments, Statistics, StatisticsNeeded } from "../data/preparation.ts"
import type { JointRows } from "../data/rows.ts"
import type { Column } from "../data/table.ts"
import { ExactSum, fractionBits, magnitudeLimit } from "./exact-sum.ts"
import type { Layout } from "./masks.ts"
import { nearestQuotient, nearestRoot } from "./nearest.ts"

/** What a user holds of a column in one of its tables. A cell that is NaN is missing. */
export interface TrainingCells {
  readonly column: Column
  /** The places of the training rows in the table. */
  readonly rows: Uint32Array
}

/** By column; a user need not hold all. */
export type OwnCells = ReadonlyMap<string, ReadonlyArray<TrainingCells>>

/** Fewer users than these that hold a column learn what another's cells add up to from what all of theirs do. */
export const leastContributors = 3

/** The columns of which statistics are needed. */
export const neededColumns = ({ moments, counts }: StatisticsNeeded): ReadonlyArray<string> =>
  [...moments, ...counts].map(({ column }) => column)

/** What a user has of these columns in training rows; `digests` are those of each table's ids. */
export const trainingCells = (
  needed: StatisticsNeeded,
  tables: ReadonlyArray<HeldTable>,
  digests: ReadonlyArray<Uint8Array>,
  joint: JointRows
): OwnCells => {
  const own = new Map<string, Array<TrainingCells>>()
  for (const [i, { sources }] of tables.entries()) {
    const held = neededColumns(needed).filter((column) => sources.has(column))
    if (held.length === 0) continue
    const rows = joint.indices(digests[i]!)
    const training = Uint32Array.from(rows.keys()).filter((place) => rows[place]! < joint.training)
    for (const column of held)
      own.set(column, [...(own.get(column) ?? []), { column: sources.get(column)!, rows: training }])
  }
  return own
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
    return `column ${this.column} has no value in any training row, so there is nothing to scale it or to fill it by; take it out of data.features, or give it a range and a value to fill in`
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

/** What a user sends in the first pass: of numbers their count and their sum, then the counts of values. */
export const firstLayout = ({ moments, counts }: StatisticsNeeded): Layout => [
  ...moments.flatMap(() => [countBytes, sumBytes]),
  ...counts.flatMap(({ values }) => new Array<number>(values).fill(countBytes))
]

/** What it sends in the second: sums of squared differences. Without any there is no second pass. */
export const secondLayout = ({ moments }: StatisticsNeeded): Layout =>
  moments.filter(({ deviation }) => deviation).map(() => sumBytes)

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
export function* firstSums(needed: StatisticsNeeded, own: OwnCells): Generator<void, ReadonlyArray<bigint>> {
  const sums: Array<bigint> = []
  for (const { column } of needed.moments) {
    const sum = new ExactSum()
    let count = 0
    yield* present(own.get(column) ?? [], (x) => {
      if (!(Math.abs(x) < magnitudeLimit)) throw new ValueTooLarge({ column })
      sum.add(x)
      count++
    })
    sums.push(BigInt(count), sum.units)
  }
  for (const { column, values } of needed.counts) {
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
  { moments }: StatisticsNeeded,
  own: OwnCells,
  means: ReadonlyArray<Moments>
): Generator<void, ReadonlyArray<bigint>> {
  const sums: Array<bigint> = []
  for (const [i, { column, deviation }] of moments.entries()) {
    if (!deviation) continue
    const sum = new ExactSum()
    const { mean } = means[i]!
    yield* present(own.get(column) ?? [], (x) => sum.add((x - mean) ** 2))
    sums.push(sum.units)
  }
  return sums
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
 * Counts and means of numbers by the joint sums of the first pass, in a table of so many training rows. Throws
 * `SumsDoNotFit` and `NoValues`.
 */
export const meansOf = (
  { moments }: StatisticsNeeded,
  first: ReadonlyArray<bigint>,
  rows: number
): ReadonlyArray<Moments> =>
  moments.map(({ column }, i) => {
    const [ofOnes, sum] = [first[2 * i]!, first[2 * i + 1]!]
    const count = counted(column, ofOnes, rows)
    const most = ofOnes * largest
    if (sum > most || sum < -most) throw new SumsDoNotFit({ column })
    if (count === 0) throw new NoValues({ column })
    return { count, mean: nearestQuotient(sum, ofOnes, fractionBits) }
  })

/** Joint sums of both passes. */
export interface JointSums {
  readonly first: ReadonlyArray<bigint>
  readonly second: ReadonlyArray<bigint>
}

/** All statistics, by the joint sums. Throws `SumsDoNotFit` and `NoValues`. */
export const jointStatistics = (
  needed: StatisticsNeeded,
  { first, second }: JointSums,
  rows: number
): Statistics => {
  const means = meansOf(needed, first, rows)
  const squares = second.values()
  const moments = needed.moments.map(({ column, deviation }, i) => {
    const found = means[i]!
    if (!deviation) return [column, found] as const
    const sum = squares.next().value!
    const count = BigInt(found.count)
    if (sum < 0n || sum > count * largestSquare) throw new SumsDoNotFit({ column })
    return [column, { ...found, deviation: nearestRoot(sum, count, fractionBits) }] as const
  })
  const left = first.slice(2 * means.length).values()
  const counts = needed.counts.map(({ column, values }) => {
    const found = Array.from({ length: values }, () => counted(column, left.next().value!, rows))
    if (found.every((count) => count === 0)) throw new NoValues({ column })
    return [column, found] as const
  })
  return { moments: new Map(moments), counts: new Map(counts) }
}

/**
 * The statistics of users whose cells may be seen together, as the users would find them. Throws `ValueTooLarge` and
 * `NoValues`.
 */
export const statisticsOf = (
  needed: StatisticsNeeded,
  users: ReadonlyArray<OwnCells>,
  rows: number
): Statistics => {
  const summed = (layout: Layout, sums: (own: OwnCells) => Generator<void, ReadonlyArray<bigint>>) => {
    const all = users.map((own) => finished(sums(own)))
    return layout.map((_, i) => all.reduce((sum, each) => sum + each[i]!, 0n))
  }
  const first = summed(firstLayout(needed), (own) => firstSums(needed, own))
  const means = meansOf(needed, first, rows)
  const second = summed(secondLayout(needed), (own) => secondSums(needed, own, means))
  return jointStatistics(needed, { first, second }, rows)
}

/** A user's sums of both passes, before they are under masks, where the statistics are known. */
export const ownSums = (
  needed: StatisticsNeeded,
  own: OwnCells,
  { moments }: Statistics
): { readonly 1: ReadonlyArray<bigint>; readonly 2: ReadonlyArray<bigint> } => {
  const means = needed.moments.map(({ column }) => moments.get(column)!)
  return { 1: finished(firstSums(needed, own)), 2: finished(secondSums(needed, own, means)) }
}

/** What a generator returns in the end. */
export const finished = <A>(work: Generator<void, A>): A => {
  for (;;) {
    const { done, value } = work.next()
    if (done) return value
  }
}
