/**
 * A whole scenario from what a parser of its file gives: each part for itself, then all of them against each
 * other.
 */
import { Schema } from "../../protocol/schema.ts"
import { inconsistencies } from "./consistency.ts"
import { type Scenario, Whole } from "./schema.ts"

const Consistent: Schema.Schema<Scenario, typeof Whole.Encoded> = Whole.pipe(
  Schema.filter((scenario) => inconsistencies(scenario))
)

/** Defaults are filled in. Unknown keys are errors, and all problems are reported at once. */
export const decodeScenario = Schema.decodeUnknownEither(Consistent, {
  errors: "all",
  onExcessProperty: "error"
})
