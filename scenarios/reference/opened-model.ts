/**
 * Whether a model means anything, as far as a user can judge it with its own data alone. For users on
 * hosts of their own; `run` has the data of all users and judges more (`comparison.ts`).
 */
import { Data, Effect, Option } from "effect"
import { type Agreement, planOfBatch } from "../../actors/party/agreement.ts"
import { modelEntry } from "../../actors/users/output.ts"
import type { Model } from "../../protocol/learning/model.ts"
import { leavesRange, rangeText } from "../../protocol/learning/range.ts"
import { Store } from "../../runtime/storage/store.ts"

/** The run finished, but the numbers of its model mean nothing. */
export class ModelNotMeaningful extends Data.TaggedError("ModelNotMeaningful")<{
  readonly fractionalBits: number
}> {
  readonly retryable = false
  readonly exitStatus = 2
  override get message(): string {
    return `the run ended, but its result is not meaningful: ${beyondRange(this.fractionalBits)}`
  }
}

/** What is wrong with a model that leaves the range. */
export const beyondRange = (fractionalBits: number): string =>
  `the model leaves the range of the fixed-point numbers (${rangeText(fractionalBits)}) by its weights, or for most rows that the public ranges allow, since its training diverged; use a lower training.rate or a narrower data.scaleTo`

/** Fails where the model in the user's store means nothing. */
export const requireMeaningful = (agreement: Agreement) =>
  Effect.gen(function* () {
    const { fractionalBits } = agreement.security
    const store = yield* Store
    const bytes = yield* store.get(modelEntry)
    if (Option.isNone(bytes)) return
    const model = JSON.parse(new TextDecoder().decode(bytes.value)) as Model
    if (leavesRange(model, planOfBatch(agreement))) return yield* new ModelNotMeaningful({ fractionalBits })
  })
