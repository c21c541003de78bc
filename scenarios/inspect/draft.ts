/** A scenario drafted from data files at hand: what they hold proposes it, and their owner's answers decide. */
import * as Prompt from "@effect/cli/Prompt"
import { FileSystem, Path } from "@effect/platform"
import { Data, Effect, Option } from "effect"
import { shown } from "../../protocol/data/spelling.ts"
import { type FileError, unreadable } from "../description/data-path.ts"
import { typeOf } from "./column-type.ts"
import { nearValues } from "./doubts.ts"
import type { FileProfile } from "./file-profile.ts"
import { type FileSettings, type SaidOfFiles, settingsOf, unknownFile } from "./file-settings.ts"
import { chosenLabel, labelChoices, NotALabel, type ProposedLabel, pickedLabel } from "./label.ts"
import { alignNames } from "./names.ts"
import { askFiles, askHeldOut, askName, askOne, askOwners, askParts, namesIn } from "./questions.ts"
import { type CountsOf, rareValues } from "./rare-values.ts"
import { scenarioText, type WrittenScenarioFile } from "./scenario-text.ts"
import { type Decisions, settled } from "./settle.ts"
import {
  describeShared,
  FilesDoNotFit,
  SharedIds,
  type Study,
  studyOf,
  tablesAmong,
  UnsharedIds
} from "./study.ts"
import type { StudyFile } from "./study-file.ts"
import { distinctNames, nameOf } from "./user-names.ts"
import { type NumbersOf, wildNumbers } from "./wild-numbers.ts"

/** What was said beforehand; what was not is asked, or taken as it is proposed. */
export interface Wishes extends Decisions {
  /** Files and folders. */
  readonly files: ReadonlyArray<string>
  /** How they are written. */
  readonly written: SaidOfFiles
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
  /** What its author should know of how the files were read. */
  readonly told: ReadonlyArray<string>
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
export const dataFilesOf = (paths: ReadonlyArray<string>) =>
  filesOf(paths, dataFile, "data files; give files in CSV, Parquet or IDX, or the folder that has them")

/** The parts of owners that paths name. */
export const partsOf = (paths: ReadonlyArray<string>) =>
  filesOf(paths, /\.part\.yaml$/, "parts, which end in .part.yaml; give them, or the folder that has them")

const filesOf = Effect.fn("Init.files")(function* (
  paths: ReadonlyArray<string>,
  kind: RegExp,
  wanted: string
) {
  const files = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const told = (place: string) =>
    Effect.mapError(
      (error: FileError) =>
        new WishNotGranted({
          reason: `${place}: ${unreadable(error, place, "give files, or their folder")}`
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
    const own = names.filter((name) => kind.test(name)).sort()
    if (own.length === 0)
      return yield* new WishNotGranted({
        reason: `${place} has no ${wanted}`
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
  const unknown = unknownFile(wishes.written, places)
  if (unknown !== undefined) return yield* unknown
  const settings = places.map((file) => settingsOf(wishes.written, file))
  const { decisions, profiles, told: marked } = yield* settled(settings, wishes, wishes.asks)
  const decided: Wishes = { ...wishes, ...decisions }
  const names = distinctNames(places.map((file) => nameOf(file, "owner")))
  const outside = notInStudy(profiles, decided)
  const all = profiles.map((profile, index) =>
    studyFile(profile, {
      ...settings[index]!,
      owner: names[index]!,
      file: path.relative(folder, path.resolve(profile.file)).split("\\").join("/"),
      leaveOut: outside
    })
  )
  const { files, told } = alignNames(yield* oneTable(decided, all))
  const study = yield* studyWith(decided, yield* named(decided, files))
  const label = yield* labelWith(decided, study)
  const own = profiles.filter((_, index) => files.some(({ file }) => file === all[index]!.file))
  const counts = own.map(({ rows }) => rows)
  const rows = rowsOf(study, counts)
  const owners =
    study.split === "parts" ? yield* answered(wishes, wishes.owners, 2, askParts(mostOwners)) : files.length
  const heldOut = yield* answered(wishes, wishes.heldOut, 0.2, askHeldOut)
  const usual = nameOf(files.length === 1 ? files[0]!.file : folder, "study")
  const name = yield* answered(wishes, wishes.name, usual, askName(usual))
  const missing = decided.missing.length === 0 ? [] : marksOf(own, decided.missing)
  const written = scenarioText(study, { name, label, heldOut, owners, missing }, { rows })
  if (written.features === 0)
    return yield* new WishNotGranted({
      reason: `no column is left to predict ${shown(label.column)} from: ${written.leftOut.map(({ column, reason }) => `${shown(column)} ${reason}`).join("; ")}`
    })
  const draft: Draft = {
    ...written,
    name,
    study,
    label,
    rows,
    told: [...marked, ...told, ...toldOf(study, label)]
  }
  return { draft, folder }
})

/** Rows of the joint table: those of all owners who hold the same columns. */
const rowsOf = ({ held }: Study, counts: ReadonlyArray<number>): number => {
  const sums = new Map<string, number>()
  for (const [index, count] of counts.entries()) {
    const columns = JSON.stringify(held[index])
    sums.set(columns, (sums.get(columns) ?? 0) + count)
  }
  return Math.max(...sums.values())
}

/** Columns that are no part of the study: those that were left out, and ids that are mistaken where rows are numbered. */
const notInStudy = (
  profiles: ReadonlyArray<FileProfile>,
  { leaveOut, numbersRows }: Decisions
): ReadonlyArray<string> => {
  const mistaken = profiles.flatMap(({ columns }) => columns.filter(({ repeated }) => repeated !== undefined))
  return [...leaveOut, ...(numbersRows ? mistaken.map(({ name }) => name) : [])]
}

/** All texts that mark missing cells of files: a list in the scenario replaces the usual ones. */
const marksOf = (profiles: ReadonlyArray<FileProfile>, own: ReadonlyArray<string>): ReadonlyArray<string> => [
  ...new Set(["", ...profiles.flatMap(({ columns }) => columns.flatMap(({ markers }) => markers)), ...own])
]

/** What a study does that its author may not expect. */
export const toldOf = ({ columns, files, numbered }: Study, label: ProposedLabel): ReadonlyArray<string> => [
  ...files.flatMap(({ owner, types }) =>
    types.flatMap(({ name, values = [] }) =>
      name === label.column && label.values !== undefined && values.length === 1
        ? [`${shown(name)}: all rows of ${owner} have ${shown(values[0]!)}`]
        : []
    )
  ),
  ...columns.flatMap(({ isMixed, name }) =>
    isMixed ? [`${shown(name)}: owners have other words for yes and no, which are read as such`] : []
  ),
  ...(numbered === undefined ? [] : [`rows are numbered, ${numbered}: no row of two owners is the same`]),
  ...columns.flatMap(({ name, values = [] }) =>
    nearValues(values).map((near) => `${shown(name)}: ${near}; write them alike if they mean the same`)
  ),
  ...columns.flatMap(({ name, other, type }) =>
    (type === "category" && !other) || (name === label.column && label.values !== undefined)
      ? rareValues(countsOf(files, name)).map((each) => `${shown(name)}: ${each}`)
      : []
  ),
  ...wildNumbers(
    columns.flatMap(({ name, type }) =>
      type === "number" || type === "whole number" ? [{ name, files: numbersOf(files, name) }] : []
    )
  )
]

/** The numbers of a column in the files, where they are known. */
const numbersOf = (files: ReadonlyArray<StudyFile>, column: string): ReadonlyArray<NumbersOf> =>
  files.flatMap(({ file, isRenamable, numbers }) => {
    const own = numbers?.(column)
    return own === undefined ? [] : [{ file, unit: isRenamable ? "line" : "row", numbers: own }]
  })

/** How often the files have the values of a column, where that is known. */
const countsOf = (files: ReadonlyArray<StudyFile>, column: string): ReadonlyArray<CountsOf> =>
  files.flatMap(({ counts, file }) => {
    const own = counts?.(column)
    return own === undefined ? [] : [{ file, counts: own }]
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
  profile: FileProfile,
  settings: FileSettings & { readonly owner: string; readonly leaveOut: ReadonlyArray<string> }
): StudyFile => {
  const { columns, format, kept } = profile
  const { dialect, encoding, file, leaveOut, owner } = settings
  return {
    owner,
    file,
    types: columns
      .filter(({ name }) => !leaveOut.includes(name))
      .map((column) => typeOf(column, { asLabel: true, ranges: true })),
    named: format !== "IDX",
    isRenamable: format === "CSV",
    columnsInFile: columns.map(({ name }) => name),
    kept,
    numbers: (name) => columns.find((column) => column.name === name)?.numbers,
    counts: (name) => columns.find((column) => column.name === name)?.values,
    countsRows: (name) => columns.some((column) => column.name === name && column.countsRows === true),
    ...(format === "CSV" ? { dialect, encoding } : {})
  }
}

/** The files of one table: of a folder that has several, those of the one that is chosen. */
const oneTable = Effect.fn("Init.table")(function* (wishes: Wishes, files: ReadonlyArray<StudyFile>) {
  if (!(studyOf(alignNames(files).files, wishes) instanceof FilesDoNotFit)) return files
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
  const study = yield* fitting(wishes, files)
  const { id, idCandidates, split } = study
  if (!wishes.asks || wishes.id !== undefined || id === undefined) return study
  const others = idCandidates.filter((name) => name !== id)
  const choices = [id, ...others, ...(split === "columns" || split === "mixed" ? [] : [numberRows])]
  if (choices.length === 1) return study
  const chosen = yield* Prompt.run(askOne("Column of the ids of rows", choices))
  if (chosen === id) return study
  return yield* fitting(
    chosen === numberRows ? { ...wishes, numbersRows: true } : { ...wishes, id: chosen },
    files
  )
})

const stop = "stop, to look at the files"

/** How files fit together. Whether rows with the same ids are the same is asked, if somebody can answer. */
const fitting = Effect.fn("Init.fit")(function* (wishes: Wishes, files: ReadonlyArray<StudyFile>) {
  const study = studyOf(files, wishes)
  if (study instanceof SharedIds && wishes.asks) {
    const choices = [stop, "these are different rows: number them"]
    const chosen = yield* Prompt.run(askOne(`${describeShared(study)}. They may be the same rows`, choices))
    const numbered = studyOf(files, { numbersRows: true })
    return chosen === stop || isUnfit(numbered) ? yield* study : numbered
  }
  return isUnfit(study) ? yield* study : study
})

/** Files that are no one table, or perhaps not. */
type Unfit = FilesDoNotFit | SharedIds | UnsharedIds

export const isUnfit = (study: Study | Unfit): study is Unfit =>
  study instanceof FilesDoNotFit || study instanceof SharedIds || study instanceof UnsharedIds

/**
 * The label: what was named, or is picked if somebody can answer, or else the likeliest column. One that owners write in
 * different ways is marked, and no label if it is picked.
 */
export const labelWith = Effect.fn("Init.label")(function* (
  { asks, label }: Pick<Wishes, "asks" | "label">,
  study: Study
) {
  const choices = labelChoices(study)
  const isAsked = asks && Option.isNone(label) && choices.length > 0 && study.columns.length > 1
  if (!isAsked) {
    const chosen = chosenLabel(study, Option.getOrUndefined(label))
    return chosen instanceof NotALabel ? yield* chosen : chosen
  }
  const titles = choices.map(
    ({ column, isApart }) => `${column.name}${isApart ? ", which owners write in different ways" : ""}`
  )
  const title = yield* Prompt.run(askOne("Column to predict", titles))
  const picked = pickedLabel(study, choices[titles.indexOf(title)]!)
  return picked instanceof NotALabel ? yield* picked : picked
})
