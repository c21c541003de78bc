/**
 * What a column of a file holds, found out in one pass over its cells: its type, its values where there are
 * few, how often a cell is missing. What is kept of a column does not grow with the file, but for a column in
 * which no value has come twice.
 */
import { isMissing } from "../../protocol/data/cell-reader.ts"
import { readBoolean, readDate } from "../../protocol/data/cell-words.ts"
import { flat } from "../../protocol/data/csv.ts"
import type { DateFormat } from "../../protocol/data/description.ts"
import { isDecimal } from "../../protocol/data/spelling.ts"
import type { SurveyedCell, SurveyedColumn } from "../../protocol/data/survey-visitor.ts"
import { Histogram } from "./histogram.ts"

export const kindsOfColumns = [
  "number",
  "whole number",
  "boolean",
  "category",
  "date",
  "id",
  "text",
  "empty",
  "unreadable"
] as const
export type ColumnKind = (typeof kindsOfColumns)[number]

/** A value, and how many cells have it. */
export interface ValueCount {
  readonly value: string
  readonly count: number
}

export interface ColumnProfile extends SurveyedColumn {
  readonly kind: ColumnKind
  /** Cells, those that are missing included. */
  readonly rows: number
  readonly missing: number
  /** The texts that mark missing cells, as they are written; an empty one for a cell without a text. */
  readonly markers: ReadonlyArray<string>
  /** Different values; undefined where there are more than `mostValues`. */
  readonly distinct: number | undefined
  /** Whether no value comes twice, as far as the file was compared. */
  readonly isDistinct: boolean
  /** All values, in order: numbers by size, texts by letters. Undefined where there are more than `mostValues`. */
  readonly values: ReadonlyArray<ValueCount> | undefined
  /** Of numbers; of dates in days since 1970-01-01. */
  readonly numbers?: {
    readonly least: number
    readonly greatest: number
    readonly mean: number
    /** How many of some of the numbers are in each of equal parts from the least to the greatest. */
    readonly histogram: ReadonlyArray<number>
  }
  /** How dates are written, where it has to be said; `unclear` where the day may be the month. */
  readonly format?: DateFormat | "unclear"
}

/** Different values of a column that are counted. */
export const mostValues = 1_000
/** Values that are compared in a column in which none has come twice. */
const mostCompared = 1_000_000
/** Markers of missing cells that are kept. */
const mostMarkers = 10
/** Values of a category; more are texts, unless most of the rows have one of a few. */
export const fewValues = 50

const formats = ["YYYY-MM-DD", "DD/MM/YYYY", "MM/DD/YYYY"] as const

/** A column as its cells are read. */
export class ColumnSurvey {
  readonly #column: SurveyedColumn
  #rows = 0
  #missing = 0
  readonly #markers = new Set<string>()
  /** How often each value occurs, until there are too many. */
  #counts: Map<string, number> | undefined = new Map()
  /** The values so far, where there are too many to count them and none has come twice. */
  #unrepeated: Set<string> | undefined
  readonly #numbers = new Histogram()
  #whole = true
  #booleans = 0
  /** By format, how many cells are dates that are written so. */
  readonly #dates = new Map<(typeof formats)[number], number>()
  readonly #days = new Histogram()

  constructor(column: SurveyedColumn) {
    this.#column = column
  }

  add(cell: SurveyedCell): void {
    this.#rows++
    if (cell === null || (typeof cell === "number" ? Number.isNaN(cell) : isMissing(cell))) {
      this.#missing++
      if (this.#markers.size < mostMarkers) this.#markers.add(cell === null ? "" : String(cell))
      return
    }
    const isNumber = typeof cell === "number" || isDecimal(cell)
    if (isNumber) this.#addNumber(Number(cell))
    this.#count(String(cell), isNumber)
    // A column of numbers with many values holds neither.
    if (this.#counts !== undefined || !isNumber) this.#addWord(String(cell))
  }

  #addNumber(value: number): void {
    this.#numbers.add(value)
    if (!Number.isInteger(value)) this.#whole = false
  }

  #count(text: string, isNumber: boolean): void {
    if (this.#counts !== undefined) {
      const before = this.#counts.get(text)
      if (before !== undefined || this.#counts.size < mostValues) {
        this.#counts.set(before === undefined ? flat(text) : text, (before ?? 0) + 1)
        return
      }
      const values = [...this.#counts]
      this.#counts = undefined
      if (values.every(([, count]) => count === 1)) this.#unrepeated = new Set(values.map(([value]) => value))
    }
    if (this.#unrepeated === undefined) return
    // Fractions are measurements, which may all differ and are no ids.
    if (this.#unrepeated.has(text) || (isNumber && !this.#whole)) this.#unrepeated = undefined
    else if (this.#unrepeated.size < mostCompared) this.#unrepeated.add(flat(text))
  }

  #addWord(text: string): void {
    if (typeof readBoolean(text) === "number") this.#booleans++
    for (const format of formats) {
      const days = readDate(text, format === "YYYY-MM-DD" ? undefined : format)
      if (typeof days !== "number") continue
      this.#dates.set(format, (this.#dates.get(format) ?? 0) + 1)
      this.#days.add(days)
      break
    }
    this.#addOtherOrder(text)
  }

  /** A date with slashes whose day may be the month counts for both orders. */
  #addOtherOrder(text: string): void {
    if (!text.includes("/")) return
    if (typeof readDate(text, "DD/MM/YYYY") === "number" && typeof readDate(text, "MM/DD/YYYY") === "number")
      this.#dates.set("MM/DD/YYYY", (this.#dates.get("MM/DD/YYYY") ?? 0) + 1)
  }

  /** The values that were kept, to be compared with those of another file. */
  get kept(): ReadonlySet<string> {
    return this.#unrepeated ?? new Set(this.#counts?.keys())
  }

  finish(): ColumnProfile {
    const present = this.#rows - this.#missing
    const allNumbers = present > 0 && this.#numbers.count === present
    const values = this.#sorted(allNumbers)
    const isDistinct =
      present > 0 &&
      (this.#counts === undefined ? this.#unrepeated !== undefined : this.#isUnrepeated(values))
    const format = this.#dateFormat(present)
    const kind = this.#kindOf({ present, allNumbers, values, isDistinct, isDate: format !== undefined })
    const figures = kind === "date" ? this.#days : this.#numbers
    return {
      ...this.#column,
      kind,
      rows: this.#rows,
      missing: this.#missing,
      markers: [...this.#markers],
      distinct: values?.length,
      isDistinct,
      values,
      ...(kind === "date" || allNumbers ? { numbers: figures.finish() } : {}),
      ...(kind === "date" && format !== undefined && format !== "plain" ? { format } : {})
    }
  }

  #isUnrepeated(values: ReadonlyArray<ValueCount> | undefined): boolean {
    return values!.length > 1 && values!.every(({ count }) => count === 1)
  }

  #sorted(allNumbers: boolean): ReadonlyArray<ValueCount> | undefined {
    if (this.#counts === undefined) return undefined
    if (!allNumbers)
      return [...this.#counts]
        .map(([value, count]) => ({ value, count }))
        .sort((a, b) => (a.value < b.value ? -1 : 1))
    const numbers = new Map<number, number>()
    for (const [text, count] of this.#counts)
      numbers.set(Number(text), (numbers.get(Number(text)) ?? 0) + count)
    return [...numbers].sort(([a], [b]) => a - b).map(([value, count]) => ({ value: String(value), count }))
  }

  /** How all cells are written as dates; `plain` where it shows; undefined where they are none. */
  #dateFormat(present: number): DateFormat | "unclear" | "plain" | undefined {
    const of = (format: (typeof formats)[number]) => this.#dates.get(format) ?? 0
    if (present === 0) return undefined
    if (of("YYYY-MM-DD") === present) return "plain"
    const isDays = of("DD/MM/YYYY") === present
    const isMonths = of("MM/DD/YYYY") === present
    if (isDays && isMonths) return "unclear"
    return isDays ? "DD/MM/YYYY" : isMonths ? "MM/DD/YYYY" : undefined
  }

  #kindOf(found: {
    readonly present: number
    readonly allNumbers: boolean
    readonly values: ReadonlyArray<ValueCount> | undefined
    readonly isDistinct: boolean
    readonly isDate: boolean
  }): ColumnKind {
    const { allNumbers, isDate, isDistinct, present, values } = found
    if (this.#column.holds !== undefined) return "unreadable"
    if (present === 0) return "empty"
    if (values !== undefined && this.#booleans === present && isYesAndNo(values)) return "boolean"
    if (isDate) return "date"
    if (allNumbers) return this.#numbersKind(isDistinct, present)
    if (isDistinct) return "id"
    return values !== undefined && (areFew(values, present) || isSkewed(values, present))
      ? "category"
      : "text"
  }

  /** Numbers that run on without a gap count rows; others may differ by chance. */
  #numbersKind(isDistinct: boolean, present: number): ColumnKind {
    if (!this.#whole) return "number"
    const { least, greatest } = this.#numbers.finish()
    const counts = isDistinct && greatest - least + 1 === present && this.#missing === 0
    return counts || (isDistinct && isIdName(this.#column.name)) ? "id" : "whole number"
  }
}

const isYesAndNo = (values: ReadonlyArray<ValueCount>): boolean =>
  new Set(values.map(({ value }) => readBoolean(value))).size === 2

/** Whether values come again often enough to be kinds of something. */
const areFew = ({ length }: ReadonlyArray<ValueCount>, present: number): boolean =>
  length <= 10 || (length <= fewValues && present >= 3 * length)

/** Whether a few values are those of most cells, so that the rest may be counted as others. */
const isSkewed = (values: ReadonlyArray<ValueCount>, present: number): boolean =>
  commonest(values).reduce((sum, { count }) => sum + count, 0) >= 0.8 * present

/** Values that are kept of a category with many. */
const kept = 20
/** Rows that each of them has, at least: the name of a rarer one tells of those who are in them. */
export const rare = 5

/** The commonest values, in their order. */
export const commonest = (values: ReadonlyArray<ValueCount>): ReadonlyArray<ValueCount> => {
  const common = [...values].sort((a, b) => b.count - a.count).slice(0, kept)
  return values.filter((each) => each.count >= rare && common.includes(each))
}

/** Whether a column is called as columns of ids are. */
export const isIdName = (name: string): boolean =>
  /^(id|index|key|uuid|guid|rownames?)$|[_ .-]id$|^id[_ .-]/i.test(name) || /[a-z]I[dD]$/.test(name)
