/**
 * Errors of a step that are not defects of the caller: a peer or dealer sent something that does not fit.
 * Every error names the operation; none carries a share or a mask.
 */
import { Data } from "effect"
import { describeOperation, type Operation } from "../learning/operations.ts"

/** The corrections message of a step is truncated, oversized, or lacks what an operation needs. */
export class CorrectionsRefused extends Data.TaggedError("CorrectionsRefused")<{
  readonly step: number
  /** Undefined if the message as a whole is wrong. */
  readonly operation: Operation | undefined
  readonly why: string
}> {
  /** Dealing is repeatable: a retry gets the same bytes, complete. */
  readonly retryable = true
  override get message(): string {
    const where = this.operation === undefined ? "" : ` for ${describeOperation(this.operation)}`
    return `corrections of step ${this.step}${where}: ${this.why}; have this step dealt for again`
  }
}

/** The peer's messages of a round have the wrong length or number. */
export class OpeningRefused extends Data.TaggedError("OpeningRefused")<{
  readonly step: number
  readonly operation: Operation
  readonly expectedBytes: number
  readonly actualBytes: number
}> {
  readonly retryable = false
  override get message(): string {
    return `opening of ${describeOperation(this.operation)} in step ${this.step}: expected ${this.expectedBytes} bytes from the peer, got ${this.actualBytes}: do both clouds run the same plan?`
  }
}

/** An operation was used twice in a step: its masks would serve two values and reveal their difference. */
export class MaskReused extends Data.TaggedError("MaskReused")<{
  readonly step: number
  readonly operation: Operation
}> {
  readonly retryable = false
  override get message(): string {
    return `${describeOperation(this.operation)} occurs twice in step ${this.step}: a mask serves one value only, give the second a place of its own`
  }
}

/** A product was used for something other than a rescale, which alone removes the product of the masks. */
export class ProductNotRescaled extends Data.TaggedError("ProductNotRescaled")<{
  readonly step: number
  readonly product: Operation
}> {
  readonly retryable = false
  override get message(): string {
    return `${describeOperation(this.product)} in step ${this.step} is used as it is, with a product of the masks in it: rescale it first`
  }
}

/** A rescale beyond the range of the dealt rounding. */
export class RescaleOutOfRange extends Data.TaggedError("RescaleOutOfRange")<{
  readonly operation: Operation
  readonly shift: number
  readonly factor: number
}> {
  readonly retryable = false
  override get message(): string {
    return `${describeOperation(this.operation)}: shift ${this.shift} must be an integer from 1 to 62 and factor ${this.factor} a positive integer`
  }
}
