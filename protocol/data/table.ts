/**
 * A user's CSV file, read and checked before anything is computed: the columns it declares, numbers within their public
 * ranges, labels of the public list, one row an id. Only the owner sees a table; errors name line, column and id but never
 * the value of a cell, because an error may travel further than the table.
 */
import { CsvError, parse } from "csv-parse/sync"
import { Data } from "effect"
import type { DataDescription } from "./encoding.ts"

/** What a user holds of a file: some columns of some rows. */
export interface TableSource {
  readonly user: string
  /** The file's name as the user knows it, for errors. */
  readonly file: string
  /** The CSV text; its first line names the columns. */
  readonly text: string
  readonly columns: ReadonlyArray<string>
  /** Ids of the rows held; all when left out. */
  readonly rows?: ReadonlyArray<string> | undefined
}

export interface Table {
  readonly ids: ReadonlyArray<string>
  /** Values of each column held, in the order of `ids`; of the label column the label's place in the public list. */
  readonly columns: ReadonlyMap<string, Float64Array>
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

interface Line {
  readonly line: number
  readonly fields: ReadonlyArray<string>
}

/** Reads what a user holds of a file. Throws `TableError` naming every problem. */
export const readTable = (source: TableSource, description: DataDescription): Table => {
  const { user, file } = source
  const problems: Array<TableProblem> = []
  const finish = (): void => {
    if (problems.length === 0) return
    throw new TableError({
      user,
      file,
      problems: problems.slice(0, namedProblems),
      more: Math.max(0, problems.length - namedProblems)
    })
  }

  const [header, ...records] = parseRecords(source, problems)
  finish()
  const places = locateColumns(header, [description.id, ...source.columns], problems)
  finish()
  const rows = selectRows(
    records.filter((record) => isComplete(record, header!, problems)),
    places.get(description.id)!,
    source,
    problems
  )
  const columns = new Map(
    source.columns.map((column) => {
      const read = cellReader(column, description)
      const place = places.get(column)!
      const values = Float64Array.from(rows, ({ line, id, fields }) => {
        const cell = read(fields[place]!)
        if (typeof cell === "number") return cell
        problems.push({ line, column, id, ...cell })
        return Number.NaN
      })
      return [column, values]
    })
  )
  problems.sort((a, b) => (a.line ?? 0) - (b.line ?? 0))
  finish()
  return { ids: rows.map((row) => row.id), columns }
}

const parseRecords = ({ text }: TableSource, problems: Array<TableProblem>): ReadonlyArray<Line> => {
  try {
    const parsed: unknown = parse(text, {
      bom: true,
      info: true,
      relax_column_count: true,
      skip_empty_lines: true,
      trim: true
    })
    const records = (
      parsed as ReadonlyArray<{
        readonly info: { readonly lines: number }
        readonly record: ReadonlyArray<string>
      }>
    ).map(({ info, record }) => ({ line: info.lines, fields: record }))
    if (records.length < 2) {
      problems.push({
        reason: records.length === 0 ? "is empty" : "has a header but no rows",
        remedy: "give a line that names the columns, then a line for each row"
      })
    }
    return records
  } catch (error) {
    if (!(error instanceof CsvError)) throw error
    const line = (error as { readonly lines?: number }).lines
    problems.push({
      ...(line === undefined ? {} : { line }),
      // The parser's own text may quote cells, its code never does.
      reason: `is not valid CSV (${error.code})`,
      remedy: "check the quotes and commas there"
    })
    return []
  }
}

const locateColumns = (
  header: Line | undefined,
  wanted: ReadonlyArray<string>,
  problems: Array<TableProblem>
): ReadonlyMap<string, number> => {
  const names = header?.fields ?? []
  const line = header?.line ?? 1
  for (const column of wanted) {
    const places = names.flatMap((name, place) => (name === column ? [place] : []))
    if (places.length === 0) {
      problems.push({
        line,
        column,
        reason: "is missing from the header",
        remedy: "add the column, or declare only columns that the file has"
      })
    } else if (places.length > 1) {
      problems.push({
        line,
        column,
        reason: "occurs twice in the header",
        remedy: "rename or remove one of them"
      })
    }
  }
  return new Map(wanted.map((column) => [column, names.indexOf(column)]))
}

const isComplete = (record: Line, header: Line, problems: Array<TableProblem>): boolean => {
  if (record.fields.length === header.fields.length) return true
  problems.push({
    line: record.line,
    reason: `has ${record.fields.length} fields here where the header has ${header.fields.length}`,
    remedy: "give every row one field a column"
  })
  return false
}

interface Row extends Line {
  readonly id: string
}

/** The records of the rows held, each with its id. */
const selectRows = (
  records: ReadonlyArray<Line>,
  idPlace: number,
  { rows }: TableSource,
  problems: Array<TableProblem>
): ReadonlyArray<Row> => {
  const known = new Map<string, Row>()
  for (const record of records) {
    const id = record.fields[idPlace]!
    const before = known.get(id)
    if (id === "") {
      problems.push({
        line: record.line,
        reason: "has a row without an id here",
        remedy: "give every row its id"
      })
    } else if (before === undefined) {
      known.set(id, { ...record, id })
    } else {
      problems.push({
        line: record.line,
        id,
        reason: `has the id of line ${before.line} again`,
        remedy: "give every row an id of its own"
      })
    }
  }
  for (const id of rows ?? []) {
    if (!known.has(id)) {
      problems.push({
        id,
        reason: "is declared as held but is not in the file",
        remedy: "add the row, or take its id out of the rows held"
      })
    }
  }
  if (rows === undefined) return [...known.values()]
  return rows.flatMap((id) => known.get(id) ?? [])
}

type CellProblem = Pick<TableProblem, "reason" | "remedy">

const decimal = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i

/** Reads a cell of a column: a number, or what is wrong with it. */
const cellReader = (
  column: string,
  { features, label }: DataDescription
): ((cell: string) => number | CellProblem) => {
  const places = new Map(label.values.map((value, place) => [value, place]))
  const range = Object.hasOwn(features, column) ? features[column] : undefined
  return (cell) => {
    if (cell === "") return { reason: "is empty", remedy: "fill in the cell, or leave out the row" }
    if (range === undefined) {
      return (
        places.get(cell) ?? {
          reason: `is not one of the labels ${label.values.join(", ")}`,
          remedy: "correct the label, or add it to the scenario's list"
        }
      )
    }
    if (!decimal.test(cell)) {
      return {
        reason: "is not a number",
        remedy: "write a number with a decimal point, such as 12.5 or 1e-3"
      }
    }
    const value = Number(cell)
    const [least, greatest] = range
    if (value >= least && value <= greatest) return value
    return {
      reason: `is outside the column's public range [${least}, ${greatest}]`,
      remedy: "correct the value, or have all parties agree on a wider range"
    }
  }
}
