/**
 * Reads a scenario file and the data it names, and checks both before anything is computed. Every problem is reported at
 * once, each with the file and line where it is and what to do about it.
 */
import { FileSystem, Path } from "@effect/platform"
import { Effect, Either } from "effect"
import { type HeldTable, heldTable } from "../../protocol/data/encoding.ts"
import { describeProblem, type TableError } from "../../protocol/data/table.ts"
import type { ParseResult } from "../../protocol/schema.ts"
import { mostBytes, textOf } from "../text/file-text.ts"
import { decodingProblems, describePath, type Problem, ScenarioError } from "../text/problems.ts"
import { type Path as PathInFile, readYaml } from "../text/yaml.ts"
import { absentFromAll, type OpenedFile } from "./absent-columns.ts"
import { withColumnsOfFiles } from "./all-columns.ts"
import { decodeCalibration } from "./calibration.ts"
import { columnsOf } from "./columns.ts"
import { readTable, requireOwnFile } from "./data-files.ts"
import { dataFileOf, type FileError, unreadable } from "./data-path.ts"
import { decodeScenario } from "./decode.ts"
import { decodeFaults } from "./faults.ts"
import { strangers } from "./faults-consistency.ts"
import { decodeHosts } from "./hosts.ts"
import type { Scenario, User } from "./schema.ts"

export { type Problem, ScenarioError } from "../text/problems.ts"

export interface LoadedScenario {
  readonly scenario: Scenario
  /** The scenario's file as it was named to us; data files are relative to its folder. */
  readonly file: string
  /** The place `file:line` of a path in the scenario. */
  readonly locate: (path: PathInFile) => string
}

interface Parsed<A> {
  readonly value: A
  readonly locate: LoadedScenario["locate"]
}

/** How many problems of one file are listed; the rest are counted. */
const mostTold = 50

/** A file in YAML of one kind. */
interface Read {
  readonly value: unknown
  readonly locate: LoadedScenario["locate"]
}

/** Reads a text in YAML that is to be of one kind; `file` serves for errors. */
const readAs = (text: string, file: string, wanted: string): Either.Either<Read, ScenarioError> =>
  readYaml(text, wanted === aScenario ? isOfNames : () => false).pipe(
    Either.mapBoth({
      onLeft: (problems) =>
        refused(
          file,
          problems.map(({ line, ...rest }) => ({ ...rest, at: `${file}:${line}` }))
        ),
      onRight: ({ value, lineOf }) => ({ value, locate: (path: PathInFile) => `${file}:${lineOf(path)}` })
    }),
    Either.filterOrLeft(
      ({ value }) => otherKind(value, wanted) === undefined,
      ({ value }) => {
        const message = `is ${otherKind(value, wanted)}; give the path of ${wanted}`
        return new ScenarioError({ file, problems: [{ at: file, path: "", message }] })
      }
    )
  )

/** The first problems of a file, and how many more there are. */
const refused = (
  file: string,
  problems: ReadonlyArray<{ readonly at: string; readonly path: PathInFile; readonly message: string }>
): ScenarioError => {
  const told = problems
    .slice(0, mostTold)
    .map(({ at, path, message }) => ({ at, path: describePath(path), message }))
  const more = problems.length - told.length
  const rest = more > 0 ? [{ at: file, path: "", message: `and ${more} more problems like these` }] : []
  return new ScenarioError({ file, problems: [...told, ...rest] })
}

type Decode<A> = (value: unknown) => Either.Either<A, ParseResult.ParseError>

const decoded =
  <A>(decode: Decode<A>, file: string, wanted: string) =>
  ({ locate, value }: Read): Either.Either<Parsed<A>, ScenarioError> =>
    Either.mapBoth(decode(value), {
      onRight: (own) => ({ value: own, locate }),
      onLeft: (error) =>
        refused(
          file,
          decodingProblems(error, wanted === aScenario).map((problem) => ({
            ...problem,
            at: locate(problem.path)
          }))
        )
    })

/** A file in YAML, parsed and validated. `file` serves for errors. */
const parsed =
  <A>(decode: Decode<A>, wanted: string) =>
  (text: string, file: string): Either.Either<Parsed<A>, ScenarioError> =>
    Either.flatMap(readAs(text, file, wanted), decoded(decode, file, wanted))

const aScenario = "a scenario"

/** The kinds of files in YAML, and the fields that only each of them has. */
const kinds: ReadonlyArray<readonly [what: string, fields: ReadonlyArray<string>]> = [
  ["a scenario", ["data", "users", "network"]],
  ["a file of hosts", ["hosts", "links", "placement"]],
  ["a part of a scenario", ["owner", "columns"]],
  ["a calibration", ["machine", "arithmetic", "bcp"]]
]

/** What a file is that is of another kind than `wanted`. */
const otherKind = (value: unknown, wanted: string): string | undefined => {
  if (typeof value !== "object" || value === null) return undefined
  const has = new Set(Object.keys(value))
  return kinds.find(([what, fields]) => what !== wanted && fields.every((field) => has.has(field)))?.[0]
}

/** The sections whose names are those of the files: columns, in joint order, and classes. */
const ofNames = ["data.features", "training.classWeights"]
const isOfNames = (path: PathInFile): boolean => ofNames.includes(path.join("."))

/** Parses and validates the text of a scenario. `file` serves for errors. */
export const parseScenario = (text: string, file: string): Either.Either<LoadedScenario, ScenarioError> =>
  Either.map(parsed(decodeScenario, aScenario)(text, file), ({ value: scenario, locate }) => ({
    scenario,
    file,
    locate
  }))

/** Reads and validates a scenario file; where it says `features: all`, with the columns of the files that it names. */
export const loadScenario = Effect.fn("Scenario.load")(function* (file: string) {
  const text = yield* readText(file, "give the path of a scenario file")
  const { locate, value } = yield* readAs(text, file, aScenario)
  const whole = yield* withColumnsOfFiles(value, file, locate)
  const { value: scenario } = yield* decoded(decodeScenario, file, aScenario)({ locate, value: whole })
  const loaded: LoadedScenario = { scenario, file, locate }
  return loaded
})

/** Reads and validates a file of hosts. */
export const loadHosts = Effect.fn("Scenario.loadHosts")(function* (file: string) {
  const text = yield* readText(file, "give the path of a file of hosts")
  return (yield* parsed(decodeHosts, "a file of hosts")(text, file)).value
})

/** Reads and validates a file in YAML of another kind; `remedy` says what to give where it is none. */
export const loadYaml = Effect.fn("Scenario.loadYaml")(function* <A>(
  file: string,
  decode: (value: unknown) => Either.Either<A, ParseResult.ParseError>,
  wanted: string
) {
  const text = yield* readText(file, `give the path of ${wanted}`)
  return (yield* parsed(decode, wanted)(text, file)).value
})

/** Reads and validates a file of what a machine takes. */
export const loadCalibration = Effect.fn("Scenario.loadCalibration")(function* (file: string) {
  const text = yield* readText(file, "give the path of a calibration")
  // JSON is a part of YAML.
  return (yield* parsed(decodeCalibration, "a calibration")(text, file)).value
})

/** Reads and validates a plan of faults that has a file of its own, for a run of this scenario. */
export const loadFaults = Effect.fn("Scenario.loadFaults")(function* (file: string, { users }: Scenario) {
  const text = yield* readText(
    file,
    "give the path of a file with what the section faults of a scenario may say"
  )
  const { value, locate } = yield* parsed(decodeFaults, "a plan of faults")(text, file)
  const problems = strangers(value, users).map(({ path, message }) => ({
    at: locate(path),
    path: describePath(path),
    message
  }))
  if (problems.length > 0) return yield* new ScenarioError({ file, problems })
  return value
})

const readText = Effect.fn("Scenario.readText")(function* (file: string, remedy: string) {
  const files = yield* FileSystem.FileSystem
  const failed = (message: string, at = file) =>
    new ScenarioError({ file, problems: [{ at, path: "", message }] })
  const told = Effect.mapError((error: FileError) => failed(unreadable(error, file, remedy)))
  const { type, size } = yield* files.stat(file).pipe(told)
  if (type === "Directory") return yield* failed(`is a folder; ${remedy}`)
  if (type === "CharacterDevice" || type === "BlockDevice") return yield* failed(`is a device; ${remedy}`)
  // Each party opens it again, and a pipe that nobody writes to would be waited for without an end.
  if (type !== "File") return yield* failed("is a pipe; save what comes from it to a file first")
  if (size > mostBytes)
    return yield* failed(`has more than ${mostBytes / 2 ** 20} MiB, too much for a scenario; ${remedy}`)
  const bytes = yield* files.readFile(file).pipe(told)
  return yield* Either.mapLeft(textOf(bytes), ({ line, message }) =>
    failed(message, line === undefined ? file : `${file}:${line}`)
  )
})

/** What checking a user's files gives: its tables, or everything that is wrong with them. */
export interface ReadFiles {
  readonly tables: ReadonlyArray<HeldTable>
  /** Those that could be opened, with what is wrong with what is in them. */
  readonly opened: ReadonlyArray<OpenedFile>
  /** What is wrong with the others. */
  readonly problems: ReadonlyArray<Problem>
}

/** What is wrong with the files of some users, and with what the scenario says of all of them. */
export const problemsOf = (
  loaded: LoadedScenario,
  read: ReadonlyArray<ReadFiles>
): ReadonlyArray<Problem> => {
  const opened = read.flatMap((files) => files.opened)
  const absent = absentFromAll(loaded.scenario.data, loaded.locate, opened)
  return [
    ...absent.problems,
    ...read.flatMap((files) => [
      ...files.problems,
      ...files.opened.flatMap(({ error }) =>
        error === undefined ? [] : tableProblems(error, absent.columns)
      )
    ])
  ]
}

/** Reads what one user holds: all that a user's own process ever reads. */
export const readUserTables = Effect.fn("Scenario.readUserTables")(function* (
  loaded: LoadedScenario,
  userIndex: number
) {
  const read = yield* readFiles(loaded, userIndex)
  const problems = problemsOf(loaded, [read])
  if (problems.length > 0) return yield* new ScenarioError({ file: loaded.file, problems })
  return read.tables
})

/** Like `readUserTables`, but with the problems as a value, so that those of all users can be reported together. */
export const readFiles = Effect.fn("Scenario.readFiles")(function* (
  loaded: LoadedScenario,
  userIndex: number
) {
  const user = loaded.scenario.users[userIndex]!
  const results = yield* Effect.forEach(user.holds.keys(), (holdingIndex) =>
    readHolding(loaded, user, userIndex, holdingIndex)
  )
  const read: ReadFiles = {
    tables: results.flatMap(({ table }) => table ?? []),
    opened: results.flatMap(({ opened }) => opened ?? []),
    problems: results.flatMap(({ problem }) => problem ?? [])
  }
  return read
})

/** A file that was read, with its table unless there is something wrong with it; or why it was not. */
interface ReadHolding {
  readonly table?: HeldTable
  readonly opened?: OpenedFile
  readonly problem?: Problem
}

const readHolding = Effect.fn("Scenario.readHolding")(function* (
  { scenario, file, locate }: LoadedScenario,
  user: User,
  userIndex: number,
  holdingIndex: number
) {
  const path = yield* Path.Path
  const holding = user.holds[holdingIndex]!
  const dataFile = dataFileOf(path, file, holding.file)
  const at = ["users", userIndex, "holds", holdingIndex, "file"]
  const refusedAt = (message: string): ReadHolding => ({
    problem: { at: locate(at), path: describePath(at), message }
  })
  if (path.resolve(dataFile) === path.resolve(file)) {
    const message = "is the scenario itself; give the path of the data"
    return refusedAt(message)
  }
  const listed = (entries: ReadonlyArray<string> | undefined) => entries && columnsOf(scenario.data, entries)
  const source = {
    user: user.name,
    file: dataFile,
    encoding: holding.encoding,
    dialect: holding.dialect,
    columns: listed(holding.columns),
    header: listed(holding.header),
    rows: holding.rows,
    part: holding.part,
    ids: holding.ids
  }
  const { columns } = source
  const opened = { file: holding.file, columns, hasIds: holding.ids === undefined }
  return yield* Effect.zipRight(requireOwnFile(file, dataFile), readTable(source, scenario.data)).pipe(
    Effect.match({
      onSuccess: (table): ReadHolding => ({
        table: heldTable(scenario.data, table, holding.heldOut ?? false),
        opened: { ...opened, error: undefined }
      }),
      onFailure: (error): ReadHolding =>
        error._tag === "TableError" ? { opened: { ...opened, error } } : refusedAt(error.message)
    })
  )
})

/** What is wrong with a file, but for columns of which that was told already. */
const tableProblems = (error: TableError, told: ReadonlySet<string>): ReadonlyArray<Problem> => [
  ...error.problems
    .filter(({ among, column = "" }) => among === undefined || !told.has(column))
    .map((problem) => ({
      at: problem.line === undefined ? error.file : `${error.file}:${problem.line}`,
      path: "",
      message: describeProblem(error.user, problem)
    })),
  ...(error.more > 0
    ? [{ at: error.file, path: "", message: `and ${error.more} more problems like these` }]
    : [])
]
