/**
 * `--json`, which every command takes: standard output is then one JSON document, however the command ends. All that is for
 * people goes to standard error.
 */
import { Cause, Console, Effect, Exit, Option } from "effect"
import { Answers } from "../text/answer.ts"
import { asksAboutItself, ValueRefused } from "./words.ts"

/** What a command failed with. */
interface JsonError {
  /** The tag of the error; `Interrupted`, or `Defect` of a fault of the program. */
  readonly tag: string
  readonly message: string
  /** Whether the same command may succeed later, with nothing changed. */
  readonly retryable: boolean
}

/** The document. Its fields are described in docs/reference/json.md. */
export interface JsonDocument {
  /** The first word; null where the words name no command. */
  readonly command: string | null
  readonly version: string
  readonly ok: boolean
  readonly exitStatus: number
  /** What the command found. A command that fails may have found something: null if not. */
  readonly result: unknown
  readonly error: JsonError | null
}

/** Whether a value is wanted. What follows `--` is no option. */
export const asksForJson = (words: ReadonlyArray<string>): boolean => options(words).includes("--json")

/** The words as a parser knows them. */
export const withoutJson = (words: ReadonlyArray<string>): ReadonlyArray<string> => {
  const before = options(words)
  return [...before.filter((word) => word !== "--json"), ...words.slice(before.length)]
}

/** In front of a command it stands as well as behind it. By itself it asks for nothing else. */
export const jsonLast = ([first, ...rest]: ReadonlyArray<string>): ReadonlyArray<string> => {
  if (first !== "--json") return first === undefined ? [] : [first, ...rest]
  const [command, ...others] = rest
  return command === undefined ? [] : [command, first, ...others]
}

const options = (words: ReadonlyArray<string>): ReadonlyArray<string> => {
  const end = words.indexOf("--")
  return words.slice(0, end === -1 ? undefined : end)
}

/** The document of a command that ended so. */
export const documentOf = (
  { command, version, exitStatus }: Pick<JsonDocument, "command" | "version" | "exitStatus">,
  exit: Exit.Exit<unknown, unknown>,
  result: unknown
): JsonDocument => ({
  ...{ command, version, ok: Exit.isSuccess(exit), exitStatus },
  result: result ?? null,
  error: Exit.isSuccess(exit) ? null : errorOf(exit.cause)
})

const errorOf = (cause: Cause.Cause<unknown>): JsonError => {
  const failure = Option.getOrUndefined(Cause.failureOption(cause))
  if (failure !== undefined) return taggedError(failure)
  const defect = Option.getOrUndefined(Cause.dieOption(cause))
  return defect === undefined
    ? { tag: "Interrupted", message: "interrupted", retryable: true }
    : { tag: "Defect", message: messageOf(defect), retryable: false }
}

const taggedError = (error: unknown): JsonError => {
  if (error instanceof ValueRefused) return { tag: error._tag, message: error.said, retryable: false }
  const { _tag, retryable } = (typeof error === "object" && error !== null ? error : {}) as {
    readonly _tag?: unknown
    readonly retryable?: unknown
  }
  return {
    tag: typeof _tag === "string" ? _tag : "Error",
    message: messageOf(error),
    retryable: retryable === true
  }
}

const messageOf = (error: unknown): string =>
  typeof error === "object" && error !== null && "message" in error && typeof error.message === "string"
    ? error.message
    : String(error)

/** Does the work with its answer as a document, whose last line ends standard output. */
export const inJson =
  (
    words: ReadonlyArray<string>,
    about: Pick<JsonDocument, "command" | "version">,
    statusOf: (exit: Exit.Exit<unknown, unknown>) => number
  ) =>
  <A, E, R>(work: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Console.consoleWith((console) => {
      let result: unknown
      const said: Array<string> = []
      const aboutItself = asksAboutItself(words) || words.some((word) => /^--completions(=|$)/.test(word))
      // Help, version and completions are texts of the parser, which prints them itself.
      const log = aboutItself
        ? (...parts: ReadonlyArray<unknown>) => Effect.sync(() => void said.push(parts.join(" ")))
        : console.error
      return Console.withConsole(work, {
        ...console,
        log,
        unsafe: { ...console.unsafe, log: (...parts) => console.unsafe.error(...parts) }
      }).pipe(
        Effect.provideService(Answers, {
          take: (value) => {
            result = value
          }
        }),
        Effect.onExit((exit) => {
          const found = aboutItself ? { text: said.join("\n").trim() } : result
          const document = documentOf({ ...about, exitStatus: statusOf(exit) }, exit, found)
          return console.log(JSON.stringify(document, undefined, 2))
        })
      )
    })
