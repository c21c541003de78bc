/**
 * The only file that imports `@effect/schema`, which describes and checks data from outside, messages and
 * scenario files, so that the library can be replaced in one place.
 */
import { Schema } from "@effect/schema"

export { ArrayFormatter, AST, JSONSchema, ParseResult, Schema, TreeFormatter } from "@effect/schema"

/** A safe integer from 0 upwards. */
export const NonNegativeInt = Schema.Int.pipe(
  Schema.between(0, Number.MAX_SAFE_INTEGER),
  Schema.annotations({ identifier: "NonNegativeInt" })
)
