/**
 * Corrections at rest: those of a stretch of steps are an entry of C1's store, under AES-128-GCM with a key that only C1
 * has. To C1 they say nothing without C0's key; with it, and with what the clouds sent each other, they remove the masks.
 */
import { Data, Either } from "effect"
import { sealFresh, unsealingFresh } from "../aead.ts"
import { CanonicalWriter } from "../canonical.ts"

/** What corrections are for, bound into their seal, so that they serve nothing else. */
export interface StretchName {
  readonly run: string
  /** A digest of the plan, the rows, the order of the batches and the key that they were dealt for. */
  readonly dealtFor: string
  readonly first: number
  readonly last: number
}

/** Stored corrections can't be decrypted: they were changed or cut short, are of other steps, or are under another key. */
export class StretchUnreadable extends Data.TaggedError("StretchUnreadable")<Omit<StretchName, "dealtFor">> {
  readonly retryable = false
  override get message(): string {
    return `The corrections of steps ${this.first} to ${this.last} that run ${this.run} has stored can't be decrypted: they were changed or cut short, are of other steps, or are under another key; put a good copy back, or start a new run.`
  }
}

const bound = ({ run, dealtFor, first, last }: StretchName): Uint8Array =>
  new CanonicalWriter()
    .string("bicameral stored corrections")
    .u32(1)
    .string(run)
    .string(dealtFor)
    .u32(first)
    .u32(last)
    .finish()

/** Corrections under the key: nonce, ciphertext, tag. */
export const sealStretch = (key: Uint8Array, name: StretchName, corrections: Uint8Array): Uint8Array =>
  sealFresh(key, bound(name), corrections)

/** The corrections again, decrypted in place; it yields in between, as they may be many. */
export function* openingStretch(
  key: Uint8Array,
  name: StretchName,
  sealed: Uint8Array
): Generator<void, Either.Either<Uint8Array, StretchUnreadable>> {
  const opened = yield* unsealingFresh(key, bound(name), sealed)
  return Either.fromOption(opened, () => new StretchUnreadable(name))
}
