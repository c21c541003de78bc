/**
 * What the users have to find out together before they can encode a cell: means, deviations and counts of joint
 * columns. No cloud learns them. `actors/users/statistics.ts` finds them, and the model holds what became of them.
 */

import { balancedWeights } from "./class-weights.ts"
import {
  type CategoryFeature,
  type ClassLabel,
  type DataDescription,
  type Feature,
  isCategory,
  isStandard,
  type NumberFeature,
  type Prepared,
  type Scaled
} from "./description.ts"
import { filling, type HeldTable, mostDeviations } from "./encoding.ts"
import type { Column } from "./table.ts"

/** Of a column's training rows that are not missing. */
export interface Moments {
  readonly count: number
  readonly mean: number
  /** The square root of the mean squared deviation, where it is needed. */
  readonly deviation?: number
}

/** Joint statistics of training rows, by the columns of the files. */
export interface Statistics {
  readonly moments: ReadonlyMap<string, Moments>
  /** How often each of a column's values occurs. */
  readonly counts: ReadonlyMap<string, ReadonlyArray<number>>
}

export const noStatistics: Statistics = { moments: new Map(), counts: new Map() }

/** The statistics that a description needs. */
export interface StatisticsNeeded {
  readonly moments: ReadonlyArray<{ readonly column: string; readonly deviation: boolean }>
  /** The values of a column are 0 … values − 1. */
  readonly counts: ReadonlyArray<{ readonly column: string; readonly values: number }>
}

export const statisticsNeeded = ({ features, label }: DataDescription): StatisticsNeeded => {
  const numbers = features.filter((feature): feature is NumberFeature => !isCategory(feature))
  const targets = "numbers" in label ? label.numbers : []
  return {
    moments: [
      ...numbers
        .filter((feature) => needsMoments(feature))
        .map((feature) => ({ column: feature.name, deviation: isStandard(feature) })),
      ...targets.filter(isStandard).map(({ name }) => ({ column: name, deviation: true }))
    ],
    counts: [
      ...features
        .filter((feature): feature is CategoryFeature => isCategory(feature) && feature.fill === "mode")
        .map(({ name, values, other }) => ({ column: name, values: values.length + (other ? 1 : 0) })),
      ...("values" in label && label.weights === "balanced"
        ? [{ column: label.column, values: label.values.length }]
        : [])
    ]
  }
}

/** The mode of a boolean follows from its mean. */
const needsMoments = (feature: NumberFeature): boolean =>
  isStandard(feature) || feature.fill === "mean" || feature.fill === "mode"

/** Whether any statistic is needed. */
export const needsStatistics = (description: DataDescription): boolean => {
  const { moments, counts } = statisticsNeeded(description)
  return moments.length + counts.length > 0
}

/** Puts the statistics into a description. All that `statisticsNeeded` lists must be there. Throws `RareClass`. */
export const prepare = (description: DataDescription, statistics: Statistics): Prepared => {
  const { features, label } = description
  const whole: DataDescription = {
    ...description,
    features: features.map((feature) =>
      isCategory(feature) ? withMode(feature, statistics) : withMoments(feature, statistics)
    ),
    label:
      "values" in label
        ? withWeights(label, statistics)
        : { numbers: label.numbers.map((each) => (isStandard(each) ? standardised(each, statistics) : each)) }
  }
  return whole as Prepared
}

const momentsOf = (name: string, { moments }: Statistics): Moments => {
  const found = moments.get(name)
  if (found === undefined) throw new Error(`no mean of column ${name}`)
  return found
}

const standardised = <A extends Scaled>(of: A, statistics: Statistics): A => {
  const { mean, deviation } = momentsOf(of.name, statistics)
  if (deviation === undefined) throw new Error(`no deviation of column ${of.name}`)
  return { ...of, mean, deviation }
}

const withMoments = (feature: NumberFeature, statistics: Statistics): NumberFeature => {
  const scaled = isStandard(feature) ? standardised(feature, statistics) : feature
  if (feature.fill !== "mean" && feature.fill !== "mode") return scaled
  const { mean } = momentsOf(feature.name, statistics)
  return { ...scaled, fill: { value: feature.fill === "mean" ? mean : Number(mean > 0.5) } }
}

const countsOf = (name: string, { counts }: Statistics): ReadonlyArray<number> => {
  const found = counts.get(name)
  if (found === undefined) throw new Error(`no counts of column ${name}`)
  return found
}

const withWeights = (label: ClassLabel, statistics: Statistics): ClassLabel =>
  label.weights === "balanced"
    ? { ...label, weights: balancedWeights(label, countsOf(label.column, statistics)) }
    : label

const withMode = (feature: CategoryFeature, statistics: Statistics): CategoryFeature => {
  if (feature.fill !== "mode") return feature
  const found = countsOf(feature.name, statistics)
  // Other values have no name to fill in.
  const named = found.slice(0, feature.values.length)
  return { ...feature, fill: { value: feature.values[named.indexOf(Math.max(...named))]! } }
}

/** What became of a user's cells, for their owner's eyes. */
export interface Treated {
  readonly column: string
  readonly filled: number
  /** Values that were moved to an end of their range, or to `mostDeviations`. */
  readonly clipped: number
}

/** How many cells of each column of a table are filled and clipped; columns without any are left out. */
export const treatedCells = ({ features }: Prepared, table: HeldTable): ReadonlyArray<Treated> =>
  features.flatMap((feature) => {
    const column = table.sources.get(feature.name)
    if (column === undefined) return []
    const { filled, clipped: byDeviation } = treatedOf(feature, column, table.ids.length)
    const clipped = byDeviation + (table.clipped?.get(feature.name) ?? 0)
    return filled + clipped === 0 ? [] : [{ column: feature.name, filled, clipped }]
  })

const treatedOf = (feature: Feature, { values, first, step }: Column, rows: number) => {
  const fills = !Number.isNaN(filling(feature))
  const { mean, deviation } = isCategory(feature) ? { mean: 0, deviation: 0 } : bounds(feature)
  let [filled, clipped] = [0, 0]
  for (let row = 0; row < rows; row++) {
    const raw = values[first + row * step]!
    if (Number.isNaN(raw)) filled += Number(fills)
    else if (deviation > 0 && Math.abs(raw - mean) > mostDeviations * deviation) clipped++
  }
  return { filled, clipped }
}

const bounds = ({ mean = 0, deviation = 0 }: Scaled) => ({ mean, deviation })
