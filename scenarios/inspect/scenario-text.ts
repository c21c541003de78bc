/** Writes a scenario as its author would, from how its files fit together and what was chosen. */
import { yamlLines, yamlText } from "../text/yaml-text.ts"
import { labelLines, type ProposedLabel } from "./label.ts"
import { type Entry, type LeftOut, proposed, toYaml } from "./proposals.ts"
import type { Study } from "./study.ts"
import type { StudyFile } from "./study-file.ts"

/** What its author decides. */
export interface Choices {
  readonly name: string
  readonly label: ProposedLabel
  /** Share of the rows that is held out for the test. */
  readonly heldOut: number
  /** Owners to which the rows of a single file are dealt. */
  readonly owners: number
  /** Texts that mark missing cells, if other ones than the usual do. */
  readonly missing: ReadonlyArray<string>
}

/** What is known of the size of the table; undefined where the files are not at hand. */
export interface Size {
  readonly rows: number
}

export interface WrittenScenarioFile {
  readonly text: string
  /** How many entries `features` has. */
  readonly features: number
  readonly leftOut: ReadonlyArray<LeftOut>
  /** Columns whose statistics fewer than three owners find together. */
  readonly telling: ReadonlyArray<string>
}

interface Holding {
  readonly file: StudyFile
  readonly columns?: ReadonlyArray<string>
  readonly part?: readonly [number, number]
  readonly ids?: string
}

interface Owner {
  readonly name: string
  readonly holding: Holding
}

/** The text of a scenario. */
export const scenarioText = (study: Study, choices: Choices, size: Size | undefined): WrittenScenarioFile => {
  const { heldOut, label, missing, name } = choices
  const { entries, leftOut } = proposed(study.columns.filter((column) => column.name !== label.column))
  const owners = ownersOf(study, choices, entries, size)
  const telling = tellingColumns(study, owners, entries, label)
  const all = [...study.leftOut, ...leftOut]
  const cells = (size?.rows ?? 0) * entries.reduce((sum, { columns }) => sum + columns.length, 0)
  const lines = [
    `name: ${yamlText(name)}`,
    `description: ${yamlText(descriptionOf(study, label))}`,
    "",
    "data:",
    ...(study.id === undefined ? [] : [`  id: ${yamlText(study.id)}`]),
    ...(missing.length === 0 ? [] : [`  missing: ${yamlLines(missing, 4)}`]),
    "  features:",
    ...entries.map((entry) => `${toYaml(entry)}${entry.tells ? " # the range tells of the data" : ""}`),
    ...all.map(({ column, reason }) => `    # left out: ${yamlText(column)} ${reason}`),
    ...labelLines(label),
    "",
    ...usersLines(study, owners),
    "",
    `heldOut: ${heldOut}`,
    "",
    "# Network and training follow from the size of the table: check prints them, and tune tries others.",
    ...(cells > manyCells ? ["", "security: { upload: hybrid } # for large tables"] : []),
    ...revealLines(study, telling, heldOut)
  ]
  return { text: `${lines.join("\n")}\n`, features: entries.length, leftOut: all, telling }
}

/** Cells from which the hybrid upload saves much time. */
const manyCells = 200_000

const descriptionOf = ({ split }: Study, { column, values }: ProposedLabel): string => {
  const whose = {
    rows: "Several owners hold different rows of one table",
    columns: "Several owners hold different columns of the same rows",
    mixed: "Several owners hold different rows, and others different columns of all these rows",
    parts: "One table is dealt to several owners, to try things out"
  }[split]
  return `${whose}. Together they ${values === undefined ? "predict the number" : "tell the classes of"} ${column}.`
}

const ownersOf = (
  study: Study,
  { label, owners }: Choices,
  entries: ReadonlyArray<Entry>,
  size: Size | undefined
): ReadonlyArray<Owner> => {
  const numbered = (prefix: string) => (study.id === undefined ? { ids: prefix } : {})
  if (study.split === "parts") {
    const [file] = study.files
    const rows = size?.rows ?? owners
    const end = (part: number) => Math.floor((part * rows) / owners)
    return Array.from({ length: owners }, (_, part) => ({
      name: `owner-${part + 1}`,
      holding: { file: file!, part: [end(part) + 1, end(part + 1)] as const, ...numbered("row-") }
    }))
  }
  return study.files.map((file, index) => {
    const held = new Set(study.held[index])
    const columns = [
      ...entries.flatMap((entry) => columnsNamed(entry, held)),
      ...(held.has(label.column) ? [label.column] : [])
    ]
    return {
      name: file.owner,
      holding: {
        file,
        ...(isByColumns(study) && file.named ? { columns } : {}),
        ...(file.named && study.split === "rows" ? numbered(`${file.owner}-`) : {})
      }
    }
  })
}

/** How an entry is named where columns are listed. */
const columnsNamed = ({ columns, name }: Entry, held: ReadonlySet<string>): ReadonlyArray<string> => {
  const own = columns.filter((column) => held.has(column))
  if (own.length < columns.length || columns.length === 1) return own
  return /\d$/.test(name) ? [`${columns[0]}..${columns.at(-1)}`] : [name]
}

const usersLines = ({ split }: Study, owners: ReadonlyArray<Owner>): ReadonlyArray<string> => [
  ...(split === "parts" ? ["# To try things out: the rows of one file, dealt to several owners."] : []),
  "users:",
  ...owners.flatMap(({ holding: { columns, file, ids, part }, name }) => [
    `  - name: ${yamlText(name)}`,
    "    holds:",
    `      - file: ${yamlText(file.file)}`,
    ...writtenLines(file),
    ...(columns === undefined ? [] : [`        columns: ${yamlLines(columns, 10)}`]),
    ...(part === undefined ? [] : [`        part: { from: ${part[0]}, to: ${part[1]} }`]),
    ...(ids === undefined ? [] : [`        ids: { prefix: ${yamlText(ids)}, first: 1 }`])
  ])
]

/** How a file is written, where that was said, and names in place of its own. */
const writtenLines = ({ dialect, encoding, header }: StudyFile): ReadonlyArray<string> => {
  const settings = [
    ...Object.entries(dialect ?? {}).map(([setting, value]) => `${setting}: ${value}`),
    ...(header === undefined ? [] : ["header: true"])
  ]
  return [
    ...(encoding === undefined ? [] : [`        encoding: ${encoding}`]),
    ...(settings.length === 0 ? [] : [`        dialect: { ${settings.join(", ")} }`]),
    ...(header === undefined ? [] : [`        header: ${yamlLines(header, 10)}`])
  ]
}

/** Whether no owner has all columns. */
const isByColumns = ({ split }: Study): boolean => split === "columns" || split === "mixed"

/** Columns of which fewer than three owners find a statistic together. */
const tellingColumns = (
  { held, split }: Study,
  owners: ReadonlyArray<Owner>,
  entries: ReadonlyArray<Entry>,
  label: ProposedLabel
): ReadonlyArray<string> => {
  const holders = (column: string) =>
    split === "parts" ? owners.length : held.filter((own) => own.includes(column)).length
  return [
    ...entries.flatMap(({ columns, isJoint, name }) =>
      isJoint && columns.some((column) => holders(column) < leastContributors) ? [name] : []
    ),
    ...(label.values === undefined && holders(label.column) < leastContributors ? [label.column] : [])
  ]
}

const leastContributors = 3

const revealLines = (
  study: Study,
  telling: ReadonlyArray<string>,
  heldOut: number
): ReadonlyArray<string> => {
  const tests = heldOut > 0
  const revealed = [
    ...(tests ? ["metrics"] : []),
    ...(tests && isByColumns(study) ? ["heldOutRows"] : []),
    "progress",
    ...(telling.length > 0 ? ["column-statistics"] : [])
  ]
  const comments = [
    ...(tests && isByColumns(study)
      ? [
          "# heldOutRows: no owner can test the model alone, so held-out cells go, sealed, to an owner with labels."
        ]
      : []),
    ...(telling.length > 0
      ? [
          "# column-statistics: fewer than three owners hold a column, so its mean and deviation, or what fills its",
          "# missing cells, which all owners learn, tell of one owner's data. Public ranges and values as fill do without."
        ]
      : [])
  ]
  return ["", ...comments, `reveal: ${`[${revealed.join(", ")}]`}`]
}
