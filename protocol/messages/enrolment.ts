/**
 * Phase 1, keys: a party sends the KGC a public key for sealing, and receives the public parameters, the
 * signed roster of all parties, and its own secrets sealed to that key. Only the addressee can read the
 * secrets; the broker cannot.
 */
import { Schema } from "../schema.ts"
import { ask, Bytes, BytesOf, format } from "./message.ts"

/** λ = 128 bits: keys of the PRG and of the batch order. */
const prgKeyBytes = 16

/** BCP parameters on the wire: fixed-width big-endian integers. */
export const ParametersOnWire = Schema.Struct({ bits: Schema.Int, N: Bytes, k: Bytes, g: Bytes })

/** A party registers its sealing key and receives the public parameters, the roster, and its own secrets, sealed. */
export const Enrolment = ask(
  "Enrolment",
  Schema.Struct({ sealingKey: Bytes }),
  Schema.Struct({
    parameters: ParametersOnWire,
    unifiedPublicKey: Bytes,
    /** Public: decides which rows make up which batch (`protocol/learning/order.ts`). */
    orderKey: BytesOf(prgKeyBytes),
    /** The signed roster, canonical bytes and signature together (`protocol/sharing/roster.ts`). */
    roster: Bytes,
    /** `CloudSecrets` or `UserSecrets`, packed and sealed to the party's key. */
    sealed: Bytes
  })
)

/** The secret of a user: sk_i. */
export const UserSecrets = format("user secrets", Schema.Struct({ secretKey: Bytes }))
/** The secrets of C0: the master key and its PRG key k_0. */
export const Cloud0Secrets = format(
  "cloud0 secrets",
  Schema.Struct({ p: Bytes, q: Bytes, prgKey: BytesOf(prgKeyBytes) })
)
/** The secret of C1: its PRG key k_1. */
export const Cloud1Secrets = format("cloud1 secrets", Schema.Struct({ prgKey: BytesOf(prgKeyBytes) }))
