/** Errors of products under encryption that are not defects of the caller. None carries a mask, a share or a key. */
import { Data } from "effect"

/** A message of the peer has the wrong length, or numbers that are no residues. */
export class CiphertextsRefused extends Data.TaggedError("CiphertextsRefused")<{
  /** What the message should have been. */
  readonly what: "public key" | "ciphertexts" | "results"
  readonly why: string
}> {
  readonly retryable = false
  override get message(): string {
    return `${this.what} from the peer: ${this.why}: do both clouds run the same plan and version?`
  }
}

/** A product's noise would show through the noise that hides it, or spoil the result. */
export class NoiseBeyondBound extends Data.TaggedError("NoiseBeyondBound")<{
  readonly rows: number
  readonly inner: number
  readonly cols: number
  /** log2 of the noise. */
  readonly bits: number
  readonly allowedBits: number
}> {
  readonly retryable = false
  override get message(): string {
    return `a product of ${this.rows} × ${this.inner} and ${this.inner} × ${this.cols} has noise of ${this.bits.toFixed(1)} bits, and ${this.allowedBits} are allowed: choose a smaller batch`
  }
}

/** Products asked for before both clouds have each other's public key. */
export class NoPublicKey extends Data.TaggedError("NoPublicKey") {
  readonly retryable = false
  override get message(): string {
    return "the peer's public key has not been received: exchange the keys before the first product"
  }
}
