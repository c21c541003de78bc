/** Errors of a training on ciphertexts: what the peer sent does not fit. None carries a value, a blind or a ciphertext. */
import { Data } from "effect"
import { InvalidCiphertext } from "../bcp/ciphertext.ts"
import { Undecryptable } from "../bcp/decryption.ts"
import { describeOperation, type Operation } from "../learning/operations.ts"
import { NotOnCurve, PadReused, TransferRefused } from "../oblivious-transfer/errors.ts"

/** A message has not the length that follows from what both clouds do. */
export class PackedRefused extends Data.TaggedError("PackedRefused")<{
  readonly step: number
  readonly operation: Operation
  readonly expectedBytes: number
  readonly actualBytes: number
}> {
  readonly retryable = false
  override get message(): string {
    return `${describeOperation(this.operation)} in step ${this.step}: expected ${this.expectedBytes} bytes of ciphertexts from the peer, got ${this.actualBytes}: do both clouds run the same plan?`
  }
}

/** What a computation on ciphertexts throws, its transfers included. */
export const ciphertextErrors = [
  PackedRefused,
  InvalidCiphertext,
  Undecryptable,
  TransferRefused,
  NotOnCurve,
  PadReused
] as const
