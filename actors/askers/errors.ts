/** Why an asker gets no answer. What it may try again says so: then nothing is wrong with what it asked. */
import { Data } from "effect"

/** The clouds did not answer in time, or lost what they had begun. */
export class TryAgain extends Data.TaggedError("TryAgain")<{
  readonly rows: number
  readonly waitedMs: number
  /** What the last attempt ended with, in words. */
  readonly reason: string
  /** The error that a cloud gave as the reason, by its tag, if it gave one. */
  readonly error?: string | undefined
}> {
  readonly retryable = true
  override get message(): string {
    return `no outputs of ${this.rows} rows within ${this.waitedMs} ms (${this.reason}); nothing was answered, ask again`
  }
}

/** A cloud refuses to answer: the asker is not admitted, its quota is used up, or it asks for what is not served. */
export class ServiceRefused extends Data.TaggedError("ServiceRefused")<{
  readonly cloud: string
  readonly reason: string
  /** The cloud's error, by its tag. */
  readonly error?: string | undefined
}> {
  readonly retryable = false
  override get message(): string {
    return `${this.cloud} refuses to answer: ${this.reason}`
  }
}

/** Rows that do not have the columns of the network. */
export class RowsUnfit extends Data.TaggedError("RowsUnfit")<{
  readonly values: number
  readonly inputs: number
}> {
  readonly retryable = false
  override get message(): string {
    return `${this.values} numbers are no whole rows of ${this.inputs}; prepare the rows as the training did`
  }
}

export type AskerError = TryAgain | ServiceRefused | RowsUnfit
