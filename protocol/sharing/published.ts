/**
 * What the KGC publishes of a run: the parameters, the joint key, the key of the batch order and the users' public keys. It reaches
 * each party over the party's own channel with the KGC; its digest binds what parties prove to each other to the same values.
 */
import { createHash } from "node:crypto"
import { Data, Either } from "effect"
import type { Quorum } from "../bcp/threshold.ts"
import type { ParameterBytes } from "../bcp/wire.ts"
import { CanonicalWriter } from "../canonical.ts"

export interface Published {
  /** (N, k, g), fixed-width big-endian. */
  readonly wire: ParameterBytes
  /** pk, under which the joint data and the model are encrypted; fixed-width big-endian. */
  readonly unifiedPublicKey: Uint8Array
  /** Decides the batches; 16 bytes. */
  readonly orderKey: Uint8Array
  /** pk_i of each user, by actor, fixed-width big-endian. */
  readonly publicKeys: ReadonlyMap<string, Uint8Array>
  /** How the joint key is shared, where fewer than all users decrypt. */
  readonly shared?: SharedKey
}

/** A joint key of which any `threshold` users decrypt (`../bcp/threshold.ts`). */
export interface SharedKey {
  readonly threshold: number
  /** g^(s_j) of each user, by actor, fixed-width big-endian. */
  readonly verificationKeys: ReadonlyMap<string, Uint8Array>
}

/** The party has no BCP key: it is no user of this run. */
export class NotAUser extends Data.TaggedError("NotAUser")<{ readonly actor: string }> {
  readonly retryable = false
  override get message() {
    return `${this.actor} has no BCP public key: only the users of this run have one.`
  }
}

/** pk_i of a user. */
export const publicKeyOf = (
  { publicKeys }: Pick<Published, "publicKeys">,
  actor: string
): Either.Either<Uint8Array, NotAUser> =>
  Either.fromNullable(publicKeys.get(actor), () => new NotAUser({ actor }))

/** The public key of the exponent with which a user decrypts: g^(s_j), or pk_j where all users do. */
export const decryptionKeyOf = (
  { publicKeys, shared }: Pick<Published, "publicKeys" | "shared">,
  actor: string
): Either.Either<Uint8Array, NotAUser> =>
  publicKeyOf({ publicKeys: shared?.verificationKeys ?? publicKeys }, actor)

/** How many of how many users decrypt; undefined where all of them do. */
export const quorumOf = ({
  publicKeys,
  shared
}: Pick<Published, "publicKeys" | "shared">): Quorum | undefined =>
  shared && { users: publicKeys.size, threshold: shared.threshold }

const version = 1

/** SHA-256 of all that the KGC published of a run. */
export const digestPublished = (
  run: string,
  { wire, unifiedPublicKey, orderKey, publicKeys, shared }: Published
): Uint8Array => {
  const writer = new CanonicalWriter()
    .string("bicameral published")
    .u32(version)
    .string(run)
    .u32(wire.bits)
    .bytes(wire.N)
    .bytes(wire.k)
    .bytes(wire.g)
    .bytes(unifiedPublicKey)
    .bytes(orderKey)
  writeKeys(writer, publicKeys)
  if (shared !== undefined) writeKeys(writer.string("shared").u32(shared.threshold), shared.verificationKeys)
  return new Uint8Array(createHash("sha256").update(writer.finish()).digest())
}

const writeKeys = (writer: CanonicalWriter, keys: ReadonlyMap<string, Uint8Array>): void => {
  writer.u32(keys.size)
  for (const actor of [...keys.keys()].sort()) writer.string(actor).bytes(keys.get(actor)!)
}
