/**
 * The mark of a run in its out folder, `run.json`: it says that the folder is the program's, which names in
 * it are, and, once a run has begun, what it takes to resume it. Version 0.1.0 wrote `run.json` without most
 * of that, and in a run over memory only `result.json`; both are recognised by their content.
 */
import { join } from "node:path"
import { Either, Option } from "effect"
import { ArrayFormatter, NonNegativeInt, type ParseResult, Schema } from "../../protocol/schema.ts"
import { parsed, smallFile } from "./own-folder.ts"

export const markEntry = "run.json"
export const resultEntry = "result.json"

const markFormat = "bicameral run"
const markVersion = 1

const hexadecimal = (characters: number) =>
  Schema.String.pipe(Schema.pattern(new RegExp(`^[0-9a-f]{${characters}}$`)))

const RunName = hexadecimal(12)
const Digest = hexadecimal(64)

/** What a user holds of one file, as it was when the run began. */
const Held = Schema.Struct({
  user: Schema.String,
  file: Schema.String,
  rows: NonNegativeInt,
  columns: NonNegativeInt,
  /** Hexadecimal SHA-256 of its ids, columns, marks and cells. */
  digest: Digest
})

const oldFields = {
  /** The scenario's absolute path. */
  file: Schema.NonEmptyString,
  run: RunName,
  seed: Schema.NullOr(NonNegativeInt),
  /** Hexadecimal SHA-256 of the agreement. */
  agreement: Digest
}

const markFields = {
  format: Schema.Literal(markFormat),
  version: Schema.Literal(markVersion),
  /** Names of what the program writes in the folder, and the next run may remove. */
  writes: Schema.Array(Schema.String)
}

const BegunMark = Schema.Struct({
  ...markFields,
  ...oldFields,
  transport: Schema.Literal("nats", "memory"),
  data: Schema.Array(Held),
  /** The out folder of the users' run, absolute, where the data come from its archive. */
  archive: Schema.optionalWith(Schema.NonEmptyString, { exact: true }),
  /** That run. */
  reopens: Schema.optionalWith(RunName, { exact: true })
})
const ClearedMark = Schema.Struct({ ...markFields, run: Schema.Null })
const OldMark = Schema.Struct(oldFields)
/** The fields of a result by which it differs from other programs' files of this name. */
const Result = Schema.Struct({
  scenario: Schema.String,
  run: RunName,
  transport: Schema.Literal("nats", "memory"),
  modulusBits: Schema.Number,
  expectations: Schema.Array(Schema.Unknown),
  awaitsReferences: Schema.optional(Schema.Boolean)
})

/** One file of the data of a run. */
export type HeldData = typeof Held.Type

/** A run that has begun in the folder. */
export interface Begun extends Schema.Struct.Type<typeof oldFields> {
  readonly transport: "nats" | "memory"
  /** In the order of the scenario; undefined where version 0.1.0 began the run. */
  readonly data: ReadonlyArray<HeldData> | undefined
  /** The out folder of the users' run, where the data come from its archive. */
  readonly archive?: string
  readonly reopens?: string
}

export interface Mark {
  /** Names in the folder that are the program's. */
  readonly writes: ReadonlyArray<string>
  /** Undefined while the folder is cleared. */
  readonly begun: Begun | undefined
}

/** The text of `run.json`. */
export const markText = ({ writes, begun }: Mark): string =>
  `${JSON.stringify({ format: markFormat, version: markVersion, writes, run: null, ...begun }, null, 2)}\n`

/** `run.json` is no mark, for a reason in words that follow its name. */
export type MarkReason = string

/** The mark of a folder, if any. `old` is what version 0.1.0 wrote. Rejects if the folder can't be read. */
export const readMark = async (
  folder: string,
  old: ReadonlyArray<string>
): Promise<Either.Either<Mark | undefined, MarkReason>> => {
  const text = await smallFile(join(folder, markEntry))
  if (text === undefined) {
    const run = await runOfResult(folder)
    return Either.right(run === undefined ? undefined : { writes: old, begun: undefined })
  }
  if (text === null) return Either.left("is no file of a run")
  const value = parsed(text)
  if (value === undefined) return Either.left(text.trim() === "" ? "is empty" : "was cut short or changed")
  return markOf(value, old)
}

const markOf = (value: object, old: ReadonlyArray<string>): Either.Either<Mark | undefined, MarkReason> => {
  const { format, version, run } = value as Readonly<Record<string, unknown>>
  if (format === undefined)
    return Either.mapBoth(Schema.decodeUnknownEither(OldMark)(value, { onExcessProperty: "error" }), {
      onLeft: () => "is of another program, or lacks what a run writes there",
      onRight: (begun) => ({ writes: old, begun: { ...begun, transport: "nats" as const, data: undefined } })
    })
  if (format !== markFormat) return Either.left("is of another program")
  if (typeof version === "number" && version > markVersion)
    return Either.left("was written by a newer version of bicameral")
  if (run === null)
    return Either.mapBoth(Schema.decodeUnknownEither(ClearedMark)(value), {
      onLeft: lacking,
      onRight: ({ writes }) => ({ writes, begun: undefined })
    })
  return Either.mapBoth(Schema.decodeUnknownEither(BegunMark)(value), {
    onLeft: lacking,
    onRight: ({ format: _, version: __, writes, ...begun }) => ({ writes, begun })
  })
}

const lacking = (error: ParseResult.ParseError): MarkReason => {
  const fields = new Set(ArrayFormatter.formatErrorSync(error).map(({ path }) => path.map(String).join(".")))
  return `lacks, or has changed, ${[...fields].join(", ")}`
}

/** The run of a folder's `result.json`; undefined if the file is absent or of another program. */
export const runOfResult = async (folder: string): Promise<string | undefined> =>
  (await resultIn(folder))?.run

/** The same of a run that has nothing left to do: one that still awaited its references can be resumed. */
export const endedRun = async (folder: string): Promise<string | undefined> => {
  const result = await resultIn(folder)
  return result?.awaitsReferences === true ? undefined : result?.run
}

const resultIn = async (folder: string): Promise<typeof Result.Type | undefined> => {
  const text = await smallFile(join(folder, resultEntry))
  return Option.getOrUndefined(Schema.decodeUnknownOption(Result)(parsed(text ?? "")))
}

/** How many rows the users of a folder's run held out, by its result; none where it does not say. */
export const heldOutIn = async (folder: string): Promise<number> => {
  const value = parsed((await smallFile(join(folder, resultEntry))) ?? "")
  const found = Schema.decodeUnknownOption(
    Schema.Struct({ rows: Schema.Struct({ heldOut: NonNegativeInt }) })
  )(value)
  return Option.match(found, { onNone: () => 0, onSome: ({ rows }) => rows.heldOut })
}
