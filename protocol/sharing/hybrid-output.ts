/**
 * The hybrid form of the encrypted model, for large models (section 7 of docs/concepts/protocol.md): each
 * cloud encrypts its share of the weights under a fresh key of AES-128-GCM, and only the two keys are under
 * pk. They are packed like a model of four words: C0 encrypts its key and room for C1's, and C1 adds its own,
 * so that the first component is C0's here too. The users open the keys together like a packed model, then the
 * shares, and add them. C0 could open the keys; it is never sent C1's key or share.
 */
import { randomBytes } from "node:crypto"
import { Data, Effect, Either } from "effect"
import { seal, tagBytes, unseal } from "../aead.ts"
import type { Parameters } from "../bcp/parameters.ts"
import { concatenate, wordBytes } from "../bytes.ts"
import { CanonicalWriter } from "../canonical.ts"
import {
  type JointDecryptionFailed,
  openModel,
  type PartialsMissing,
  type PartialsRejected,
  sealModel,
  sealModelShare,
  type UnifiedKey
} from "./model-output.ts"
import { ModelOfWrongSize, type SealedModel, type SealedShare0 } from "./sealed-model.ts"
import { addWords } from "./split.ts"
import type { Work } from "./work.ts"

const keyBytes = 16
/** Words of both keys: the model that is under pk. */
export const keyWords = (2 * keyBytes) / wordBytes
/** In place of the other cloud's key. */
const room = new Uint8Array(keyBytes)
/** A key seals one share, so its nonce may be fixed. */
const nonce = new Uint8Array(12)

/** Bytes by which a sealed share is longer than the share. */
export const shareOverheadBytes = tagBytes

/** Which share it is: bound into it. */
export interface ShareName {
  readonly run: string
  readonly cloud: 0 | 1
}

/** A share can't be decrypted with its key: it was changed, or belongs to another run or cloud. */
export class ShareUnreadable extends Data.TaggedError("ShareUnreadable")<ShareName> {
  readonly retryable = false
  override get message(): string {
    return `The share of cloud${this.cloud} of the model of run ${this.run} can't be decrypted with its key: it was changed, or is of another run; the clouds have to encrypt the model again.`
  }
}

const bound = ({ run, cloud }: ShareName): Uint8Array =>
  new CanonicalWriter().string("bicameral model share").u32(1).string(run).u32(cloud).finish()

/** A fresh key, and the share under it. */
const underFreshKey = (name: ShareName, share: Uint8Array) => {
  const key = new Uint8Array(randomBytes(keyBytes))
  return { key, sealed: seal({ key, nonce, about: bound(name) }, share) }
}

/** Cloud 0: its share of the weights, little-endian words, for C1. */
export const sealHybridShare = <E>(
  work: Work<E>,
  keys: UnifiedKey,
  run: string,
  share: Uint8Array
): Effect.Effect<Required<SealedShare0>, E> =>
  Effect.gen(function* () {
    const own = underFreshKey({ run, cloud: 0 }, share)
    const ciphertexts = yield* sealModelShare(work, keys, concatenate([own.key, room]))
    return { ciphertexts, share: own.sealed }
  })

/** Cloud 1: the encrypted model from C0's share and its own. */
export const sealHybridModel = <E>(
  work: Work<E>,
  keys: Pick<UnifiedKey, "parameters">,
  run: string,
  share0: Required<SealedShare0>,
  share1: Uint8Array
): Effect.Effect<Required<SealedModel>, E | ModelOfWrongSize> =>
  Effect.gen(function* () {
    const own = underFreshKey({ run, cloud: 1 }, share1)
    const ciphertexts = yield* sealModel(work, keys, share0.ciphertexts, concatenate([room, own.key]))
    return { ciphertexts, shares: [share0.share, own.sealed] }
  })

/** A cloud's share of the weights from what it sealed under its key. */
export const openShare = (
  name: ShareName,
  key: Uint8Array,
  sealed: Uint8Array
): Either.Either<Uint8Array, ShareUnreadable> =>
  Either.fromOption(unseal({ key, nonce, about: bound(name) }, sealed), () => new ShareUnreadable(name))

/**
 * User: the weights, little-endian words, from the encrypted model and the partial decryptions of the keys,
 * including one's own. `users`, `threshold`: see `openModel`. `words` is the size of the model.
 */
export const openHybridModel = <E>(
  work: Work<E>,
  parameters: Parameters,
  run: string,
  model: Required<SealedModel> & { readonly words: number },
  users: ReadonlyArray<string>,
  partials: ReadonlyMap<string, Uint8Array>,
  threshold?: number
): Effect.Effect<
  Uint8Array,
  ModelOfWrongSize | PartialsMissing | PartialsRejected | JointDecryptionFailed<E> | ShareUnreadable
> =>
  Effect.gen(function* () {
    const { ciphertexts, shares, words } = model
    const expectedBytes = words * wordBytes + shareOverheadBytes
    for (const [cloud, { length }] of shares.entries()) {
      if (length !== expectedBytes) {
        const what = `The sealed share of cloud${cloud}`
        return yield* new ModelOfWrongSize({ what, bytes: length, expectedBytes })
      }
    }
    const sealed = { sealed: ciphertexts, words: keyWords }
    const keys = yield* openModel(work, parameters, sealed, users, partials, threshold)
    const share = (cloud: 0 | 1) => {
      const at = cloud * keyBytes
      return openShare({ run, cloud }, keys.subarray(at, at + keyBytes), shares[cloud])
    }
    return addWords(yield* share(0), yield* share(1))
  }).pipe(Effect.withSpan("User.openHybridModel"))

/** The bytes at rest at C1: the keys under pk, then both shares under them. */
export const encodeHybridModel = ({ ciphertexts, shares }: Required<SealedModel>): Uint8Array =>
  new CanonicalWriter().bytes(ciphertexts).bytes(shares[0]).bytes(shares[1]).finish()
