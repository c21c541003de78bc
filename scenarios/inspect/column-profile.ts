/**
 * What a column of a file holds, found out in one pass over its cells: its type, its values where there are
 * few, how often a cell is missing. What is kept of a column does not grow with the file, but for a column in
 * which hardly any value has come twice.
 */
import { isMissing } from "../../protocol/data/cell-reader.ts"
import { readBoolean, readDate } from "../../protocol/data/cell-words.ts"
import type { DateFormat } from "../../protocol/data/description.ts"
import { isDecimal } from "../../protocol/data/spelling.ts"
import type { SurveyedCell, SurveyedColumn } from "../../protocol/data/survey-visitor.ts"
import { Histogram, type Summary } from "./histogram.ts"
import { StrayCells, type Strays } from "./stray-cells.ts"
import { mostRepeated, type Repeated, type ValueCount, ValueCounts } from "./value-counts.ts"

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
  readonly numbers?: Summary
  /** How dates are written, where it has to be said; `unclear` where the day may be the month. */
  readonly format?: DateFormat | "unclear"
  /** Of a column of ids in which some come twice, by its name or since hardly any does. */
  readonly repeated?: Repeated
  /** Cells that keep a column from being one of numbers or of dates. */
  readonly strays?: Strays
  /** Whether the cells are the numbers of the rows, from 0 or 1 on. */
  readonly countsRows?: true
}

/** Markers of missing cells that are kept. */
const mostMarkers = 10
/** Values of a category; more are texts, unless most of the rows have one of a few. */
export const fewValues = 50

/** Values that are kinds of something, even if most of them are numbers: 0, 1, 2, 3+. */
const veryFew = 10
/** Cells of which hardly any comes again not by chance. */
const leastIds = 20
/** Share of the cells whose id may have been there before, in a column that is called so. */
const mostRepeatedByName = 0.5

const formats = ["YYYY-MM-DD", "DD/MM/YYYY", "MM/DD/YYYY"] as const

/** What is known of the cells of a column once all are read. */
interface Found {
  readonly present: number
  readonly allNumbers: boolean
  readonly values: ReadonlyArray<ValueCount> | undefined
  readonly isDistinct: boolean
  readonly isDate: boolean
}

/** A column as its cells are read. */
export class ColumnSurvey {
  readonly #column: SurveyedColumn
  readonly #marks: ReadonlySet<string>
  #rows = 0
  #missing = 0
  readonly #markers = new Set<string>()
  readonly #values = new ValueCounts()
  readonly #numbers = new Histogram()
  readonly #noNumbers = new StrayCells()
  readonly #noDates = new StrayCells()
  #whole = true
  /** Whether a text has a space in it, as ids have none. */
  #spaced = false
  #booleans = 0
  /** By format, how many cells are dates that are written so. */
  readonly #dates = new Map<(typeof formats)[number], number>()
  readonly #days = new Histogram()

  /** `marks` are texts that mark a missing cell besides the usual ones. */
  constructor(column: SurveyedColumn, marks: ReadonlyArray<string> = []) {
    this.#column = column
    this.#marks = new Set(marks)
  }

  /** Takes a cell, and the line where its row begins in a file that has lines. */
  add(cell: SurveyedCell, line?: number): void {
    this.#rows++
    const place = line ?? this.#rows
    if (cell === null || (typeof cell === "number" ? Number.isNaN(cell) : this.#isMissing(cell))) {
      this.#missing++
      if (this.#markers.size < mostMarkers) this.#markers.add(cell === null ? "" : String(cell))
      return
    }
    const text = String(cell)
    const isNumber = typeof cell === "number" || isDecimal(cell)
    if (isNumber) this.#addNumber(Number(cell), place)
    else this.#addNoNumber(text, place)
    this.#values.add(text, place)
    // Fractions are measurements, which may all differ and are no ids.
    if (isNumber && !this.#whole) this.#values.dismiss()
    // A column of numbers with many values holds neither.
    if (!isNumber || this.#values.areCounted) this.#addWord(text, place)
  }

  #isMissing(text: string): boolean {
    return isMissing(text) || this.#marks.has(text)
  }

  #addNoNumber(text: string, place: number): void {
    this.#noNumbers.add(text, place)
    this.#spaced ||= /\s/.test(text)
  }

  #addNumber(value: number, place: number): void {
    this.#numbers.add(value, place)
    if (!Number.isInteger(value)) this.#whole = false
  }

  #addWord(text: string, place: number): void {
    if (typeof readBoolean(text) === "number") this.#booleans++
    let isDate = false
    for (const format of formats) {
      const days = readDate(text, format === "YYYY-MM-DD" ? undefined : format)
      if (typeof days !== "number") continue
      this.#dates.set(format, (this.#dates.get(format) ?? 0) + 1)
      this.#days.add(days, place)
      isDate = true
      break
    }
    if (!isDate) this.#noDates.add(text, place)
    this.#addOtherOrder(text)
  }

  /** A date with slashes whose day may be the month counts for both orders. */
  #addOtherOrder(text: string): void {
    if (!text.includes("/")) return
    if (typeof readDate(text, "DD/MM/YYYY") === "number" && typeof readDate(text, "MM/DD/YYYY") === "number")
      this.#dates.set("MM/DD/YYYY", (this.#dates.get("MM/DD/YYYY") ?? 0) + 1)
  }

  /** The values that were kept, to be compared with those of another file, and where the first of each is. */
  get kept(): ReadonlyMap<string, number> {
    return this.#values.kept
  }

  finish(): ColumnProfile {
    const present = this.#rows - this.#missing
    const allNumbers = present > 0 && this.#numbers.count === present
    const values = this.#sorted(allNumbers)
    const isDistinct =
      present > 0 &&
      (values === undefined
        ? this.#values.isCompared && this.#values.repeated === undefined
        : values.length > 1 && values.every(({ count }) => count === 1))
    const format = this.#dateFormat(present)
    const found = { present, allNumbers, values, isDistinct, isDate: format !== undefined }
    const kind = this.#kindOf(found)
    const figures = kind === "date" ? this.#days : this.#numbers
    const repeated = this.#repeatedIds(kind, found)
    const strays = this.#straysIn(kind, found)
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
      ...(kind === "date" && format !== undefined && format !== "plain" ? { format } : {}),
      ...(repeated === undefined ? {} : { repeated }),
      ...(strays === undefined ? {} : { strays }),
      ...(kind === "id" && allNumbers && this.#countsRows(present) ? { countsRows: true as const } : {})
    }
  }

  /** The cells whose id was there before, in a column that has ids but for a few mistakes. */
  #repeatedIds(kind: ColumnKind, { allNumbers, isDate, present }: Found): Repeated | undefined {
    const { isCompared, repeated } = this.#values
    if (repeated === undefined || !isCompared || isDate || kind === "boolean" || !this.#whole)
      return undefined
    const share = repeated.count / present
    if (isIdName(this.#column.name)) return share <= mostRepeatedByName ? repeated : undefined
    if (present < leastIds || share > mostRepeated) return undefined
    const { least, greatest } = this.#numbers.finish()
    // Numbers from a range that is hardly wider than they are many count something; texts are ids without spaces.
    return (allNumbers ? greatest - least < 2 * present : !this.#spaced) ? repeated : undefined
  }

  /** The cells that keep a column from being one of numbers or dates. */
  #straysIn(kind: ColumnKind, { isDistinct, present, values }: Found): Strays | undefined {
    if (kind !== "category" && kind !== "id" && kind !== "text") return undefined
    const noDates = this.#noDates.among("date", Math.max(0, ...this.#dates.values()))
    if (noDates !== undefined) return noDates
    const areCodes = isDistinct && this.#whole && (isIdName(this.#column.name) || present >= leastIds)
    const areKinds = values !== undefined && values.length <= veryFew && 2 * values.length <= present
    return areCodes || areKinds ? undefined : this.#noNumbers.among("number", this.#numbers.count)
  }

  /** Whether whole numbers run from 0 or 1 on without a gap. */
  #countsRows(present: number): boolean {
    const { least, greatest } = this.#numbers.finish()
    return (least === 0 || least === 1) && greatest - least + 1 === present
  }

  #sorted(allNumbers: boolean): ReadonlyArray<ValueCount> | undefined {
    const { counts } = this.#values
    if (counts === undefined || !allNumbers) return counts?.toSorted((a, b) => (a.value < b.value ? -1 : 1))
    const numbers = new Map<number, number>()
    for (const { count, value } of counts)
      numbers.set(Number(value), (numbers.get(Number(value)) ?? 0) + count)
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

  #kindOf({ allNumbers, isDate, isDistinct, present, values }: Found): ColumnKind {
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
  length <= veryFew || (length <= fewValues && present >= 3 * length)

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
