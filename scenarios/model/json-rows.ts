/**
 * Rows as other programs send them: JSON objects, with a cell for each column of the model's features under its name. A
 * cell is read as one of a file; null is a missing one. Pure.
 */
import { Data, Either } from "effect"
import { readersOf } from "../../protocol/data/cell-reader.ts"
import type { Prepared } from "../../protocol/data/description.ts"
import { heldTable } from "../../protocol/data/encoding.ts"
import { trimmed } from "../../protocol/data/spelling.ts"
import type { CellProblem } from "../../protocol/data/table.ts"
import { preparedTable } from "./rows.ts"

/** What is wrong with a cell, or with a row as a whole. */
export interface RowProblem {
  /** Counted from 1. */
  readonly row: number
  /** Empty where it is the row. */
  readonly column: string
  readonly reason: string
  readonly remedy: string
}

/** Rows that can't be predicted. No cell is quoted. */
export class JsonRowsUnfit extends Data.TaggedError("JsonRowsUnfit")<{
  readonly problems: ReadonlyArray<RowProblem>
  /** How many more there are. */
  readonly more: number
}> {
  readonly retryable = false
  override get message(): string {
    const lines = this.problems.map(
      ({ row, column, reason, remedy }) =>
        `row ${row}${column === "" ? "" : `, column ${column}`} ${reason}; ${remedy}`
    )
    return [...lines, ...(this.more > 0 ? [`and ${this.more} more problems`] : [])].join("\n")
  }
}

export interface JsonRows {
  /** What each row has in the column of ids, else its number. */
  readonly ids: ReadonlyArray<string>
  /** Rows × features of the network. */
  readonly features: Float64Array
}

const namedProblems = 20

const isObject = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** What a row has of its own under a name; inherited names, such as those of every object, are no columns. */
const cellIn = (row: object, column: string): unknown => Object.getOwnPropertyDescriptor(row, column)?.value

const absent: CellProblem = {
  reason: "is not there",
  remedy: "give the column in every row, and null where its value is missing"
}
const noCell: CellProblem = {
  reason: "is neither a text, a number, true, false nor null",
  remedy: "give a single value"
}
const noRow: CellProblem = {
  reason: "is no object",
  remedy: "give rows as objects, with values by the names of columns"
}

/** Makes features of rows, or names what is wrong with them. */
export const featuresOfJson = (
  data: Prepared,
  rows: ReadonlyArray<unknown>
): Either.Either<JsonRows, JsonRowsUnfit> => {
  const problems: Array<RowProblem> = []
  let found = 0
  const note = (row: number, column: string, { reason, remedy }: CellProblem): number => {
    found += 1
    if (problems.length < namedProblems) problems.push({ row: row + 1, column, reason, remedy })
    return Number.NaN
  }
  const readerOf = readersOf(data)
  const columns = data.features.map(({ name }) => ({ name, reader: readerOf(name) }))
  const readCell = (cell: unknown, { reader }: (typeof columns)[number]) => {
    if (cell === null) return reader.absent
    if (typeof cell === "number") return reader.number(cell)
    if (typeof cell === "string") return reader.text(trimmed(cell))
    return typeof cell === "boolean" ? reader.text(String(cell)) : cell === undefined ? absent : noCell
  }
  const values = new Float64Array(rows.length * columns.length)
  const ids = rows.map((row, at) => {
    if (!isObject(row)) note(at, "", noRow)
    else
      for (const [place, column] of columns.entries()) {
        const read = readCell(cellIn(row, column.name), column)
        values[at * columns.length + place] = typeof read === "number" ? read : note(at, column.name, read)
      }
    const id = isObject(row) ? cellIn(row, data.id) : undefined
    return typeof id === "string" || typeof id === "number" ? trimmed(String(id)) : String(at + 1)
  })
  if (found > 0) return Either.left(new JsonRowsUnfit({ problems, more: found - problems.length }))
  const sources = new Map(
    columns.map(({ name }, first) => [name, { values, first, step: columns.length }] as const)
  )
  const held = heldTable(data, { ids, columns: sources, clipped: new Map() }, false)
  return Either.right({ ids, features: preparedTable(data, held).features })
}
