/**
 * The output of the model to the users (section 7 of docs/concepts/protocol.md): C0 encrypts its shares of
 * the weights under pk, C1 adds its own and a random multiple of 2^64 in each slot, and the users decrypt the
 * sum together, each with a partial decryption A^(sk_j). C1 leaves the first components A as C0 made them, so
 * that users raise nothing that C1 has chosen (`sealed-model.ts`). Only the users learn the weights. C0 could
 * decrypt the sum and is never sent it. All users together can, or with a threshold any so many of them
 * (`../bcp/threshold.ts`), and no smaller set.
 */
import { Data, Effect, Redacted } from "effect"
import type { ExponentMode } from "../bcp/keys.ts"
import { outputSlotBits, plaintextsFor, slotsPerPlaintext } from "../bcp/packing.ts"
import type { Parameters } from "../bcp/parameters.ts"
import { ciphertextBytes, elementBytes } from "../bcp/wire.ts"
import { concatenate, wordBytes } from "../bytes.ts"
import { ModelOfWrongSize } from "./sealed-model.ts"
import { inJobs, type Work } from "./work.ts"

// σ = 40: what is above a word is ρ or ρ + 1, by the carry, with ρ uniform below 2^40; no one tells which
// with an advantage above 2^−40. A slot holds 64 bits, these 40, and two bits that the sum of two shares and
// the mask may carry into.
const maskBits = 40

/** The parameters and keys for encryption under pk. */
export interface UnifiedKey {
  readonly parameters: Parameters
  readonly unifiedPublicKey: Uint8Array
  readonly mode: ExponentMode
}

/** The parameters and keys of a user that decrypts the model. */
export interface UserKey {
  readonly parameters: Parameters
  /** sk_j, or the key share s_j where the joint key is shared. */
  readonly secretKey: Redacted.Redacted<Uint8Array>
}

/**
 * Partial decryptions of these users are missing. Nothing can be decrypted without all of them, or as many as
 * the threshold.
 */
export class PartialsMissing extends Data.TaggedError("PartialsMissing")<{
  readonly users: ReadonlyArray<string>
  /** How many users have to take part, where not all. */
  readonly threshold?: number
}> {
  readonly retryable = true
  override get message() {
    const needed = this.threshold === undefined ? "every user has" : `at least ${this.threshold} users have`
    return `No partial decryption of the model by ${this.users.join(", ")}; ${needed} to take part in decrypting it.`
  }
}

/** Partial decryptions that are not those of a user of this run, of this model, or not proved to be. */
export class PartialsRejected extends Data.TaggedError("PartialsRejected")<{
  readonly user: string
  readonly reason: string
  /** Who else may have caused it. */
  readonly others?: ReadonlyArray<string>
}> {
  readonly retryable = false
  override get message() {
    const suspects = [this.user, ...(this.others ?? [])]
    const operators =
      suspects.length === 1 ? `operator of ${this.user}` : `operators of ${suspects.join(", ")}`
    return `The partial decryptions of the model by ${this.user} were rejected: ${this.reason}. Have the ${operators} look into it.`
  }
}

/**
 * ⊥: all partial decryptions are there, but together they do not decrypt the ciphertexts. Where they are proved
 * (`partial-proofs.ts`), a ciphertext is not one under pk; the cause names it, counted from the `first`-th.
 */
export class JointDecryptionFailed<E = unknown> extends Data.TaggedError("JointDecryptionFailed")<{
  readonly users: ReadonlyArray<string>
  readonly first: number
  readonly cause: E
}> {
  readonly retryable = false
  override get message() {
    const why = this.cause instanceof Error ? this.cause.message : String(this.cause)
    return (
      `The model could not be decrypted with the partial decryptions of ${this.users.join(", ")}, in the ciphertexts from the ` +
      `${this.first}-th (${why}): what the clouds encrypted is not under the joint key. Have the operators of cloud0 and cloud1 look into it.`
    )
  }
}

/** Bytes of an encrypted model of `words` words. */
export const sealedModelBytes = (words: number, bits: number): number =>
  plaintextsFor(words, bits, outputSlotBits) * ciphertextBytes({ bits })

/** Cloud 0: its shares of the weights, little-endian words, under pk; for C1. */
export const sealModelShare = <E>(
  work: Work<E>,
  { parameters, unifiedPublicKey, mode }: UnifiedKey,
  share: Uint8Array
): Effect.Effect<Uint8Array, E> => {
  const slots = slotsPerPlaintext(parameters.bits, outputSlotBits)
  return inJobs(plaintextsFor(share.length / wordBytes, parameters.bits, outputSlotBits), (first, count) =>
    work.run("encryptPacked", {
      parameters,
      publicKey: unifiedPublicKey,
      mode,
      words: share.slice(first * slots * wordBytes, (first + count) * slots * wordBytes),
      slotBits: outputSlotBits
    })
  ).pipe(
    Effect.map((results) => concatenate(results.map(({ ciphertexts }) => ciphertexts))),
    Effect.withSpan("Cloud0.sealModelShare")
  )
}

/**
 * Cloud 1: adds its own shares and the masks to C0's ciphertexts, in their second components. The result is
 * the encrypted model, which rests at C1 and is sent to the users only: C0 would open it, and with it C1's
 * shares.
 */
export const sealModel = <E>(
  work: Work<E>,
  { parameters }: Pick<UnifiedKey, "parameters">,
  sealedShare0: Uint8Array,
  share1: Uint8Array
): Effect.Effect<Uint8Array, E | ModelOfWrongSize> =>
  Effect.gen(function* () {
    const words = share1.length / wordBytes
    yield* requireModelSize("C0's sealed share", sealedShare0, words, parameters.bits)
    const slots = slotsPerPlaintext(parameters.bits, outputSlotBits)
    const bytesEach = ciphertextBytes(parameters)
    const results = yield* inJobs(sealedShare0.length / bytesEach, (first, count) =>
      work.run("addPacked", {
        parameters,
        ciphertexts: sealedShare0.slice(first * bytesEach, (first + count) * bytesEach),
        words: share1.slice(first * slots * wordBytes, (first + count) * slots * wordBytes),
        slotBits: outputSlotBits,
        maskBits
      })
    )
    return concatenate(results.map(({ ciphertexts }) => ciphertexts))
  }).pipe(Effect.withSpan("Cloud1.sealModel"))

/**
 * User: A^(sk_j) of every ciphertext of the encrypted model, for the other users; sealed to them, and to no
 * cloud.
 */
export const partiallyDecrypt = <E>(
  work: Work<E>,
  { parameters, secretKey }: UserKey,
  sealedModel: Uint8Array
): Effect.Effect<Uint8Array, E> => {
  const bytesEach = ciphertextBytes(parameters)
  // Rounded up, so that a ciphertext cut short reaches a job and is refused there.
  return inJobs(Math.ceil(sealedModel.length / bytesEach), (first, count) =>
    work.run("partialDecrypt", {
      parameters,
      secretKey: Redacted.value(secretKey),
      ciphertexts: sealedModel.slice(first * bytesEach, (first + count) * bytesEach)
    })
  ).pipe(
    Effect.map((results) => concatenate(results.map(({ partials }) => partials))),
    Effect.withSpan("User.partiallyDecrypt")
  )
}

/**
 * User: the weights, little-endian words, from the encrypted model and the partial decryptions, including
 * one's own. `users` are all users of the run, in the order of their places; `words` is the size of the
 * model. Without a threshold it takes the partial decryptions of all, with one those of the first so many
 * users that are there: any give the same.
 */
export const openModel = <E>(
  work: Work<E>,
  parameters: Parameters,
  model: { readonly sealed: Uint8Array; readonly words: number },
  users: ReadonlyArray<string>,
  partials: ReadonlyMap<string, Uint8Array>,
  threshold?: number
): Effect.Effect<
  Uint8Array,
  ModelOfWrongSize | PartialsMissing | PartialsRejected | JointDecryptionFailed<E>
> =>
  Effect.gen(function* () {
    const { sealed, words } = model
    yield* requireModelSize("The encrypted model", sealed, words, parameters.bits)
    const bytesEach = ciphertextBytes(parameters)
    const ciphertexts = sealed.length / bytesEach
    const openers = yield* openersOf(users, partials, ciphertexts * elementBytes(parameters), threshold)
    const ordered = openers.map((user) => partials.get(user)!)
    const shared =
      threshold === undefined
        ? undefined
        : { users: users.length, places: openers.map((user) => users.indexOf(user) + 1) }
    const slots = slotsPerPlaintext(parameters.bits, outputSlotBits)
    const results = yield* inJobs(ciphertexts, (first, count) =>
      work
        .run("combinePartials", {
          parameters,
          ciphertexts: sealed.slice(first * bytesEach, (first + count) * bytesEach),
          partials: ordered.map((each) => sliceElements(each, first, count, elementBytes(parameters))),
          shared,
          slotBits: outputSlotBits,
          count: Math.min(words - first * slots, count * slots)
        })
        .pipe(Effect.mapError((cause) => new JointDecryptionFailed({ users: openers, first, cause })))
    )
    return concatenate(results.map((result) => result.words))
  }).pipe(Effect.withSpan("User.openModel"))

/**
 * The users whose partial decryptions open the model, in the order of `users`; each is checked for the size
 * of the model.
 */
const openersOf = (
  users: ReadonlyArray<string>,
  partials: ReadonlyMap<string, Uint8Array>,
  expectedBytes: number,
  threshold?: number
): Effect.Effect<ReadonlyArray<string>, PartialsMissing | PartialsRejected> =>
  Effect.gen(function* () {
    const missing = users.filter((user) => !partials.has(user))
    if (missing.length > users.length - (threshold ?? users.length))
      return yield* new PartialsMissing({
        users: missing,
        ...(threshold === undefined ? {} : { threshold })
      })
    for (const [user, { length }] of partials) {
      if (!users.includes(user))
        return yield* new PartialsRejected({ user, reason: "it is no user of this run" })
      if (length !== expectedBytes) {
        const reason = `${length} bytes, this model takes ${expectedBytes}`
        return yield* new PartialsRejected({ user, reason })
      }
    }
    return users.filter((user) => partials.has(user)).slice(0, threshold)
  })

const sliceElements = (bytes: Uint8Array, first: number, count: number, width: number): Uint8Array =>
  bytes.slice(first * width, (first + count) * width)

const requireModelSize = (
  what: string,
  sealed: Uint8Array,
  words: number,
  bits: number
): Effect.Effect<void, ModelOfWrongSize> => {
  const expectedBytes = sealedModelBytes(words, bits)
  return sealed.length === expectedBytes
    ? Effect.void
    : Effect.fail(new ModelOfWrongSize({ what, bytes: sealed.length, expectedBytes }))
}
