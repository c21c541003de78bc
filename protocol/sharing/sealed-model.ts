/**
 * The encrypted model as C1 hands it to the users, and what of it C0 answers for. C0 makes the first
 * components A of its ciphertexts and C1 leaves them as they are: a user asks C0 for their digest and raises
 * nothing else to its secret key. A power of an element that C1, or anyone else, had chosen would give the key
 * away: (1 + N)^sk is 1 + sk·N. C0 must never see the second components B of the encrypted model, since it
 * could decrypt them with the master key: they go from C1 to the users, and C0 is asked for a digest.
 */
import { createHash } from "node:crypto"
import { Data, Effect } from "effect"
import type { Parameters } from "../bcp/parameters.ts"
import { ciphertextBytes, firstComponents } from "../bcp/wire.ts"
import { CanonicalWriter, sameBytes } from "../canonical.ts"

/** Packed ciphertexts under pk; in the hybrid form of the clouds' keys, with both shares under them. */
export interface SealedModel {
  readonly ciphertexts: Uint8Array
  readonly shares?: readonly [Uint8Array, Uint8Array]
}

/** C0's share of it, for C1; in the hybrid form of its key, with the share under that. */
export interface SealedShare0 {
  readonly ciphertexts: Uint8Array
  readonly share?: Uint8Array
}

/** Shares or ciphertexts whose size is not that of the model. */
export class ModelOfWrongSize extends Data.TaggedError("ModelOfWrongSize")<{
  readonly what: string
  readonly bytes: number
  readonly expectedBytes: number
}> {
  readonly retryable = false
  override get message() {
    return `${this.what}: ${this.bytes} bytes, a model of this network has ${this.expectedBytes}; all parties need the same scenario.`
  }
}

/** C1 handed out first components, or a share of C0, that C0 did not seal. */
export class NotSealedByCloud0 extends Data.TaggedError("NotSealedByCloud0")<{
  readonly handedOutBy: string
}> {
  readonly retryable = false
  override get message() {
    return `${this.handedOutBy} handed out an encrypted model that is not made of the share that cloud0 sealed for it: nothing of it was raised to the secret key. Have the operator of ${this.handedOutBy} look into it.`
  }
}

const none = new Uint8Array(0)

/** SHA-256 of what C1 must leave as C0 made it: the first components, and the share of the hybrid form. */
export const share0Digest = (
  parameters: Pick<Parameters, "bits">,
  { ciphertexts, share = none }: SealedShare0
): Uint8Array =>
  sha256(
    new CanonicalWriter()
      .string("bicameral sealed share")
      .u32(1)
      .bytes(firstComponents(parameters, ciphertexts))
      .bytes(share)
      .finish()
  )

/** SHA-256 of all that C1 hands out: users open one model together. */
export const sealedModelDigest = ({ ciphertexts, shares = [none, none] }: SealedModel): Uint8Array =>
  sha256(
    new CanonicalWriter()
      .string("bicameral sealed model")
      .u32(1)
      .bytes(ciphertexts)
      .bytes(shares[0])
      .bytes(shares[1])
      .finish()
  )

/**
 * User: refuses an encrypted model of `ciphertexts` ciphertexts unless its first components, and in the hybrid
 * form C0's share, are those of which C0 has stated the digest.
 */
export const requireSealedByCloud0 = (
  parameters: Pick<Parameters, "bits">,
  sealed: SealedModel,
  ciphertexts: number,
  stated: Uint8Array
): Effect.Effect<void, ModelOfWrongSize | NotSealedByCloud0> =>
  Effect.gen(function* () {
    const expectedBytes = ciphertexts * ciphertextBytes(parameters)
    const { length: bytes } = sealed.ciphertexts
    if (bytes !== expectedBytes)
      return yield* new ModelOfWrongSize({ what: "The encrypted model from cloud1", bytes, expectedBytes })
    const [share] = sealed.shares ?? [none]
    const found = share0Digest(parameters, { ciphertexts: sealed.ciphertexts, share })
    if (!sameBytes(found, stated)) return yield* new NotSealedByCloud0({ handedOutBy: "cloud1" })
  })

/** SHA-256. */
export const sha256 = (bytes: Uint8Array): Uint8Array =>
  new Uint8Array(createHash("sha256").update(bytes).digest())
