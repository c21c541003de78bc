/**
 * The form in which shares are encrypted on their way: those of the users' cells to the clouds, and those of
 * the model to the users. There are two forms behind one interface. Packed (`packed.ts`) encrypts every word
 * under BCP; hybrid (`hybrid.ts`), for bulk, encrypts only seeds and keys under BCP. A scenario chooses for
 * each of the two ways.
 */
import type { Effect } from "effect"
import type { ArchivedUpload } from "../../protocol/archive/archive.ts"
import type { PieceUnreadable } from "../../protocol/archive/pieces.ts"
import type { Parameters } from "../../protocol/bcp/parameters.ts"
import type { CellBlock, FilledBlock } from "../../protocol/data/rows.ts"
import type { MalformedMessage } from "../../protocol/messages/codec.ts"
import type { OutOfRange } from "../../protocol/ring/ring.ts"
import type { ShareUnreadable } from "../../protocol/sharing/hybrid-output.ts"
import type {
  JointDecryptionFailed,
  PartialsMissing,
  PartialsRejected,
  UnifiedKey
} from "../../protocol/sharing/model-output.ts"
import type { NotAUser } from "../../protocol/sharing/published.ts"
import type { ModelOfWrongSize, SealedModel, SealedShare0 } from "../../protocol/sharing/sealed-model.ts"
import type {
  AnswerOfWrongSize,
  Cloud0Keys,
  Cloud1Keys,
  UnifiedPiece
} from "../../protocol/sharing/transformation.ts"
import type { MessageTooSmall, Piece, RunAssembly } from "../../protocol/sharing/upload.ts"
import type { AskError, Party } from "../../runtime/messaging/contract.ts"
import type { Stable, Store, StoreError, StoreService } from "../../runtime/storage/store.ts"
import type { JobFailed } from "../../runtime/work/pool.ts"
import type { Agreement } from "../party/agreement.ts"
import type { BcpPool, PiecesInProgress } from "../party/bcp-pool.ts"
import type { Membership } from "../party/handouts.ts"
import type { Root } from "../party/root.ts"
import type { UploadRefused } from "./refusal.ts"

/** Reads `count` words of a share, from the `first`-th, as little-endian bytes. */
export type ShareReader = (first: number, count: number) => AtParty<Uint8Array>

/** What a user has uploaded to a cloud, complete. */
export interface Uploaded {
  readonly user: string
  readonly blocks: ReadonlyArray<CellBlock>
  /** Ciphertexts, in order; at C1 in the hybrid form the words of its share. */
  readonly bytes: Uint8Array
}

/** A user's training cells, ready to be shared. */
export interface OutgoingCells {
  readonly agreement: Agreement
  readonly membership: Membership
  readonly blocks: ReadonlyArray<FilledBlock>
  /** Turns cells into fixed-point words, little-endian. */
  readonly encode: (cells: Float64Array) => Effect.Effect<Uint8Array, OutOfRange>
  /** The seed of C0's share, 16 bytes for these cells in this order. */
  readonly seed: Uint8Array
  /** What the randomizers of all ciphertexts follow from; likewise. */
  readonly randomness: Uint8Array
}

/** What C1 needs to bring its share of an upload to rest. */
export interface Archiving {
  readonly agreement: Agreement
  readonly membership: Membership
  readonly keys: Cloud1Keys
  readonly root: Root
  readonly pieces: PiecesInProgress
  /** Counts the items that are done. */
  readonly onItems: (count: number) => Effect.Effect<void>
}

/** What C1 needs to open its share of an upload in the archive again. */
export interface Reopening extends Omit<Archiving, "membership"> {
  /** Where the share is in pieces. */
  readonly kept: KeptPieces
}

/** C1's share of hybrid uploads in an archive of an earlier run. */
export interface KeptPieces {
  readonly run: string
  readonly store: StoreService
  /** The key of the pieces; not there where an archive has none. */
  readonly pieceKey?: Uint8Array | undefined
}

/** What a user needs to decrypt the encrypted model together with the others. */
export interface JointDecryption {
  readonly parameters: Parameters
  /** All users of the run, in the order of their places. */
  readonly users: ReadonlyArray<string>
  /** Their partial decryptions of the ciphertexts; with a threshold of at least so many of them. */
  readonly partials: ReadonlyMap<string, Uint8Array>
  readonly threshold?: number | undefined
  /** Words of the model. */
  readonly words: number
}

/** How any part of it may fail. */
type SharingFailure =
  | (JobFailed | AskError | StoreError | MalformedMessage | OutOfRange | UploadRefused)
  | (NotAUser | MessageTooSmall | AnswerOfWrongSize | PieceUnreadable)
  | (ModelOfWrongSize | PartialsMissing | PartialsRejected | JointDecryptionFailed<JobFailed>)
  | ShareUnreadable

/** A part of it, as a party carries it out. */
type AtParty<A> = Effect.Effect<A, SharingFailure, Party | BcpPool | Stable | Store>

/** A piece of what a user has encrypted for C0. */
export interface EncryptedPiece {
  readonly keys: Cloud0Keys
  /** The user's. */
  readonly publicKey: Uint8Array
  readonly piece: Piece
  readonly ciphertexts: Uint8Array
}

/** The users' shares, on their way to the clouds. */
export interface UploadForm {
  /** Bits of the slot of a word, or of an integer, in these ciphertexts and in the archive. */
  readonly slotBits: number
  /** How many ciphertexts the user of this many words sends to each cloud. */
  readonly ciphertexts: (words: number, bits: number) => readonly [cloud0: number, cloud1: number]
  /** At a user: sends both shares; done once both clouds have confirmed every piece. */
  readonly send: (cells: OutgoingCells) => AtParty<void>
  readonly cloud0: {
    /** Words under the ciphertexts of C0's share of so many cells. */
    readonly words: (cells: number) => number
    /** Brings a piece of C0's share of a user's cells, of which there are so many words, under pk. */
    readonly unify: (piece: EncryptedPiece, words: number) => AtParty<UnifiedPiece>
    /** C0's share, from the words that the ciphertexts held; on ciphertexts it keeps none. */
    readonly share: (decrypted: Uint8Array) => ShareReader
  }
  readonly cloud1: {
    /** Puts C1's share together as it arrives. */
    readonly assembly: (from: string, words: number, bits: number) => RunAssembly
    /** Bytes of an item of that share: the unit in which `archive` counts. */
    readonly itemBytes: (bits: number) => number
    /** Brings C1's share to rest, and returns what the archive holds of it. May be repeated. */
    readonly archive: (
      upload: Uploaded,
      archiving: Archiving
    ) => AtParty<Pick<ArchivedUpload, "share1" | "pieceWords">>
    /** C1's share of the cells of a user, after `archive`. */
    readonly share: (user: string, root: Root) => AtParty<ShareReader>
    /** Opens what the archive holds of that share again, for this run. May be repeated. */
    readonly reopen: (upload: ArchivedUpload, reopening: Reopening) => AtParty<void>
    /** C1's share of the cells of a user, after `reopen`. */
    readonly reopened: (user: string, kept: KeptPieces) => AtParty<ShareReader>
  }
}

/** The clouds' shares of the model, on their way to the users. */
export interface OutputForm {
  /** How many ciphertexts the encrypted model of this many words has. */
  readonly ciphertexts: (words: number, bits: number) => number
  /** At C0: its share of the model, sealed for C1 to add its own. */
  readonly sealShare0: (keys: UnifiedKey, words: Uint8Array) => AtParty<SealedShare0>
  /** At C1: the encrypted model from both shares, as it is handed to the users and as it rests. */
  readonly sealModel: (
    keys: UnifiedKey,
    share0: SealedShare0,
    words: Uint8Array
  ) => AtParty<{ readonly sealed: SealedModel; readonly atRest: Uint8Array }>
  /** At a user: the words of the model. */
  readonly decrypt: (sealed: SealedModel, decryption: JointDecryption) => AtParty<Uint8Array>
}

export interface Sharing {
  readonly upload: UploadForm
  readonly output: OutputForm
}
