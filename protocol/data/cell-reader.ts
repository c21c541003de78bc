/**
 * How the cells of a held column are read: each kind of column has one reader for texts and for numbers, which
 * all formats of files share.
 */

import { empty, missing, missingNumber, outside, readNumber } from "./cell-text.ts"
import { readBoolean, readDate } from "./cell-words.ts"
import {
  type CategoryFeature,
  type ClassLabel,
  type DataDescription,
  defaultMissing,
  type Feature,
  isCategory,
  type NumberFeature,
  type Scaled
} from "./description.ts"
import { placeReader } from "./labels.ts"
import type { CellProblem } from "./table.ts"

/** The number of a cell, NaN for one that is missing, or its fault. */
type Read = number | CellProblem

/** Reads the cells of a column. */
export interface CellReader {
  /** Whether cells are texts, such as names of classes, rather than numbers. */
  readonly isText: boolean
  readonly text: (text: string) => Read
  readonly number: (value: number) => Read
  /** What a cell that the file leaves out is. */
  readonly absent: Read
  /** Cells that were moved to an end of the column's range. */
  readonly clipped: () => number
}

/** Reads a number from a text. */
export type ReadNumber = (text: string) => Read

/** The reader of each column of the files but the ids. Numbers in texts are read by `toNumber`. */
export const readersOf = (
  description: DataDescription,
  toNumber: ReadNumber = readNumber
): ((column: string) => CellReader) => {
  const marks = missingMarks(description)
  const { features, label } = description
  const byName = new Map<string, () => CellReader>([
    ...features.map((feature) => [feature.name, () => ofFeature(feature, marks, toNumber)] as const),
    ...("values" in label
      ? [[label.column, () => ofClasses(label, { marks, fills: true })] as const]
      : label.numbers.map((of) => [of.name, () => numbers(of, { marks, fills: true }, toNumber)] as const))
  ])
  return (column) => byName.get(column)!()
}

/** Whether a text marks a missing cell. */
type Marks = (text: string) => boolean

const missingMarks = ({ missing: own }: Pick<DataDescription, "missing">): Marks => {
  if (own !== undefined) {
    const texts = new Set(own)
    return (text) => texts.has(text)
  }
  const words = new Set(defaultMissing.map((text) => text.toLowerCase()))
  return (text) => text.length <= longestMark && words.has(text.toLowerCase())
}

const longestMark = Math.max(...defaultMissing.map(({ length }) => length))

/** Whether a text marks a missing cell where the description has no texts of its own for that. */
export const isMissing: Marks = missingMarks({})

interface Missing {
  readonly marks: Marks
  /** Whether a missing cell has something in its place, or leaves its row out. */
  readonly fills: boolean
}

const ofFeature = (feature: Feature, marks: Marks, toNumber: ReadNumber): CellReader => {
  const absence = { marks, fills: feature.fill !== undefined }
  return isCategory(feature)
    ? places(feature.values, absence, feature)
    : numbers(feature, absence, textReader(feature, toNumber))
}

const textReader = ({ kind, format }: NumberFeature, toNumber: ReadNumber): ReadNumber =>
  kind === "boolean" ? readBoolean : kind === "date" ? (text) => readDate(text, format) : toNumber

const toFill = "fill in the value, leave out the row, or say fill in the scenario, such as fill: mean"

/** The fault of a missing cell for which nothing stands in. */
const unfilled = (text: string): CellProblem => ({ ...(missing(text) ?? empty), remedy: toFill })

/** Greater numbers have no exact sums in `protocol/statistics/`. */
const greatestNumber = 2 ** 127

const numbers = (of: Scaled | NumberFeature, { marks, fills }: Missing, read: ReadNumber): CellReader => {
  const { range } = of
  const [least, greatest] = range ?? [-greatestNumber, greatestNumber]
  const clips = "outside" in of && of.outside === "clip"
  let clipped = 0
  const within = (value: number): Read => {
    if (value >= least && value <= greatest) return value
    if (Number.isNaN(value)) return fills ? value : { ...missingNumber, remedy: toFill }
    if (!clips) return range === undefined ? tooGreat : outside(range)
    clipped++
    return value < least ? least : greatest
  }
  return {
    isText: false,
    text: (text) => {
      if (marks(text)) return fills ? Number.NaN : unfilled(text)
      const value = read(text)
      return typeof value === "number" ? within(value) : value
    },
    number: "kind" in of && of.kind === "boolean" ? (value) => zeroOrOne(value, within) : within,
    absent: fills ? Number.NaN : { ...empty, remedy: toFill },
    clipped: () => clipped
  }
}

const tooGreat: CellProblem = {
  reason: "is too large a number to be a measurement",
  remedy: "correct the value, or write it in a larger unit"
}

const zeroOrOne = (value: number, within: (value: number) => Read): Read =>
  value === 0 || value === 1 || Number.isNaN(value)
    ? within(value)
    : {
        reason: "is neither 0 nor 1 in a column of type boolean",
        remedy: "correct it, or leave the type out"
      }

const ofClasses = ({ kind, values }: ClassLabel, absence: Missing): CellReader => {
  const reader = places(values, absence)
  if (kind === undefined) return reader
  const text = (written: string): Read => {
    const place = readBoolean(written)
    return typeof place === "number" ? place : absence.marks(written) ? Number.NaN : neither
  }
  return { ...reader, text, number: (value) => text(String(value)) }
}

const neither: CellProblem = {
  reason: "is neither yes nor no",
  remedy: "write true and false, yes and no, or 1 and 0; or list the texts as values of the label",
  alike: true
}

const places = (
  values: ReadonlyArray<string>,
  { marks, fills }: Missing,
  category?: CategoryFeature
): CellReader => {
  const placeOf = placeReader(values, category === undefined ? "label" : "value")
  const text = (written: string): Read => {
    const place = placeOf(written)
    // A class may be called none, and what is one is not missing.
    if (typeof place === "number") return place
    if (marks(written)) return fills ? Number.NaN : unfilled(written)
    return category?.other ? values.length : place
  }
  return {
    isText: true,
    text,
    number: (value) => (Number.isNaN(value) ? text("NaN") : text(String(value))),
    absent: fills ? Number.NaN : { ...empty, remedy: toFill },
    clipped: () => 0
  }
}
