/** Errors of dealing between the clouds. */
import { Data } from "effect"

/** A message of the other cloud has another length than the plan says. */
export class MessageRefused extends Data.TaggedError("MessageRefused")<{
  readonly expectedBytes: number
  readonly actualBytes: number
}> {
  readonly retryable = false
  override get message(): string {
    return `the other cloud dealt with ${this.actualBytes} bytes where the plan has ${this.expectedBytes}; start all parties with the same scenario and version`
  }
}
