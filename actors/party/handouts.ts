/**
 * What a party checks of what the KGC hands out. The KGC draws all keys and is trusted with them, but what it hands out must
 * be what it says it is, and fit together: each party checks what it can tell from what it has, and C0, which knows the
 * factors of N, the parameters themselves.
 */
import { Data, Effect } from "effect"
import { bitLength, fromBytes } from "../../protocol/bcp/integers.ts"
import {
  checkPublicKey,
  InvalidPublicKey,
  joinPublicKeys,
  publicKey as publicKeyFrom,
  secretKeyBits
} from "../../protocol/bcp/keys.ts"
import {
  checkParameters,
  InsecureModulus,
  InvalidParameters,
  type Parameters
} from "../../protocol/bcp/parameters.ts"
import { keyShareBits, keyShareBytes } from "../../protocol/bcp/threshold.ts"
import { decodeParameters, elementBytes, plaintextBytes, secretKeyBytes } from "../../protocol/bcp/wire.ts"
import { Cloud0Secrets, Cloud1Secrets, UserSecrets } from "../../protocol/messages/enrolment.ts"
import type { Format } from "../../protocol/messages/message.ts"
import {
  decryptionKeyOf,
  type NotAUser,
  type Published,
  publicKeyOf
} from "../../protocol/sharing/published.ts"
import { Party } from "../../runtime/messaging/contract.ts"
import type { JobFailed } from "../../runtime/work/pool.ts"
import { type Agreement, displayName, kgcDeals, quorumOf, trainsOnCiphertexts } from "./agreement.ts"
import { BcpPool } from "./bcp-pool.ts"
import { raised } from "./typed-throws.ts"

/** A value that the KGC handed out is not what it must be. The reason shows nothing of a secret one. */
export class HandedOutWrong extends Data.TaggedError("HandedOutWrong")<{
  readonly value: string
  readonly reason: string
}> {
  readonly retryable = false
  override get message(): string {
    return `The KGC handed out ${this.value} that can't be used: ${this.reason}; have the operator of the KGC look into it, and start a new run`
  }
}

/** A party's membership of a run: what is published, checked. */
export interface Membership extends Published {
  readonly parameters: Parameters
}

/** The secrets of a role, and their check. */
export interface Handout<S, R> {
  readonly secrets: Format<S>
  readonly check: (
    agreement: Agreement,
    membership: Membership,
    secrets: S
  ) => Effect.Effect<void, HandedOutWrong | NotAUser | JobFailed, R>
}

/** Names the types of a handout. */
const handout = <S, R>(of: Handout<S, R>): Handout<S, R> => of

const requireThat = (holds: boolean, value: string, reason: string): Effect.Effect<void, HandedOutWrong> =>
  holds ? Effect.void : new HandedOutWrong({ value, reason })

/** Refuses bytes of another length, and a key of zeros, which would be everybody's. */
const requireKey = (key: Uint8Array, value: string) =>
  requireThat(
    key.some((byte) => byte !== 0),
    value,
    "it is all zeros"
  )

/** Refuses a key of the dealer where the KGC does not deal, and none where it does. */
const requirePrgKey = (agreement: Agreement, key: Uint8Array | undefined, value: string) =>
  key === undefined || !kgcDeals(agreement)
    ? requireThat(
        (key === undefined) === !kgcDeals(agreement),
        "the secrets of a cloud",
        `they have ${key === undefined ? "no key of the dealer" : value} where ${whoDeals(agreement)}`
      )
    : requireKey(key, value)

const whoDeals = (agreement: Agreement): string =>
  trainsOnCiphertexts(agreement)
    ? "training.on is ciphertexts"
    : `security.dealing is ${agreement.security.dealing}`

/**
 * Checks what the KGC publishes: the agreed size, sound parameters, a key of each user, and their product;
 * and where the joint key is shared, that any users that are enough to decrypt have shares of it.
 */
export const checkPublished = (
  agreement: Agreement,
  published: Published
): Effect.Effect<Membership, HandedOutWrong | JobFailed, BcpPool> =>
  Effect.gen(function* () {
    const { modulusBits, insecure } = agreement.security
    const { bits, N, k, g } = published.wire
    yield* requireThat(
      bits === modulusBits,
      `parameters of ${bits} bits`,
      `the scenario asks for ${modulusBits}`
    )
    const whole =
      N.length === plaintextBytes({ bits }) && k.length === N.length && g.length === elementBytes({ bits })
    yield* requireThat(whole, "parameters", "they are not of their width")
    const parameters = decodeParameters(published.wire)
    yield* raised([InsecureModulus, InvalidParameters], () => checkParameters(parameters, { insecure })).pipe(
      Effect.mapError((error) => new HandedOutWrong({ value: "parameters", reason: reasonOf(error) }))
    )
    yield* checkKeys(agreement, parameters, published)
    yield* checkShared(agreement, parameters, published)
    yield* requireKey(published.orderKey, "a key of the batch order")
    return { ...published, parameters }
  })

const reasonOf = (error: InsecureModulus | InvalidParameters | InvalidPublicKey): string =>
  "why" in error ? error.why : error.message

/** Refuses a list that is not one element of each user, 1 < h < N² − 1 prime to N. `one` names such a key. */
const checkKeyOfEach = (
  agreement: Agreement,
  parameters: Parameters,
  one: string,
  keys: ReadonlyMap<string, Uint8Array>
): Effect.Effect<void, HandedOutWrong> =>
  Effect.gen(function* () {
    const agreed = agreement.users.map(({ actor }) => actor)
    const listed = [...keys.keys()]
    yield* requireThat(
      agreed.length === listed.length && agreed.every((actor) => keys.has(actor)),
      `a list of ${one}s`,
      `it is of ${listed.join(", ")}; the users are ${agreed.join(", ")}`
    )
    for (const [actor, key] of keys) {
      const value = `a ${one} of ${displayName(agreement, actor)}`
      yield* requireThat(key.length === elementBytes(parameters), value, "it is not of its width")
      yield* raised([InvalidPublicKey], () => checkPublicKey(parameters, fromBytes(key))).pipe(
        Effect.mapError((error) => new HandedOutWrong({ value, reason: reasonOf(error) }))
      )
    }
  })

const checkKeys = (
  agreement: Agreement,
  parameters: Parameters,
  { publicKeys, unifiedPublicKey }: Published
): Effect.Effect<void, HandedOutWrong> =>
  Effect.gen(function* () {
    yield* checkKeyOfEach(agreement, parameters, "public key", publicKeys)
    const product = joinPublicKeys(parameters, [...publicKeys.values()].map(fromBytes))
    yield* requireThat(
      unifiedPublicKey.length === elementBytes(parameters) && product === fromBytes(unifiedPublicKey),
      "a joint key",
      "it is not the product of the users' public keys"
    )
  })

/** The joint key is shared as the scenario says, and any so many verification keys give it. */
const checkShared = (
  agreement: Agreement,
  parameters: Parameters,
  { shared, unifiedPublicKey }: Published
): Effect.Effect<void, HandedOutWrong | JobFailed, BcpPool> =>
  Effect.gen(function* () {
    const { decryption, users } = agreement
    yield* requireThat(
      shared?.threshold === decryption?.threshold,
      "a shared joint key",
      `${shared?.threshold ?? "all"} of the ${users.length} users can decrypt with it; the scenario asks for ${decryption?.threshold ?? "all"}`
    )
    if (shared === undefined) return
    const { threshold, verificationKeys } = shared
    yield* checkKeyOfEach(agreement, parameters, "verification key", verificationKeys)
    const pool = yield* BcpPool
    const { fit } = yield* pool.run("examineShares", {
      parameters,
      unifiedPublicKey,
      verificationKeys: users.map(({ actor }) => verificationKeys.get(actor)!),
      threshold
    })
    yield* requireThat(
      fit,
      "verification keys",
      `not every ${threshold} of the users could decrypt with the shares that they are of`
    )
  })

/**
 * At a user: sk_i has the agreed length, and g^sk_i is the public key that all others have of this user; the
 * same of its key share and verification key where the joint key is shared.
 */
export const ofUser = handout({
  secrets: UserSecrets,
  check: (agreement, membership, { keyShare, secretKey }) =>
    Effect.gen(function* () {
      const { name } = yield* Party
      const { parameters } = membership
      const bits = secretKeyBits(parameters, agreement.security.exponents)
      const ofSecretKey = { bits, bytes: secretKeyBytes(parameters), publishedAs: "public key" }
      const publicKey = yield* publicKeyOf(membership, name)
      yield* requireExponent(parameters, "a secret key", secretKey, publicKey, ofSecretKey)
      const quorum = quorumOf(agreement)
      yield* requireThat(
        (keyShare === undefined) === (quorum === undefined),
        "the secrets of a user",
        "they have a key share where all users decrypt, or none where the joint key is shared"
      )
      if (keyShare === undefined || quorum === undefined) return
      const ofShare = {
        bits: keyShareBits(quorum, bits),
        bytes: keyShareBytes(quorum, bits),
        publishedAs: "verification key"
      }
      const verificationKey = yield* decryptionKeyOf(membership, name)
      yield* requireExponent(parameters, "a key share", keyShare, verificationKey, ofShare)
    })
})

/**
 * Refuses a secret exponent that is too long, or not the logarithm of what the KGC publishes for this user.
 */
const requireExponent = (
  parameters: Parameters,
  value: string,
  secret: Uint8Array,
  published: Uint8Array,
  {
    bits,
    bytes,
    publishedAs
  }: { readonly bits: number; readonly bytes: number; readonly publishedAs: string }
) =>
  Effect.gen(function* () {
    const exponent = fromBytes(secret)
    yield* requireThat(
      secret.length === bytes && bitLength(exponent) <= bits,
      value,
      `it is longer than ${bits} bits, or not of its width`
    )
    yield* requireThat(
      publicKeyFrom(parameters, exponent) === fromBytes(published),
      value,
      `it is not that of the ${publishedAs} that the KGC publishes for this user`
    )
  })

/** At C0: the master key is that of the parameters, and these are what they must be. */
export const ofCloud0 = handout({
  secrets: Cloud0Secrets,
  check: (agreement, { parameters }, { p, q, prgKey }) =>
    Effect.gen(function* () {
      const pool = yield* BcpPool
      yield* requirePrgKey(agreement, prgKey, "a key k_0")
      // Tests of primality, which take a while.
      const { wrong } = yield* pool.run("examineMasterKey", { parameters, masterKey: { p, q } })
      if (wrong !== undefined)
        return yield* new HandedOutWrong({ value: "a master key or parameters", reason: wrong })
    })
})

/** At C1. */
export const ofCloud1 = handout({
  secrets: Cloud1Secrets,
  check: (agreement, _membership, { prgKey }) => requirePrgKey(agreement, prgKey, "a key k_1")
})
