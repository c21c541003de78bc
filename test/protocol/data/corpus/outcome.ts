/**
 * What must become of a data file: it is accepted with exactly these cells, or refused with exactly these errors. The only place
 * in which the corpus calls the reader.
 */
import { bytesSource } from "../../../../protocol/data/byte-source.ts"
import { readDataFile } from "../../../../protocol/data/data-file.ts"
import type { DataDescription } from "../../../../protocol/data/description.ts"
import {
  type Table,
  TableError,
  type TableProblem,
  type TableSource
} from "../../../../protocol/data/table.ts"

export type Encoding = "utf-8" | "utf-16le" | "utf-16be" | "latin1" | "windows-1252"

export interface DataCase {
  /** What the file is; unique, and with the seed enough to make it again. */
  readonly name: string
  readonly bytes: Uint8Array
  readonly source?: Partial<TableSource> & { readonly encoding?: Encoding }
  /** The grain of this module where left out. */
  readonly description?: DataDescription
  readonly expected: Accepted | Refused
}

export interface Accepted {
  readonly ids: ReadonlyArray<string>
  /** Of each column held, its cells in the order of the ids; of the label the place in the public list. */
  readonly columns: ReadonlyArray<readonly [name: string, values: ReadonlyArray<number>]>
}

export interface Refused {
  /** Each has to be reported; more problems than these must not be. */
  readonly problems: ReadonlyArray<Told>
  /** There may be more, such as one of each row that a cut quote has swallowed. */
  readonly more?: boolean
}

export interface Told {
  /** Left out where the file is meant as a whole. */
  readonly line?: number
  readonly column?: string
  readonly id?: string
  /** What the message says of the thing. */
  readonly says: RegExp
  /** What it says of the remedy. */
  readonly remedy: RegExp
}

/** Grain: two measurements and a grade. */
export const grain: DataDescription = {
  id: "id",
  features: [
    { name: "moisture", range: [5, 25] },
    { name: "protein", range: [6, 18] }
  ],
  label: { column: "grade", values: ["feed", "mill"] },
  scaleTo: [-1, 1]
}

const read = ({ bytes, source = {}, description = grain }: DataCase): Promise<Table> =>
  readDataFile(bytesSource(bytes), { user: "ada", file: "data/grain.csv", ...source }, description)

/** Words of inner layers, which no message may have. */
const foreign =
  /undefined|\[object|Infinity|RangeError|TypeError|CsvError|CSV_|INVALID_|Expected|Error:|hyparquet|DataView|ERR_|Z_/

/** What differs from what was expected, in words; nothing where all is as it must be. */
export const judged = async (data: DataCase): Promise<ReadonlyArray<string>> => {
  const outcome = await read(data).then(
    (table) => ({ table }),
    (error: unknown) => ({ error })
  )
  const { expected } = data
  if ("table" in outcome) {
    return "ids" in expected ? differences(outcome.table, expected) : ["is accepted, and must be refused"]
  }
  const { error } = outcome
  if (!(error instanceof TableError)) return [`fails with ${String(error)}`]
  if ("ids" in expected) return [`is refused, and must be accepted: ${error.message}`]
  return [...untold(error, expected), ...careless(error, data.bytes)].map(
    (line) => `${line}\n${error.message}`
  )
}

const differences = ({ ids, columns }: Table, expected: Accepted): ReadonlyArray<string> => {
  const found: Array<string> = []
  const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b)
  if (!same(ids, expected.ids)) {
    found.push(`has the ids ${JSON.stringify(ids)}, not ${JSON.stringify(expected.ids)}`)
  }
  const names = expected.columns.map(([name]) => name)
  if (!same([...columns.keys()], names)) found.push(`has the columns ${[...columns.keys()]}, not ${names}`)
  for (const [name, values] of expected.columns) {
    const column = columns.get(name)
    const cells = ids.map((_, row) => column?.values[column.first + row * column.step])
    if (!same(cells, values))
      found.push(`has ${JSON.stringify(cells)} as ${name}, not ${JSON.stringify(values)}`)
  }
  return found
}

const untold = ({ problems, more }: TableError, expected: Refused): ReadonlyArray<string> => {
  const missing = expected.problems.filter((told) => !problems.some((problem) => tells(problem, told)))
  const surplus = problems.length + more - expected.problems.length
  return [
    ...missing.map(({ line, column, id, says, remedy }) => {
      const place = [line && `line ${line}`, column && `column ${column}`, id && `row ${id}`].filter(Boolean)
      return `does not tell ${says} with the remedy ${remedy} (${place.join(", ") || "the file"})`
    }),
    ...(surplus > 0 && expected.more !== true ? [`tells ${surplus} problems more than there are`] : [])
  ]
}

const tells = (problem: TableProblem, { line, column, id, says, remedy }: Told): boolean =>
  (line === undefined || problem.line === line) &&
  (column === undefined || problem.column === column || problem.reason.includes(`column ${column}`)) &&
  (id === undefined || problem.id === id) &&
  says.test(`${problem.reason}; ${problem.remedy}`) &&
  remedy.test(problem.remedy)

/** Errors quote no cell and no inner layer. The cells that can be known again are numbers of at least four digits. */
const careless = (error: TableError, bytes: Uint8Array): ReadonlyArray<string> => {
  const named = error.problems.flatMap(({ id }) => (id === undefined ? [] : [id])).join(" ")
  const words =
    Buffer.from(bytes)
      .toString("latin1")
      .match(/\d+[.,]\d{3,}/g) ?? []
  const quoted = words.filter((word) => error.message.includes(word) && !named.includes(word))
  return [
    ...quoted.slice(0, 1).map((word) => `quotes the cell ${word}`),
    ...(foreign.test(error.message) ? ["has a word of an inner layer"] : [])
  ]
}
