/**
 * Phase 2, upload: the users agree among themselves on the rows; no cloud sees an id. Then they send the
 * ciphertexts of their first shares to C0, and those of their second shares to C1, of which C0 gets digests.
 */
import { Schema } from "../schema.ts"
import { ask, Bytes, BytesOf, Count } from "./message.ts"

/** In a salted join, user 1 draws the salt under which row ids are compared; the others request it. */
export const RowSalt = ask("RowSalt", Schema.Struct({}), Schema.Struct({ salt: BytesOf(16) }))

/**
 * In a private join, before any id is raised: how many ids the sender holds, and a SHA-256 of each piece of their
 * list.
 */
export const CommitIds = ask("CommitIds", Schema.Struct({ ids: Count, digests: Bytes }), Schema.Struct({}))

/**
 * In a private join, a piece of the owner's list of points, coordinates of 32 bytes, to be raised by all users
 * that come after the sender and before the owner, in a circle; the reply has the points under all secrets.
 */
export const RaiseIds = ask(
  "RaiseIds",
  Schema.Struct({ owner: Schema.String, piece: Count, points: Bytes }),
  Schema.Struct({ points: Bytes })
)

/**
 * The cells that the sender holds: digests of row ids (16 bytes each) × joint column indices, and which are held
 * out. Of the rows that are left out the sender lacks the label, and nobody uploads a cell.
 */
export const Declaration = ask(
  "Declaration",
  Schema.Struct({
    blocks: Schema.Array(
      Schema.Struct({ digests: Bytes, columns: Schema.Array(Count), heldOut: Schema.Boolean })
    ),
    leftOut: Schema.optionalWith(Bytes, { exact: true })
  }),
  Schema.Struct({})
)

/**
 * Announces the cells that a user will upload, by index in the joint training table (row indices are
 * little-endian u32), and the number of ciphertexts that the cloud will receive.
 */
export const OpenUpload = ask(
  "OpenUpload",
  Schema.Struct({
    rows: Count,
    ciphertexts: Count,
    blocks: Schema.Array(Schema.Struct({ rows: Bytes, columns: Schema.Array(Count) }))
  }),
  Schema.Struct({})
)

/** A run of a user's ciphertexts, from the `first`-th. */
const CiphertextRun = Schema.Struct({ first: Count, ciphertexts: Bytes })
/** c_i0 to C0; in the hybrid form the one ciphertext of the seed. */
export const UploadShare0 = ask("UploadShare0", CiphertextRun, Schema.Struct({}))

/** c_i1 to C1. C0 could decrypt it, so it must never see it. */
export const UploadShare1 = ask("UploadShare1", CiphertextRun, Schema.Struct({}))

/**
 * SHA-256 of the randomness of each piece of c_i1, in order, to C0. By it C0 recognises what C1 asks it to
 * open, and it tells nothing of the cells.
 */
export const UploadRandomness = ask("UploadRandomness", Schema.Struct({ digests: Bytes }), Schema.Struct({}))

/**
 * In the hybrid form, a run of the words of m_i1 to C1, from the `first`-th, to which a one-time pad masks the
 * cells. C0 knows the seed of the pad.
 */
export const UploadWords1 = ask(
  "UploadWords1",
  Schema.Struct({ first: Count, words: Bytes }),
  Schema.Struct({})
)
