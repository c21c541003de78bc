/**
 * Phase 5, output: the model rests at C1, encrypted under pk. The users fetch it, ask C0 what of it is C0's,
 * and exchange partial decryptions. Neither C1 nor a proper subset of the users can decrypt it.
 */
import { Schema } from "../schema.ts"
import { ask, Bytes, BytesOf, Count } from "./message.ts"

/** Bytes of a digest: SHA-256. */
export const digestBytes = 32

/**
 * C0's share of the weights under pk; in the hybrid form its key and room for C1's under pk, and `share` under
 * that key.
 */
export const ModelShare = ask(
  "ModelShare",
  Schema.Struct({ ciphertexts: Bytes, share: Schema.optionalWith(Bytes, { exact: true }) }),
  Schema.Struct({})
)

/** The encrypted model; in the hybrid form both keys under pk, and both shares under them. */
export const FetchModel = ask(
  "FetchModel",
  Schema.Struct({}),
  Schema.Struct({
    ciphertexts: Bytes,
    shares: Schema.optionalWith(Schema.Tuple(Bytes, Bytes), { exact: true })
  })
)

/**
 * The digest of what C1 must hand out as C0 made it: the first components of the encrypted model, and C0's
 * share in the hybrid form. A user raises nothing else to its secret key.
 */
export const ModelDigest = ask(
  "ModelDigest",
  Schema.Struct({}),
  Schema.Struct({ digest: BytesOf(digestBytes) })
)

/**
 * A^{sk_j} for every ciphertext of the model, a digest of what all users should have been handed alike, and the
 * proof that they are powers under the sender's key.
 */
export const PartialDecryptions = ask(
  "PartialDecryptions",
  Schema.Struct({
    partials: Bytes,
    about: BytesOf(digestBytes),
    proof: Schema.Struct({ challenge: Bytes, response: Bytes })
  }),
  Schema.Struct({})
)

/**
 * Cells with their place in the joint table: row indices as little-endian u32, cells as float64, row-major.
 */
export const BlocksOnWire = Schema.Array(
  Schema.Struct({ rows: Bytes, columns: Schema.Array(Count), cells: Bytes })
)

/** Held-out cells to the tester, for the joint test; only if the scenario reveals them among the users. */
export const HeldOutCells = ask("HeldOutCells", Schema.Struct({ blocks: BlocksOnWire }), Schema.Struct({}))
