/**
 * The key generation centre: sets up BCP, hands every party its keys (paper, section 4.1), signs the roster,
 * and deals the correlated randomness of the training. All parties trust it with keys; it sees no message of
 * the computation. Between requests for corrections it keeps only the number of training rows. That number,
 * the keys and the enrolments are stored before anyone receives them, so that a KGC that crashed hands out
 * the same.
 */
import { Data, Effect, Option, Redacted } from "effect"
import { encodeMasterKey, encodeParameters } from "../../protocol/bcp/wire.ts"
import {
  Cloud0Secrets,
  Cloud1Secrets,
  Enrolment,
  ParametersOnWire,
  UserSecrets
} from "../../protocol/messages/enrolment.ts"
import { Bytes, type Format, format } from "../../protocol/messages/message.ts"
import { dealers } from "../../protocol/messages/subjects.ts"
import { Schema } from "../../protocol/schema.ts"
import { type SeededPurpose, seededKey } from "../../protocol/seeding.ts"
import {
  digestParameters,
  type RosterEntry,
  type SigningKeyPair,
  signRoster
} from "../../protocol/sharing/roster.ts"
import { seal } from "../../protocol/sharing/sealed.ts"
import { within } from "../../runtime/deadline.ts"
import { on, Party } from "../../runtime/messaging/contract.ts"
import { groupMembers } from "../group/members.ts"
import type { PrgKeys } from "../group/requests.ts"
import { type Agreement, actorsOf, displayName, partTimeoutMs } from "../party/agreement.ts"
import { BcpPool } from "../party/bcp-pool.ts"
import { erasing, nothing } from "../party/erasure.ts"
import { type Gathering, gather } from "../party/gathering.ts"
import { lifecycle } from "../party/lifecycle.ts"
import { once } from "../party/once.ts"
import { TooEarly } from "../party/prerequisites.ts"
import { partyRoot, type Root } from "../party/root.ts"
import { dealing, firstNamed } from "./dealing.ts"

export interface KgcOptions {
  readonly agreement: Agreement
  /** Its Ed25519 identity; the other parties are started with the public half. */
  readonly signing: SigningKeyPair
}

/** A party that has enrolled came back with another sealing key. */
export class AlreadyEnrolled extends Data.TaggedError("AlreadyEnrolled")<{ readonly party: string }> {
  readonly retryable = false
  override get message(): string {
    return `${this.party} has enrolled in this run with another sealing key; give the new party the state of the old one, or start a new run`
  }
}

const RunKeys = Schema.Struct({
  parameters: ParametersOnWire,
  unifiedPublicKey: Bytes,
  publicKeys: Schema.ReadonlyMap({ key: Schema.String, value: Bytes }),
  /** The secrets of each party, packed; sent under seal. */
  secrets: Schema.ReadonlyMap({ key: Schema.String, value: Schema.Redacted(Bytes) })
})
/** The keys that the KGC draws for a run. */
type RunKeys = typeof RunKeys.Type

const EnrolmentFormat = format("enrolment", Schema.Struct({ sealingKey: Bytes }))

/**
 * The two PRG keys (section 5 of docs/concepts/protocol.md) and the public key of the batch order: from the root, or
 * from the seed of a reproducible run.
 */
const prgKeysOf = ({ seed }: Agreement, root: Root): PrgKeys => {
  const key = (purpose: SeededPurpose & Parameters<Root>[0]) =>
    seed === undefined ? root(purpose) : seededKey(seed, purpose)
  return { key0: key("dealer0"), key1: key("dealer1"), orderKey: key("order") }
}

const generateRunKeys = Effect.fn("kgc.generateRunKeys")(function* (agreement: Agreement, prg: PrgKeys) {
  const { modulusBits, exponents: mode, insecure } = agreement.security
  const pool = yield* BcpPool
  const { parameters, masterKey } = yield* pool.run("newParameters", { bits: modulusBits, insecure })
  const count = agreement.users.length
  const { secretKeys, publicKeys, unifiedPublicKey } = yield* pool.run("generateKeys", {
    parameters,
    count,
    mode
  })
  const pack = <A>(format: Format<A>, value: A) => Effect.map(format.encode(value), Redacted.make<Uint8Array>)
  const secrets = new Map<string, Redacted.Redacted<Uint8Array>>()
  for (const [i, { actor }] of agreement.users.entries()) {
    secrets.set(actor, yield* pack(UserSecrets, { secretKey: secretKeys[i]! }))
  }
  const factors = encodeMasterKey(parameters, masterKey)
  secrets.set("cloud0", yield* pack(Cloud0Secrets, { ...factors, prgKey: prg.key0 }))
  secrets.set("cloud1", yield* pack(Cloud1Secrets, { prgKey: prg.key1 }))
  const keys: RunKeys = {
    parameters: encodeParameters(parameters),
    unifiedPublicKey,
    publicKeys: new Map(agreement.users.map(({ actor }, i) => [actor, publicKeys[i]!])),
    secrets
  }
  return keys
})

/** The sealing key that each enrolled party sent; stored before it is confirmed. */
type Enrolments = Gathering<{ readonly sealingKey: Uint8Array }>

/** The signed roster of all parties, once every one of them has enrolled. */
const rosterOf = <E, R>(
  { agreement, signing }: KgcOptions,
  parties: ReadonlyArray<string>,
  enrolments: Enrolments,
  keys: Effect.Effect<RunKeys, E, R>,
  orderKey: Uint8Array
) =>
  Effect.gen(function* () {
    const { run } = yield* Party
    const all = yield* enrolments.all(partTimeoutMs(agreement))
    const { parameters, unifiedPublicKey, publicKeys } = yield* keys
    const entries = parties.map((actor, i): RosterEntry => {
      const bcpPublicKey = publicKeys.get(actor)
      const entry = { actor, name: displayName(agreement, actor), sealingKey: all[i]!.sealingKey }
      return bcpPublicKey === undefined ? entry : { ...entry, bcpPublicKey }
    })
    const parametersDigest = digestParameters({ ...parameters, unifiedPublicKey, orderKey })
    return signRoster({ run, parametersDigest, entries }, signing.privateKey)
  })

/** Serves as the KGC of one run, until the director releases it. */
export const kgc = (options: KgcOptions) =>
  Effect.gen(function* () {
    const { agreement } = options
    const party = yield* Party
    const prg = prgKeysOf(agreement, yield* partyRoot(agreement))
    const { orderKey } = prg
    const parties = actorsOf(agreement).filter((actor) => actor !== "kgc")

    const keys = yield* once("keys", format("keys of the run", RunKeys), generateRunKeys(agreement, prg))
    // The primes take seconds to find: the search starts before anyone asks.
    yield* Effect.forkScoped(keys.done)
    const drawn = keys.done.pipe(
      within(
        partTimeoutMs(agreement),
        () => new TooEarly({ party: party.name, what: "hand out keys", before: "it had found the primes" })
      )
    )
    const enrolments = yield* gather("an enrolment", parties, "enrolment", EnrolmentFormat)
    /**
     * Known as soon as a party asks to enrol, so that a second key is refused even before the first is
     * stored.
     */
    const sealingKeys = new Map<string, Uint8Array>()
    for (const actor of parties)
      Option.map(enrolments.of(actor), ({ sealingKey }) => sealingKeys.set(actor, sealingKey))
    const roster = yield* Effect.cached(rosterOf(options, parties, enrolments, drawn, orderKey))

    const rowsOfRun = yield* firstNamed
    const members = yield* groupMembers({ agreement, dealing: { keys: prg, rowsOfRun } })
    const life = yield* lifecycle(agreement, erasing(nothing, Effect.void), members)
    yield* party.serve([
      ...life.handlers,
      on(Enrolment, ({ sealingKey }, from) =>
        Effect.gen(function* () {
          const before = sealingKeys.get(from)
          if (before !== undefined && Buffer.compare(before, sealingKey) !== 0) {
            return yield* new AlreadyEnrolled({ party: from })
          }
          sealingKeys.set(from, sealingKey)
          yield* enrolments.put(from, { sealingKey })
          const signed = yield* roster
          const { parameters, unifiedPublicKey, secrets } = yield* drawn
          const context = { run: party.run, from: party.name, to: from, messageType: Enrolment.tag }
          const sealed = yield* seal(sealingKey, context, Redacted.value(secrets.get(from)!))
          return { parameters, unifiedPublicKey, orderKey, roster: signed, sealed }
        })
      ),
      yield* dealing(agreement, prg, rowsOfRun),
      ...members.handlers
    ])
    yield* party.joinGroup(dealers)
    yield* life.announced
    yield* life.finished
  })
