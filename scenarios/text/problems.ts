/** Problems of a file that people write, each with its place and in the words of the file. Pure. */
import { Data } from "effect"
import { closest } from "../../protocol/data/near-names.ts"
import { ArrayFormatter, type ParseResult } from "../../protocol/schema.ts"
import { placeOf } from "./hints.ts"

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

/** `users[0].holds`; a name that is no plain word in quotes: `data.features["mean radius"]`. */
export const describePath = (path: ReadonlyArray<PropertyKey>): string =>
  path
    .map((key, index) => {
      if (typeof key === "number") return `[${key}]`
      const name = String(key)
      if (!/^[\p{L}\p{N}_-]+$/u.test(name)) return `[${JSON.stringify(name)}]`
      return `${index === 0 ? "" : "."}${name}`
    })
    .join("")

/**
 * The problems that a schema found, each with its path. `whole` if the file is a scenario: an unknown field
 * may then belong to another section.
 */
export const decodingProblems = (
  error: ParseResult.ParseError,
  whole: boolean
): ReadonlyArray<{ readonly path: ReadonlyArray<PropertyKey>; readonly message: string }> =>
  ArrayFormatter.formatErrorSync(error).map((issue) => ({
    path: issue.path,
    message: describeIssue(issue, whole)
  }))

const describeIssue = ({ _tag, message, path }: ArrayFormatter.Issue, whole: boolean): string => {
  if (_tag === "Missing") return message === "is missing" ? "is missing; add it" : message
  if (_tag === "Unexpected") return unknownField(String(path.at(-1)), path, message, whole)
  // A sentence of the library. Every schema of ours has its own, so nobody should see this one.
  if (message.startsWith("Expected "))
    return "is not what belongs here; docs/reference/scenario.md says what does"
  return message
}

const unknownField = (
  name: string,
  path: ReadonlyArray<PropertyKey>,
  message: string,
  whole: boolean
): string => {
  const known = message.match(/"[^"]*"/g)?.map((key) => key.slice(1, -1)) ?? []
  const place = whole ? placeOf(name) : undefined
  const here = describePath(path.slice(0, -1)).replace(/\[\d+\]/g, "[]")
  const meant = closest(name, known) ?? (place?.startsWith(`${here}.`) ? place.slice(here.length + 1) : place)
  const hint = meant === undefined ? "" : `; did you mean ${meant}?`
  return known.length > 0
    ? `is not known here; what may be said is ${known.join(", ")}${hint}`
    : `is not known here; take it out${hint}`
}
