/**
 * The features of a scenario, read as a list in the order of the file: a section whose names are columns, with
 * what each of them is; or a list of columns of numbers; or all columns.
 */
import { Either } from "effect"
import { readDate } from "../../protocol/data/cell-words.ts"
import {
  type CategoryFeature,
  dateFormats,
  type Feature,
  type Interval,
  type NumberFeature
} from "../../protocol/data/description.ts"
import { closest } from "../../protocol/data/near-names.ts"
import { isDecimal } from "../../protocol/data/spelling.ts"
import { JSONSchema, ParseResult, Schema } from "../../protocol/schema.ts"
import { numberHint, withHint } from "../text/hints.ts"
import {
  exactText,
  interval,
  isWellFormed,
  list,
  oneOf,
  optional,
  struct,
  wholeNumber,
  yesOrNo
} from "./fields.ts"
import { tellingSections } from "./kinds.ts"

/** Columns of all features together, at most. */
const mostColumns = 1_048_576

const range = interval(
  "The [minimum, maximum] value that the column may have. Public; a value outside it is an error"
)

export const kindsOfFeatures = ["number", "category", "boolean", "date"] as const

const valueMessage = () => ({ message: "must be a number or a text", override: true })

const Section = struct({
  type: optional(
    oneOf(kindsOfFeatures, "What the column holds; category where there are values, number otherwise")
  ),
  range: optional(
    Schema.Union(range, Schema.Tuple(exactText("A date"), exactText("A date"))).annotations({
      message: () => ({ message: "must be [minimum, maximum], the first below the second", override: true }),
      description:
        "The [minimum, maximum] value of a number, or of a date, that the column may have. Public. Without it the column is scaled by its mean and deviation"
    })
  ),
  values: optional(
    list(
      exactText("A value"),
      1,
      65_536,
      "a list of at least one value",
      "All values of a category; each is one input of the network. Quote numbers, true and false"
    )
  ),
  other: optional(yesOrNo("Whether one more input stands for all other values; without it they are errors")),
  scale: optional(oneOf(["range", "standard"], "How a number is scaled; range where there is one")),
  fill: optional(
    tellingSections(
      Schema.Union(
        Schema.Number,
        Schema.String,
        struct({ value: Schema.Union(Schema.Number, Schema.String).annotations({ message: valueMessage }) })
      ).annotations({
        message: () => ({
          message: "must be mean, mode, none, or a value; write a value that is called so as { value: mean }",
          override: true
        }),
        description:
          "What stands in for a missing cell: mean, mode, a value, or none, where a missing cell is an error. A value that is called so: { value: mean }"
      })
    )
  ),
  indicator: optional(yesOrNo("Whether one more input says which cells were missing")),
  outside: optional(
    oneOf(["error", "clip"], "What a value outside the range is: an error, or moved to the nearest end")
  ),
  format: optional(oneOf(dateFormats, "How dates are written, where it does not show")),
  count: optional(
    wholeNumber(1, mostColumns, "Number of columns, where they are numbered: pixel1, pixel2, …")
  ),
  first: optional(wholeNumber(0, mostColumns, "Number of the first column; 1 when left out"))
})
type Section = typeof Section.Type

const oneWord = ["standard", "boolean", "date"] as const

const Entry = tellingSections(
  Schema.Union(range, oneOf(oneWord, "A column without a range"), Section).annotations({
    message: ({ actual }) => ({
      message: withHint(
        "must be [minimum, maximum], two numbers, the first below the second; or standard, boolean or date; or a section with the fields type, range, values, other, scale, fill, indicator, outside, format, count, first",
        typeof actual === "string" ? wordHint(actual) : rangeHint(actual)
      ),
      override: true
    })
  })
)
type Entry = typeof Entry.Type

/** For a word that says what a column holds, as other programs call it. */
const wordHint = (word: string): string | undefined => {
  if (/^(categor|class|enum|factor|nominal|object|str|text)/i.test(word))
    return "a category is { values: [...] }, with all its values"
  if (/^(decimal|double|float|int|num|real)/i.test(word)) return "a number is standard, or has its range"
  const meant = closest(word, oneWord)
  return meant === undefined ? undefined : `did you mean ${meant}?`
}

const rangeHint = (actual: unknown): string | undefined => {
  if (!Array.isArray(actual)) return undefined
  return actual.length > 2
    ? "a comma separates numbers, and within them there is a decimal point"
    : actual.map(numberHint).find((hint) => hint !== undefined)
}

type OrNone<F extends Feature> = Omit<F, "fill"> & { readonly fill?: F["fill"] | "none" }
/** A feature as it is written: that nothing fills it may be said, against what `data.fill` says of all. */
export type WrittenFeature = OrNone<NumberFeature> | OrNone<CategoryFeature>

type Sections = ReadonlyMap<string, unknown> | Readonly<Record<string, unknown>>
type Written = Sections | ReadonlyArray<unknown> | "all"

/** For editors: an object, as it is in a file. */
const { $schema: _, ...asObject } = JSONSchema.make(
  Schema.Record({ key: Schema.String, value: Entry })
) as JSONSchema.JsonSchema7Root & JSONSchema.JsonSchema7Object

const meaning =
  "The feature columns in joint order, each with what it is: its public range [minimum, maximum], standard, boolean, date, or a section; or a list of columns of numbers; or all"

/** Entries by column: a map, which keeps the order that they are written in, or an object. */
const Written = Schema.declare(
  (input): input is Written => input === "all" || (typeof input === "object" && input !== null),
  {
    message: () =>
      "must list each feature column, such as age: [0, 120] or age: standard; or be a list of columns of numbers; or all",
    jsonSchema: {
      anyOf: [
        asObject,
        { type: "array", items: { type: "string" } },
        { const: "all", type: "string", enum: ["all"] }
      ],
      description: meaning
    }
  }
)

const decodeEntry = ParseResult.decodeUnknownEither(Entry)

/** All columns but the id and the label: which they are follows from what the users hold. */
export const allColumns = "all" as const

/** Numbered columns are written as one entry and read as many. */
export const Features = Schema.transformOrFail(
  Written,
  Schema.declare((input): input is ReadonlyArray<WrittenFeature> | typeof allColumns => input !== undefined),
  {
    strict: true,
    decode: (written, options, ast) => {
      if (written === "all") return Either.right(allColumns)
      const features: Array<WrittenFeature> = []
      const taken = new Set<string>()
      const issues: Array<ParseResult.ParseIssue> = []
      for (const [name, value, key] of entriesOf(written)) {
        const entry = Either.flatMap(decodeEntry(value, options), (decoded) => {
          const made = featuresOf(String(name), decoded)
          const problem =
            typeof name === "string" ? problemOf(name, made, taken) : "must be the name of a column"
          return problem === undefined && typeof made !== "string"
            ? Either.right(made)
            : Either.left(new ParseResult.Type(ast, value, problem))
        })
        if (Either.isLeft(entry)) {
          issues.push(new ParseResult.Pointer(key, written, entry.left))
          continue
        }
        for (const each of entry.right) {
          taken.add(each.name)
          features.push(each)
        }
      }
      const [first, ...more] = issues
      return first === undefined
        ? Either.right(features)
        : Either.left(new ParseResult.Composite(ast, written, [first, ...more]))
    },
    encode: (features) =>
      ParseResult.succeed(features === "all" ? features : features.map(({ name }) => name))
  }
)

/** The entries, and where each of them is. A list has columns of numbers only. */
const entriesOf = (
  written: Sections | ReadonlyArray<unknown>
): ReadonlyArray<readonly [name: unknown, entry: unknown, key: string | number]> => {
  if (isList(written)) return written.map((name, index) => [name, "standard", index])
  const entries = written instanceof Map ? [...written] : Object.entries(written)
  return entries.map(([name, entry]) => [name, entry, name])
}

const isList = (written: Sections | ReadonlyArray<unknown>): written is ReadonlyArray<unknown> =>
  Array.isArray(written)

/** The features that an entry stands for, or what is wrong with it. */
const featuresOf = (name: string, entry: Entry): ReadonlyArray<WrittenFeature> | string => {
  if (isRange(entry)) return [{ name, range: entry }]
  if (entry === "standard") return [{ name }]
  if (typeof entry === "string") return featuresOf(name, { type: entry })
  const made =
    entry.values === undefined && entry.type !== "category" ? numberOf(name, entry) : categoryOf(name, entry)
  if (typeof made === "string") return made
  const { count, first = 1 } = entry
  return count === undefined
    ? [made]
    : Array.from({ length: count }, (_, i) => ({ ...made, name: `${name}${first + i}` }))
}

const isRange = (entry: Entry): entry is Interval => Array.isArray(entry)

/** The fields that a section may not have, in words; undefined where it has none of them. */
const strangersIn = (
  section: Section,
  kind: string,
  strangers: ReadonlyArray<keyof Section>
): string | undefined => {
  const there = strangers.filter((field) => section[field] !== undefined)
  return there.length === 0
    ? undefined
    : `has ${there.join(" and ")}, which a ${kind} can't have; take that out, or give it another type`
}

const numberOf = (name: string, section: Section): WrittenFeature | string => {
  const { type = "number", indicator, outside, format, scale, first, count } = section
  if (first !== undefined && count === undefined)
    return "has a first column but no count; say how many there are"
  const strange = strangersIn(section, type, type === "date" ? ["other"] : ["other", "format"])
  if (strange !== undefined) return strange
  const range = section.range === undefined ? undefined : rangeOf(section.range, type)
  if (typeof range === "string") return range
  const fill = numberFill(section)
  if (typeof fill === "string" && !isFilling(fill)) return fill
  const own = range ?? (type === "boolean" && scale !== "standard" ? ([0, 1] as const) : undefined)
  if (scale === "range" && own === undefined)
    return "is to be scaled by a range that it does not have; give it one"
  if (outside === "clip" && range === undefined)
    return "says what happens outside a range that it does not have; give it one"
  if (indicator === true && fill === "none")
    return "says which cells are missing but not what fills them; add fill, such as fill: mean"
  return {
    name,
    ...(type === "boolean" || type === "date" ? { kind: type } : {}),
    ...(format === undefined ? {} : { format }),
    ...(own === undefined ? {} : { range: own }),
    ...(scale !== undefined && own !== undefined ? { scale } : {}),
    ...(fill === undefined ? {} : { fill }),
    ...(indicator === true ? { indicator } : {}),
    ...(outside === "clip" ? { outside } : {})
  }
}

const rangeOf = (written: NonNullable<Section["range"]>, type: string): Interval | string => {
  const [from, to] = written
  if (typeof from === "number" && typeof to === "number")
    return type === "date"
      ? "is a date, and its range must be two dates, such as [2000-01-01, 2020-12-31]"
      : [from, to]
  if (type !== "date") return "has a range of texts; write numbers without quotes, or say type: date"
  const days = [from, to].map((text) => (typeof text === "string" ? readDate(text, "YYYY-MM-DD") : undefined))
  const [least, greatest] = days
  if (typeof least !== "number" || typeof greatest !== "number" || least >= greatest)
    return "must have a range of two dates, the first before the second, such as [2000-01-01, 2020-12-31]"
  return [least, greatest]
}

type NumberFill = "mean" | "mode" | "none" | { readonly value: number } | undefined

const isFilling = (fill: string): fill is "mean" | "mode" | "none" => ["mean", "mode", "none"].includes(fill)

/** What fills a column of numbers, or what is wrong with it. */
const numberFill = ({ fill, type }: Section): NumberFill | string => {
  if (fill === undefined || fill === "none" || fill === "mean") return fill
  if (fill === "mode")
    return type === "boolean"
      ? fill
      : "fills a number with its mode, which only categories and booleans have; use mean or a value"
  const value = typeof fill === "object" ? fill.value : fill
  if (typeof value === "number") return { value }
  if (isDecimal(value)) return { value: Number(value) }
  return `fills a ${type ?? "number"} with a text; use mean, none, or a number`
}

const categoryOf = (name: string, section: Section): WrittenFeature | string => {
  const { values, other, fill, indicator } = section
  if (section.type !== undefined && section.type !== "category")
    return `has values, which a ${section.type} can't have; take them out, or say type: category`
  if (values === undefined) return "is a category without values; list them, as bicameral inspect shows them"
  const strange = strangersIn(section, "category", ["range", "scale", "outside", "format", "first", "count"])
  if (strange !== undefined) return strange
  if (fill === "mean")
    return "fills a category with a mean, which it does not have; use mode, none, or one of its values"
  const value = typeof fill === "object" ? String(fill.value) : fill === undefined ? undefined : String(fill)
  const isWord = typeof fill !== "object" && (value === "mode" || value === "none")
  if (value !== undefined && !isWord && !values.includes(value))
    return `fills a category with ${JSON.stringify(value)}, which is none of its values; use one of them, mode or none`
  return {
    name,
    kind: "category",
    values,
    ...(other === true ? { other } : {}),
    ...(value === undefined ? {} : { fill: isWord ? (value as "mode" | "none") : { value } }),
    ...(indicator === true ? { indicator } : {})
  }
}

/** What is wrong with the columns of an entry, where those before it are taken. */
const problemOf = (
  written: string,
  made: ReadonlyArray<WrittenFeature> | string,
  taken: ReadonlySet<string>
): string | undefined => {
  if (written === "") return "is a column without a name; name it, in the files too"
  if (written.trim() !== written)
    return "has spaces at the edges of its name, which are not read from files; take them out"
  if (!isWellFormed(written)) return "has half a character in its name; correct it"
  if (typeof made === "string") return made
  const twice = made.find(({ name }) => taken.has(name))
  if (twice !== undefined)
    return `names the column ${JSON.stringify(twice.name)} a second time, numbered columns included; list it once`
  const columns = taken.size + made.length
  return columns > mostColumns ? `makes ${columns} columns; the most are ${mostColumns}` : undefined
}
