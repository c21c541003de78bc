/**
 * CSV files: a line of names, then a line a row, taken apart into cells of text. The lines are kept for errors, which never
 * quote a cell.
 */
import { CsvError, parse } from "csv-parse/sync"
import type { Problems, RawTable } from "./table.ts"

interface Line {
  readonly line: number
  readonly fields: ReadonlyArray<string>
}

/** The text of a file as a table. `header` names the columns of a file without a line of names. */
export const readCsv = (
  text: string,
  problems: Problems,
  header?: ReadonlyArray<string> | undefined
): RawTable => {
  const records = parseRecords(text, problems)
  const first = header === undefined ? records[0] : { line: 1, fields: header }
  const lines = header === undefined ? records.slice(1) : records
  if (records.length < (header === undefined ? 2 : 1)) {
    problems.add({
      reason: records.length === 0 ? "is empty" : "has a header but no rows",
      remedy: "give a line that names the columns, then a line for each row"
    })
  }
  const names = first?.fields ?? []
  const rows = lines.filter((record) => isComplete(record, names, problems))
  return {
    names,
    named: true,
    rows: rows.length,
    column: (place) => (row) => rows[row]!.fields[place]!,
    lineOf: (row) => (row < 0 ? first?.line : rows[row]?.line) ?? 1
  }
}

const parseRecords = (text: string, problems: Problems): ReadonlyArray<Line> => {
  try {
    const parsed: unknown = parse(text, {
      bom: true,
      info: true,
      relax_column_count: true,
      skip_empty_lines: true,
      trim: true
    })
    return (
      parsed as ReadonlyArray<{
        readonly info: { readonly lines: number }
        readonly record: ReadonlyArray<string>
      }>
    ).map(({ info, record }) => ({ line: info.lines, fields: record }))
  } catch (error) {
    if (!(error instanceof CsvError)) throw error
    const line = (error as { readonly lines?: number }).lines
    problems.add({
      ...(line === undefined ? {} : { line }),
      // The parser's own text may quote cells, its code never does.
      reason: `is not valid CSV (${error.code})`,
      remedy: "check the quotes and commas there"
    })
    problems.finish()
    return []
  }
}

const isComplete = (record: Line, names: ReadonlyArray<string>, problems: Problems): boolean => {
  if (record.fields.length === names.length) return true
  problems.add({
    line: record.line,
    reason: `has ${record.fields.length} fields here where the header has ${names.length}`,
    remedy: "give every row one field a column"
  })
  return false
}
