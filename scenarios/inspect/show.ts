/** What a file holds, for its owner's terminal: a line for each column, and the columns as a scenario has them. */
import { describeDialect } from "../../protocol/data/dialect.ts"
import { printable } from "../../protocol/data/spelling.ts"
import { count, counted } from "../text/units.ts"
import { yamlText } from "../text/yaml-text.ts"
import { type ColumnProfile, fewValues, rare } from "./column-profile.ts"
import { typeOf } from "./column-type.ts"
import { type Doubt, describeDoubt, doubtsOf, nearValues } from "./doubts.ts"
import type { FileProfile } from "./file-profile.ts"
import { drawn } from "./histogram.ts"
import { labelCandidates, labelLines, labelOf } from "./label.ts"
import { proposed, roundedOutward, toYaml } from "./proposals.ts"
import { rareValues } from "./rare-values.ts"
import { idCandidates } from "./study.ts"
import { numbersIn, wildNumbers } from "./wild-numbers.ts"

/** Values of a category that are shown. */
const mostShown = 6
/** Characters of a value or a name that are shown. */
const longest = 24
/** The text of a file's profile; without histograms if it is not for a terminal. */
export const shownProfile = (profile: FileProfile, toTerminal: boolean): string =>
  [
    headOf(profile),
    "",
    ...columnLines(profile.columns, toTerminal),
    ...noteLines(profile),
    "",
    "To paste into a scenario; change it as you know better:",
    "",
    ...proposalLines(profile)
  ].join("\n")

const headOf = ({ columns, dialect, file, format, rows }: FileProfile): string =>
  [
    `${printable(file)}: ${format}${dialect === undefined ? "" : ` (${describeDialect(dialect)})`}`,
    counted(rows, "row"),
    counted(columns.length, "column")
  ].join(", ")

const short = (text: string): string =>
  printable(text.length > longest ? `${text.slice(0, longest - 1)}…` : text)

const columnLines = (columns: ReadonlyArray<ColumnProfile>, toTerminal: boolean): ReadonlyArray<string> => {
  const rows = [
    ["column", "type", "missing", ...(toTerminal ? ["shape"] : []), "values"],
    ...columns.map((column) => [
      short(column.name),
      column.kind,
      missingOf(column),
      ...(toTerminal ? [shapeOf(column)] : []),
      valuesOf(column)
    ])
  ]
  const widths = rows[0]!.map((_, place) => Math.max(...rows.map((row) => Array.from(row[place]!).length)))
  const padded = (text: string, place: number) => text + " ".repeat(widths[place]! - Array.from(text).length)
  return rows.map((row) => `  ${row.map(padded).join("  ")}`.trimEnd())
}

const missingOf = ({ markers, missing }: ColumnProfile): string =>
  missing === 0
    ? ""
    : `${count(missing)} (${markers.map((text) => (text === "" ? "empty" : short(text))).join(", ")})`

const shapeOf = ({ kind, numbers }: ColumnProfile): string =>
  numbers === undefined || kind === "boolean" || kind === "id" ? "" : drawn(numbers.histogram)

const valuesOf = (column: ColumnProfile): string => {
  const { format, holds, isDistinct, kind, numbers, values } = column
  if (kind === "unreadable") return holds ?? ""
  if (kind === "category" || kind === "boolean") {
    const shown = values!.slice(0, mostShown).map((each) => `${short(each.value)} ${count(each.count)}`)
    return values!.length > mostShown
      ? `${shown.join(", ")} and ${values!.length - mostShown} more`
      : shown.join(", ")
  }
  if (kind === "date" && numbers !== undefined)
    return `${dayOf(numbers.least)} to ${dayOf(numbers.greatest)}${format === undefined ? "" : `, ${format}`}`
  if (numbers !== undefined && kind !== "id")
    return `${figure(numbers.least)} to ${figure(numbers.greatest)}, mean ${figure(numbers.mean)}`
  return isDistinct ? "no value twice" : values === undefined ? "many" : counted(values.length, "value")
}

const figure = (value: number): string => String(Number(value.toPrecision(5)))
const dayOf = (days: number): string => new Date(86_400_000 * days).toISOString().slice(0, 10)

/** What the owner of a file should look at. */
const notesOf = (profile: FileProfile): ReadonlyArray<string> => {
  const categories = profile.columns.filter(({ kind }) => kind === "category")
  const tell = categories
    .filter(({ values }) => values!.some((each) => each.count < rare))
    .map(({ name }) => short(name))
  return [
    ...doubtsOf(profile).map((doubt) => describeDoubt(doubt, markersOf(doubt))),
    ...categories.flatMap(({ name, values }) =>
      nearValues(values!.map(({ value }) => value)).map(
        (near) => `${short(name)}: ${near}; write them alike if they mean the same`
      )
    ),
    ...categories.flatMap(({ name, values }) =>
      // Of so many the rare ones are proposed to be others.
      values!.length > fewValues
        ? []
        : rareValues([{ file: profile.file, counts: values! }]).map((each) => `${short(name)}: ${each}`)
    ),
    ...wildNumbers(numbersIn(profile, profile.columns)),
    ...(tell.length === 0
      ? []
      : [
          `${tell.join(", ")} ${tell.length === 1 ? "has" : "have"} values of fewer than ${rare} rows; to list them tells of these rows`
        ])
  ]
}

/** The texts that may mark missing cells, as the scenario and `init` have them. */
const markersOf = ({ markers }: Doubt): string =>
  markers.length === 0 ? "" : `, as data.missing or --missing of init: ${markers.map(short).join(", ")}`

const noteLines = (profile: FileProfile): ReadonlyArray<string> => {
  const notes = notesOf(profile)
  return notes.length === 0 ? [] : ["", ...notes.map((note) => `note: ${note}`)]
}

/** The section `data` of a scenario in which this file is. */
export const proposalLines = (profile: FileProfile): ReadonlyArray<string> => {
  const types = profile.columns.map((column) => typeOf(column, { asLabel: true, ranges: true }))
  const [id] = idCandidates([types])
  const others = types.filter(({ name }) => name !== id)
  // The only column is more likely a feature of an owner without labels.
  const [label] = others.length > 1 ? labelCandidates(others) : []
  const { entries, leftOut } = proposed(others.filter((type) => type !== label))
  const chosen = label === undefined ? undefined : labelOf(label)
  const ranges = new Map(
    types.flatMap(({ name, range }) => (range === undefined ? [] : [[name, range] as const]))
  )
  const comment = (name: string, tells: boolean): string => {
    const range = ranges.get(name)
    if (tells) return "  # the range tells of the data"
    if (range === undefined) return ""
    const [least, greatest] = roundedOutward(...range)
    return `  # or [${least}, ${greatest}], which tells of the data`
  }
  return [
    "data:",
    ...(id === undefined ? [] : [`  id: ${yamlText(id)}`]),
    entries.length === 0 ? "  # features: no column can be one" : "  features:",
    ...entries.map((entry) => {
      const isNumber = entry.word === "standard" && entry.columns.length === 1
      return toYaml(entry) + (isNumber || entry.tells ? comment(entry.name, entry.tells === true) : "")
    }),
    ...leftOut.map(({ column, reason }) => `    # ${short(column)} ${reason}`),
    ...(typeof chosen === "object"
      ? labelLines(chosen)
      : [others.length === 1 ? "  # label: none besides the only column" : "  # label: no column can be one"])
  ]
}

/** A profile as JSON. */
export const profileJson = (profile: FileProfile): object => {
  const { columns, dialect, file, format, rows } = profile
  return {
    file,
    format,
    ...(dialect === undefined ? {} : { dialect }),
    rows,
    columns: columns.map(({ kind, values, ...rest }) => ({
      type: kind,
      ...rest,
      ...(kind !== "id" && values !== undefined && values.length <= fewValues ? { values } : {})
    })),
    notes: notesOf(profile),
    proposal: proposalLines(profile).join("\n")
  }
}
