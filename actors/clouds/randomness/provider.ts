/**
 * Where the clouds' correlated randomness comes from (section 5 of docs/concepts/protocol.md). Each cloud expands its
 * own PRG key. What C1 lacks so that both expansions fit each other, the corrections, is supplied here: ahead
 * of its use, in stretches of steps. The KGC is one provider (`from-kgc.ts`); any other must give the same
 * bytes for the same keys.
 */
import type { Effect, Redacted, Scope } from "effect"
import type { TrainingPlan } from "../../../protocol/learning/plan.ts"
import type { DealtPart } from "../../../protocol/messages/training.ts"
import type { AskError, Party } from "../../../runtime/messaging/contract.ts"
import type { Stretch } from "../../party/stretches.ts"

/** What a process is to be supplied with. */
export interface SupplyRequest {
  readonly plan: TrainingPlan
  readonly stretches: ReadonlyArray<Stretch>
  /** The part of each step that this process computes; all of it if absent. */
  readonly part?: DealtPart
}

/** The corrections of the stretches, in their order. */
export interface Supply {
  /** The material of the next stretch: at C1 the messages of its steps, one after another; at C0 nothing. */
  readonly next: Effect.Effect<Uint8Array | undefined, AskError>
  /** Gives their memory back; they must not be used afterwards. */
  readonly release: (corrections: Uint8Array | undefined) => void
}

export interface RandomnessProvider {
  /** This cloud's PRG key, k_0 or k_1: 16 bytes. */
  readonly prgKey: Redacted.Redacted<Uint8Array>
  /** Starts a supply, which ends with the scope. */
  readonly supply: (request: SupplyRequest) => Effect.Effect<Supply, never, Party | Scope.Scope>
}
