/**
 * Phase 5, output: the sealed model rests at C1 under pk; the users fetch it and exchange partial decryptions, sealed to
 * each other. No cloud and no proper subset of the users can open it.
 */
import { Schema } from "../schema.ts"
import { ask, Bytes, Count, format } from "./message.ts"

/** C0's share of the weights under pk. */
export const ModelShare = ask("ModelShare", Schema.Struct({ ciphertexts: Bytes }), Schema.Struct({}))

export const FetchModel = ask("FetchModel", Schema.Struct({}), Schema.Struct({ ciphertexts: Bytes }))

/** A^{sk_j} for every ciphertext of the model, packed and sealed to the receiving user. */
export const PartialDecryptions = ask(
  "PartialDecryptions",
  Schema.Struct({ sealed: Bytes }),
  Schema.Struct({})
)
export const PartialsSecret = format("partial decryptions", Schema.Struct({ partials: Bytes }))

/** Held-out cells for the joint test, sealed to the tester; only where the scenario reveals them among the users. */
export const HeldOutCells = ask("HeldOutCells", Schema.Struct({ sealed: Bytes }), Schema.Struct({}))

/** Cells with their place in the joint table: row indices as little-endian u32, cells as float64, row-major. */
export const BlocksOnWire = Schema.Array(
  Schema.Struct({ rows: Bytes, columns: Schema.Array(Count), cells: Bytes })
)
export const HeldOutSecret = format("held-out cells", Schema.Struct({ blocks: BlocksOnWire }))
