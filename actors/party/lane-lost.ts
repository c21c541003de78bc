/** What may happen to a process of a cloud that trains, or deals, as a lane. */
import { Data } from "effect"

/** A lane failed or fell silent during a session that needs it. */
export class LaneLost extends Data.TaggedError("LaneLost")<{
  readonly lane: string
  readonly reason: string
}> {
  readonly retryable = true
  override get message(): string {
    return `Lane ${this.lane} was lost: ${this.reason}; the training continues without it; see its event log and check that it runs and reaches the broker, or start another lane`
  }
}
