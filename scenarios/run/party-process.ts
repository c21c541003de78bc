/**
 * One party as a process of its own: reads the scenario's public part and, for a user, its own files; connects to the
 * broker with its own credentials, and serves until the director lets it go. What it keeps is in its own folder; started
 * again with the same, it goes on where it was.
 */
import { availableParallelism } from "node:os"
import { join } from "node:path"
import { Console, Data, Effect, Layer, Option, Redacted } from "effect"
import { CheckpointStore } from "../../actors/clouds/training/checkpoints.ts"
import { direct } from "../../actors/director.ts"
import { processGroupFromEnvironment } from "../../actors/group/process-group.ts"
import { signingKeys } from "../../actors/kgc/signing.ts"
import type { Agreement } from "../../actors/party/agreement.ts"
import { layer as bcpPool } from "../../actors/party/bcp-pool.ts"
import type { Phase } from "../../actors/party/phases.ts"
import { partyRoot } from "../../actors/party/root.ts"
import { type Role, serve } from "../../actors/roles.ts"
import { accessFromEnvironment } from "../../runtime/broker/access.ts"
import { layer as party } from "../../runtime/messaging/party.ts"
import { giveWay, isSupervised, parentGone, sayReady } from "../../runtime/processes/process.ts"
import { openBucket } from "../../runtime/storage/jetstream-store.ts"
import { directory, encrypted, Store, stable } from "../../runtime/storage/store.ts"
import { layer as tracing } from "../../runtime/tracing.ts"
import { brokerRequests, layer as nats } from "../../runtime/transport/nats.ts"
import { agreementOf } from "../description/agreement.ts"
import { type LoadedScenario, loadFaults, loadScenario, readUserTables } from "../description/load.ts"
import { checkRunName } from "../description/run-name.ts"
import { faultsAtParty } from "../faults-injected/at-party.ts"
import { planFaults } from "../faults-injected/plan.ts"
import { eventsEntry, holdPartyFolder, outcomeEntry } from "../folders/party-folder.ts"
import { requireMeaningful } from "../reference/opened-model.ts"
import { brokerLost, untilBroker } from "./until-broker.ts"

export interface ActorOptions {
  /** `kgc`, `cloud0`, `cloud1`, `director`, or a user: `user1` or its name in the scenario. */
  readonly role: string
  readonly scenario: string
  /** The run's name, the same for all its parties. */
  readonly run: string
  /** The KGC's verification key, base64; every party but the KGC needs it. */
  readonly kgcKey: Option.Option<string>
  /** The party's own folder: what it keeps, and its event log. */
  readonly state: string
  /** Replaces the scenario's seed. */
  readonly seed: Option.Option<number>
  /** A file of faults, in place of those of the scenario. */
  readonly faults: Option.Option<string>
}

/** The scenario has no such party. */
export class UnknownRole extends Data.TaggedError("UnknownRole")<{
  readonly role: string
  readonly known: ReadonlyArray<string>
}> {
  readonly retryable = false
  override get message(): string {
    return `"${this.role}" is no party of this scenario; choose one of ${this.known.join(", ")}`
  }
}

/** The verification key of the KGC is missing or malformed. */
export class KgcKeyNeeded extends Data.TaggedError("KgcKeyNeeded")<{ readonly reason: string }> {
  readonly retryable = false
  override get message(): string {
    return `${this.reason}; give --kgc-key the key that the KGC prints when it starts`
  }
}

const clouds: ReadonlyArray<string> = ["cloud0", "cloud1"]
const fixedRoles: ReadonlyArray<string> = ["kgc", "cloud0", "cloud1", "director"]

/** The wire name of a role given by that name or by a user's name in the scenario. */
export const actorNamed = (agreement: Agreement, role: string): Effect.Effect<string, UnknownRole> => {
  const user = agreement.users.find(({ actor, name }) => role === actor || role === name)
  if (user !== undefined) return Effect.succeed(user.actor)
  return fixedRoles.includes(role)
    ? Effect.succeed(role)
    : new UnknownRole({
        role,
        known: [...fixedRoles, ...agreement.users.map(({ name }) => name)]
      })
}

const readKgcKey = (text: Option.Option<string>): Effect.Effect<Uint8Array, KgcKeyNeeded> => {
  if (Option.isNone(text))
    return new KgcKeyNeeded({ reason: "a party has to know the KGC's verification key" })
  // What is no base64 would be left out by the decoder, and the rest be taken for another key.
  return /^[A-Za-z0-9+/]{43}=?$/.test(text.value)
    ? Effect.succeed(new Uint8Array(Buffer.from(text.value, "base64")))
    : new KgcKeyNeeded({ reason: `"${text.value}" is not 32 bytes of base64` })
}

/** What a party other than KGC and director is started with. */
const memberRole = (actor: string, loaded: LoadedScenario, kgcKey: Option.Option<string>) =>
  Effect.gen(function* () {
    const key = yield* readKgcKey(kgcKey)
    if (actor === "cloud0" || actor === "cloud1") {
      const role: Role = { role: actor, kgcKey: key }
      return role
    }
    const tables = yield* readUserTables(loaded, Number(actor.slice("user".length)) - 1)
    const role: Role = { role: "user", kgcKey: key, tables }
    return role
  })

/** What the director says on its standard output, a line of JSON each. */
export type Said =
  | { readonly phase: Phase }
  | { readonly progress: readonly [actor: string, phase: string, done: number, total: number] }
  /** Users who left and are needed again. */
  | { readonly back: ReadonlyArray<string> }
  | { readonly outcome: { readonly tested: object | null; readonly steps: number } }

const say = (said: Said) => Console.log(JSON.stringify(said))

/** Takes a run whose parties are up through its phases. Users leave only where somebody can start them again. */
const directRun = (agreement: Agreement, usersLeave: boolean) =>
  Effect.gen(function* () {
    const store = yield* Store
    const outcome = yield* direct({
      agreement,
      ...(usersLeave && isSupervised()
        ? { bringBack: (users: ReadonlyArray<string>) => say({ back: users }) }
        : {}),
      onPhase: (phase) => say({ phase }),
      onProgress: (...progress) => say({ progress })
    })
    const text = `${JSON.stringify(outcome, null, 2)}\n`
    yield* store.put(outcomeEntry, new TextEncoder().encode(text))
    yield* say({ outcome: { tested: outcome.tested ?? null, steps: outcome.steps } })
  })

/** What is done to this party on purpose, if anything. */
const faultsOf = (
  { faults: file, state }: ActorOptions,
  { scenario }: LoadedScenario,
  agreement: Agreement,
  actor: string
) =>
  Effect.gen(function* () {
    const faults = Option.isSome(file) ? yield* loadFaults(file.value, scenario) : scenario.faults
    return faults && faultsAtParty(yield* planFaults(faults, agreement), agreement, actor, state)
  })

/** How many threads a party has for its work. */
const threadsOf = ({ placement }: LoadedScenario["scenario"], actor: string): number =>
  (placement.threads as Readonly<Record<string, number | undefined>>)[actor] ?? availableParallelism()

/** Runs one party over NATS to the end of the run, or until the process that started it is gone. */
export const startActor = (options: ActorOptions) =>
  Effect.gen(function* () {
    yield* checkRunName(options.run)
    const loaded = yield* loadScenario(options.scenario)
    const agreement = agreementOf(
      loaded.scenario,
      Option.getOrUndefined(options.seed) ?? loaded.scenario.seed
    )
    const actor = yield* actorNamed(agreement, options.role)
    // What is wrong with the party's own files or key is found out before it connects.
    const member =
      actor === "director" || actor === "kgc" ? undefined : yield* memberRole(actor, loaded, options.kgcKey)
    const { url, user, password, trust } = yield* accessFromEnvironment(actor)
    const { run, state } = options
    yield* holdPartyFolder(state, { actor, run })
    const faulty = yield* faultsOf(options, loaded, agreement, actor)
    const access = { servers: [url], user, password, trust, run } as const
    const broker = nats(access)
    const connected = untilBroker(
      party({ name: actor, run }).pipe(Layer.provideMerge(faulty?.transport(broker) ?? broker))
    )
    const owner = { party: actor, run, secret: password }
    const plainStores = Layer.merge(directory(state), stable(state, owner))
    const stores = faulty?.stores(plainStores) ?? plainStores
    // The broker knows the password: what it stores is under a key that follows from the cloud's root, which only the cloud's own folder has.
    const kept = Layer.scoped(
      CheckpointStore,
      Effect.gen(function* () {
        const key = (yield* partyRoot(agreement))("checkpoints")
        const secret = Redacted.make(Buffer.from(key).toString("hex"))
        const bucket = yield* openBucket(yield* brokerRequests(access), actor, run)
        return Option.some(encrypted(bucket, { ...owner, secret }))
      })
    ).pipe(Layer.provide(stores))
    const atBroker = loaded.scenario.placement.checkpoints === "jetstream" && clouds.includes(actor)
    const services = Layer.mergeAll(
      connected,
      stores,
      processGroupFromEnvironment({ name: actor, run }),
      atBroker ? untilBroker(kept) : Layer.empty,
      bcpPool(threadsOf(loaded.scenario, actor))
    ).pipe(Layer.provideMerge(tracing({ actor, file: join(state, eventsEntry) })))
    const living = Effect.gen(function* () {
      if (actor === "director") {
        yield* sayReady({})
        return yield* directRun(agreement, loaded.scenario.placement.usersLeaveAfterUpload)
      }
      if (member !== undefined) {
        yield* sayReady({})
        yield* serve(agreement, member)
        // Where another process looks after the parties, it judges what came of the run.
        return yield* member.role === "user" && !isSupervised() ? requireMeaningful(agreement) : Effect.void
      }
      // It deals ahead of the clouds, who wait for each other.
      yield* giveWay
      const signing = yield* signingKeys
      yield* sayReady({ kgcKey: Buffer.from(signing.publicKey).toString("base64") })
      yield* serve(agreement, { role: "kgc", signing })
    })
    const lived = Effect.raceFirst(living, brokerLost).pipe(
      Effect.provide(services),
      Effect.raceFirst(parentGone)
    )
    yield* faulty === undefined ? lived : Effect.withClock(lived, faulty.clock)
  }).pipe(Effect.scoped)
