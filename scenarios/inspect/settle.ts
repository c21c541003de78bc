/**
 * What becomes of columns in doubt, before a scenario is drafted: their owner decides, by an option or by an
 * answer; without either nothing is drafted, since the column would silently become something else.
 */
import * as Prompt from "@effect/cli/Prompt"
import { Data, Effect } from "effect"
import { shown, spellingDifference } from "../../protocol/data/spelling.ts"
import { listed } from "../text/units.ts"
import { yamlList } from "../text/yaml-text.ts"
import { isIdName } from "./column-profile.ts"
import { typeOf } from "./column-type.ts"
import { type Doubt, describeDoubt, doubtsOf } from "./doubts.ts"
import { type FileProfile, profilesOf } from "./file-profile.ts"
import type { FileSettings } from "./file-settings.ts"
import { alignNames } from "./names.ts"
import { idCandidates } from "./study.ts"
import type { StudyFile } from "./study-file.ts"

/** What was decided of columns, for all files. */
export interface Decisions {
  /** The column of the ids. */
  readonly id: string | undefined
  readonly numbersRows: boolean
  /** Texts that mark a missing cell besides the usual ones. */
  readonly missing: ReadonlyArray<string>
  /** Columns that are not part of the study. */
  readonly leaveOut: ReadonlyArray<string>
  /** Columns whose texts are taken as they are. */
  readonly asText: ReadonlyArray<string>
}

/** Columns that hold something else than they seem to, of which nobody has said what becomes of them. */
export class ColumnsInDoubt extends Data.TaggedError("ColumnsInDoubt")<{
  readonly doubts: ReadonlyArray<Doubt>
}> {
  readonly retryable = false
  override get message(): string {
    return this.doubts.map((doubt) => describeDoubt(doubt, optionsFor(doubt))).join("\n")
  }
}

const optionsFor = ({ about, column, markers }: Doubt): string => {
  if (about === "ids") return "; where the column has no ids, give another one as --id, or --number-rows"
  const name = shown(column)
  const missing = markers.length === 0 ? "" : "--missing TEXT, which inspect shows, "
  return `, or give ${missing}--leave-out ${name}, or --as-text ${name} to take all its cells as texts`
}

/** An option names a column that no file has. */
export class NoSuchColumn extends Data.TaggedError("NoSuchColumn")<{
  readonly option: string
  readonly column: string
}> {
  readonly retryable = false
  override get message(): string {
    return `--${this.option} names ${shown(this.column)}, which is a column of no file; correct the name`
  }
}

/** Reads files, and decides of their columns until none is in doubt; asks if somebody is there to answer. */
export const settled = Effect.fn("Inspect.settle")(function* (
  files: ReadonlyArray<FileSettings>,
  given: Decisions,
  asks: boolean
) {
  const read = Effect.fn("Inspect.read")(function* (marks: ReadonlyArray<string>) {
    const { failure, profiles } = yield* profilesOf(files, { marks })
    return failure === undefined ? profiles : yield* failure
  })
  const marked = (missing: ReadonlyArray<string>, profiles: ReadonlyArray<FileProfile>) =>
    missing.length === 0
      ? Effect.succeed([])
      : Effect.map(read([]), (before) => markedBy(missing, before, profiles))
  let decisions = given
  let profiles = yield* read(decisions.missing)
  for (const option of ["leaveOut", "asText"] as const)
    for (const column of given[option])
      if (!profiles.some(({ columns }) => columns.some(({ name }) => name === column)))
        return yield* new NoSuchColumn({ option: option === "asText" ? "as-text" : "leave-out", column })
  for (;;) {
    const doubts = undecided(profiles, decisions)
    const [first] = doubts
    if (first === undefined) return { profiles, decisions, told: yield* marked(decisions.missing, profiles) }
    if (!asks) return yield* new ColumnsInDoubt({ doubts })
    const answer = yield* Prompt.run(askAbout(first))
    if (answer === "stop") return yield* new ColumnsInDoubt({ doubts: [first] })
    decisions = { ...decisions, ...decide(decisions, first, answer) }
    if (answer === "missing") profiles = yield* read(decisions.missing)
  }
})

/** What texts that mark missing cells mark: they do so in every column, and not in the one alone that they are given for. */
const markedBy = (
  missing: ReadonlyArray<string>,
  before: ReadonlyArray<FileProfile>,
  after: ReadonlyArray<FileProfile>
): ReadonlyArray<string> => {
  const marked = after.flatMap(({ columns, file }, of) =>
    columns.flatMap((column, at) => {
      const more = column.missing - before[of]!.columns[at]!.missing
      return more > 0 ? [`${more} of ${shown(column.name)} in ${shown(file)}`] : []
    })
  )
  return marked.length === 0
    ? []
    : [`${yamlList(missing)} marks missing cells in all columns: ${listed(marked)}`]
}

/** The columns in doubt of which nothing is decided. */
const undecided = (profiles: ReadonlyArray<FileProfile>, decisions: Decisions): ReadonlyArray<Doubt> => {
  const { asText, id, leaveOut, numbersRows } = decisions
  const { files } = alignNames(profiles.map(asStudyFile))
  const [candidate] = idCandidates(files.map(({ types }) => types)).filter((name) => !leaveOut.includes(name))
  const mayBeId = (column: string) =>
    id !== undefined
      ? column === id || spellingDifference(column, id) !== undefined
      : !numbersRows &&
        (isIdName(column) || profiles.every(({ columns }) => columns.some(({ name }) => name === column))) &&
        (candidate === undefined || (isIdName(column) && !isIdName(candidate)))
  return profiles
    .flatMap(doubtsOf)
    .filter(({ about, column }) =>
      about === "ids"
        ? mayBeId(column) && !leaveOut.includes(column)
        : ![...asText, ...leaveOut].includes(column)
    )
}

/** A file whose columns are compared by their names and types only. */
const asStudyFile = ({ columns, file }: FileProfile): StudyFile => ({
  owner: "",
  file,
  types: columns.map((column) => typeOf(column)),
  named: true,
  isRenamable: true
})

type Answer = "stop" | "number" | "missing" | "leave-out" | "as-text"

const decide = (
  { asText, leaveOut, missing }: Decisions,
  { column, markers }: Doubt,
  answer: Exclude<Answer, "stop">
): Partial<Decisions> => {
  switch (answer) {
    case "number":
      return { numbersRows: true }
    case "missing":
      return { missing: [...missing, ...markers] }
    case "leave-out":
      return { leaveOut: [...leaveOut, column] }
    case "as-text":
      return { asText: [...asText, column] }
  }
}

/** The question about a column; its owner's terminal may show the texts. */
const askAbout = (doubt: Doubt): Prompt.Prompt<Answer> => {
  const { about, column, file, markers, reason } = doubt
  const stop = { title: "stop, to correct the file", value: "stop" as const }
  const choices: ReadonlyArray<{ readonly title: string; readonly value: Answer }> =
    about === "ids"
      ? [stop, { title: "it has no ids: number the rows of all files", value: "number" }]
      : [
          ...(markers.length === 0
            ? [stop]
            : [{ title: `${yamlList(markers)} marks missing cells`, value: "missing" as const }, stop]),
          { title: `leave ${shown(column)} out`, value: "leave-out" },
          { title: "take all its cells as texts", value: "as-text" }
        ]
  return Prompt.select({ message: `${shown(file)}, ${shown(column)}: ${reason}`, choices })
}
