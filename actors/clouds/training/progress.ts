/** How far a session has come: what it has reported to the director, and which checkpoint it is storing. */
import { Effect, Fiber } from "effect"
import type { TrainingPlan } from "../../../protocol/learning/plan.ts"
import { Progress } from "../../../protocol/messages/control.ts"
import { Party } from "../../../runtime/messaging/contract.ts"
import { Metering } from "../../../runtime/metrics.ts"
import type { StoreError } from "../../../runtime/storage/store.ts"
import type { Agreement } from "../../party/agreement.ts"
import { MoreLanes } from "./lanes/register.ts"
import type { OfAllSessions, Session } from "./session.ts"

/** What is reported, and what is stored. */
interface Progressing extends Pick<OfAllSessions, "checkpoints" | "available"> {
  readonly agreement: Agreement
  readonly plan: TrainingPlan
  /** Least number of steps between two checkpoints, and between two reports. */
  readonly stepsACheckpoint: number
  readonly stepsAReport: number
  /** What a checkpoint holds. */
  readonly state: () => Uint8Array
}

export class SessionProgress {
  readonly #of: Progressing
  readonly #lanes: number
  #counted: number
  #reported: number
  #checkpoint: number
  #storing: Fiber.Fiber<void, StoreError> = Fiber.void

  constructor(of: Progressing, session: Session) {
    this.#of = of
    this.#lanes = session.lanes.length
    this.#counted = session.step
    this.#reported = session.step
    this.#checkpoint = session.step
  }

  /** After the last step of a stretch: reports, and stores a checkpoint, if either is due. */
  after(step: number) {
    return Effect.gen(this, function* () {
      const { checkpoints, available, plan, state, stepsACheckpoint } = this.#of
      const atEnd = step === plan.steps
      const { meters } = yield* Metering
      meters?.addSteps(step - this.#counted)
      this.#counted = step
      yield* this.report(step)
      if (step - this.#checkpoint < stepsACheckpoint && !atEnd) return
      this.#checkpoint = step
      yield* this.stored
      // The training continues meanwhile.
      this.#storing = yield* Effect.fork(checkpoints.keep(step, state()))
      const lanes = yield* available
      if (lanes > this.#lanes && !atEnd) {
        yield* this.stored
        return yield* new MoreLanes({ lanes })
      }
    })
  }

  /** Reports a step if that is due. */
  report(step: number) {
    return Effect.gen(this, function* () {
      const { agreement, plan, stepsAReport } = this.#of
      const due = step - this.#reported >= stepsAReport || step === plan.steps
      if (!agreement.reveal.progress || !due) return
      this.#reported = step
      const party = yield* Party
      yield* party.tell("director", Progress, { phase: "train", done: step, total: plan.steps })
    })
  }

  /** Waits until the latest checkpoint is stored. */
  readonly stored: Effect.Effect<void, StoreError> = Effect.suspend(() => Fiber.join(this.#storing))
}
