/**
 * Columns that a scenario names and none of the files has that should: a fault of the scenario, told once, at its line,
 * and not of each file. Pure.
 */
import { type DataDescription, labelColumns, sourceColumns } from "../../protocol/data/description.ts"
import { closest, didYouMean } from "../../protocol/data/near-names.ts"
import { shown } from "../../protocol/data/spelling.ts"
import type { TableError } from "../../protocol/data/table.ts"
import { describePath, type Problem } from "../text/problems.ts"
import { counted, listed } from "../text/units.ts"
import type { Path } from "../text/yaml.ts"

/** A file that was opened: the columns that it should have, and what is wrong with it. */
export interface OpenedFile {
  /** As the scenario writes it. */
  readonly file: string
  /** Columns that are held of it; all of the joint table by default. */
  readonly columns: ReadonlyArray<string> | undefined
  /** Whether it has a column of ids. */
  readonly hasIds: boolean
  readonly error: TableError | undefined
}

interface AbsentColumn {
  readonly column: string
  /** The files that lack it. */
  readonly files: ReadonlyArray<string>
  /** What columns these files have. */
  readonly among: ReadonlyArray<string>
}

/** The columns that each file lacks that should have them: of a single file, only if it has one of a like name. */
const absentColumns = (
  data: DataDescription,
  opened: ReadonlyArray<OpenedFile>
): ReadonlyArray<AbsentColumn> =>
  [data.id, ...sourceColumns(data)].flatMap((column) => {
    const wanting = opened.filter(({ columns, hasIds }) =>
      column === data.id ? hasIds : (columns ?? sourceColumns(data)).includes(column)
    )
    const lacking = wanting.flatMap(({ error, file }) => {
      const problem = error?.problems.find((each) => each.column === column && each.among !== undefined)
      return problem?.among === undefined ? [] : [{ file, among: problem.among }]
    })
    if (lacking.length === 0 || lacking.length < wanting.length) return []
    const among = [...new Set(lacking.flatMap((each) => each.among))]
    const files = [...new Set(lacking.map(({ file }) => file))]
    return files.length > 1 || closest(column, among) !== undefined ? [{ column, files, among }] : []
  })

/** Names of columns that are shown of a file. */
const mostShown = 8

/** What is wrong with the scenario, and the columns that need not be told of its files any more. */
export const absentFromAll = (
  data: DataDescription,
  locate: (path: Path) => string,
  opened: ReadonlyArray<OpenedFile>
): { readonly problems: ReadonlyArray<Problem>; readonly columns: ReadonlySet<string> } => {
  const absent = absentColumns(data, opened)
  const problems = absent.map(({ column, files, among }): Problem => {
    const path = pathOf(data, column)
    const where =
      files.length === 1 ? files[0] : `any of the ${counted(files.length, "file")} that should have it`
    const meant = didYouMean(column, among)
    const there = listed(among.map(shown), mostShown)
    const message = `column ${shown(column)} is not in ${where}; correct the name, or add the column${meant === "" ? ` (there are ${there})` : meant}`
    return { at: locate(path), path: describePath(path), message }
  })
  return { problems, columns: new Set(absent.map(({ column }) => column)) }
}

/** Where the scenario names a column. */
const pathOf = (data: DataDescription, column: string): ReadonlyArray<PropertyKey> => {
  if (column === data.id) return ["data", "id"]
  const labels = labelColumns(data)
  const label = labels.indexOf(column)
  if (label === -1) return ["data", "features", column]
  return labels.length === 1 ? ["data", "label", "column"] : ["data", "label", "columns", label]
}
