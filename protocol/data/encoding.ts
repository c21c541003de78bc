/**
 * From the columns of the users' files to the columns of training: numbers scaled by their public range or by
 * mean and deviation, categories and labels one-hot, missing cells filled.
 */
import { type Cells, pickRows } from "./cells.ts"
import { classWeightsOf } from "./class-weights.ts"
import {
  type ClassLabel,
  type DataDescription,
  type Feature,
  type Interval,
  isCategory,
  isStandard,
  type JointColumn,
  jointColumns,
  jointIndices,
  labelColumns,
  type Prepared,
  type Scaled
} from "./description.ts"
import type { Dialect } from "./dialect.ts"
import type { Column, Table } from "./table.ts"

/** The linear map of the public range onto `scaleTo`. */
export const scale = (x: number, [least, greatest]: Interval, [low, high]: Interval): number =>
  low + ((x - least) / (greatest - least)) * (high - low)

/** A standardised value is at most so many deviations from the mean; what is farther away is moved there. */
export const mostDeviations = 8

/** A user's part of a file as it was read: numbers, and the places of categories and labels among their values. */
export interface HeldTable {
  readonly ids: ReadonlyArray<string>
  /** Joint column indices, ascending. */
  readonly columns: Uint32Array
  /** By the columns of the file. */
  readonly sources: ReadonlyMap<string, Column>
  /** Rows, ascending, of which the label is missing: no user's cells of them take part. */
  readonly unlabelled: Uint32Array
  /** Whether the rows are marked as held out, regardless of the share of held-out rows; not by default. */
  readonly heldOut?: boolean
  /** By column of the file, how many cells were moved to an end of its range. */
  readonly clipped?: ReadonlyMap<string, number>
  /** How a text file is written. */
  readonly dialect?: Dialect
}

/** What a user holds of a file. */
export const heldTable = (
  description: DataDescription,
  { ids, columns: sources, clipped, dialect }: Pick<Table, "ids" | "columns" | "clipped" | "dialect">,
  heldOut: boolean
): HeldTable => {
  const labels = labelColumns(description).flatMap((name) => sources.get(name) ?? [])
  const isMissing = (row: number) =>
    labels.some(({ values, first, step }) => Number.isNaN(values[first + row * step]!))
  return {
    ids,
    columns: jointIndices(description, sources.keys()),
    sources,
    unlabelled: labels.length === 0 ? new Uint32Array(0) : Uint32Array.from(ids.keys()).filter(isMissing),
    heldOut,
    clipped,
    ...(dialect === undefined ? {} : { dialect })
  }
}

/** Rows whose cells are encoded as they are read. */
export interface EncodedTable {
  readonly ids: ReadonlyArray<string>
  /** Joint column indices, ascending. */
  readonly columns: Uint32Array
  /** ids × columns. */
  readonly cells: Cells
  /** The same of rows to train on where classes have weights: labels times the weight of their class. */
  readonly trained?: Cells
  readonly heldOut?: boolean
}

/** The cells as they were read, ids × columns of the file. */
export const rawCells = ({ ids, sources }: Pick<HeldTable, "ids" | "sources">): Cells => {
  const columns = [...sources.values()]
  return {
    rows: ids.length,
    width: columns.length,
    readRow: (row, out, at) => {
      for (const [place, { values, first, step }] of columns.entries())
        out[at + place] = values[first + row * step]!
    }
  }
}

/** Some rows of a table, in ascending order. */
export const pickHeld = (table: HeldTable, rows: Uint32Array): HeldTable => {
  if (rows.length === table.ids.length) return table
  const cells = pickRows(rawCells(table), rows)
  const values = new Float64Array(cells.rows * cells.width)
  for (let row = 0; row < cells.rows; row++) cells.readRow(row, values, row * cells.width)
  const names = [...table.sources.keys()]
  const unlabelled = new Set(table.unlabelled)
  return {
    ...table,
    ids: Array.from(rows, (row) => table.ids[row]!),
    sources: new Map(names.map((name, first) => [name, { values, first, step: names.length }])),
    unlabelled: Uint32Array.from(rows.keys()).filter((place) => unlabelled.has(rows[place]!))
  }
}

/** Encodes the columns that were read from a file. */
export const encodeTable = (prepared: Prepared, table: HeldTable): EncodedTable => {
  const joint = jointColumns(prepared)
  const readers = Array.from(table.columns, (index) => {
    const { values, first, step } = table.sources.get(joint[index]!.source)!
    const cell = cellOf(joint[index]!, prepared)
    return (row: number) => cell(values[first + row * step]!)
  })
  const cells: Cells = {
    rows: table.ids.length,
    width: readers.length,
    readRow: (row, out, at) => {
      for (let place = 0; place < readers.length; place++) out[at + place] = readers[place]!(row)
    }
  }
  const { ids, columns, heldOut } = table
  const weights = Array.from(columns, (index, place) => ({
    place,
    weight: weightOf(joint[index]!, prepared)
  })).filter(({ weight }) => weight !== 1)
  return {
    ...{ ids, columns, cells },
    ...(weights.length === 0 ? {} : { trained: weighed(cells, weights) }),
    ...(heldOut === undefined ? {} : { heldOut })
  }
}

/** What a cell of a row to train on is multiplied by. */
const weightOf = ({ what, of }: JointColumn, prepared: Prepared): number => {
  const weights = classWeightsOf(prepared)
  return of === prepared.label && typeof what === "object" && Array.isArray(weights)
    ? weights[what.value]!
    : 1
}

/** Cells of which some columns are multiplied. */
const weighed = (
  cells: Cells,
  weights: ReadonlyArray<{ readonly place: number; readonly weight: number }>
): Cells => ({
  ...cells,
  readRow: (row, out, at) => {
    cells.readRow(row, out, at)
    for (const { place, weight } of weights) out[at + place]! *= weight
  }
})

/** The cell of a joint column that becomes of a number of its source. */
const cellOf = ({ what, of }: JointColumn, { scaleTo }: DataDescription): ((raw: number) => number) => {
  if (what === "missing") return (raw) => Number(Number.isNaN(raw))
  const fill = filling(of)
  if (what !== "number") return (raw) => Number((Number.isNaN(raw) ? fill : raw) === what.value)
  const scaled = scaling(of as Scaled, scaleTo)
  const instead = scaled(fill)
  return (raw) => (Number.isNaN(raw) ? instead : scaled(raw))
}

const scaling = (of: Scaled, scaleTo: Interval): ((raw: number) => number) => {
  const { range } = of
  if (range !== undefined && !isStandard(of)) return (raw) => scale(raw, range, scaleTo)
  const mean = of.mean!
  const deviation = deviationOf(of)
  return (raw) => Math.min(mostDeviations, Math.max(-mostDeviations, (raw - mean) / deviation))
}

/** A column of one value says nothing; dividing by zero would make it say it loudly. */
export const deviationOf = ({ deviation = 0 }: Scaled): number => (deviation > 0 ? deviation : 1)

/** For each column that is predicted, from a cell of it back to a number in its own units: of numbers only. */
export const unscaledLabels = ({ label, scaleTo }: Prepared): ReadonlyArray<(cell: number) => number> =>
  "values" in label ? [] : label.numbers.map((of) => unscaling(of, scaleTo))

const unscaling = (of: Scaled, [low, high]: Interval): ((cell: number) => number) => {
  const { range } = of
  if (range !== undefined && !isStandard(of))
    return (cell) => range[0] + ((cell - low) / (high - low)) * (range[1] - range[0])
  const deviation = deviationOf(of)
  return (cell) => of.mean! + cell * deviation
}

/** Where most cells of each joint column are, in order: public, and not where those of the data are. */
export const usualCells = (description: DataDescription): ReadonlyArray<Interval> =>
  jointColumns(description).map(({ what, of }) => {
    if (what !== "number") return [0, 1]
    return isStandard(of as Scaled) ? usualDeviations : description.scaleTo
  })

const usualDeviations: Interval = [-2, 2]

/** What stands in for a missing cell of a prepared column: its number, or the place of its value. */
export const filling = (of: Feature | Scaled | ClassLabel): number => {
  const fill = "fill" in of ? of.fill : undefined
  if (fill === undefined || typeof fill === "string") return Number.NaN
  return typeof fill.value === "number" ? fill.value : placeOfFill(of as Feature, fill.value)
}

const placeOfFill = (feature: Feature, text: string): number =>
  isCategory(feature) ? feature.values.indexOf(text) : Number.NaN
