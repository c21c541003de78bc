/** A session of the training: what it begins with, and what it ends with. */
import type { Effect } from "effect"
import type { Curve } from "../../../protocol/learning/evaluations.ts"
import { EvaluatedEpochs } from "../../../protocol/messages/control.ts"
import { Bytes, Count, format } from "../../../protocol/messages/message.ts"
import { Schema } from "../../../protocol/schema.ts"
import type { LaneLost } from "../../party/lane-lost.ts"
import type { DealingAhead } from "../randomness/by-clouds-ahead.ts"
import type { Checkpoints } from "./checkpoints.ts"
import type { LanePair, Lanes } from "./lanes/leader.ts"
import type { MoreLanes } from "./lanes/register.ts"

/** Where both clouds start, and in which rounds. */
export interface Session {
  /** The number of the session: from 1, greater than that of any earlier one. */
  readonly epoch: number
  /** The step whose weights both have, or C1 on ciphertexts; 0 before the first. */
  readonly step: number
  /** The lanes, apart from the leaders. */
  readonly lanes: ReadonlyArray<LanePair>
  /** Where the clouds deal: of how many stretches of the whole plan, from the first, C1 has stored the corrections. */
  readonly dealt?: number
}

/** What the sessions of a cloud have in common. */
export interface OfAllSessions {
  /** Where this cloud's part of the weights is stored. */
  readonly checkpoints: Checkpoints
  readonly lanes: Pick<Lanes, "dealers" | "enlist" | "lost">
  /** How many lanes a session could have now, apart from the leader. */
  readonly available: Effect.Effect<number>
}

/** Trains in a session, from where both clouds start; or ends it, since its lanes change. */
export type TrainIn<E, R> = (
  session: Session,
  common: OfAllSessions
) => Effect.Effect<TrainedShare, E | LaneLost | MoreLanes, R>

/** What a cloud does in its sessions: trains, and where the clouds deal, may deal all of it before. */
export interface Trains<E, R> {
  readonly train: TrainIn<E, R>
  readonly ahead?: DealingAhead
}

/**
 * A cloud's share of the trained model, in the order of a model's words, what the training took, and how the model did
 * on validation rows.
 */
export interface TrainedShare {
  readonly words: Uint8Array
  readonly steps: number
  readonly rounds: number
  readonly curve?: Curve
}

/** Its entry in stable storage: also after the run, where the model is served. */
export const trainedEntry = "trained"

export const trainedFormat = format(
  "trained share",
  Schema.Struct({
    words: Bytes,
    steps: Count,
    rounds: Count,
    curve: Schema.optionalWith(EvaluatedEpochs, { exact: true })
  })
)
