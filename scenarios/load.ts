/**
 * Reads a scenario file and the data it names, and checks both before anything is computed. Every problem is told at
 * once, each with the file and line where it is and what to do about it.
 */
import { FileSystem, Path } from "@effect/platform"
import { Data, Effect, Either } from "effect"
import { type Document, isAlias, isMap, isNode, isScalar, isSeq, LineCounter, parseDocument } from "yaml"
import { readDataFile } from "../protocol/data/data-file.ts"
import { type EncodedTable, encodeTable } from "../protocol/data/encoding.ts"
import { describeProblem, TableError } from "../protocol/data/table.ts"
import { ArrayFormatter, type ParseResult } from "../protocol/schema.ts"
import { columnsOf } from "./columns.ts"
import { decodeFaults } from "./faults-schema.ts"
import { decodeHosts } from "./hosts.ts"
import { decodeScenario, type Scenario, type User } from "./schema.ts"

export interface Problem {
  /** `scenarios/iris.yaml:12`, or the line of a data file. */
  readonly at: string
  /** `users[0].holds[1].file`; empty where the place says it all. */
  readonly path: string
  /** What is wrong and what to do about it. */
  readonly message: string
}

/** A scenario, or its data, that cannot be run. */
export class ScenarioError extends Data.TaggedError("ScenarioError")<{
  readonly file: string
  readonly problems: ReadonlyArray<Problem>
}> {
  readonly retryable = false
  override get message(): string {
    return this.problems
      .map(({ at, path, message }) => [at, ...(path === "" ? [] : [path]), message].join(": "))
      .join("\n")
  }
}

export interface LoadedScenario {
  readonly scenario: Scenario
  /** The scenario's file as it was named to us; data files are relative to its folder. */
  readonly file: string
  /** The place `file:line` of a path in the scenario. */
  readonly locate: (path: ReadonlyArray<PropertyKey>) => string
}

/** A file in YAML, parsed and validated. `file` serves for errors. */
const parsed =
  <A>(decode: (value: unknown) => Either.Either<A, ParseResult.ParseError>) =>
  (text: string, file: string): Either.Either<Parsed<A>, ScenarioError> => {
    const lines = new LineCounter()
    const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, stringKeys: true })
    const place = (offset: number) => `${file}:${lines.linePos(offset).line}`
    const malformed = [...document.errors, ...document.warnings]
    if (malformed.length > 0) {
      const problems = malformed.map(({ message, pos }) => ({
        at: place(pos[0]),
        path: "",
        message: `this is not valid YAML: ${message}`
      }))
      return Either.left(new ScenarioError({ file, problems }))
    }
    const locate = (path: ReadonlyArray<PropertyKey>) => place(offsetOf(document, path))
    return Either.mapBoth(decode(document.toJS()), {
      onRight: (value) => ({ value, locate }),
      onLeft: (error) =>
        new ScenarioError({
          file,
          problems: ArrayFormatter.formatErrorSync(error).map((issue) => ({
            at: locate(issue.path),
            path: describePath(issue.path),
            message: describeIssue(issue)
          }))
        })
    })
  }

interface Parsed<A> {
  readonly value: A
  readonly locate: LoadedScenario["locate"]
}

/** Parses and validates the text of a scenario. `file` serves for errors. */
export const parseScenario = (text: string, file: string): Either.Either<LoadedScenario, ScenarioError> =>
  Either.map(parsed(decodeScenario)(text, file), ({ value: scenario, locate }) => ({
    scenario,
    file,
    locate
  }))

/** A path as people write it: `users[0].holds[1].file`. */
export const describePath = (path: ReadonlyArray<PropertyKey>): string =>
  path
    .map((key, index) => (typeof key === "number" ? `[${key}]` : `${index === 0 ? "" : "."}${String(key)}`))
    .join("")

const describeIssue = ({ _tag, message }: ArrayFormatter.Issue): string => {
  if (_tag === "Missing") return "is missing; add it"
  if (_tag === "Unexpected") {
    const known = message.match(/"[^"]*"/g)?.map((key) => key.slice(1, -1)) ?? []
    return `is not known here; ${known.length > 0 ? `what may be said is ${known.join(", ")}` : "take it out"}`
  }
  return message
}

/** Offset in the text of the deepest part of the path that is there: of its key, or of the item of a list. */
const offsetOf = (document: Document.Parsed, path: ReadonlyArray<PropertyKey>): number => {
  let offset = 0
  let node: unknown = document.contents
  for (const key of path) {
    if (isAlias(node)) node = node.resolve(document)
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && item.key.value === key)
      if (pair === undefined) break
      if (isNode(pair.key)) offset = pair.key.range?.[0] ?? offset
      node = pair.value
    } else if (isSeq(node) && typeof key === "number") {
      node = node.items[key]
      if (isNode(node)) offset = node.range?.[0] ?? offset
    } else {
      break
    }
  }
  return offset
}

/** Reads and validates a scenario file. */
export const loadScenario = Effect.fn("Scenario.load")(function* (file: string) {
  return yield* parseScenario(yield* readText(file, "give the path of a scenario file"), file)
})

/** Reads and validates a file of hosts. */
export const loadHosts = Effect.fn("Scenario.loadHosts")(function* (file: string) {
  const text = yield* readText(file, "give the path of a file of hosts")
  return (yield* parsed(decodeHosts)(text, file)).value
})

/** Reads and validates a plan of faults that has a file of its own. */
export const loadFaults = Effect.fn("Scenario.loadFaults")(function* (file: string) {
  const text = yield* readText(
    file,
    "give the path of a file with what the section faults of a scenario may say"
  )
  return yield* Either.map(parsed(decodeFaults)(text, file), ({ value }) => value)
})

const readText = (file: string, remedy: string) =>
  Effect.flatMap(FileSystem.FileSystem, (files) => files.readFileString(file)).pipe(
    Effect.mapError(
      (error) =>
        new ScenarioError({ file, problems: [{ at: file, path: "", message: unreadable(error, remedy) }] })
    )
  )

const unreadable = (error: { readonly _tag: string; readonly reason?: string }, remedy: string): string =>
  error.reason === "NotFound"
    ? `there is no such file; ${remedy}`
    : `can't be read (${error.reason ?? error._tag}); ${remedy}`

/** What checking a user's files gives: its encoded tables, or everything that is wrong with them. */
interface ReadFiles {
  readonly tables: ReadonlyArray<EncodedTable>
  readonly problems: ReadonlyArray<Problem>
}

/** Reads what one user holds: all that a user's own process ever reads. */
export const readUserTables = Effect.fn("Scenario.readUserTables")(function* (
  loaded: LoadedScenario,
  userIndex: number
) {
  const { tables, problems } = yield* readFiles(loaded, userIndex)
  if (problems.length > 0) return yield* new ScenarioError({ file: loaded.file, problems })
  return tables
})

/** Like `readUserTables`, but with the problems as a value, so that those of all users can be told together. */
export const readFiles = Effect.fn("Scenario.readFiles")(function* (
  loaded: LoadedScenario,
  userIndex: number
) {
  const user = loaded.scenario.users[userIndex]!
  const results = yield* Effect.forEach(user.holds.keys(), (holdingIndex) =>
    Effect.either(readHolding(loaded, user, userIndex, holdingIndex))
  )
  const read: ReadFiles = {
    tables: results.filter(Either.isRight).map(({ right }) => right),
    problems: results.filter(Either.isLeft).flatMap(({ left }) => left)
  }
  return read
})

const readHolding = Effect.fn("Scenario.readHolding")(function* (
  { scenario, file, locate }: LoadedScenario,
  user: User,
  userIndex: number,
  holdingIndex: number
) {
  const fileSystem = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const holding = user.holds[holdingIndex]!
  const dataFile = path.join(path.dirname(file), holding.file)
  const at = ["users", userIndex, "holds", holdingIndex, "file"]
  const bytes = yield* fileSystem.readFile(dataFile).pipe(
    Effect.mapError((error): ReadonlyArray<Problem> => {
      const remedy = `${dataFile} is where user ${user.name} should have its data`
      return [{ at: locate(at), path: describePath(at), message: unreadable(error, remedy) }]
    })
  )
  const listed = (entries: ReadonlyArray<string> | undefined) => entries && columnsOf(scenario.data, entries)
  const source = {
    user: user.name,
    file: dataFile,
    columns: listed(holding.columns),
    header: listed(holding.header),
    rows: holding.rows,
    part: holding.part,
    ids: holding.ids
  }
  const table = yield* Effect.tryPromise({
    try: () => readDataFile(bytes, source, scenario.data),
    catch: (error) => {
      if (error instanceof TableError) return tableProblems(error)
      throw error
    }
  })
  const encoded: EncodedTable = { ...encodeTable(scenario.data, table), heldOut: holding.heldOut ?? false }
  return encoded
})

const tableProblems = (error: TableError): ReadonlyArray<Problem> => [
  ...error.problems.map((problem) => ({
    at: problem.line === undefined ? error.file : `${error.file}:${problem.line}`,
    path: "",
    message: describeProblem(error.user, problem)
  })),
  ...(error.more > 0
    ? [{ at: error.file, path: "", message: `and ${error.more} more problems like these` }]
    : [])
]
