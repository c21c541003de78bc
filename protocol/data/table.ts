/**
 * The part of a file that a user holds, checked before anything is computed, in any format: the declared
 * columns, numbers within their public ranges, labels of the public list, one row for each id. Only the owner
 * sees a table; errors name line, column and id but never the value of a cell, because an error may travel
 * further than the table.
 */
import { Data } from "effect"
import type { Encoding } from "./characters.ts"
import { type DataDescription, sourceColumns } from "./description.ts"
import type { Decision, Dialect, DialectSettings } from "./dialect.ts"
import { didYouMean } from "./near-names.ts"
import { shown, spellingDifference, trimmed } from "./spelling.ts"

/** The part of a file that a user holds: some columns of some rows. */
export interface TableSource {
  /** Whose file it is; empty where that is not yet said. */
  readonly user: string
  /** The file's name as the user knows it, for errors. */
  readonly file: string
  /** The encoding of a text file; where left out UTF-16 if the file's first bytes show it, and else UTF-8. */
  readonly encoding?: Encoding | undefined
  /** What is known of the dialect of a CSV file; the rest is found out. */
  readonly dialect?: DialectSettings | undefined
  /** By default all features and the label; in a file without names all that it has. */
  readonly columns?: ReadonlyArray<string> | undefined
  /** Names of the columns of a file that does not say them, in its order. */
  readonly header?: ReadonlyArray<string> | undefined
  /** The ids of the held rows; all by default. */
  readonly rows?: ReadonlyArray<string> | undefined
  /** The held part of the file: rows counted from 1, including the last; all by default. */
  readonly part?: { readonly from: number; readonly to: number } | undefined
  /** Ids by number instead of from a column: `prefix` and the row's number, the first row's being `first`. */
  readonly ids?: { readonly prefix: string; readonly first: number } | undefined
}

/** The table that a file is read into. */
export interface Reading {
  readonly source: TableSource
  readonly description: DataDescription
  readonly problems: Problems
  readonly room: Room
}

/** What it takes to read any file. */
export type FileReading = Omit<Reading, "description">

/** Bytes that may be taken: of the heap, where ids are, and of all memory. */
export interface Room {
  readonly heap: number
  readonly memory: number
  /** Bytes that a file compressed with gzip may unpack to; `mostUnpackedBytes` where left out. */
  readonly unpacked?: number
}

/** The numbers of a column within an array: that of row r at `first + r · step`; NaN for a missing cell. */
export interface Column {
  readonly values: ArrayLike<number>
  readonly first: number
  readonly step: number
}

export interface Table {
  readonly ids: ReadonlyArray<string>
  /**
   * Values of each column held, in the order of `ids`; of classes and categories the place in the public list,
   * of missing cells NaN.
   */
  readonly columns: ReadonlyMap<string, Column>
  /** By column, how many cells were moved to an end of its range. */
  readonly clipped: ReadonlyMap<string, number>
  /** The dialect that was found, of a CSV file. */
  readonly dialect?: Dialect
}

export interface TableProblem {
  /** Line of the file in which the row begins, the header being line 1. */
  readonly line?: number
  readonly column?: string
  readonly id?: string
  readonly reason: string
  readonly remedy: string
  /** Of problems with the same column and reason only the first is reported, with their number and lines. */
  readonly alike?: boolean
  /** The file's columns, where this one is not among them. */
  readonly among?: ReadonlyArray<string>
  /** The setting that decides, which the remedy names as the scenario has it. */
  readonly decides?: Decision
}

/** The fault of a cell. */
export interface CellProblem extends Pick<TableProblem, "reason" | "remedy" | "decides"> {
  /** How a feature is written of which such texts are the cells. */
  readonly entry?: string
}

/** Problems named in one error; more are counted. */
const namedProblems = 20
/** Problems that are kept to be sorted; more are only counted. */
const keptProblems = 10_000
/** Lines that are named of problems that are reported once. */
const namedLines = 5

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
    ...(column === undefined ? [] : [`column ${shown(column)}`]),
    ...(id === undefined ? [] : [`row ${shown(id)}`])
  ]
  const whose = user === "" ? "" : ` (user ${user})`
  return `${parts.join(" of ") || "the file"}${whose} ${reason}; ${remedy}`
}

/** The faults of a file. */
export class Problems {
  readonly #source: Pick<TableSource, "user" | "file">
  readonly #kept: Array<TableProblem> = []
  /** How often each problem that is reported once has recurred, and in which lines first. */
  readonly #again = new Map<string, { times: number; readonly lines: Array<number> }>()
  #count = 0

  constructor(source: Pick<TableSource, "user" | "file">) {
    this.#source = source
  }

  /** Whether somebody has declared what the file holds. */
  get isDeclared(): boolean {
    return this.#source.user !== ""
  }

  add(problem: TableProblem): void {
    if (problem.alike) {
      const key = keyOf(problem)
      const again = this.#again.get(key)
      if (again !== undefined) {
        again.times += 1
        if (problem.line !== undefined && again.lines.length < namedLines) again.lines.push(problem.line)
        return
      }
      this.#again.set(key, { times: 0, lines: [] })
    }
    this.#count += 1
    if (this.#kept.length < keptProblems) this.#kept.push(problem)
  }

  /** Throws `TableError` with this problem, and those before it. */
  refuse(problem: TableProblem): never {
    this.add(problem)
    throw this.#error()
  }

  /** Throws `TableError`, in the order of the lines, if there are any. */
  finish(): void {
    if (this.#count > 0) throw this.#error()
  }

  #error(): TableError {
    const problems = this.#kept
      .sort((a, b) => (a.line ?? 0) - (b.line ?? 0))
      .slice(0, namedProblems)
      .map((problem) => this.#counted(problem))
    return new TableError({ ...this.#source, problems, more: this.#count - problems.length })
  }

  #counted(problem: TableProblem): TableProblem {
    const { times, lines } = this.#again.get(keyOf(problem)) ?? { times: 0, lines: [] }
    if (times === 0) return problem
    const count = times === 1 ? "once more" : `${times} more times`
    const named = `${lines.length === 1 ? "line" : "lines"} ${lines.join(", ")}`
    const where = lines.length === 0 ? "" : `, in ${named}${times > lines.length ? " and others" : ""}`
    return { ...problem, reason: `${problem.reason} (and so ${count}${where})` }
  }
}

const keyOf = ({ column = "", reason }: TableProblem): string => JSON.stringify([column, reason])

/** The columns of a file, as it or the scenario names them. */
export interface Names {
  readonly names: ReadonlyArray<string>
  /** Whether the file says the names. */
  readonly named: boolean
  /** The line that says them. */
  readonly line?: number
}

/** The columns that are held of a file. */
export const heldColumns = (
  { columns }: TableSource,
  { named, names }: Names,
  description: DataDescription
): ReadonlyArray<string> => columns ?? (named ? sourceColumns(description) : names)

/** The positions of the wanted columns in a file. Throws `TableError` if one is missing or there twice. */
export const locateColumns = (
  { names, line }: Names,
  wanted: ReadonlyArray<string>,
  problems: Problems
): ReadonlyMap<string, number> => {
  const at = line === undefined ? {} : { line }
  const places = new Map<string, number>()
  const repeated = new Set<string>()
  for (const [index, written] of names.entries()) {
    const name = trimmed(written)
    if (places.has(name)) repeated.add(name)
    else places.set(name, index)
  }
  const found = new Map<string, number>()
  for (const column of wanted) {
    const place = places.get(trimmed(column))
    if (place === undefined) {
      const near = nearName(column, names)
      const reason = `is missing from the header${near}`
      const meant = near === "" ? didYouMean(column, names) : ""
      const declared = problems.isDeclared ? ", or declare only columns that the file has" : ""
      const remedy = `add the column${declared}${meant}`
      problems.add({ ...at, column, reason, remedy, among: names })
    } else if (repeated.has(trimmed(column))) {
      problems.add({
        ...at,
        column,
        reason: "occurs twice in the header",
        remedy: "rename or remove one of them"
      })
    } else {
      found.set(column, place)
    }
  }
  problems.finish()
  return found
}

const nearName = (column: string, names: ReadonlyArray<string>): string => {
  for (const name of names) {
    const difference = spellingDifference(trimmed(name), trimmed(column))
    if (difference !== undefined)
      return `, which has ${shown(trimmed(name))}: they differ only in ${difference}`
  }
  return names.some((name) => /^[#%/]+\s*/.test(name) && name.replace(/^[#%/]+\s*/, "") === column)
    ? ", which begins with a comment sign: take it out"
    : ""
}
