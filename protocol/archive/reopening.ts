/**
 * Reopening the archive without any user (section 4 of docs/concepts/protocol.md): C1 sends C0 c'_i0 as it is, which
 * is C0's own random share, and c'_i1 blinded, and strips the opened values in the clear. Each cloud then has
 * its share again; the archive is unchanged. C0 must never see c'_i1 itself, nor the sum of the two: it could
 * open them. For C1 it opens nothing but c'_i1, which it recognises by the randomness that it gave it.
 *
 * The slots are those of the archive's header. Of an upload for a training on ciphertexts they hold shares over the integers,
 * whose residues modulo 2^64 are shares of the same cells.
 */
import { Effect, Redacted } from "effect"
import { uploadSlotBits } from "../bcp/packing.ts"
import type { Parameters } from "../bcp/parameters.ts"
import {
  type AnswerOfWrongSize,
  type Cloud0Keys,
  type Cloud1Keys,
  type PackedPiece,
  requireSize
} from "../sharing/transformation.ts"
import type { Work } from "../sharing/work.ts"

/** A piece of an archived share. */
export interface ArchivedPiece extends PackedPiece {
  /** As in the header of the archive. */
  readonly slotBits: number
}

/** Words have slots of their own width; the wider ones of integers have a sign. */
const layoutOf = ({ slotBits, words: count }: ArchivedPiece) => ({
  ...{ slotBits, count },
  signed: slotBits !== uploadSlotBits
})

/** Cloud 0: its share of a piece from c'_i0, as little-endian words. */
export const reopenShare0 = <E>(
  work: Work<E>,
  keys: Cloud0Keys,
  piece: ArchivedPiece
): Effect.Effect<Uint8Array, E> =>
  work
    .run("openMaster", {
      parameters: keys.parameters,
      masterKey: Redacted.value(keys.masterKey),
      publicKey: keys.unifiedPublicKey,
      mode: keys.mode,
      ciphertexts: piece.ciphertexts,
      ...layoutOf(piece)
    })
    .pipe(
      Effect.map(({ words }) => words),
      Effect.withSpan("Cloud0.reopenShare")
    )

/**
 * Cloud 0: opens blinded ciphertexts under pk for C1, where they have the randomness of what it encrypted itself
 * for the archive (`randomness`, the digests that it may have); m + τ mod N, fixed-width big-endian.
 */
export const openBlinded = <E>(
  work: Work<E>,
  keys: Cloud0Keys,
  blinded: Uint8Array,
  randomness: ReadonlyArray<Uint8Array>
): Effect.Effect<Uint8Array, E> =>
  work
    .run("openBlinded", {
      parameters: keys.parameters,
      masterKey: Redacted.value(keys.masterKey),
      publicKey: keys.unifiedPublicKey,
      mode: keys.mode,
      blinded,
      randomness
    })
    .pipe(
      Effect.map(({ plaintexts }) => plaintexts),
      Effect.withSpan("Cloud0.openBlinded")
    )

/**
 * Cloud 1: its share of a piece from c'_i1, as little-endian words. The blinds follow from `blindKey`, 16 bytes for
 * this piece in this run alone. `askCloud0` carries the blinded ciphertexts to `openBlinded`.
 */
export const reopenShare1 = <E, E2, R>(
  work: Work<E>,
  { parameters }: Pick<Cloud1Keys, "parameters">,
  blindKey: Uint8Array,
  piece: ArchivedPiece,
  askCloud0: (blinded: Uint8Array) => Effect.Effect<Uint8Array, E2, R>
): Effect.Effect<Uint8Array, E | E2 | AnswerOfWrongSize, R> =>
  Effect.gen(function* () {
    const { blinded, blinds } = yield* work.run("addBlinds", {
      parameters,
      ciphertexts: piece.ciphertexts,
      key: blindKey
    })
    const plaintexts = yield* askCloud0(blinded)
    yield* requireSize("plaintexts", plaintexts, blinds.length)
    const { words } = yield* work.run("stripPlaintexts", {
      parameters,
      plaintexts,
      blinds,
      ...layoutOf(piece)
    })
    return words
  }).pipe(Effect.withSpan("Cloud1.reopenShare"))

/**
 * Add (the paper's): Enc_pk(m_i) from (c'_i0, c'_i1), component by component. Its slots hold m_i0 + m_i1 with
 * the carry above the word, which a slot of 66 bits absorbs; of shares over the integers m_i itself. Cloud 1.
 */
export const addShares = <E>(
  work: Work<E>,
  parameters: Parameters,
  share0: Uint8Array,
  share1: Uint8Array
): Effect.Effect<Uint8Array, E> =>
  work.run("addCiphertexts", { parameters, left: share0, right: share1 }).pipe(
    Effect.map(({ ciphertexts }) => ciphertexts),
    Effect.withSpan("Cloud1.addShares")
  )
