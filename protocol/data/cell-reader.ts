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
import { shown } from "./spelling.ts"
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
  const ofLabel = explained(toNumber, () => "; or, to predict classes, list them as values of data.label")
  const { features, label } = description
  const byName = new Map<string, () => CellReader>([
    ...features.map((feature) => [feature.name, () => ofFeature(feature, marks, toNumber)] as const),
    ...("values" in label
      ? [[label.column, () => ofClasses(label, { marks, fills: true })] as const]
      : label.numbers.map((of) => [of.name, () => numbers(of, { marks, fills: true }, ofLabel)] as const))
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

const textReader = ({ kind, format, name, range }: NumberFeature, toNumber: ReadNumber): ReadNumber => {
  if (kind === "boolean") return readBoolean
  if (kind === "date") return (text) => readDate(text, format)
  // Where there is a range, somebody knew that they are numbers.
  if (range !== undefined) return toNumber
  return explained(
    toNumber,
    (entry) =>
      `; or, if the column holds no numbers, say ${shown(name)}: ${entry} in the section data.features (a list there has numbers only)`
  )
}

/** Says of a text that is no number what else it may be. */
const explained =
  (read: ReadNumber, orElse: (entry: string) => string): ReadNumber =>
  (text) => {
    const value = read(text)
    if (typeof value === "number" || value.entry === undefined) return value
    const { entry, reason, remedy } = value
    return { reason, remedy: `${remedy}${orElse(entry)}` }
  }

/** The remedy for a missing cell for which nothing stands in: something does, with the right `fill`. */
const toFill = (fill: "mean" | "mode"): string =>
  `fill in the value, leave out the row, or say fill in the scenario, such as fill: ${fill}`

/** The fault of such a cell. */
const unfilled = (text: string, remedy: string): CellProblem => ({ ...(missing(text) ?? empty), remedy })

/** Greater numbers have no exact sums in `protocol/statistics/`. */
const greatestNumber = 2 ** 127

const numbers = (of: Scaled | NumberFeature, { marks, fills }: Missing, read: ReadNumber): CellReader => {
  const { range } = of
  const [least, greatest] = range ?? [-greatestNumber, greatestNumber]
  const clips = "outside" in of && of.outside === "clip"
  const remedy = toFill("kind" in of && of.kind === "boolean" ? "mode" : "mean")
  let clipped = 0
  const within = (value: number): Read => {
    if (value >= least && value <= greatest) return value
    if (Number.isNaN(value)) return fills ? value : { ...missingNumber, remedy }
    if (!clips) return range === undefined ? tooGreat : outside(range)
    clipped++
    return value < least ? least : greatest
  }
  return {
    isText: false,
    text: (text) => {
      if (marks(text)) return fills ? Number.NaN : unfilled(text, remedy)
      const value = read(text)
      return typeof value === "number" ? within(value) : value
    },
    number: "kind" in of && of.kind === "boolean" ? (value) => zeroOrOne(value, within) : within,
    absent: fills ? Number.NaN : { ...empty, remedy },
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
  remedy: "write true and false, yes and no, or 1 and 0; or list the texts as values of the label"
}

const places = (
  values: ReadonlyArray<string>,
  { marks, fills }: Missing,
  category?: CategoryFeature
): CellReader => {
  const remedy = toFill("mode")
  const placeOf = placeReader(values, category === undefined ? "label" : "value")
  const text = (written: string): Read => {
    const place = placeOf(written)
    // A class may be called none, and what is one is not missing.
    if (typeof place === "number") return place
    if (marks(written)) return fills ? Number.NaN : unfilled(written, remedy)
    return category?.other ? values.length : place
  }
  return {
    isText: true,
    text,
    number: (value) => (Number.isNaN(value) ? text("NaN") : text(String(value))),
    absent: fills ? Number.NaN : { ...empty, remedy },
    clipped: () => 0
  }
}
