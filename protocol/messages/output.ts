/**
 * Phase 5, output: the model rests at C1, encrypted under pk. The users fetch it and exchange partial
 * decryptions. Neither C1 nor a proper subset of the users can decrypt it.
 */
import { Schema } from "../schema.ts"
import { ask, Bytes, Count } from "./message.ts"

/** C0's share of the weights under pk; in the hybrid form its key under pk, and `share` under that key. */
export const ModelShare = ask(
  "ModelShare",
  Schema.Struct({ ciphertexts: Bytes, share: Schema.optionalWith(Bytes, { exact: true }) }),
  Schema.Struct({})
)

/** The encrypted model; in the hybrid form the two keys under pk, and both shares under them. */
export const FetchModel = ask(
  "FetchModel",
  Schema.Struct({}),
  Schema.Struct({
    ciphertexts: Bytes,
    shares: Schema.optionalWith(Schema.Tuple(Bytes, Bytes), { exact: true })
  })
)

/** A^{sk_j} for every ciphertext of the model. */
export const PartialDecryptions = ask(
  "PartialDecryptions",
  Schema.Struct({ partials: Bytes }),
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
