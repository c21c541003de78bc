/**
 * Where the clouds' correlated randomness comes from (section 5 of docs/concepts/protocol.md). Each cloud expands its
 * own PRG key. What C1 lacks so that both expansions fit each other, the corrections, is supplied here: ahead
 * of its use, in stretches of steps. The KGC is one provider (`from-kgc.ts`), the clouds themselves are another
 * (`from-clouds.ts`), and what was dealt and stored before is the third (`from-store.ts`); all give the same bytes for the
 * same keys.
 */
import type { Effect, Redacted, Scope } from "effect"
import type { DealingError } from "../../../protocol/dealing/errors.ts"
import type { BatchOrder } from "../../../protocol/learning/order.ts"
import type { TrainingPlan } from "../../../protocol/learning/plan.ts"
import type { DealRequest, DealtPart } from "../../../protocol/messages/training.ts"
import type { AskError, Party, RoundError } from "../../../runtime/messaging/contract.ts"
import type { NotExpected } from "../../party/handlers.ts"
import type { LaneLost } from "../../party/lane-lost.ts"
import type { Stretch } from "../../party/stretches.ts"
import type { StoredDealingError } from "./stored.ts"

/**
 * Why a process gets no corrections: the dealer, or the other cloud that deals too, is not there or sends what does not fit,
 * a lane that deals is lost, or what is stored is not what is needed.
 */
export type SupplyError = AskError | RoundError | NotExpected | DealingError | LaneLost | StoredDealingError

/** What a process is to be supplied with. */
export interface SupplyRequest {
  /** The number of the session that the supply is for. */
  readonly session: number
  readonly plan: TrainingPlan
  readonly order: BatchOrder
  readonly stretches: ReadonlyArray<Stretch>
  /** Where the clouds deal: how many of the stretches, from the first, C1 has stored already; none if absent. */
  readonly dealt?: number
  /** The part of each step that this process computes; all of it if absent. */
  readonly part?: DealtPart
  /** The lanes of this process, which deal abreast of it where the clouds deal. */
  readonly dealers?: ReadonlyArray<LaneDealer>
}

/** Has a lane deal a group of stretches with its peer, by its number in the session, in a strand of theirs: at C1 the corrections of them all. */
export type LaneDealer = (group: number, strand: number) => Effect.Effect<Uint8Array, LaneLost>

/** The corrections of the stretches, in their order. */
export interface Supply {
  /** The material of the next stretch: at C1 the messages of its steps, one after another; at C0 nothing. */
  readonly next: Effect.Effect<Uint8Array | undefined, SupplyError>
  /** What a lane of this process asks for, where lanes do not ask the KGC. */
  readonly ofLane?: (request: DealRequest, lane: string) => Effect.Effect<Uint8Array, SupplyError>
  /** Gives their memory back; they must not be used afterwards. */
  readonly release: (corrections: Uint8Array | undefined) => void
}

export interface RandomnessProvider {
  /** This cloud's PRG key, k_0 or k_1: 16 bytes. */
  readonly prgKey: Redacted.Redacted<Uint8Array>
  /** Starts a supply, which ends with the scope. */
  readonly supply: (request: SupplyRequest) => Effect.Effect<Supply, never, Party | Scope.Scope>
}
