/**
 * What can go wrong in a step that is not a defect of the caller: a peer or dealer that sent something that
 * does not fit. Every error names the operation; none carries a share or a mask.
 */
import { Data } from "effect"
import { describeOperation, type Operation } from "../learning/operations.ts"

/** The corrections message of a step is truncated, oversized, or lacks what an operation needs. */
export class CorrectionsRefused extends Data.TaggedError("CorrectionsRefused")<{
  readonly step: number
  /** Undefined where the message as a whole is at fault. */
  readonly operation: Operation | undefined
  readonly why: string
}> {
  /** Dealing is repeatable: asking again gets the same bytes, whole. */
  readonly retryable = true
  override get message(): string {
    const where = this.operation === undefined ? "" : ` for ${describeOperation(this.operation)}`
    return `corrections of step ${this.step}${where}: ${this.why}; ask the KGC for this step again`
  }
}

/** The peer's message of a round has the wrong length, or there is the wrong number of them. */
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

/**
 * An operation was asked for twice in a step: its masks would serve two values and give their difference
 * away.
 */
export class MaskReused extends Data.TaggedError("MaskReused")<{
  readonly step: number
  readonly operation: Operation
}> {
  readonly retryable = false
  override get message(): string {
    return `${describeOperation(this.operation)} occurs twice in step ${this.step}: a mask serves one value only, give the second a place of its own`
  }
}

/**
 * A product was used for something else than a rescale, which is what takes the product of the masks away.
 */
export class ProductNotRescaled extends Data.TaggedError("ProductNotRescaled")<{
  readonly step: number
  readonly product: Operation
}> {
  readonly retryable = false
  override get message(): string {
    return `${describeOperation(this.product)} in step ${this.step} is used as it is, with a product of the masks in it: rescale it first`
  }
}

/** A rescale outside what the dealt rounding can do. */
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
