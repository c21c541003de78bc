/**
 * A user's upload: the words of all its blocks, one after another, fill the slots of one run of ciphertexts
 * under pk_i (the paper's c_i0 to C0 and c_i1 to C1). The run is cut into pieces that fit a message; the
 * receiver reassembles it and names what is missing or came twice. C0 must see no piece that is for C1: it
 * could open it. It is given a digest of the randomness of each.
 */
import { Data, Effect, Either } from "effect"
import { derive } from "../aead.ts"
import type { ExponentMode } from "../bcp/keys.ts"
import { slotsPerPlaintext } from "../bcp/packing.ts"
import type { Parameters } from "../bcp/parameters.ts"
import { wordBytes } from "../bytes.ts"
import type { Work } from "./work.ts"

/** A piece of a run: `count` ciphertexts from the `first`-th. */
export interface Piece {
  readonly first: number
  readonly count: number
}

/** A piece as it travels. */
export interface CiphertextPiece {
  readonly first: number
  /** Fixed-width ciphertexts, one after the other. */
  readonly ciphertexts: Uint8Array
}

/** A piece of a share of words as it travels, in the hybrid form. */
export interface WordPiece {
  /** The place of the first word among all of the share. */
  readonly first: number
  /** Little-endian words, one after the other. */
  readonly words: Uint8Array
}

/** Not even one ciphertext fits a message. */
export class MessageTooSmall extends Data.TaggedError("MessageTooSmall")<{
  readonly limitBytes: number
  readonly ciphertextBytes: number
}> {
  readonly retryable = false
  override get message() {
    return `A message holds ${this.limitBytes} bytes, a ciphertext has ${this.ciphertextBytes}; raise max_payload or choose a smaller modulus.`
  }
}

/** A piece that cannot be part of its stated run. */
export class PieceRejected extends Data.TaggedError("PieceRejected")<{
  readonly from: string
  readonly what: string
  readonly first: number
  readonly reason: string
}> {
  readonly retryable = false
  override get message() {
    return `Piece of ${this.from}'s ${this.what} from the ${this.first}-th: ${this.reason}.`
  }
}

/** The run is incomplete: its first gap. */
export class PieceMissing extends Data.TaggedError("PieceMissing")<{
  readonly from: string
  readonly what: string
  readonly first: number
  readonly count: number
  readonly expected: number
}> {
  readonly retryable = true
  override get message() {
    return `${this.from} sent ${this.expected} ${this.what}, but ${this.count} from the ${this.first}-th did not arrive; they have to be sent again.`
  }
}

/**
 * Cuts a run of `ciphertexts` into pieces of at most `limitBytes` each. `bytesEach` is the size of a
 * ciphertext in the largest message made of it: itself in an upload, itself and its plaintext in a reply of
 * the transformation.
 */
export const cutRun = (
  ciphertexts: number,
  bytesEach: number,
  limitBytes: number
): Either.Either<ReadonlyArray<Piece>, MessageTooSmall> => {
  const fit = Math.floor(limitBytes / bytesEach)
  if (fit < 1) return Either.left(new MessageTooSmall({ limitBytes, ciphertextBytes: bytesEach }))
  const pieces = Math.ceil(ciphertexts / fit)
  // Pieces of nearly equal size, so that the last worker does not wait for a small rest.
  const edge = (piece: number) => Math.floor((piece * ciphertexts) / pieces)
  return Either.right(
    Array.from({ length: pieces }, (_, i) => ({ first: edge(i), count: edge(i + 1) - edge(i) }))
  )
}

/** The words in a piece of a run of `words` packed words: the first, and how many. */
export const wordsOfPiece = (
  words: number,
  piece: Piece,
  bits: number,
  slotBits: number
): { readonly firstWord: number; readonly words: number } => {
  const slots = slotsPerPlaintext(bits, slotBits)
  const firstWord = piece.first * slots
  return { firstWord, words: Math.max(0, Math.min(words - firstWord, piece.count * slots)) }
}

/** Bytes of a key that randomizers follow from. */
const randomnessBytes = 16

/** Under what a user encrypts a share. */
export interface ShareKeys {
  readonly parameters: Parameters
  readonly publicKey: Uint8Array
  readonly mode: ExponentMode
  /** What the randomizers of the share follow from: 16 bytes for this share alone. */
  readonly randomness: Uint8Array
}

/**
 * One piece of a user's share under pk_i, ready to be sent. `share` is the whole share, little-endian words of
 * all blocks. One job of the worker pool.
 */
export const encryptPiece = <E>(
  work: Work<E>,
  keys: ShareKeys,
  share: Uint8Array,
  piece: Piece,
  slotBits: number
): Effect.Effect<CiphertextPiece, E> => {
  const { firstWord, words } = wordsOfPiece(share.length / wordBytes, piece, keys.parameters.bits, slotBits)
  return work
    .run("encryptPacked", {
      ...keys,
      randomness: derive(keys.randomness, "", `randomizers from ${piece.first}`, randomnessBytes),
      words: share.slice(firstWord * wordBytes, (firstWord + words) * wordBytes),
      slotBits
    })
    .pipe(
      Effect.map(({ ciphertexts }) => ({ first: piece.first, ciphertexts })),
      Effect.withSpan("User.encryptPiece", { attributes: { first: piece.first, count: piece.count } })
    )
}

/**
 * The bytes of a piece, a view of `whole`, which has `bytesEach` bytes for each ciphertext. The last piece
 * may be shorter.
 */
export const pieceOf = (whole: Uint8Array, piece: Piece, bytesEach: number): Uint8Array =>
  whole.subarray(piece.first * bytesEach, (piece.first + piece.count) * bytesEach)

/**
 * Assembles the pieces of one run of ciphertexts or words, in any order. Its memory is allocated once, from
 * the announced count, and pieces are copied into it.
 */
export class RunAssembly {
  readonly #from: string
  readonly #bytesEach: number
  readonly #what: string
  readonly #bytes: Uint8Array
  readonly #placed: Array<Piece> = []
  /** Number of ciphertexts or words in the run. */
  readonly length: number

  constructor(from: string, length: number, bytesEach: number, what = "ciphertexts") {
    this.#from = from
    this.#bytesEach = bytesEach
    this.#what = what
    this.#bytes = new Uint8Array(length * bytesEach)
    this.length = length
  }

  /** Copies a piece to its place, and returns which it was; nothing of a rejected piece is kept. */
  place(piece: CiphertextPiece | WordPiece): Either.Either<Piece, PieceRejected> {
    const { first } = piece
    const bytes = "words" in piece ? piece.words : piece.ciphertexts
    const count = bytes.length / this.#bytesEach
    const end = first + count
    if (!Number.isInteger(count) || count === 0) {
      return this.#reject(
        first,
        `${bytes.length} bytes are no whole number of ${this.#what} of ${this.#bytesEach} bytes`
      )
    }
    if (!Number.isInteger(first) || first < 0 || end > this.length) {
      return this.#reject(first, `${count} of them do not fit the ${this.length} announced`)
    }
    const at = this.#placed.findIndex((piece) => piece.first + piece.count > first)
    const next = this.#placed[at]
    if (next !== undefined && next.first < end) {
      return this.#reject(
        first,
        next.first === first && next.count === count
          ? "it was received before"
          : `it overlaps the ${next.count} received from the ${next.first}-th`
      )
    }
    const placed = { first, count }
    this.#placed.splice(at === -1 ? this.#placed.length : at, 0, placed)
    this.#bytes.set(bytes, first * this.#bytesEach)
    return Either.right(placed)
  }

  /** Number of ciphertexts or words placed so far. */
  get received(): number {
    return this.#placed.reduce((sum, piece) => sum + piece.count, 0)
  }

  /** The whole run, not copied; or its first gap. */
  whole(): Either.Either<Uint8Array, PieceMissing> {
    let end = 0
    for (const { first, count } of [...this.#placed, { first: this.length, count: 0 }]) {
      if (first > end) {
        return Either.left(
          new PieceMissing({
            from: this.#from,
            what: this.#what,
            first: end,
            count: first - end,
            expected: this.length
          })
        )
      }
      end = first + count
    }
    return Either.right(this.#bytes)
  }

  #reject(first: number, reason: string) {
    return Either.left(new PieceRejected({ from: this.#from, what: this.#what, first, reason }))
  }
}
