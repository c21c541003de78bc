/**
 * The key generation centre: sets up BCP, hands every party its keys (paper, section 4.1), signs the roster, and deals
 * the correlated randomness of the training. Everybody trusts it with keys; it sees no message of the computation.
 * Dealing is a pure function of its two PRG keys, the plan and the step: between requests it keeps but the number of training rows. That, keys
 * and enrolments are kept before anybody is told of them, so that a KGC that died hands out the same.
 */
import { Data, Effect, Option, Redacted } from "effect"
import { encodeMasterKey, encodeParameters, type ParameterBytes } from "../../protocol/bcp/wire.ts"
import {
  Cloud0Secrets,
  Cloud1Secrets,
  Enrolment,
  ParametersOnWire,
  UserSecrets
} from "../../protocol/messages/enrolment.ts"
import { Bytes, Count, type Format, format } from "../../protocol/messages/message.ts"
import { actorOf, dealers } from "../../protocol/messages/subjects.ts"
import { Deal } from "../../protocol/messages/training.ts"
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
import { Stable } from "../../runtime/storage/store.ts"
import { household } from "../group/members.ts"
import { type Agreement, displayName, partTimeoutMs } from "../party/agreement.ts"
import { BcpPool } from "../party/bcp-pool.ts"
import { gather, NotExpected } from "../party/gathering.ts"
import { lifecycle } from "../party/lifecycle.ts"
import { type Keeping, once, remembered } from "../party/once.ts"
import { TooEarly } from "../party/phase.ts"
import { partyRoot, type Root } from "../party/root.ts"
import { dealer, type PrgKeys, type RowsOfRun } from "./dealing.ts"

export interface KgcOptions {
  readonly agreement: Agreement
  /** Its Ed25519 identity; the public half is what the other parties are started with. */
  readonly signing: SigningKeyPair
}

/** A party that has enrolled came back with another key. */
export class AlreadyEnrolled extends Data.TaggedError("AlreadyEnrolled")<{ readonly party: string }> {
  readonly retryable = false
  override get message(): string {
    return `${this.party} has enrolled in this run with another sealing key; give the new party the state of the old one, or start a new run`
  }
}

/** Everything the KGC draws for a run. */
interface RunKeys {
  readonly wire: ParameterBytes
  readonly unifiedPublicKey: Uint8Array
  readonly publicKeys: ReadonlyMap<string, Uint8Array>
  /** What each party is given under seal, packed. */
  readonly secrets: ReadonlyMap<string, Redacted.Redacted<Uint8Array>>
}

const KeptKeys = format(
  "keys of the run",
  Schema.Struct({
    parameters: ParametersOnWire,
    unifiedPublicKey: Bytes,
    publicKeys: Schema.Array(Schema.Tuple(Schema.String, Bytes)),
    secrets: Schema.Array(Schema.Tuple(Schema.String, Bytes))
  })
)

/** How the keys are kept. */
const keptKeys: Keeping<RunKeys, Effect.Effect.Error<ReturnType<typeof KeptKeys.decode>>, never> = {
  encode: ({ wire, unifiedPublicKey, publicKeys, secrets }) =>
    KeptKeys.encode({
      parameters: wire,
      unifiedPublicKey,
      publicKeys: [...publicKeys],
      secrets: Array.from(secrets, ([actor, secret]) => [actor, Redacted.value(secret)] as const)
    }),
  decode: (bytes) =>
    Effect.map(KeptKeys.decode(bytes), ({ parameters, unifiedPublicKey, publicKeys, secrets }) => ({
      wire: parameters,
      unifiedPublicKey,
      publicKeys: new Map(publicKeys),
      secrets: new Map(secrets.map(([actor, secret]) => [actor, Redacted.make(secret)]))
    }))
}

const KeptEnrolment = format("enrolment", Schema.Struct({ sealingKey: Bytes }))

/** The two PRG keys (section 5 of docs/protocol.md) and the public order of the batches: from the root, or from the seed of a reproducible run. */
const prgKeysOf = ({ seed }: Agreement, root: Root): PrgKeys => {
  const key = (purpose: SeededPurpose & Parameters<Root>[0]) =>
    seed === undefined ? root(purpose) : seededKey(seed, purpose)
  return { key0: key("dealer0"), key1: key("dealer1"), orderKey: key("order") }
}

const generateRunKeys = Effect.fn("kgc.generateRunKeys")(function* (agreement: Agreement, prg: PrgKeys) {
  const { modulusBits, exponents: mode, insecure } = agreement.security
  const pool = yield* BcpPool
  const { parameters, masterKey } = yield* pool.run("newParameters", {
    bits: modulusBits,
    insecure
  })
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
    wire: encodeParameters(parameters),
    unifiedPublicKey,
    publicKeys: new Map(agreement.users.map(({ actor }, i) => [actor, publicKeys[i]!])),
    secrets
  }
  return keys
})

const KeptRows = format("training rows", Schema.Struct({ rows: Count }))

/** Keeps the first number of training rows that C1 names, before anything is dealt for it. */
export const firstNamed = Effect.gen(function* () {
  const stable = yield* Stable
  const oneAtATime = yield* Effect.makeSemaphore(1)
  return (rows: number) =>
    remembered("training-rows", KeptRows, Effect.succeed({ rows })).pipe(
      Effect.map((first) => first.rows),
      Effect.provideService(Stable, stable),
      oneAtATime.withPermits(1)
    )
})

/** Deals to C1 and its members. Whoever holds k_0 could take the masks off with what is dealt. */
export const dealing = <E, R>(agreement: Agreement, prg: PrgKeys, rowsOfRun: RowsOfRun<E, R>) =>
  Effect.map(dealer(agreement, prg, rowsOfRun), (deal) =>
    on(Deal, (request, from, room) =>
      Effect.gen(function* () {
        if (actorOf(from) !== "cloud1")
          return yield* new NotExpected({ what: "a request for corrections", party: from })
        return { corrections: yield* deal(request, room) }
      })
    )
  )

/** Serves as the KGC of one run, until it is told to finish. */
export const kgc = (options: KgcOptions) =>
  Effect.gen(function* () {
    const { agreement, signing } = options
    const party = yield* Party
    const prg = prgKeysOf(agreement, yield* partyRoot(agreement))
    const others = ["cloud0", "cloud1", ...agreement.users.map((user) => user.actor)]

    const keys = yield* once("keys", keptKeys, generateRunKeys(agreement, prg))
    const timeoutMs = partTimeoutMs(agreement)
    // The primes take seconds to find: the search begins before anybody asks.
    yield* Effect.forkScoped(keys.done)
    const drawn = keys.done.pipe(
      within(
        timeoutMs,
        () => new TooEarly({ party: party.name, what: "hand out keys", before: "it had found the primes" })
      )
    )
    const enrolments = yield* gather("an enrolment", others, "enrolment", KeptEnrolment)
    const sealingKeys = new Map(
      others.flatMap((actor) =>
        Option.match(enrolments.of(actor), {
          onNone: () => [],
          onSome: ({ sealingKey }) => [[actor, sealingKey] as const]
        })
      )
    )

    const roster = yield* Effect.cached(
      Effect.gen(function* () {
        const all = yield* enrolments.all(timeoutMs)
        const { wire, unifiedPublicKey, publicKeys } = yield* drawn
        const entries = others.map((actor, i): RosterEntry => {
          const bcpPublicKey = publicKeys.get(actor)
          const entry = { actor, name: displayName(agreement, actor), sealingKey: all[i]!.sealingKey }
          return bcpPublicKey === undefined ? entry : { ...entry, bcpPublicKey }
        })
        const parametersDigest = digestParameters({ ...wire, unifiedPublicKey, orderKey: prg.orderKey })
        return signRoster({ run: party.run, parametersDigest, entries }, signing.privateKey)
      })
    )

    const rowsOfRun = yield* firstNamed
    const members = yield* household({ agreement, dealing: { keys: prg, rowsOfRun } })
    const life = yield* lifecycle(agreement, members)
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
          const { wire, unifiedPublicKey, secrets } = yield* drawn
          const context = { run: party.run, from: party.name, to: from, messageType: Enrolment.tag }
          const sealed = yield* seal(sealingKey, context, Redacted.value(secrets.get(from)!))
          return { parameters: wire, unifiedPublicKey, orderKey: prg.orderKey, roster: signed, sealed }
        })
      ),
      yield* dealing(agreement, prg, rowsOfRun),
      ...members.handlers
    ])
    yield* party.joinGroup(dealers)
    yield* life.announced
    yield* life.finished
  })
