/**
 * Phase 5, output: the model rests at C1, encrypted under pk. The users fetch it and exchange partial
 * decryptions, sealed to each other. Neither C1 nor a proper subset of the users can decrypt it.
 */
import { Schema } from "../schema.ts"
import { ask, Bytes, Count, format } from "./message.ts"

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

/** A^{sk_j} for every ciphertext of the model, packed and sealed to the receiving user. */
export const PartialDecryptions = ask(
  "PartialDecryptions",
  Schema.Struct({ sealed: Bytes }),
  Schema.Struct({})
)
export const PartialsSecret = format("partial decryptions", Schema.Struct({ partials: Bytes }))

/**
 * Held-out cells for the joint test, sealed to the tester; only if the scenario reveals them among the users.
 */
export const HeldOutCells = ask("HeldOutCells", Schema.Struct({ sealed: Bytes }), Schema.Struct({}))

/**
 * Cells with their place in the joint table: row indices as little-endian u32, cells as float64, row-major.
 */
export const BlocksOnWire = Schema.Array(
  Schema.Struct({ rows: Bytes, columns: Schema.Array(Count), cells: Bytes })
)
export const HeldOutSecret = format("held-out cells", Schema.Struct({ blocks: BlocksOnWire }))
