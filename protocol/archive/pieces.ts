/**
 * C1's share of a hybrid upload at rest: its words in pieces, each an entry of C1's store, under AES-128-GCM
 * with a key that only C1 has. To C1 the words are uniformly random. Together with the decrypted Enc_pk(seed)
 * of the archive they give the cells, so C1's folder must be worthless without the key.
 */
import { Data, Either } from "effect"
import { sealFresh, unsealFresh } from "../aead.ts"
import { CanonicalWriter } from "../canonical.ts"

/** The name of a piece, bound into its seal, so that no piece replaces another. */
export interface PieceName {
  readonly run: string
  readonly user: string
  /** From 0. */
  readonly piece: number
}

/** A piece can't be decrypted: it was changed, is another, or is under another key. */
export class PieceUnreadable extends Data.TaggedError("PieceUnreadable")<PieceName> {
  readonly retryable = false
  override get message(): string {
    return `Piece ${this.piece} of ${this.user}'s share in the archive of run ${this.run} can't be decrypted: it was changed, is another, or is under another key; put a good copy back, or have the users upload again.`
  }
}

/** The entry of C1's store that a piece is in. */
export const pieceEntry = ({ user, piece }: Omit<PieceName, "run">): string => `archive-${user}-${piece}`

const bound = ({ run, user, piece }: PieceName): Uint8Array =>
  new CanonicalWriter().string("bicameral archive piece").u32(1).string(run).string(user).u32(piece).finish()

/** Words under the key: nonce, ciphertext, tag. */
export const sealPiece = (key: Uint8Array, name: PieceName, words: Uint8Array): Uint8Array =>
  sealFresh(key, bound(name), words)

/** The words again, decrypted in place: `sealed` is of no other use afterwards. */
export const openPiece = (
  key: Uint8Array,
  name: PieceName,
  sealed: Uint8Array
): Either.Either<Uint8Array, PieceUnreadable> =>
  Either.fromOption(unsealFresh(key, bound(name), sealed), () => new PieceUnreadable(name))
