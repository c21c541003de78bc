/** A scenario drafted from data files at hand: what they hold proposes it, and their owner's answers decide. */
import * as Prompt from "@effect/cli/Prompt"
import { FileSystem, Path } from "@effect/platform"
import { Data, Effect, Option } from "effect"
import type { Encoding } from "../../protocol/data/characters.ts"
import { type FileError, unreadable } from "../description/data-path.ts"
import { type ColumnType, typeOf } from "./column-type.ts"
import { type FileProfile, profileOf } from "./file-profile.ts"
import { labelCandidates, labelOf, type ProposedLabel } from "./proposals.ts"
import { askFiles, askHeldOut, askName, askOne, askOwners, askParts, namesIn } from "./questions.ts"
import { scenarioText, type WrittenScenarioFile } from "./scenario-text.ts"
import {
  distinctNames,
  FilesDoNotFit,
  nameOf,
  type Study,
  type StudyFile,
  studyOf,
  tablesAmong
} from "./study.ts"

/** What was said beforehand; what was not is asked, or taken as it is proposed. */
export interface Wishes {
  /** Files and folders. */
  readonly files: ReadonlyArray<string>
  readonly encoding: Encoding | undefined
  readonly id: Option.Option<string>
  readonly label: Option.Option<string>
  readonly users: Option.Option<ReadonlyArray<string>>
  /** Owners to whom the rows of a single file are dealt. */
  readonly owners: Option.Option<number>
  readonly heldOut: Option.Option<number>
  readonly name: Option.Option<string>
  /** Whether there is somebody to ask. */
  readonly asks: boolean
}

export interface Draft extends WrittenScenarioFile {
  readonly name: string
  readonly study: Study
  readonly label: ProposedLabel
  readonly rows: number
}

/** What was said does not go with the files. */
export class WishNotGranted extends Data.TaggedError("WishNotGranted")<{ readonly reason: string }> {
  readonly retryable = false
  override get message(): string {
    return this.reason
  }
}

const dataFile = /\.(csv|tsv|tab|txt|dat|parquet|pq|idx|idx\d-ubyte)(\.gz)?$|-idx\d-ubyte(\.gz)?$/i

/** The data files that paths name: a folder stands for those in it. */
export const dataFilesOf = Effect.fn("Init.files")(function* (paths: ReadonlyArray<string>) {
  const files = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const told = (place: string) =>
    Effect.mapError(
      (error: FileError) =>
        new WishNotGranted({
          reason: `${place} ${unreadable(error, place, "give data files, or their folder")}`
        })
    )
  const found: Array<string> = []
  for (const place of paths) {
    const { type } = yield* files.stat(place).pipe(told(place))
    if (type !== "Directory") {
      found.push(place)
      continue
    }
    const names = yield* files.readDirectory(place).pipe(told(place))
    const own = names.filter((name) => dataFile.test(name)).sort()
    if (own.length === 0)
      return yield* new WishNotGranted({
        reason: `${place} has no data files; give files in CSV, Parquet or IDX, or the folder that has them`
      })
    found.push(...own.map((name) => path.join(place, name)))
  }
  return [...new Set(found)]
})

/** The answer to a question: what was said beforehand, or is proposed, where nobody is asked. */
const answered = <A>(wishes: Wishes, given: Option.Option<A>, proposed: A, question: Prompt.Prompt<A>) =>
  Option.isSome(given)
    ? Effect.succeed(given.value)
    : wishes.asks
      ? Prompt.run(question)
      : Effect.succeed(proposed)

/** The files that were named, or else those that the answer names. */
const placesOf = (wishes: Wishes) =>
  wishes.files.length > 0
    ? Effect.succeed(wishes.files)
    : Effect.map(answered(wishes, Option.none(), ".", askFiles), namesIn)

/** Drafts a scenario. `relative` gives the path by which the scenario names a file. */
export const draftOf = Effect.fn("Init.draft")(function* (wishes: Wishes, out: Option.Option<string>) {
  const places = yield* dataFilesOf(yield* placesOf(wishes))
  const path = yield* Path.Path
  const folder = Option.match(out, {
    onNone: () => commonFolder(path, places),
    onSome: (file) => path.dirname(path.resolve(file))
  })
  const { encoding } = wishes
  const profiles = yield* Effect.forEach(places, (file) => profileOf({ file, encoding }))
  const names = distinctNames(places.map((file) => nameOf(file, "owner")))
  const all = profiles.map((profile, index) =>
    studyFile(profile, names[index]!, path.relative(folder, path.resolve(profile.file)), encoding)
  )
  const files = yield* oneTable(wishes, all)
  const study = yield* studyWith(wishes, yield* named(wishes, files))
  const label = yield* labelWith(wishes, study)
  const sizes = profiles.filter((_, index) => files.some(({ file }) => file === all[index]!.file))
  const counts = sizes.map(({ rows }) => rows)
  const rows = study.split === "rows" ? counts.reduce((sum, count) => sum + count, 0) : Math.max(...counts)
  const owners =
    study.split === "parts" ? yield* answered(wishes, wishes.owners, 2, askParts(mostOwners)) : files.length
  const heldOut = yield* answered(wishes, wishes.heldOut, 0.2, askHeldOut)
  const usual = nameOf(files.length === 1 ? files[0]!.file : folder, "study")
  const name = yield* answered(wishes, wishes.name, usual, askName(usual))
  const written = scenarioText(study, { name, label, heldOut, owners }, { rows })
  const draft: Draft = { ...written, name, study, label, rows }
  return { draft, folder }
})

/** Users that a scenario has at most. */
const mostOwners = 16

const commonFolder = (path: Path.Path, files: ReadonlyArray<string>): string => {
  const folders = files.map((file) => path.dirname(path.resolve(file)))
  let common = folders[0]!
  while (folders.some((folder) => path.relative(common, folder).split(path.sep)[0] === ".."))
    common = path.dirname(common)
  return common
}

const studyFile = (
  { columns, format, kept }: FileProfile,
  owner: string,
  file: string,
  encoding: Encoding | undefined
): StudyFile => ({
  owner,
  file: file.split("\\").join("/"),
  types: columns.map((column) => typeOf(column, { asLabel: true, ranges: true })),
  named: format !== "IDX",
  kept,
  ...(encoding === undefined || format !== "CSV" ? {} : { encoding })
})

/** The files of one table: of a folder that has several, those of the one that is chosen. */
const oneTable = Effect.fn("Init.table")(function* (wishes: Wishes, files: ReadonlyArray<StudyFile>) {
  if (!(studyOf(files, Option.getOrUndefined(wishes.id)) instanceof FilesDoNotFit)) return files
  const tables = tablesAmong(files)
  // Who names files means these.
  if (!wishes.asks || wishes.files.length > 1) return files
  const titles = tables.map((own) => own.map(({ file }) => file).join(", "))
  const chosen = yield* Prompt.run(askOne("These are several tables. Which one", titles))
  return tables[titles.indexOf(chosen)]!
})

/** The files with the names of their owners. */
const named = Effect.fn("Init.owners")(function* (wishes: Wishes, files: ReadonlyArray<StudyFile>) {
  if (files.length === 1) return files
  const proposed = files.map(({ owner }) => owner)
  const names = yield* answered(
    wishes,
    wishes.users,
    proposed,
    askOwners(
      files.map(({ file }) => file),
      proposed
    )
  )
  if (names.length !== files.length)
    return yield* new WishNotGranted({
      reason: `--users names ${names.length} owners of ${files.length} files; give one name a file, in their order`
    })
  return files.map((file, index) => ({ ...file, owner: names[index]! }))
})

const numberRows = "none of them: number the rows"

const studyWith = Effect.fn("Init.study")(function* (wishes: Wishes, files: ReadonlyArray<StudyFile>) {
  const given = Option.getOrUndefined(wishes.id)
  const study = studyOf(files, given)
  if (study instanceof FilesDoNotFit) return yield* study
  const { id, idCandidates, split } = study
  if (!wishes.asks || given !== undefined || id === undefined) return study
  const others = idCandidates.filter((name) => name !== id)
  const choices = [id, ...others, ...(split === "columns" ? [] : [numberRows])]
  if (choices.length === 1) return study
  const chosen = yield* Prompt.run(askOne("Column of the ids of rows", choices))
  if (chosen === id) return study
  if (chosen === numberRows) return { ...study, id: undefined }
  const other = studyOf(files, chosen)
  return other instanceof FilesDoNotFit ? yield* other : other
})

const labelWith = Effect.fn("Init.label")(function* (wishes: Wishes, { columns }: Study) {
  const candidates = labelCandidates(columns)
  const [first] = candidates
  if (first === undefined || columns.length < 2)
    return yield* new WishNotGranted({
      reason:
        "the files have no column that could be a label besides one to predict it from; give files that have both"
    })
  const name = yield* answered(
    wishes,
    wishes.label,
    first.name,
    askOne(
      "Column to predict",
      candidates.map((column) => column.name)
    )
  )
  return yield* asLabel(columns, name)
})

/** A column as the label of a scenario. */
export const asLabel = (columns: ReadonlyArray<ColumnType>, name: string) => {
  const column = columns.find((each) => each.name === name)
  const label = column === undefined ? "is not a column of the files" : labelOf(column)
  return typeof label === "string"
    ? new WishNotGranted({
        reason: `${name} can't be the label: it ${label}; give another column with --label`
      })
    : Effect.succeed(label)
}
