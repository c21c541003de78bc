/**
 * One party as a process of its own: reads the scenario's public part and, as a user, its own files; connects
 * to the broker with its own identity, and serves until the director releases it. It keeps its state in
 * its own folder: started again with the same folder, it resumes.
 */
import { availableParallelism } from "node:os"
import { Console, Effect, Layer, Option } from "effect"
import { type DirectorOptions, direct, directDealing } from "../../actors/director.ts"
import { type Agreement, reopens } from "../../actors/party/agreement.ts"
import { refuseFinished } from "../../actors/party/erasure.ts"
import { type Role, serve } from "../../actors/roles.ts"
import type { PartyIdentity } from "../../protocol/channels/identity.ts"
import { accessFromEnvironment, type BrokerAccess } from "../../runtime/broker/access.ts"
import { giveWay, isSupervised, parentGone, sayReady } from "../../runtime/processes/process.ts"
import { findKeptKey, findStateKey } from "../../runtime/storage/state-key.ts"
import { Store } from "../../runtime/storage/store.ts"
import { agreementWith, keysOfScenario } from "../description/agreement.ts"
import { type LoadedScenario, loadFaults, loadScenario } from "../description/load.ts"
import { checkRunName } from "../description/run-name.ts"
import { threadsFor } from "../description/schema.ts"
import { faultsAtParty } from "../faults-injected/at-party.ts"
import { planFaults } from "../faults-injected/plan.ts"
import { keptLayer } from "../folders/kept-folder.ts"
import { hasEndRecord, holdPartyFolder, outcomeEntry } from "../folders/party-folder.ts"
import { noteTraining } from "../folders/trainings.ts"
import { requireMeaningful } from "../reference/opened-model.ts"
import type { DirectorEvent } from "./director-events.ts"
import { directoryOfParty, ownIdentity } from "./identities.ts"
import { actorNamed, servingRole } from "./party-role.ts"
import { partyServices } from "./party-services.ts"
import { brokerLost } from "./until-broker.ts"

export interface ActorOptions {
  /** `kgc`, `cloud0`, `cloud1`, `director`, or a user: `user1` or its name in the scenario. */
  readonly role: string
  readonly scenario: string
  /** The run's name, the same for all its parties. */
  readonly run: string
  /** The file of the party's identity. */
  readonly identity: Option.Option<string>
  /** The party's own folder: what it keeps, and its event log. */
  readonly state: string
  /** The file of the key that its state is encrypted under. */
  readonly stateKey: Option.Option<string>
  /** Replaces the scenario's seed. */
  readonly seed: Option.Option<number>
  /** Whether the director ends once all steps are dealt ahead. */
  readonly onlyDeal: boolean
  /** The run in which the users uploaded, where its archive is opened again. */
  readonly reopens: Option.Option<string>
  /** The folder that the party had in it, and the file of its state key there. */
  readonly from: Option.Option<string>
  readonly fromKey: Option.Option<string>
  /** A file of faults, in place of those of the scenario. */
  readonly faults: Option.Option<string>
}

const report = (event: DirectorEvent) => Console.log(JSON.stringify(event))

/**
 * Takes a run whose parties are up through its phases, or only until all steps are dealt. Users leave only where somebody can
 * start them again.
 */
const directRun = (agreement: Agreement, usersLeave: boolean, onlyDeal: boolean) =>
  Effect.gen(function* () {
    const store = yield* Store
    const options: DirectorOptions<never> = {
      agreement,
      ...(usersLeave && isSupervised()
        ? { bringBack: (users: ReadonlyArray<string>) => report({ back: users }) }
        : {}),
      onPhase: (phase) => report({ phase }),
      onProgress: (...progress) => report({ progress })
    }
    if (onlyDeal) return yield* directDealing(options)
    const outcome = yield* direct(options)
    const text = `${JSON.stringify(outcome, null, 2)}\n`
    yield* store.put(outcomeEntry, new TextEncoder().encode(text))
    yield* report({ outcome: { tested: outcome.tested ?? null, steps: outcome.steps } })
  })

/** What is done to this party on purpose; undefined where nothing is. */
const injectedFaults = (
  { faults: file, state }: Pick<ActorOptions, "faults" | "state">,
  { scenario }: LoadedScenario,
  agreement: Agreement,
  actor: string
) =>
  Effect.gen(function* () {
    const faults = Option.isSome(file) ? yield* loadFaults(file.value, scenario) : scenario.faults
    return faults && faultsAtParty(yield* planFaults(faults, agreement), agreement, actor, state)
  })

/**
 * Serves in a role. The KGC deals ahead of the clouds, which wait for each other, so it gives way to them. A
 * user on its own judges the result; a process that supervises does so otherwise.
 */
const serveAs = (agreement: Agreement, role: Role) =>
  Effect.gen(function* () {
    if (role.role === "kgc") yield* giveWay
    yield* sayReady({})
    yield* serve(agreement, role)
    if (role.role === "user" && !isSupervised()) yield* requireMeaningful(agreement)
  })

/** What a party of a training from an archive has of the users' run. */
const keptFor = (
  { reopens, from, fromKey }: Pick<ActorOptions, "reopens" | "from" | "fromKey">,
  actor: string
) =>
  Effect.gen(function* () {
    if (Option.isNone(reopens) || Option.isNone(from)) return Layer.empty
    const secret = yield* findKeptKey({ actor, folder: from.value, file: fromKey })
    return keptLayer(from.value, actor, secret)
  })
/** What a party proves itself with, and where its broker is. */
interface Credentials<E> {
  readonly own: PartyIdentity
  readonly access: Effect.Effect<BrokerAccess, E>
}

/** Runs one party over NATS to the end of the run, or until the process that started it is gone. */
export const runActor = (options: ActorOptions) =>
  Effect.gen(function* () {
    yield* checkRunName(options.run)
    const loaded = yield* loadScenario(options.scenario)
    yield* runParty(options, loaded, (actor) =>
      Effect.map(ownIdentity(actor, options.identity), (own) => ({
        own,
        access: accessFromEnvironment(actor, own.nkey)
      }))
    )
  })

/** The same of a scenario that was read, with what `credentialsOf` an actor gives. */
export const runParty = <E, E2>(
  options: Omit<ActorOptions, "scenario" | "identity">,
  loaded: LoadedScenario,
  credentialsOf: (actor: string) => Effect.Effect<Credentials<E2>, E>
) =>
  Effect.gen(function* () {
    const { run, state } = options
    const { placement } = loaded.scenario
    const agreement = agreementWith(loaded.scenario, options)
    const actor = yield* actorNamed(agreement, options.role)
    // What is wrong with the party's own files or identity is found out before it connects.
    const serving = yield* servingRole(actor, loaded, agreement)
    const kept = yield* keptFor(options, actor)
    const credentials = yield* credentialsOf(actor)
    const { own } = credentials
    const keys = keysOfScenario(loaded.scenario)
    const directory = yield* directoryOfParty(agreement, { name: actor, run }, own.channel, keys)
    const access = yield* credentials.access
    yield* holdPartyFolder(state, { actor, run })
    const isCloud = actor === "cloud0" || actor === "cloud1"
    if (isCloud && Option.isSome(options.reopens) && Option.isSome(options.from))
      yield* noteTraining(options.from.value, { folder: state, run })
    const ended = yield* hasEndRecord(state)
    const stateKey = yield* findStateKey({ actor, folder: state, file: options.stateKey, ended })
    const faults = yield* injectedFaults(options, loaded, agreement, actor)
    const services = partyServices({
      agreement,
      connection: { actor, run, access },
      directory,
      storage: {
        ...{ folder: state, stateKey, ended },
        checkpointsAtBroker: isCloud && placement.checkpoints === "jetstream"
      },
      faults,
      threads: threadsFor(placement, actor) ?? availableParallelism()
    })
    const living = Effect.gen(function* () {
      // A runner that resumes starts all parties, and those that have finished answer its director again.
      if (!isSupervised()) yield* refuseFinished(actor)
      if (serving !== undefined) return yield* serveAs(agreement, serving)
      yield* sayReady({})
      const usersCome = placement.usersLeaveAfterUpload || reopens(agreement)
      yield* directRun(agreement, usersCome, options.onlyDeal)
    })
    const lived = Effect.raceFirst(living, brokerLost).pipe(
      Effect.provide(kept),
      Effect.provide(services),
      Effect.raceFirst(parentGone)
    )
    yield* faults === undefined ? lived : Effect.withClock(lived, faults.clock)
  }).pipe(Effect.scoped)
