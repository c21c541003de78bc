/**
 * The roster: the parties of a run, the key to seal to each (HPKE) and each user's BCP public key, bound to
 * the public parameters and signed by the KGC (Ed25519, RFC 8032). Public; every party checks the signature
 * before it seals or encrypts anything to a key in it.
 */
import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from "node:crypto"
import { Data, Either, Redacted } from "effect"
import { type CanonicalReader, CanonicalWriter, readCanonical, sameBytes } from "../canonical.ts"

export interface RosterEntry {
  /** The name on the wire: `kgc`, `cloud0`, `cloud1`, `director`, `user1`… */
  readonly actor: string
  /** The name shown to people, such as a hospital's. */
  readonly name: string
  /** HPKE public key. */
  readonly sealingKey: Uint8Array
  /** pk_i, fixed-width big-endian; users only. */
  readonly bcpPublicKey?: Uint8Array
}

export interface Roster {
  readonly run: string
  /** `digestParameters` of the public parameters and pk. */
  readonly parametersDigest: Uint8Array
  readonly entries: ReadonlyArray<RosterEntry>
}

export interface SigningKeyPair {
  /** 32 bytes. */
  readonly publicKey: Uint8Array
  readonly privateKey: Redacted.Redacted<KeyObject>
}

/**
 * The roster is not the one that the KGC signed for this run and these parameters; `failed` names the failed
 * check.
 */
export class RosterRejected extends Data.TaggedError("RosterRejected")<{
  readonly failed: "signing key" | "layout" | "signature" | "run" | "parameters" | "actor twice"
  readonly reason: string
}> {
  readonly retryable = false
  override get message() {
    return `The roster was rejected (${this.failed}): ${this.reason}.`
  }
}

/** No party has this name. */
export class NotInRoster extends Data.TaggedError("NotInRoster")<{
  readonly actor: string
  readonly present: ReadonlyArray<string>
}> {
  readonly retryable = false
  override get message() {
    return `${this.actor} is not in the roster of this run, which has ${this.present.join(", ")}.`
  }
}

/** The party has no BCP key in the roster: it is not a user. */
export class NoBcpKey extends Data.TaggedError("NoBcpKey")<{ readonly actor: string }> {
  readonly retryable = false
  override get message() {
    return `${this.actor} has no BCP public key in the roster: only users have one.`
  }
}

const domain = "bicameral roster"
const version = 1
const digestBytes = 32
const signatureBytes = 64
const publicKeyBytes = 32
// SubjectPublicKeyInfo of an Ed25519 key (RFC 8410) up to the 32 bytes of the key itself.
const spkiPrefix = Uint8Array.from([0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00])

/** The KGC's signing key pair, from the operating system's randomness. */
export const generateSigningKeyPair = (): SigningKeyPair => {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519")
  const spki = publicKey.export({ type: "spki", format: "der" })
  return {
    publicKey: new Uint8Array(spki.subarray(spkiPrefix.length)),
    privateKey: Redacted.make(privateKey)
  }
}

/**
 * SHA-256 of the KGC's public values: the parameters (N, k, g) and pk, fixed-width big-endian, and the order
 * key.
 */
export const digestParameters = (parameters: {
  readonly bits: number
  readonly N: Uint8Array
  readonly k: Uint8Array
  readonly g: Uint8Array
  readonly unifiedPublicKey: Uint8Array
  readonly orderKey: Uint8Array
}): Uint8Array =>
  new Uint8Array(
    createHash("sha256")
      .update(
        new CanonicalWriter()
          .string("bicameral parameters")
          .u32(version)
          .u32(parameters.bits)
          .bytes(parameters.N)
          .bytes(parameters.k)
          .bytes(parameters.g)
          .bytes(parameters.unifiedPublicKey)
          .bytes(parameters.orderKey)
          .finish()
      )
      .digest()
  )

/** What is signed. Entries keep their order. */
export const canonicalRoster = (roster: Roster): Uint8Array => {
  const writer = new CanonicalWriter()
    .string(domain)
    .u32(version)
    .string(roster.run)
    .bytes(roster.parametersDigest)
    .u32(roster.entries.length)
  for (const entry of roster.entries) {
    writer
      .string(entry.actor)
      .string(entry.name)
      .bytes(entry.sealingKey)
      .bytes(entry.bcpPublicKey ?? new Uint8Array(0))
  }
  return writer.finish()
}

/** The roster as it travels: canonical bytes, then the KGC's signature over them, 64 bytes. */
export const signRoster = (roster: Roster, privateKey: Redacted.Redacted<KeyObject>): Uint8Array => {
  const bytes = canonicalRoster(roster)
  return new CanonicalWriter()
    .fixed(bytes)
    .fixed(sign(null, bytes, Redacted.value(privateKey)))
    .finish()
}

/**
 * Checks a signed roster against the KGC's public key, the run and the digest of the parameters, and returns
 * its content. The signature is checked before anything else is read.
 */
export const verifyRoster = (
  signed: Uint8Array,
  kgcPublicKey: Uint8Array,
  expected: { readonly run: string; readonly parametersDigest: Uint8Array }
): Either.Either<Roster, RosterRejected> =>
  Either.gen(function* () {
    const key = yield* importPublicKey(kgcPublicKey)
    if (signed.length <= signatureBytes) {
      return yield* rejected("layout", `${signed.length} bytes are too few to hold a signature`)
    }
    const bytes = signed.subarray(0, -signatureBytes)
    if (!verify(null, bytes, key, signed.subarray(-signatureBytes))) {
      return yield* rejected("signature", "it is not the KGC's over these bytes; do not use any key in it")
    }
    const roster = yield* Either.mapLeft(
      readCanonical(bytes, readRoster),
      (error) => new RosterRejected({ failed: "layout", reason: error.message })
    )
    if (roster.run !== expected.run) {
      return yield* rejected("run", `it is of run ${roster.run}, this is run ${expected.run}`)
    }
    if (!sameBytes(roster.parametersDigest, expected.parametersDigest)) {
      return yield* rejected(
        "parameters",
        "it belongs to other public parameters than those received with it"
      )
    }
    const names = new Set<string>()
    for (const { actor } of roster.entries) {
      if (names.has(actor)) return yield* rejected("actor twice", `${actor} is listed twice`)
      names.add(actor)
    }
    return roster
  })

/** The entry of a party. */
export const rosterEntry = (roster: Roster, actor: string): Either.Either<RosterEntry, NotInRoster> => {
  const entry = roster.entries.find((each) => each.actor === actor)
  return entry === undefined
    ? Either.left(new NotInRoster({ actor, present: roster.entries.map((each) => each.actor) }))
    : Either.right(entry)
}

/** pk_i of a user. */
export const rosterBcpKey = (
  roster: Roster,
  actor: string
): Either.Either<Uint8Array, NotInRoster | NoBcpKey> =>
  Either.flatMap(rosterEntry(roster, actor), ({ bcpPublicKey }) =>
    bcpPublicKey === undefined ? Either.left(new NoBcpKey({ actor })) : Either.right(bcpPublicKey)
  )

const rejected = (failed: RosterRejected["failed"], reason: string) =>
  Either.left(new RosterRejected({ failed, reason }))

const importPublicKey = (raw: Uint8Array): Either.Either<KeyObject, RosterRejected> => {
  if (raw.length !== publicKeyBytes) {
    return rejected(
      "signing key",
      `the KGC's key has ${raw.length} bytes, an Ed25519 key has ${publicKeyBytes}`
    )
  }
  const der = Buffer.concat([spkiPrefix, raw])
  return Either.right(createPublicKey({ key: der, format: "der", type: "spki" }))
}

const readRoster = (reader: CanonicalReader): Roster => {
  reader.literal(domain, "domain")
  reader.literalU32(version, "version")
  const run = reader.string("run")
  const parametersDigest = new Uint8Array(reader.bytesOf(digestBytes, "parameters digest"))
  const entries = Array.from({ length: reader.count(16, "entries") }, () => readEntry(reader))
  return { run, parametersDigest, entries }
}

const readEntry = (reader: CanonicalReader): RosterEntry => {
  const actor = reader.string("actor")
  const name = reader.string("name")
  const sealingKey = new Uint8Array(reader.bytes("sealing key"))
  const bcpPublicKey = new Uint8Array(reader.bytes("BCP public key"))
  return bcpPublicKey.length === 0 ? { actor, name, sealingKey } : { actor, name, sealingKey, bcpPublicKey }
}
