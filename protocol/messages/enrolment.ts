/**
 * Phase 1, keys: a party asks the KGC for its keys, and receives what the KGC publishes of the run and the secrets of its own role.
 * Its channel with the KGC keeps the secrets from everybody else.
 */
import { Schema } from "../schema.ts"
import { ask, Bytes, BytesOf, Count, format } from "./message.ts"

/** λ = 128 bits: keys of the PRG and of the batch order. */
const prgKeyBytes = 16

/** Marks the stable storage of a party: one that has lost it must not take part again. */
export const markBytes = 16

/** BCP parameters on the wire: fixed-width big-endian integers. */
export const ParametersOnWire = Schema.Struct({ bits: Schema.Int, N: Bytes, k: Bytes, g: Bytes })

/** Users' public keys, by actor. */
const PublicKeys = Schema.ReadonlyMap({ key: Schema.String, value: Bytes })

/** The joint key as it is shared, where fewer than all users decrypt. */
const SharedOnWire = Schema.Struct({ threshold: Count, verificationKeys: PublicKeys })

/** What the KGC publishes. */
export const PublishedOnWire = Schema.Struct({
  wire: ParametersOnWire,
  unifiedPublicKey: Bytes,
  /** Public: decides which rows make up which batch (`protocol/learning/order.ts`). */
  orderKey: BytesOf(prgKeyBytes),
  publicKeys: PublicKeys,
  shared: Schema.optionalWith(SharedOnWire, { exact: true })
})

/** `secrets` are `Cloud0Secrets`, `Cloud1Secrets` or `UserSecrets`, packed. */
export const Enrolment = ask(
  "Enrolment",
  Schema.Struct({ mark: BytesOf(markBytes) }),
  Schema.Struct({ published: PublishedOnWire, secrets: Bytes })
)

/**
 * In a training from an archive, for which a cloud has kept its other keys: a cloud asks the KGC, if that deals, for the
 * PRG key of the run.
 */
export const NewPrgKey = ask(
  "NewPrgKey",
  Schema.Struct({ mark: BytesOf(markBytes) }),
  Schema.Struct({ prgKey: BytesOf(prgKeyBytes) })
)

/** The secrets of a user: sk_i, and its share of the joint key where that is shared. */
export const UserSecretsOnWire = Schema.Struct({
  secretKey: Bytes,
  keyShare: Schema.optionalWith(Bytes, { exact: true })
})
export const UserSecrets = format("user secrets", UserSecretsOnWire)
/** k_0 or k_1, where the KGC deals; else each cloud draws its own. */
const PrgKey = Schema.optionalWith(BytesOf(prgKeyBytes), { exact: true })

/** The secrets of C0: the master key, and its PRG key k_0. */
export const Cloud0Secrets = format("cloud0 secrets", Schema.Struct({ p: Bytes, q: Bytes, prgKey: PrgKey }))
/** The secret of C1: its PRG key k_1. */
export const Cloud1Secrets = format("cloud1 secrets", Schema.Struct({ prgKey: PrgKey }))
