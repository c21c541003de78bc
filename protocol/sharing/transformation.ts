/**
 * Transformation to the joint key (section 4 of docs/concepts/protocol.md): C0 opens its own share and
 * encrypts it under pk; C1's share goes through KeyProd (Peter, Tews, Katzenbeisser, TIFS 2013), batched.
 * What C0 opens for C1 is m + τ with τ uniform modulo N, so it learns nothing. It opens only what has the
 * randomness of the upload, so that C1 learns nothing but its own share. C1 ends with both shares under pk and
 * its own share in the clear. One call handles one piece of a run.
 */
import { Data, Effect, Redacted } from "effect"
import type { ExponentMode } from "../bcp/keys.ts"
import { uploadSlotBits } from "../bcp/packing.ts"
import type { Parameters } from "../bcp/parameters.ts"
import type { MasterKeyBytes } from "../bcp/wire.ts"
import type { Work } from "./work.ts"

/** The parameters and keys of C0. */
export interface Cloud0Keys {
  readonly parameters: Parameters
  readonly masterKey: Redacted.Redacted<MasterKeyBytes>
  readonly unifiedPublicKey: Uint8Array
  readonly mode: ExponentMode
}

/** The parameters and keys of C1. */
export interface Cloud1Keys {
  readonly parameters: Parameters
  readonly unifiedPublicKey: Uint8Array
  readonly mode: ExponentMode
}

/** Packed ciphertexts and the number of words in them. */
export interface PackedPiece {
  readonly ciphertexts: Uint8Array
  readonly words: number
}

/** A share in both forms: under pk, for the archive, and as little-endian words, for the computation. */
export interface UnifiedPiece {
  /** c'_i0 or c'_i1, one ciphertext for each uploaded one. */
  readonly ciphertexts: Uint8Array
  readonly words: Uint8Array
}

/** C0's answer to blinded ciphertexts. */
export interface Reencrypted {
  /** Enc_pk(m + τ). */
  readonly ciphertexts: Uint8Array
  /** m + τ mod N, fixed-width big-endian, where C1 computes on its share. */
  readonly plaintexts?: Uint8Array
}

/** C0's answer has more or fewer ciphertexts or plaintexts than were sent. */
export class AnswerOfWrongSize extends Data.TaggedError("AnswerOfWrongSize")<{
  readonly from: string
  readonly what: "ciphertexts" | "plaintexts"
  readonly bytes: number
  readonly expectedBytes: number
}> {
  readonly retryable = true
  override get message() {
    return `${this.from} answered with ${this.bytes} bytes of ${this.what}, expected ${this.expectedBytes}: the answer belongs to another request; ask again.`
  }
}

/** Cloud 0: opens its own share of a user's cells, c_i0 under pk_i, and encrypts it under pk for C1. */
export const unifyShare0 = <E>(
  work: Work<E>,
  keys: Cloud0Keys,
  userPublicKey: Uint8Array,
  piece: PackedPiece
): Effect.Effect<UnifiedPiece, E> =>
  Effect.gen(function* () {
    const { parameters, mode } = keys
    const masterKey = Redacted.value(keys.masterKey)
    const { words } = yield* work.run("openMaster", {
      parameters,
      masterKey,
      publicKey: userPublicKey,
      mode,
      ciphertexts: piece.ciphertexts,
      slotBits: uploadSlotBits,
      count: piece.words
    })
    const { ciphertexts } = yield* work.run("encryptPacked", {
      parameters,
      masterKey,
      publicKey: keys.unifiedPublicKey,
      mode,
      words,
      slotBits: uploadSlotBits
    })
    return { ciphertexts, words }
  }).pipe(Effect.withSpan("Cloud0.unifyShare"))

/**
 * Cloud 0's half of KeyProd: blinded ciphertexts under pk_i, opened and encrypted under pk. `randomness` is the
 * digest that the user gave of the ciphertexts without their messages; `reveals` says whether C1 gets m + τ.
 */
export const reencrypt = <E>(
  work: Work<E>,
  keys: Cloud0Keys,
  userPublicKey: Uint8Array,
  blinded: Uint8Array,
  randomness: Uint8Array,
  reveals: boolean
): Effect.Effect<Reencrypted, E> =>
  work
    .run("reencryptUploaded", {
      parameters: keys.parameters,
      masterKey: Redacted.value(keys.masterKey),
      fromKey: userPublicKey,
      toKey: keys.unifiedPublicKey,
      mode: keys.mode,
      blinded,
      randomness
    })
    .pipe(
      Effect.map(({ ciphertexts, plaintexts }) => ({ ciphertexts, ...(reveals && { plaintexts }) })),
      Effect.withSpan("Cloud0.reencrypt")
    )

/**
 * Cloud 1: its share of a user's cells, c_i1 under pk_i, blinded with a τ of its own for each ciphertext,
 * re-encrypted by C0 and stripped. The τ's follow from `blindKey`, 16 bytes for this piece alone.
 * `askCloud0` carries the blinded ciphertexts to `reencrypt` and returns its answer.
 */
export const unifyShare1 = <E, E2, R>(
  work: Work<E>,
  { parameters }: Pick<Cloud1Keys, "parameters">,
  blindKey: Uint8Array,
  piece: PackedPiece,
  askCloud0: AskCloud0<E2, R>
): Effect.Effect<UnifiedPiece, E | E2 | AnswerOfWrongSize, R> =>
  Effect.gen(function* () {
    const reencrypted = yield* reencryptedBy(work, parameters, blindKey, piece.ciphertexts, askCloud0)
    const { plaintexts = new Uint8Array(0) } = reencrypted
    yield* requireSize("plaintexts", plaintexts, reencrypted.blinds.length)
    const slots = { slotBits: uploadSlotBits, count: piece.words }
    return yield* work.run("stripBlind", { parameters, ...reencrypted, plaintexts, ...slots })
  }).pipe(Effect.withSpan("Cloud1.unifyShare"))

/** Carries blinded ciphertexts to `reencrypt` and returns its answer. */
type AskCloud0<E, R> = (blinded: Uint8Array) => Effect.Effect<Reencrypted, E, R>

const reencryptedBy = <E, E2, R>(
  work: Work<E>,
  parameters: Parameters,
  key: Uint8Array,
  uploaded: Uint8Array,
  askCloud0: AskCloud0<E2, R>
) =>
  Effect.gen(function* () {
    const { blinded, blinds } = yield* work.run("addBlinds", { parameters, ciphertexts: uploaded, key })
    const answer = yield* askCloud0(blinded)
    yield* requireSize("ciphertexts", answer.ciphertexts, blinded.length)
    return { ...answer, blinds }
  })

/** Cloud 0: the same as `unifyShare0`, of a share of integers, of which it keeps nothing. */
export const unifyIntegers0 = <E>(
  work: Work<E>,
  { masterKey, mode, parameters, unifiedPublicKey }: Cloud0Keys,
  fromKey: Uint8Array,
  ciphertexts: Uint8Array
): Effect.Effect<UnifiedPiece, E> =>
  work
    .run("reencryptBlinded", {
      ...{ parameters, masterKey: Redacted.value(masterKey), mode },
      ...{ fromKey, toKey: unifiedPublicKey, blinded: ciphertexts }
    })
    .pipe(
      Effect.map(({ ciphertexts }) => ({ ciphertexts, words: noWords })),
      Effect.withSpan("Cloud0.unifyShare")
    )

/** Cloud 1: the same as `unifyShare1`, of a share of integers, of which it has the ciphertexts alone. */
export const unifyIntegers1 = <E, E2, R>(
  work: Work<E>,
  { parameters }: Pick<Cloud1Keys, "parameters">,
  blindKey: Uint8Array,
  piece: PackedPiece,
  askCloud0: AskCloud0<E2, R>
): Effect.Effect<UnifiedPiece, E | E2 | AnswerOfWrongSize, R> =>
  Effect.gen(function* () {
    const { ciphertexts, blinds } = yield* reencryptedBy(
      ...([work, parameters, blindKey, piece.ciphertexts, askCloud0] as const)
    )
    const stripped = yield* work.run("stripCiphertexts", { parameters, ciphertexts, blinds })
    return { ...stripped, words: noWords }
  }).pipe(Effect.withSpan("Cloud1.unifyShare"))

const noWords = new Uint8Array(0)

/** Whether C0's answer has one item for each that was sent. */
export const requireSize = (
  what: AnswerOfWrongSize["what"],
  answer: Uint8Array,
  expectedBytes: number
): Effect.Effect<void, AnswerOfWrongSize> =>
  answer.length === expectedBytes
    ? Effect.void
    : Effect.fail(new AnswerOfWrongSize({ from: "cloud0", what, bytes: answer.length, expectedBytes }))
