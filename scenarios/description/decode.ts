/**
 * A whole scenario from what a parser of its file gives: each part for itself, then all of them against each
 * other.
 */
import { Either } from "effect"
import { type ParseResult, Schema } from "../../protocol/schema.ts"
import { inconsistencies } from "./consistency.ts"
import { described } from "./described.ts"
import { type Scenario, Whole, type WrittenScenario } from "./schema.ts"

const Consistent: Schema.Schema<WrittenScenario, typeof Whole.Encoded> = Whole.pipe(
  Schema.filter((written) => inconsistencies(described(written)))
)

const decodeWritten = Schema.decodeUnknownEither(Consistent, {
  errors: "all",
  onExcessProperty: "error"
})

/** Defaults are filled in. Unknown keys are errors, and all problems are reported at once. */
export const decodeScenario = (written: unknown): Either.Either<Scenario, ParseResult.ParseError> =>
  Either.map(decodeWritten(written), described)
