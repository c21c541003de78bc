/** What the gateway asks: somebody who has the outputs of prepared rows computed, and says why there are none. */
import { Context, Data, type Effect } from "effect"

/** The quota does not cover the rows. */
export class QuotaRefused extends Data.TaggedError("QuotaRefused")<{
  readonly message: string
  /** Until there is more; undefined where that is not known or never. */
  readonly retryAfterSeconds: number | undefined
}> {
  readonly retryable = false
}

/** Nothing is wrong with the request: it may be sent again. */
export class Unavailable extends Data.TaggedError("Unavailable")<{
  readonly message: string
  readonly retryAfterSeconds: number
}> {
  readonly retryable = true
}

/** There were no outputs in the time that is allowed. */
export class TookTooLong extends Data.TaggedError("TookTooLong")<{ readonly message: string }> {
  readonly retryable = true
}

/** The clouds do not serve this asker, or not such rows. */
export class AskerRefused extends Data.TaggedError("AskerRefused")<{ readonly message: string }> {
  readonly retryable = false
}

export type PredictorError = QuotaRefused | Unavailable | TookTooLong | AskerRefused

/** How the clouds are, as far as the asker can tell. */
export interface Standing {
  /** Whether they answer. */
  readonly reachable: boolean
  /** Rows that are left of the quota; undefined where there is no answer, or no quota. */
  readonly rowsLeft: number | undefined
  /** Why they do not answer. */
  readonly reason: string | undefined
}

export class Predictor extends Context.Tag("scenarios/Predictor")<
  Predictor,
  {
    /** The outputs of the network, rows × outputs, for rows × features. */
    readonly predict: (features: Float64Array) => Effect.Effect<Float64Array, PredictorError>
    readonly standing: Effect.Effect<Standing>
  }
>() {}
