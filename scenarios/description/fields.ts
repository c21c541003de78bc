/**
 * The kinds of fields that scenario files have: each says in one sentence what it must be, to people and to
 * their editors.
 */
import { closest } from "../../protocol/data/near-names.ts"
import { AST, type ParseResult, Schema } from "../../protocol/schema.ts"
import { booleanHint, numberHint, textHint, withHint } from "../text/hints.ts"

type Issue = ParseResult.ParseIssue

/**
 * A value that is judged as a whole: whatever is wrong with it, its type or its range, is reported in the one
 * sentence "must be `requirement`", with what to do about the value that is there, and the editor gets the
 * same limits.
 */
export const value = <A extends string | number>(
  type: Schema.Schema<A>,
  valid: (x: A) => boolean,
  requirement: string,
  jsonSchema: Readonly<Record<string, unknown>>,
  hint: (actual: unknown) => string | undefined = numberHint
) => {
  const message = ({ actual }: Issue) => withHint(`must be ${requirement}`, hint(actual))
  return type.pipe(Schema.annotations({ message }), Schema.filter(valid, { message, jsonSchema }))
}

/** A section: an object with these fields and no others. `example` shows how it is written in place of a mere text. */
export const struct = <Fields extends Schema.Struct.Fields>(
  fields: Fields,
  example: (text: string) => string = () => "a colon and a space follow the name of a field"
) => {
  const { ast } = Schema.Struct(fields)
  const names = Object.keys(fields).join(", ")
  const message = ({ actual }: Issue) =>
    actual === null || actual === undefined
      ? `is empty; fill in its fields: ${names}`
      : withHint(
          `must be a section with the fields ${names}`,
          typeof actual === "string" ? example(actual) : undefined
        )
  const told = (part: AST.AST) => AST.annotations(part, { [AST.MessageAnnotationId]: message })
  // Where fields have defaults, what is not even an object is found out by the encoded side.
  const telling = AST.isTransformation(ast)
    ? new AST.Transformation(told(ast.from), ast.to, ast.transformation, ast.annotations)
    : told(ast)
  return Schema.make<Simple<Schema.Struct.Type<Fields>>, Simple<Schema.Struct.Encoded<Fields>>>(telling)
}

type Simple<A> = { [K in keyof A]: A[K] }

export const wholeNumber = (min: number, max: number, description: string) =>
  value(
    Schema.Number,
    (x) => Number.isSafeInteger(x) && x >= min && x <= max,
    `a whole number from ${min} to ${max}`,
    { type: "integer", minimum: min, maximum: max, description }
  )

export const name = (description: string) =>
  value(
    Schema.String,
    (x) => /^[a-z][a-z0-9-]{0,39}$/.test(x),
    "at most 40 small letters, digits and hyphens, a letter first",
    { pattern: "^[a-z][a-z0-9-]{0,39}$", description },
    () => undefined
  )

export const text = (description: string) =>
  value(Schema.String, (x) => x.length > 0, "a text and not empty", { minLength: 1, description }, textHint)

/**
 * A text that is compared with what files say: a column, a label, an id. Spaces at the edges are not read
 * from files, so such a text would match nothing.
 */
export const exactText = (description: string) =>
  value(
    Schema.String,
    (x) => x.length > 0 && x.trim() === x && isWellFormed(x),
    "a text and not empty",
    { minLength: 1, description },
    textHint
  )

/** Whether a text can be written in UTF-8: a JSON escape may leave half a character. */
export const isWellFormed = (text: string): boolean => !/\p{Surrogate}/u.test(text)

export const share = (description: string) =>
  value(Schema.Number, (x) => x >= 0 && x <= 1, "a number from 0 to 1", {
    minimum: 0,
    maximum: 1,
    description
  })

export const finite = value(Schema.Number, Number.isFinite, "a number", { type: "number" })

export const interval = (description: string) => {
  const message = () => "must be [minimum, maximum], two numbers, the first below the second"
  return Schema.Tuple(finite, finite).pipe(
    Schema.annotations({ message: () => ({ message: message(), override: true }) }),
    Schema.filter(([min, max]) => min < max, {
      message,
      jsonSchema: { description }
    })
  )
}

export const yesOrNo = (description: string) =>
  Schema.Boolean.annotations({
    message: ({ actual }) => withHint("must be true or false", booleanHint(actual)),
    description
  })

export const oneOf = <const L extends string | number>(
  literals: readonly [L, ...ReadonlyArray<L>],
  description: string
) =>
  Schema.Literal(...literals).annotations({
    message: ({ actual }) => ({
      message: withHint(
        `must be one of ${literals.join(", ")}`,
        literals.some((each) => typeof each === "number") ? numberHint(actual) : wordHint(actual, literals)
      ),
      override: true
    }),
    jsonSchema: { enum: [...literals], description }
  })

/** For a word that is misspelt, or written in another way. */
const wordHint = (actual: unknown, words: ReadonlyArray<string | number>): string | undefined => {
  const meant = typeof actual === "string" ? closest(actual, words.map(String)) : undefined
  return meant === undefined ? undefined : `did you mean ${meant}?`
}

export const list = <A, I>(
  item: Schema.Schema<A, I>,
  min: number,
  max: number,
  requirement: string,
  description: string
) => {
  const message = ({ actual }: Issue) =>
    withHint(
      `must be ${requirement}`,
      typeof actual === "string" || typeof actual === "number" ? "put [ ] around it" : undefined
    )
  return Schema.Array(item).pipe(
    Schema.annotations({ message }),
    Schema.filter((items) => items.length >= min && items.length <= max, {
      message,
      jsonSchema: { description, minItems: min, ...(Number.isFinite(max) ? { maxItems: max } : {}) }
    })
  )
}

/** A field that may be left out. */
export const defaulted = <A, I>(schema: Schema.Schema<A, I>, byDefault: NoInfer<A>) =>
  Schema.optionalWith(schema, { exact: true, default: () => byDefault })

export const optional = <A, I>(schema: Schema.Schema<A, I>) => Schema.optionalWith(schema, { exact: true })

/** A section that may be left out: all its fields then have their defaults. */
export const section = <A extends object, I extends object>(schema: Schema.Schema<A, I>, empty: NoInfer<I>) =>
  defaulted(schema, Schema.decodeSync(schema)(empty))
