/** Errors of dealing between the clouds. */
import { Data } from "effect"
import { CorrectionsRefused } from "../computation/errors.ts"
import { CiphertextsRefused, NoiseBeyondBound } from "../lattice/errors.ts"
import { NotOnCurve, TransferRefused } from "../oblivious-transfer/errors.ts"

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

/** What may be wrong with what the other cloud sends in a dealing, or with a plan that can't be dealt for. */
export const dealingErrors = [
  CiphertextsRefused,
  CorrectionsRefused,
  MessageRefused,
  NoiseBeyondBound,
  NotOnCurve,
  TransferRefused
] as const
export type DealingError = InstanceType<(typeof dealingErrors)[number]>
