/** Errors of oblivious transfer: what a peer sent does not fit, or a pad would serve twice. None carries a key or a pad. */
import { Data } from "effect"

/** A message has not the length that follows from what both clouds do. */
export class TransferRefused extends Data.TaggedError("TransferRefused")<{
  readonly what: "base points" | "base point" | "tree corrections" | "choices" | "transfers"
  readonly expectedBytes: number
  readonly actualBytes: number
}> {
  readonly retryable = false
  override get message(): string {
    return `oblivious transfer: expected ${this.expectedBytes} bytes of ${this.what} from the peer, got ${this.actualBytes}: do both clouds run the same plan, and have both begun anew?`
  }
}

/** The peer's message, if it has as many bytes as it should. Throws `TransferRefused`. */
export const demandBytes = (
  message: Uint8Array | undefined,
  what: TransferRefused["what"],
  expectedBytes: number
): Uint8Array => {
  if (message?.length === expectedBytes) return message
  throw new TransferRefused({ what, expectedBytes, actualBytes: message?.length ?? 0 })
}

/** A point that the peer sent is not on the curve P-256. */
export class NotOnCurve extends Data.TaggedError("NotOnCurve")<{ readonly index: number }> {
  readonly retryable = false
  override get message(): string {
    return `oblivious transfer: point ${this.index} from the peer is not on the curve P-256: do both clouds run the same version?`
  }
}

/** A transfer would take a pad that has masked a message already: the two would reveal their difference. */
export class PadReused extends Data.TaggedError("PadReused")<{
  /** The number of the first transfer's first choice bit. */
  readonly transfer: number
  readonly use: number
}> {
  readonly retryable = false
  override get message(): string {
    return `oblivious transfer: use ${this.use} of choice bit ${this.transfer} occurs twice: a pad masks one message only, give the second transfer a use of its own`
  }
}
