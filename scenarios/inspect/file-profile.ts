/** What a data file holds, column by column. Only the owner of the file sees it. */
import { Data, Effect } from "effect"
import type { Format } from "../../protocol/data/data-file.ts"
import type { Dialect } from "../../protocol/data/dialect.ts"
import type { CellVisitor } from "../../protocol/data/survey-visitor.ts"
import { TableError } from "../../protocol/data/table.ts"
import { surveyTable } from "../description/data-files.ts"
import { type ColumnProfile, ColumnSurvey } from "./column-profile.ts"
import { type FileSettings, withOptions } from "./file-settings.ts"

export interface FileProfile {
  readonly file: string
  readonly format: Format
  /** Of a CSV file. */
  readonly dialect?: Dialect
  readonly rows: number
  readonly columns: ReadonlyArray<ColumnProfile>
  /** The values that were kept of a column, to be compared with those of another file, and where the first of each is. */
  readonly kept: (column: string) => ReadonlyMap<string, number>
}

export interface ProfileOptions {
  /** Rows that are enough, where only the types of the columns are asked for. */
  readonly mostRows?: number
  /** Texts that mark a missing cell besides the usual ones. */
  readonly marks?: ReadonlyArray<string>
  /** Whether there are other files beside this one. */
  readonly amongOthers?: boolean
}

/** Several files that can't be read. */
export class FilesUnreadable extends Data.TaggedError("FilesUnreadable")<{
  /** What is wrong with each. */
  readonly reasons: ReadonlyArray<string>
}> {
  readonly retryable = false
  override get message(): string {
    return this.reasons.join("\n")
  }
}

/** Reads files, each once: the profiles of those that can be read, and what is wrong with the others. */
export const profilesOf = Effect.fn("Inspect.profiles")(function* (
  files: ReadonlyArray<FileSettings>,
  options: ProfileOptions = {}
) {
  const amongOthers = files.length > 1
  const [failures, profiles] = yield* Effect.partition(files, (settings) =>
    profileOf(settings, { ...options, amongOthers })
  )
  const [failure] = failures
  const reasons = failures.map(({ message }) => message)
  return { profiles, failure: failures.length > 1 ? new FilesUnreadable({ reasons }) : failure }
})

/** Reads a file once. */
export const profileOf = Effect.fn("Inspect.profile")(function* (
  settings: FileSettings,
  { amongOthers = false, marks, mostRows }: ProfileOptions = {}
) {
  let surveys: ReadonlyArray<ColumnSurvey> = []
  const visitor: CellVisitor = {
    open: (columns) => {
      surveys = columns.map(
        (column, index) =>
          new ColumnSurvey({ ...column, name: column.name || unnamed(index, columns.length) }, marks)
      )
    },
    cell: (column, cell, line) => surveys[column]!.add(cell, line)
  }
  const found = yield* surveyTable({ user: "", ...settings }, visitor, mostRows).pipe(
    Effect.mapError((error) => (error instanceof TableError ? withOptions(error, !amongOthers) : error))
  )
  const columns = surveys.map((survey) => survey.finish())
  const places = new Map(columns.map(({ name }, place) => [name, place]))
  const profile: FileProfile = {
    file: settings.file,
    ...found,
    columns,
    kept: (column) => surveys[places.get(column) ?? -1]?.kept ?? new Map()
  }
  return profile
})

/** The name of a column in a file without names: one number a row is a label, several are a picture's. */
const unnamed = (index: number, columns: number): string => (columns === 1 ? "label" : `pixel${index + 1}`)
