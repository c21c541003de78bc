/**
 * The columns of a scenario as its author would write them, proposed from what files hold: an entry of
 * `features` for each column, one for columns that are numbered, and the label.
 */
import { areNumbers } from "../../protocol/data/labels.ts"
import { yamlLines, yamlText } from "../text/yaml-text.ts"
import type { ColumnType } from "./column-type.ts"

/** An entry of `features`. */
export interface Entry {
  /** The name of the column, or of columns that are numbered without the number. */
  readonly name: string
  /** What is said of it, each field as YAML; none where one word is enough. */
  readonly fields: ReadonlyArray<readonly [field: string, yaml: string]>
  /** Where no field is needed. */
  readonly word: string
  readonly values?: ReadonlyArray<string>
  /** The columns that it stands for. */
  readonly columns: ReadonlyArray<string>
  /** Whether users have to find statistics of it. */
  readonly isJoint: boolean
  /** Whether it has a range that was read off the data. */
  readonly tells?: true
}

/** A column that is not proposed, and why. */
export interface LeftOut {
  readonly column: string
  readonly reason: string
  /** Whether owners contradict each other. */
  readonly isContested?: true
}

export interface Proposed {
  readonly entries: ReadonlyArray<Entry>
  readonly leftOut: ReadonlyArray<LeftOut>
}

/** Numbered columns that are one entry, at least. */
const leastNumbered = 8
/** The greatest numbers that columns of one range, such as pixels, usually have. */
const usualGreatest = [1, 16, 100, 255, 1_023, 4_095, 65_535]

/** The entries of columns that are to be features, in their order. */
export const proposed = (types: ReadonlyArray<ColumnType>): Proposed => {
  const entries: Array<Entry> = []
  const leftOut: Array<LeftOut> = []
  for (const run of runsOf(types)) {
    const one = run.length >= leastNumbered ? entryOfRun(run) : undefined
    if (one !== undefined) {
      entries.push(one)
      continue
    }
    for (const type of run) {
      const entry = entryOf(type)
      if (typeof entry === "string") leftOut.push({ column: type.name, reason: entry })
      else entries.push(entry)
    }
  }
  return { entries, leftOut }
}

/** A name without the number at its end, and that number. */
const numberOf = (name: string): readonly [prefix: string, number: number] | undefined => {
  const [, prefix, digits] = /^(.*?\D)([1-9]\d{0,6}|0)$/.exec(name) ?? []
  return prefix === undefined ? undefined : [prefix, Number(digits)]
}

/** Columns one after another that are numbered one after another are one run; each other column is its own. */
const runsOf = (types: ReadonlyArray<ColumnType>): ReadonlyArray<ReadonlyArray<ColumnType>> => {
  const runs: Array<Array<ColumnType>> = []
  let before: readonly [string, number] | undefined
  for (const type of types) {
    const own = numberOf(type.name)
    const continues =
      before !== undefined && own !== undefined && own[0] === before[0] && own[1] === before[1] + 1
    if (continues) runs.at(-1)!.push(type)
    else runs.push([type])
    before = own
  }
  return runs
}

/** One entry for columns that are numbered, if one fits all of them. */
const entryOfRun = (run: ReadonlyArray<ColumnType>): Entry | undefined => {
  const [name, first] = numberOf(run[0]!.name)!
  const shared = sharedRange(run)
  const entries = run.map(entryOf)
  const [one] = entries
  if (one === undefined) return undefined
  const isAlike = entries.every((entry) => sameBut(entry) === sameBut(one))
  if (shared === undefined && (typeof one === "string" || !isAlike || one.word === "date" || one.values))
    return undefined
  const numbering: Entry["fields"] = [
    ["count", String(run.length)],
    ...(first === 1 ? [] : [["first", String(first)] as const])
  ]
  const columns = run.map((type) => type.name)
  if (shared !== undefined) {
    const isMissing = run.some(({ missing }) => missing)
    const fields: Entry["fields"] = [
      ...numbering,
      ["range", `[${shared[0]}, ${shared[1]}]`],
      ...(isMissing ? [["fill", "mean"] as const] : [])
    ]
    const tells = run.every(({ type, range }) => type === "empty" || range?.[1] === 255) ? {} : tellsOfData
    return { name, fields, word: "standard", columns, isJoint: isMissing, ...tells }
  }
  const { fields, isJoint, word } = one as Entry
  const type: Entry["fields"] = word === "boolean" ? [["type", word]] : []
  return {
    name,
    fields: [...numbering, ...type, ...fields.filter(([field]) => field !== "type")],
    word,
    columns,
    isJoint
  }
}

/** What an entry says but for the name. */
const sameBut = (entry: Entry | string): string =>
  typeof entry === "string" ? entry : toYaml({ ...entry, name: "x" })

const tellsOfData = { tells: true } as const

/** The one range of columns such as pixels, of which many come near its end. */
const sharedRange = (run: ReadonlyArray<ColumnType>): readonly [number, number] | undefined => {
  const isWhole = ({ type, values = [] }: ColumnType) =>
    type === "whole number" || type === "empty" || (type === "boolean" && areNumbers(values))
  const ranges = run.flatMap(({ range }) => (range === undefined ? [] : [range]))
  if (run.length < 2 * leastNumbered || !run.every(isWhole) || ranges.length === 0) return undefined
  const greatest = Math.max(...ranges.map(([, most]) => most))
  const end = usualGreatest.find((usual) => usual >= greatest)
  if (end === undefined || ranges.some(([least]) => least < 0)) return undefined
  const near = ranges.filter(([, most]) => 2 * most > end).length
  return 4 * near >= run.length && ranges.length + countEmpty(run) === run.length ? [0, end] : undefined
}

const countEmpty = (run: ReadonlyArray<ColumnType>): number =>
  run.filter(({ type }) => type === "empty").length

/** The entry of a column, or why it has none. */
const entryOf = (column: ColumnType): Entry | string => {
  const { format, missing, name, other, type, values = [] } = column
  const own = { name, columns: [name] }
  const mean: Entry["fields"] = missing ? [["fill", "mean"]] : []
  const mode: Entry["fields"] = missing ? [["fill", "mode"]] : []
  switch (type) {
    case "number":
    case "whole number":
      return { ...own, word: "standard", fields: mean, isJoint: true }
    case "boolean":
      return {
        ...own,
        word: "boolean",
        fields: missing ? [["type", "boolean"], ...mode] : [],
        isJoint: missing === true
      }
    case "date": {
      if (format === "unclear")
        return "has dates of which the file does not show whether the day or the month comes first; add it with type: date and its format"
      const said: Entry["fields"] = format === undefined ? mean : [["format", format], ...mean]
      return {
        ...own,
        word: "date",
        fields: said.length === 0 ? [] : [["type", "date"], ...said],
        isJoint: true
      }
    }
    case "category": {
      const rest: Entry["fields"] = other ? [["other", "true"], ...mode] : mode
      return { ...own, word: "category", values, fields: rest, isJoint: missing === true }
    }
    case "id":
      return "differs from row to row, as ids do"
    case "text":
      return "has texts of more than a few kinds"
    case "unreadable":
      return `holds ${column.holds ?? "what can't be read"}`
    default:
      return "has no cell that is not missing"
  }
}

/** An entry as YAML, at the indent of the entries of `data.features` in a scenario. */
export const toYaml = ({ fields, name, values, word }: Entry): string => {
  const key = `    ${yamlText(name)}:`
  const flow = (all: Entry["fields"]) => `{ ${all.map(([field, yaml]) => `${field}: ${yaml}`).join(", ")} }`
  if (values === undefined) return fields.length === 0 ? `${key} ${word}` : `${key} ${flow(fields)}`
  const line = `${key} ${flow([["values", yamlLines(values, 8)], ...fields])}`
  if (line.length <= 110 && !line.includes("\n")) return line
  return [
    key,
    `      values: ${yamlLines(values, 8)}`,
    ...fields.map(([field, yaml]) => `      ${field}: ${yaml}`)
  ].join("\n")
}

/** A range that contains [least, greatest], its ends rounded outward to one or two figures of its width. */
export const roundedOutward = (least: number, greatest: number): readonly [number, number] => {
  const width = greatest - least
  if (!(width > 0)) return [least - 1, least + 1]
  const step = 10 ** Math.floor(Math.log10(width / 2))
  const at = (x: number) => Number((x * step).toPrecision(12))
  return [at(Math.floor(least / step)), at(Math.ceil(greatest / step))]
}
