/**
 * What a user holds of a file, checked before anything is computed: the columns it declares, numbers within their public
 * ranges, labels of the public list, one row an id; whatever the format. Only the owner sees a table; errors name
 * line, column and id but never the value of a cell, because an error may travel further than the table.
 */
import { Data } from "effect"
import type { Column, DataDescription } from "./encoding.ts"
import { sourceColumns } from "./encoding.ts"

/** What a user holds of a file: some columns of some rows. */
export interface TableSource {
  readonly user: string
  /** The file's name as the user knows it, for errors. */
  readonly file: string
  /** All features and the label where left out; in a file without names all that it has. */
  readonly columns?: ReadonlyArray<string> | undefined
  /** Names of the columns of a file that does not say them, in its order. */
  readonly header?: ReadonlyArray<string> | undefined
  /** The ids of the rows held; all when left out. */
  readonly rows?: ReadonlyArray<string> | undefined
  /** The part of the file that is held: rows counted from 1, the last among them; all when left out. */
  readonly part?: { readonly from: number; readonly to: number } | undefined
  /** Ids by number instead of from a column: `prefix` and the row's number, the first row's being `first`. */
  readonly ids?: { readonly prefix: string; readonly first: number } | undefined
}

export interface Table {
  readonly ids: ReadonlyArray<string>
  /** Values of each column held, in the order of `ids`; of the label column the label's place in the public list. */
  readonly columns: ReadonlyMap<string, Column>
}

/** Numbers of a column as they are in a file, side by side with others or not. */
export interface Numbers {
  readonly values: Values
  readonly first: number
  readonly step: number
}

export type Values = Uint8Array | Int8Array | Int16Array | Int32Array | Float32Array | Float64Array

/** A column of a file: an array of numbers, or whatever else its cells are. */
export type RawColumn = Numbers | ((row: number) => unknown)

/** A file taken apart; nothing of what is in it has been checked. */
export interface RawTable {
  /** The columns in the file's order. */
  readonly names: ReadonlyArray<string>
  /** Whether the file says the names. */
  readonly named: boolean
  readonly rows: number
  /** The column at a place in the file. */
  readonly column: (place: number) => RawColumn
  /** The line of a row, and of the names (−1), in a file of lines. */
  readonly lineOf?: (row: number) => number
}

export interface TableProblem {
  /** Line of the file, the header being line 1. */
  readonly line?: number
  readonly column?: string
  readonly id?: string
  readonly reason: string
  readonly remedy: string
}

/** Problems named in one error; more are counted. */
const namedProblems = 20
/** Problems that are kept to be sorted; more are only counted. */
const keptProblems = 10_000

/** A file that cannot be used, with everything that is wrong with it. */
export class TableError extends Data.TaggedError("TableError")<{
  readonly user: string
  readonly file: string
  readonly problems: ReadonlyArray<TableProblem>
  /** How many more problems there are. */
  readonly more: number
}> {
  readonly retryable = false
  override get message(): string {
    const lines = this.problems.map((problem) => {
      const place = problem.line === undefined ? this.file : `${this.file}:${problem.line}`
      return `${place}: ${describeProblem(this.user, problem)}`
    })
    return [...lines, ...(this.more > 0 ? [`${this.file}: and ${this.more} more problems`] : [])].join("\n")
  }
}

/** `column mean_radius of row BC0264 (user north) is not a number; …` */
export const describeProblem = (user: string, { column, id, reason, remedy }: TableProblem): string => {
  const parts = [
    ...(column === undefined ? [] : [`column ${column}`]),
    ...(id === undefined ? [] : [`row ${id}`])
  ]
  return `${parts.join(" of ") || "the file"} (user ${user}) ${reason}; ${remedy}`
}

/** What is found wrong with a file. */
export class Problems {
  readonly #source: TableSource
  readonly #kept: Array<TableProblem> = []
  #count = 0

  constructor(source: TableSource) {
    this.#source = source
  }

  add(problem: TableProblem): void {
    this.#count += 1
    if (this.#kept.length < keptProblems) this.#kept.push(problem)
  }

  /** Throws `TableError`, in the order of the lines, if there are any. */
  finish(): void {
    if (this.#count === 0) return
    const { user, file } = this.#source
    const problems = this.#kept.sort((a, b) => (a.line ?? 0) - (b.line ?? 0)).slice(0, namedProblems)
    throw new TableError({ user, file, problems, more: this.#count - problems.length })
  }
}

/** The columns that are held of a file. */
export const heldColumns = (
  { columns }: TableSource,
  { named, names }: Pick<RawTable, "named" | "names">,
  description: DataDescription
): ReadonlyArray<string> => columns ?? (named ? sourceColumns(description) : names)

/** Checks what a user holds of a file. Throws `TableError` naming every problem, those found before among them. */
export const checkTable = (
  source: TableSource,
  raw: RawTable,
  description: DataDescription,
  problems = new Problems(source)
): Table => {
  problems.finish()
  const numbering = source.ids ?? (raw.named ? undefined : { prefix: "", first: 1 })
  const held = heldColumns(source, raw, description)
  const wanted = numbering === undefined ? [description.id, ...held] : held
  const places = locateColumns(raw, wanted, problems)
  problems.finish()
  const idOf = numbering === undefined ? readIds(raw, places.get(description.id)!) : numbered(numbering)
  const { ids, rows } = selectRows(raw, idOf, source, problems)
  problems.finish()
  const arrays = new Map<Values, Values>()
  const ranges = new Map(description.features.map(({ name, range }) => [name, range]))
  const columns = new Map(
    held.map((column) => {
      const cells = raw.column(places.get(column)!)
      const found = (place: number, problem: CellProblem): void => {
        const line = raw.lineOf?.(rows[place]!)
        problems.add({ ...(line === undefined ? {} : { line }), column, id: ids[place]!, ...problem })
      }
      const range = ranges.get(column)
      if (range !== undefined && typeof cells !== "function") {
        const kept = keepRows(cells, rows, arrays)
        checkNumbers(kept, rows.length, range, found)
        return [column, kept] as const
      }
      const at =
        typeof cells === "function" ? cells : (row: number) => cells.values[cells.first + row * cells.step]
      const read = cellReader(range, description)
      const values = Float64Array.from(rows, (row, place) => {
        const cell = read(at(row))
        if (typeof cell === "number") return cell
        found(place, cell)
        return Number.NaN
      })
      return [column, { values, first: 0, step: 1 }] as const
    })
  )
  problems.finish()
  return { ids, columns }
}

const locateColumns = (
  { names, lineOf }: RawTable,
  wanted: ReadonlyArray<string>,
  problems: Problems
): ReadonlyMap<string, number> => {
  const place = lineOf === undefined ? {} : { line: lineOf(-1) }
  const places = new Map<string, number>()
  const repeated = new Set<string>()
  names.forEach((name, index) => {
    if (places.has(name)) repeated.add(name)
    else places.set(name, index)
  })
  for (const column of wanted) {
    if (!places.has(column)) {
      problems.add({
        ...place,
        column,
        reason: "is missing from the header",
        remedy: "add the column, or declare only columns that the file has"
      })
    } else if (repeated.has(column)) {
      problems.add({
        ...place,
        column,
        reason: "occurs twice in the header",
        remedy: "rename or remove one of them"
      })
    }
  }
  return places
}

/** The id of a row; empty where it has none. */
type IdOf = (row: number) => string

const numbered =
  ({ prefix, first }: NonNullable<TableSource["ids"]>): IdOf =>
  (row) =>
    `${prefix}${first + row}`

const readIds = (raw: RawTable, place: number): IdOf => {
  const cells = raw.column(place)
  const at =
    typeof cells === "function" ? cells : (row: number) => cells.values[cells.first + row * cells.step]
  return (row) => String(at(row) ?? "")
}

interface Selected {
  readonly ids: ReadonlyArray<string>
  /** The row of the file of each id. */
  readonly rows: Uint32Array
}

/** The rows held, each with its id. */
const selectRows = (
  raw: RawTable,
  idOf: IdOf,
  { rows: held, part }: TableSource,
  problems: Problems
): Selected => {
  const run = part ?? { from: 1, to: raw.rows }
  if (run.to > raw.rows || run.from > run.to) {
    problems.add({
      reason: `has ${raw.rows} rows, of which the rows ${run.from} to ${run.to} are declared as held`,
      remedy: "declare rows that are there, the first before the last"
    })
    return { ids: [], rows: new Uint32Array(0) }
  }
  const known = new Map<string, number>()
  for (let row = run.from - 1; row < run.to; row++) {
    const id = idOf(row)
    const line = raw.lineOf?.(row)
    const place = line === undefined ? {} : { line }
    const before = known.get(id)
    if (id === "") {
      problems.add({ ...place, reason: "has a row without an id here", remedy: "give every row its id" })
    } else if (before === undefined) {
      known.set(id, row)
    } else {
      const there = raw.lineOf === undefined ? `row ${before + 1}` : `line ${raw.lineOf(before)}`
      problems.add({
        ...place,
        id,
        reason: `has the id of ${there} again`,
        remedy: "give every row an id of its own"
      })
    }
  }
  if (held === undefined) return { ids: [...known.keys()], rows: Uint32Array.from(known.values()) }
  const there = held.filter((id) => {
    if (known.has(id)) return true
    problems.add({
      id,
      reason: "is declared as held but is not in the file",
      remedy: "add the row, or take its id out of the rows held"
    })
    return false
  })
  return { ids: there, rows: Uint32Array.from(there, (id) => known.get(id)!) }
}

/** A column's numbers in the rows held, in an array of those rows only; columns side by side share it. */
const keepRows = (
  { values, first, step }: Numbers,
  rows: Uint32Array,
  arrays: Map<Values, Values>
): Numbers => {
  let kept = arrays.get(values)
  if (kept === undefined) {
    kept = new (values.constructor as new (length: number) => Values)(rows.length * step)
    for (let place = 0; place < rows.length; place++) {
      const row = rows[place]! * step
      if (step === 1) kept[place] = values[row]!
      else kept.set(values.subarray(row, row + step), place * step)
    }
    arrays.set(values, kept)
  }
  return { values: kept, first, step }
}

type CellProblem = Pick<TableProblem, "reason" | "remedy">

const notANumber: CellProblem = {
  reason: "is not a number",
  remedy: "write a number with a decimal point, such as 12.5 or 1e-3"
}

const outside = ([least, greatest]: readonly [number, number]): CellProblem => ({
  reason: `is outside the column's public range [${least}, ${greatest}]`,
  remedy: "correct the value, or have all parties agree on a wider range"
})

const checkNumbers = (
  { values, first, step }: Numbers,
  rows: number,
  range: readonly [number, number],
  found: (place: number, problem: CellProblem) => void
): void => {
  const [least, greatest] = range
  if (values instanceof Uint8Array && least <= 0 && greatest >= 255) return
  for (let place = 0; place < rows; place++) {
    const value = values[first + place * step]!
    if (!(value >= least && value <= greatest))
      found(place, Number.isNaN(value) ? notANumber : outside(range))
  }
}

const decimal = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i

/** Reads a cell of a feature of this range, or without a range of the label: a number, or what is wrong with it. */
const cellReader = (
  range: readonly [number, number] | undefined,
  { label }: DataDescription
): ((cell: unknown) => number | CellProblem) => {
  const places = new Map(label.values.map((value, place) => [value, place]))
  return (cell) => {
    if (cell === "" || cell === null || cell === undefined)
      return { reason: "is empty", remedy: "fill in the cell, or leave out the row" }
    if (range === undefined) {
      return (
        places.get(String(cell)) ?? {
          reason: `is not one of the labels ${label.values.join(", ")}`,
          remedy: "correct the label, or add it to the scenario's list"
        }
      )
    }
    const numeric = typeof cell === "string" ? decimal.test(cell) : ["number", "bigint"].includes(typeof cell)
    const value = numeric ? Number(cell) : Number.NaN
    if (Number.isNaN(value)) return notANumber
    const [least, greatest] = range
    return value >= least && value <= greatest ? value : outside(range)
  }
}
