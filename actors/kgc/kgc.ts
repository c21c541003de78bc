/**
 * The key generation centre: sets up BCP, hands every party its keys (paper, section 4.1), and deals the correlated randomness of the training. All parties trust it with keys; it sees no message of
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
  NewPrgKey,
  PublishedOnWire,
  UserSecrets
} from "../../protocol/messages/enrolment.ts"
import { Bytes, type Format, format } from "../../protocol/messages/message.ts"
import { dealers } from "../../protocol/messages/subjects.ts"
import { Schema } from "../../protocol/schema.ts"
import { type SeededPurpose, seededKey } from "../../protocol/seeding.ts"
import type { Published } from "../../protocol/sharing/published.ts"
import { within } from "../../runtime/deadline.ts"
import { Party } from "../../runtime/messaging/contract.ts"
import { groupMembers } from "../group/members.ts"
import type { PrgKeys } from "../group/requests.ts"
import { type Agreement, actorsOf, kgcDeals, partTimeoutMs, reopens } from "../party/agreement.ts"
import { BcpPool } from "../party/bcp-pool.ts"
import { orderKeyOf } from "../party/enrolment.ts"
import { erasing, nothing } from "../party/erasure.ts"
import { gather } from "../party/gathering.ts"
import { onFrom } from "../party/handlers.ts"
import { lifecycle } from "../party/lifecycle.ts"
import { once } from "../party/once.ts"
import { TooEarly } from "../party/prerequisites.ts"
import { partyRoot, type Root } from "../party/root.ts"
import { dealing, firstNamed } from "./dealing.ts"

/** A party that has enrolled came back without its state. */
export class AlreadyEnrolled extends Data.TaggedError("AlreadyEnrolled")<{ readonly party: string }> {
  readonly retryable = false
  override get message(): string {
    return `${this.party} has enrolled in this run with other state than it has now; start it with the state that it had, or start a new run`
  }
}

const RunKeys = Schema.Struct({
  published: PublishedOnWire,
  /** The secrets of each party, packed. */
  secrets: Schema.ReadonlyMap({ key: Schema.String, value: Schema.Redacted(Bytes) })
})
/** The keys that the KGC draws for a run. */
type RunKeys = typeof RunKeys.Type

/**
 * The two PRG keys (section 5 of docs/concepts/protocol.md) and the public key of the batch order: from the root, or
 * from the seed of a reproducible run.
 */
const prgKeysOf = (agreement: Agreement, root: Root, run: string): PrgKeys => {
  const { seed } = agreement
  const key = (purpose: SeededPurpose & Parameters<Root>[0]) =>
    seed === undefined ? root(purpose) : seededKey(seed, purpose)
  const orderKey = reopens(agreement) ? orderKeyOf(agreement, run) : key("order")
  return { key0: key("dealer0"), key1: key("dealer1"), orderKey }
}

const generateRunKeys = Effect.fn("kgc.generateRunKeys")(function* (agreement: Agreement, prg: PrgKeys) {
  const { modulusBits, exponents: mode, insecure } = agreement.security
  const pool = yield* BcpPool
  const { parameters, masterKey } = yield* pool.run("newParameters", { bits: modulusBits, insecure })
  const count = agreement.users.length
  const threshold = agreement.decryption?.threshold
  const { secretKeys, publicKeys, shared, unifiedPublicKey } = yield* pool.run("generateKeys", {
    parameters,
    count,
    mode,
    ...(threshold === undefined ? {} : { threshold })
  })
  const pack = <A>(format: Format<A>, value: A) => Effect.map(format.encode(value), Redacted.make<Uint8Array>)
  const secrets = new Map<string, Redacted.Redacted<Uint8Array>>()
  for (const [i, { actor }] of agreement.users.entries()) {
    const secretKey = secretKeys[i]!
    const own = shared === undefined ? { secretKey } : { secretKey, keyShare: shared.keyShares[i]! }
    secrets.set(actor, yield* pack(UserSecrets, own))
  }
  const factors = encodeMasterKey(parameters, masterKey)
  // Where the clouds deal, each draws its own, and on ciphertexts they need none.
  const dealt = (prgKey: Uint8Array) => (kgcDeals(agreement) ? { prgKey } : {})
  secrets.set("cloud0", yield* pack(Cloud0Secrets, { ...factors, ...dealt(prg.key0) }))
  secrets.set("cloud1", yield* pack(Cloud1Secrets, dealt(prg.key1)))
  const byUser = (keys: ReadonlyArray<Uint8Array>) =>
    new Map(agreement.users.map(({ actor }, i) => [actor, keys[i]!]))
  const published: Published = {
    wire: encodeParameters(parameters),
    unifiedPublicKey,
    orderKey: prg.orderKey,
    publicKeys: byUser(publicKeys),
    ...(shared === undefined || threshold === undefined
      ? {}
      : { shared: { threshold, verificationKeys: byUser(shared.verificationKeys) } })
  }
  const keys: RunKeys = { published, secrets }
  return keys
})

/**
 * Knows the parties that have enrolled by their marks. One that comes back with other state than it had is refused: it
 * would mask other values by the same keys.
 */
const enrolling = (parties: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const enrolments = yield* gather("an enrolment", parties, "enrolment", Enrolment.payload)
    // Known as soon as a party asks to enrol, so that other state is refused even before the first is stored.
    const marks = new Map<string, Uint8Array>()
    for (const actor of parties) Option.map(enrolments.of(actor), ({ mark }) => marks.set(actor, mark))
    return (mark: Uint8Array, from: string) =>
      Effect.gen(function* () {
        if (Buffer.compare(marks.get(from) ?? mark, mark) !== 0)
          return yield* new AlreadyEnrolled({ party: from })
        marks.set(from, mark)
        yield* enrolments.put(from, { mark })
      })
  })

/** Hands each party its keys. */
const onEnrolment = <E, R>(parties: ReadonlyArray<string>, drawn: Effect.Effect<RunKeys, E, R>) =>
  Effect.map(enrolling(parties), (enrolled) =>
    onFrom(parties, Enrolment, ({ mark }, from) =>
      Effect.gen(function* () {
        yield* enrolled(mark, from)
        const { published, secrets } = yield* drawn
        return { published, secrets: Redacted.value(secrets.get(from)!) }
      })
    )
  )

/** Hands both clouds their PRG keys, in a training from an archive, for which they have kept their other keys. */
const onNewPrgKey = ({ key0, key1 }: PrgKeys) =>
  Effect.map(enrolling(["cloud0", "cloud1"]), (enrolled) =>
    onFrom(["cloud0", "cloud1"], NewPrgKey, ({ mark }, from) =>
      Effect.as(enrolled(mark, from), { prgKey: from === "cloud0" ? key0 : key1 })
    )
  )

/** Draws the keys of a run, and hands them out. */
const handingOut = (agreement: Agreement, prg: PrgKeys) =>
  Effect.gen(function* () {
    if (reopens(agreement)) return yield* onNewPrgKey(prg)
    const party = yield* Party
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
    return yield* onEnrolment(parties, drawn)
  })

/** Serves as the KGC of one run, until the director releases it. */
export const kgc = (agreement: Agreement) =>
  Effect.gen(function* () {
    const party = yield* Party
    const prg = prgKeysOf(agreement, yield* partyRoot(agreement), party.run)
    const handsOut = yield* handingOut(agreement, prg)
    const rowsOfRun = yield* firstNamed
    const deals = kgcDeals(agreement)
    const members = yield* groupMembers({ agreement, ...(deals && { dealing: { keys: prg, rowsOfRun } }) })
    const life = yield* lifecycle(agreement, erasing(nothing, Effect.void), members)
    yield* party.serve([
      ...life.handlers,
      handsOut,
      ...(deals ? [yield* dealing(agreement, prg, rowsOfRun)] : []),
      ...members.handlers
    ])
    if (deals) yield* party.joinGroup(dealers)
    yield* life.announced
    yield* life.finished
  })
