/** The kinds of fields that scenario files have: each says in one sentence what it must be, to people and to their editors. */
import { Schema } from "../protocol/schema.ts"

/**
 * A value that is judged as a whole: whatever is wrong with it, its type or its range, is told in the one sentence
 * "must be `requirement`", and the editor gets the same limits.
 */
export const value = <A extends string | number>(
  type: Schema.Schema<A>,
  valid: (x: A) => boolean,
  requirement: string,
  jsonSchema: Readonly<Record<string, unknown>>
) => {
  const message = () => `must be ${requirement}`
  return type.pipe(Schema.annotations({ message }), Schema.filter(valid, { message, jsonSchema }))
}

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
    { pattern: "^[a-z][a-z0-9-]{0,39}$", description }
  )

export const text = (description: string) =>
  value(
    Schema.String,
    (x) => x.length > 0,
    "a text and not empty; put quotes around a number that is meant as a text",
    { minLength: 1, description }
  )

export const share = (description: string) =>
  value(Schema.Number, (x) => x >= 0 && x <= 1, "a number from 0 to 1", {
    minimum: 0,
    maximum: 1,
    description
  })

export const finite = value(Schema.Number, Number.isFinite, "a number", { type: "number" })

export const interval = (description: string) => {
  const message = () => "must be [least, greatest], two numbers, the first below the second"
  return Schema.Tuple(finite, finite).pipe(
    Schema.annotations({ message }),
    Schema.filter(([min, max]) => min < max, { message, jsonSchema: { description } })
  )
}

export const yesOrNo = (description: string) =>
  Schema.Boolean.annotations({ message: () => "must be true or false", description })

export const oneOf = <const L extends string | number>(
  literals: readonly [L, ...ReadonlyArray<L>],
  description: string
) =>
  Schema.Literal(...literals).annotations({
    message: () => ({ message: `must be one of ${literals.join(", ")}`, override: true }),
    jsonSchema: { enum: [...literals], description }
  })

export const list = <A, I>(
  item: Schema.Schema<A, I>,
  min: number,
  max: number,
  requirement: string,
  description: string
) => {
  const message = () => `must be ${requirement}`
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
