/**
 * The hybrid form of the encrypted model, for large models (section 7 of docs/concepts/protocol.md): each
 * cloud encrypts its share of the weights under a fresh key of AES-128-GCM, and only the two keys are under
 * pk. The users open the keys together like a packed model, then the shares, and add them. C0 could open the
 * keys; it is never sent C1's key or share.
 */
import { randomBytes } from "node:crypto"
import { Data, Effect, Either } from "effect"
import { seal, tagBytes, unseal } from "../aead.ts"
import { outputSlotBits, slotsPerPlaintext } from "../bcp/packing.ts"
import type { Parameters } from "../bcp/parameters.ts"
import { wordBytes } from "../bytes.ts"
import { CanonicalWriter } from "../canonical.ts"
import {
  type JointDecryptionFailed,
  ModelOfWrongSize,
  openModel,
  type PartialsMissing,
  type PartialsRejected,
  type UnifiedKey
} from "./model-output.ts"
import { addWords } from "./split.ts"
import type { Work } from "./work.ts"

const keyBytes = 16
/** A key seals one share, so its nonce may be fixed. */
const nonce = new Uint8Array(12)

/** Bytes by which a sealed share is longer than the share. */
export const shareOverheadBytes = tagBytes

/** Which share it is: bound into it. */
export interface ShareName {
  readonly run: string
  readonly cloud: 0 | 1
}

/** A cloud's share under a key of its own, and that key under pk. */
export interface SealedShare {
  /** One ciphertext. */
  readonly key: Uint8Array
  readonly share: Uint8Array
}

/** Both clouds' shares: two ciphertexts of keys, and the shares under them. */
export interface HybridModel {
  readonly keys: Uint8Array
  readonly shares: readonly [Uint8Array, Uint8Array]
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

/** A cloud: its share of the weights, little-endian words. */
export const sealShare = <E>(
  work: Work<E>,
  { parameters, unifiedPublicKey, mode }: UnifiedKey,
  name: ShareName,
  share: Uint8Array
): Effect.Effect<SealedShare, E> =>
  Effect.gen(function* () {
    const key = new Uint8Array(randomBytes(keyBytes))
    const { ciphertexts } = yield* work.run("encryptPacked", {
      parameters,
      publicKey: unifiedPublicKey,
      mode,
      words: key,
      slotBits: outputSlotBits
    })
    return { key: ciphertexts, share: seal({ key, nonce, about: bound(name) }, share) }
  }).pipe(Effect.withSpan("Cloud.sealShare"))

const openShare = (
  name: ShareName,
  key: Uint8Array,
  sealed: Uint8Array
): Either.Either<Uint8Array, ShareUnreadable> =>
  Either.fromOption(unseal({ key, nonce, about: bound(name) }, sealed), () => new ShareUnreadable(name))

/**
 * User: the weights, little-endian words, from the encrypted model and all partial decryptions of the two
 * keys, including one's own. `users` are all users of the run; `words` is the size of the model.
 */
export const openHybridModel = <E>(
  work: Work<E>,
  parameters: Parameters,
  run: string,
  model: HybridModel & { readonly words: number },
  users: ReadonlyArray<string>,
  partials: ReadonlyMap<string, Uint8Array>
): Effect.Effect<
  Uint8Array,
  ModelOfWrongSize | PartialsMissing | PartialsRejected | JointDecryptionFailed<E> | ShareUnreadable
> =>
  Effect.gen(function* () {
    const { keys, shares, words } = model
    const expectedBytes = words * wordBytes + shareOverheadBytes
    for (const [cloud, { length }] of shares.entries()) {
      if (length !== expectedBytes) {
        const what = `The sealed share of cloud${cloud}`
        return yield* new ModelOfWrongSize({ what, bytes: length, expectedBytes })
      }
    }
    // Each key is at the beginning of a plaintext of its own.
    const slots = slotsPerPlaintext(parameters.bits, outputSlotBits)
    const sealed = { sealed: keys, words: slots + keyBytes / wordBytes }
    const opened = yield* openModel(work, parameters, sealed, users, partials)
    const share = (cloud: 0 | 1) => {
      const at = cloud * slots * wordBytes
      return openShare({ run, cloud }, opened.subarray(at, at + keyBytes), shares[cloud])
    }
    return addWords(yield* share(0), yield* share(1))
  }).pipe(Effect.withSpan("User.openHybridModel"))

/** The bytes at rest at C1: the keys under pk, then both shares under them. */
export const encodeHybridModel = ({ keys, shares }: HybridModel): Uint8Array =>
  new CanonicalWriter().bytes(keys).bytes(shares[0]).bytes(shares[1]).finish()
