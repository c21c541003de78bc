/** The features of a scenario: a section whose names are columns, read as a list in the order of the file. */
import { Either } from "effect"
import { JSONSchema, ParseResult, Schema } from "../../protocol/schema.ts"
import { numberHint, withHint } from "../text/hints.ts"
import { defaulted, interval, isWellFormed, struct, wholeNumber } from "./fields.ts"

const range = interval(
  "The [minimum, maximum] value that the column may have. Public; a value outside it is an error"
)

/** Columns of all features together, at most. */
const mostColumns = 1_048_576

const Run = struct({
  count: wholeNumber(1, mostColumns, "Number of columns"),
  range,
  first: defaulted(wholeNumber(0, mostColumns, "Number of the first column; default 1"), 1)
}).annotations({
  description: "Numbered columns of one range: pixel1, pixel2, … for the name pixel"
})

const Entry = Schema.Union(range, Run).annotations({
  message: ({ actual }) => ({
    message: withHint(
      "must be [minimum, maximum], two numbers, the first below the second; or {count, range} for columns that are numbered",
      rangeHint(actual)
    ),
    override: true
  })
})
const rangeHint = (actual: unknown): string | undefined => {
  if (!Array.isArray(actual)) return undefined
  return actual.length > 2
    ? "a comma separates numbers, and within them there is a decimal point"
    : actual.map(numberHint).find((hint) => hint !== undefined)
}

type Entry = typeof Entry.Type

type Written = ReadonlyMap<string, unknown> | Readonly<Record<string, unknown>>

/** For editors: an object, as it is in a file. */
const { $schema: _, ...asObject } = JSONSchema.make(
  Schema.Record({ key: Schema.String, value: Entry })
) as JSONSchema.JsonSchema7Root & JSONSchema.JsonSchema7Object

/** Entries by column: a map, which keeps the order that they are written in, or an object. */
const Written = Schema.declare(
  (input): input is Written => typeof input === "object" && input !== null && !Array.isArray(input),
  {
    message: () => "must list each feature column with its public range, such as age: [0, 120]",
    jsonSchema: {
      ...asObject,
      description:
        "The feature columns in joint order, each with its public range [minimum, maximum], or { count, range, first } for numbered columns"
    }
  }
)

const decodeEntry = ParseResult.decodeUnknownEither(Entry)

/** Numbered columns are written as one entry and read as many. */
export const Features = Schema.transformOrFail(
  Written,
  Schema.Array(Schema.Struct({ name: Schema.String, range: Schema.typeSchema(range) })),
  {
    strict: true,
    decode: (written, options, ast) => {
      const features: Array<{ readonly name: string; readonly range: readonly [number, number] }> = []
      const taken = new Set<string>()
      const issues: Array<ParseResult.ParseIssue> = []
      for (const [name, value] of written instanceof Map ? written : Object.entries(written)) {
        const entry = Either.flatMap(decodeEntry(value, options), (decoded) => {
          const names = namesOf(name, decoded)
          const problem = problemOf(name, names, taken)
          return problem === undefined
            ? Either.right({ names, range: "range" in decoded ? decoded.range : decoded })
            : Either.left(new ParseResult.Type(ast, value, problem))
        })
        if (Either.isLeft(entry)) {
          issues.push(new ParseResult.Pointer(name, written, entry.left))
          continue
        }
        for (const each of entry.right.names) {
          taken.add(each)
          features.push({ name: each, range: entry.right.range })
        }
      }
      const [first, ...more] = issues
      return first === undefined
        ? ParseResult.succeed(features)
        : ParseResult.fail(new ParseResult.Composite(ast, written, [first, ...more]))
    },
    encode: (features) => ParseResult.succeed(new Map(features.map(({ name, range }) => [name, range])))
  }
)

/** The columns that an entry of the features stands for. */
const namesOf = (name: string, entry: Entry): ReadonlyArray<string> =>
  "count" in entry ? Array.from({ length: entry.count }, (_, i) => `${name}${entry.first + i}`) : [name]

/** What is wrong with the columns of an entry, where those before it are taken. */
const problemOf = (
  written: string,
  names: ReadonlyArray<string>,
  taken: ReadonlySet<string>
): string | undefined => {
  if (written === "") return "is a column without a name; name it, in the files too"
  if (written.trim() !== written)
    return "has spaces at the edges of its name, which are not read from files; take them out"
  if (!isWellFormed(written)) return "has half a character in its name; correct it"
  const twice = names.find((each) => taken.has(each))
  if (twice !== undefined)
    return `names the column ${JSON.stringify(twice)} a second time, numbered columns included; list it once`
  const columns = taken.size + names.length
  return columns > mostColumns ? `makes ${columns} columns; the most are ${mostColumns}` : undefined
}
