/**
 * TransDec (the paper's; Peter, Tews, Katzenbeisser, TIFS 2013): ciphertexts under pk become ciphertexts
 * under one user's pk_i, so that this user alone can open them. C0 opens them blinded by a τ uniform modulo
 * N; C1 strips the blind in the ciphertext domain only, so neither learns anything.
 */
import { Effect, Redacted } from "effect"
import type { Parameters } from "../bcp/parameters.ts"
import {
  type AnswerOfWrongSize,
  type Cloud0Keys,
  type Cloud1Keys,
  requireSize
} from "../sharing/transformation.ts"
import type { Work } from "../sharing/work.ts"

/**
 * Cloud 0: blinded ciphertexts under pk, opened and encrypted under pk_i. The blinded plaintexts stay here:
 * C1 knows the blinds and would have the message.
 */
export const reencryptForUser = <E>(
  work: Work<E>,
  keys: Cloud0Keys,
  userPublicKey: Uint8Array,
  blinded: Uint8Array
): Effect.Effect<Uint8Array, E> =>
  work
    .run("reencryptBlinded", {
      parameters: keys.parameters,
      masterKey: Redacted.value(keys.masterKey),
      fromKey: keys.unifiedPublicKey,
      toKey: userPublicKey,
      mode: keys.mode,
      blinded
    })
    .pipe(
      Effect.map(({ ciphertexts }) => ciphertexts),
      Effect.withSpan("Cloud0.reencryptForUser")
    )

/**
 * Cloud 1: ciphertexts under pk to ciphertexts of the same under pk_i. `askCloud0` carries the blinded ones
 * to `reencryptForUser`.
 */
export const transformToUser = <E, E2, R>(
  work: Work<E>,
  keys: Cloud1Keys,
  ciphertexts: Uint8Array,
  askCloud0: (blinded: Uint8Array) => Effect.Effect<Uint8Array, E2, R>
): Effect.Effect<Uint8Array, E | E2 | AnswerOfWrongSize, R> =>
  Effect.gen(function* () {
    const { parameters, mode, unifiedPublicKey: publicKey } = keys
    const { blinded, blinds } = yield* work.run("blind", { parameters, publicKey, mode, ciphertexts })
    const answer = yield* askCloud0(blinded)
    yield* requireSize("ciphertexts", answer, blinded.length)
    const stripped = yield* work.run("stripCiphertexts", { parameters, ciphertexts: answer, blinds })
    return stripped.ciphertexts
  }).pipe(Effect.withSpan("Cloud1.transformToUser"))

/** How words are packed. */
export interface SlotsOfWords {
  readonly slotBits: number
  readonly words: number
  readonly signed?: boolean
}

/** User: the words of packed ciphertexts under its own pk_i. Slots of integers have a sign. */
export const openWithOwnKey = <E>(
  work: Work<E>,
  keys: { readonly parameters: Parameters; readonly secretKey: Redacted.Redacted<Uint8Array> },
  ciphertexts: Uint8Array,
  { slotBits, words: count, signed = false }: SlotsOfWords
): Effect.Effect<Uint8Array, E> =>
  Effect.gen(function* () {
    const { parameters } = keys
    const secretKey = Redacted.value(keys.secretKey)
    const { partials } = yield* work.run("partialDecrypt", { parameters, secretKey, ciphertexts })
    // Under pk_i there is one secret key, so its one partial decryption is the whole.
    const { words } = yield* work.run("combinePartials", {
      parameters,
      ciphertexts,
      partials: [partials],
      ...{ slotBits, count, signed }
    })
    return words
  }).pipe(Effect.withSpan("User.openWithOwnKey"))
