/**
 * C1's share of a hybrid upload at rest: its words in pieces, each an entry of C1's store, under AES-128-GCM with a key that
 * only C1 has. To C1 the words are uniformly random; who has them and the archive's Enc_pk(seed) opened has the cells,
 * so whoever gets hold of C1's folder without the key has nothing.
 */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto"
import { Data, Either } from "effect"
import { CanonicalWriter } from "../sharing/canonical.ts"

/** Bytes of the key. */
export const pieceKeyBytes = 16
const nonceBytes = 12
const tagBytes = 16

/** Which piece it is: bound into it, so that none stands for another. */
export interface PieceName {
  readonly run: string
  readonly user: string
  /** From 0. */
  readonly piece: number
}

/** A piece does not open: it was changed, is another, or is under another key. */
export class PieceUnreadable extends Data.TaggedError("PieceUnreadable")<PieceName> {
  readonly retryable = false
  override get message(): string {
    return `Piece ${this.piece} of ${this.user}'s share in the archive of run ${this.run} does not open: it was changed, is another, or is under another key; put a good copy back, or have the users upload again.`
  }
}

/** The entry of C1's store that a piece is in. */
export const pieceEntry = ({ user, piece }: Omit<PieceName, "run">): string => `archive-${user}-${piece}`

const bound = ({ run, user, piece }: PieceName): Uint8Array =>
  new CanonicalWriter().string("bicameral archive piece").u32(1).string(run).string(user).u32(piece).finish()

/** Words under the key: nonce, ciphertext, tag. */
export const sealPiece = (key: Uint8Array, name: PieceName, words: Uint8Array): Uint8Array => {
  const nonce = randomBytes(nonceBytes)
  const cipher = createCipheriv("aes-128-gcm", key, nonce).setAAD(bound(name))
  const sealed = new Uint8Array(nonceBytes + words.length + tagBytes)
  sealed.set(nonce)
  sealed.set(cipher.update(words), nonceBytes)
  cipher.final()
  sealed.set(cipher.getAuthTag(), nonceBytes + words.length)
  return sealed
}

/** The words again. */
export const openPiece = (
  key: Uint8Array,
  name: PieceName,
  sealed: Uint8Array
): Either.Either<Uint8Array, PieceUnreadable> => {
  if (sealed.length < nonceBytes + tagBytes) return Either.left(new PieceUnreadable(name))
  const decipher = createDecipheriv("aes-128-gcm", key, sealed.subarray(0, nonceBytes))
    .setAAD(bound(name))
    .setAuthTag(sealed.subarray(-tagBytes))
  try {
    const words = decipher.update(sealed.subarray(nonceBytes, -tagBytes))
    decipher.final()
    return Either.right(new Uint8Array(words.buffer, words.byteOffset, words.length))
  } catch {
    return Either.left(new PieceUnreadable(name))
  }
}
