/**
 * A party of a served model as a process of its own: the KGC, or a cloud, from the folder that it had in the run that made the
 * model. It serves until it is ended, and may be ended and started again at any time. An asker connects likewise.
 */
import { readdir, readFile } from "node:fs/promises"
import { join } from "node:path"
import { Data, Effect, Either, Layer, Option } from "effect"
import { type Agreement, agreementDigest, kgcServes, servesModel } from "../../actors/party/agreement.ts"
import { type DirectoryService, directoryOf, type PartyKeys } from "../../actors/party/directory.ts"
import { type ServingRole, serveModel } from "../../actors/serving.ts"
import { type PublicIdentity, publicIdentity } from "../../protocol/channels/identity.ts"
import type { Identity } from "../../protocol/channels/noise.ts"
import { isAsker } from "../../protocol/messages/subjects.ts"
import { type AdmissionStatement, admitted } from "../../protocol/serving/admission.ts"
import { admissionOfText } from "../../protocol/serving/admission-text.ts"
import { accessFromEnvironment, type BrokerAccess } from "../../runtime/broker/access.ts"
import { fileReason } from "../../runtime/file-reason.ts"
import { layer as party } from "../../runtime/messaging/party.ts"
import { giveWay, parentGone, sayReady } from "../../runtime/processes/process.ts"
import { findStateKey } from "../../runtime/storage/state-key.ts"
import { layer as nats } from "../../runtime/transport/nats.ts"
import { sealed } from "../../runtime/transport/sealed.ts"
import {
  agreementWith,
  type GivenToRun,
  identitiesOfScenario,
  keysOfScenario
} from "../description/agreement.ts"
import { loadScenario } from "../description/load.ts"
import { checkRunName } from "../description/run-name.ts"
import { hasEndRecord, holdPartyFolder } from "../folders/party-folder.ts"
import { directoryOfParty, ownIdentity, partyKeys, publicIdentities } from "./identities.ts"
import { partyServices } from "./party-services.ts"
import { brokerLost } from "./until-broker.ts"

export interface ServingOptions extends GivenToRun {
  readonly role: string
  readonly scenario: string
  /** The run that made the model. */
  readonly run: string
  readonly identity: Option.Option<string>
  /** The folder that the party had in that run. */
  readonly state: string
  readonly stateKey: Option.Option<string>
  /** A folder of admissions. */
  readonly admissions: Option.Option<string>
}

/** Only the KGC and the clouds serve. */
export class NoServingRole extends Data.TaggedError("NoServingRole")<{ readonly role: string }> {
  readonly retryable = false
  override get message(): string {
    return `"${this.role}" has no part in serving a model; choose kgc, cloud0 or cloud1`
  }
}

/** The run has not come to its end at this cloud. */
export class RunNotEnded extends Data.TaggedError("RunNotEnded")<{ readonly folder: string }> {
  readonly retryable = false
  override get message(): string {
    return `the run in ${this.folder} has not ended there, and a model is served after its run; end it, or give the folder that this cloud had in a run that has ended`
  }
}

/** The clouds deal for themselves. */
export class NoKgcServes extends Data.TaggedError("NoKgcServes")<{ readonly file: string }> {
  readonly retryable = false
  override get message(): string {
    return `${this.file}: security.dealing is clouds, so no KGC has a part in serving the model; start both clouds alone`
  }
}

/** The scenario keeps nothing of the model at the clouds. */
export class NotServed extends Data.TaggedError("NotServed")<{ readonly file: string }> {
  readonly retryable = false
  override get message(): string {
    return `${this.file}: model is opened, so the clouds kept nothing of it to serve; run it with model: served, or model: both`
  }
}

/** An admission can't be used. */
export class AdmissionUnfit extends Data.TaggedError("AdmissionUnfit")<{
  readonly file: string
  readonly reason: string
}> {
  readonly retryable = false
  override get message(): string {
    return `${this.file}: ${this.reason}`
  }
}

const isServingRole = (role: string): role is ServingRole =>
  role === "kgc" || role === "cloud0" || role === "cloud1"

/** What the admissions in these files admit, each by all users of the run. */
export const admissionsIn = (folder: string, terms: Parameters<typeof admitted>[1]) =>
  Effect.gen(function* () {
    const reading = <A>(file: string, read: () => Promise<A>) =>
      Effect.tryPromise({
        try: read,
        catch: (error) => new AdmissionUnfit({ file, reason: `can't be read: ${fileReason(error)}` })
      })
    const names = yield* reading(folder, () => readdir(folder))
    const found: Array<AdmissionStatement> = []
    for (const name of names.filter((name) => name.endsWith(".json")).sort()) {
      const file = join(folder, name)
      const text = yield* reading(file, () => readFile(file, "utf8"))
      const statement = Either.flatMap(admissionOfText(text), (admission) => admitted(admission, terms))
      const own = yield* Either.mapLeft(
        statement,
        ({ message: reason }) => new AdmissionUnfit({ file, reason })
      )
      if (found.some(({ asker }) => asker.actor === own.asker.actor))
        return yield* new AdmissionUnfit({
          file,
          reason: `another file admits ${own.asker.actor} too; keep one`
        })
      found.push(own)
    }
    return found
  })

const channelKeyOf = (identity: string): Uint8Array => publicIdentity(identity)!.channelKey

/** The keys of parties and of those who are admitted. */
const withAskers = (keys: PartyKeys, admissions: ReadonlyArray<AdmissionStatement>): PartyKeys =>
  new Map([
    ...keys,
    ...admissions
      .filter(({ asker }) => isAsker(asker.actor))
      .map(({ asker }) => [asker.actor, channelKeyOf(asker.identity)] as const)
  ])

/** Runs one party of a served model over NATS, until it is ended or the process that started it is gone. */
export const runServing = (options: ServingOptions) =>
  Effect.gen(function* () {
    const { role, run, state } = options
    yield* checkRunName(run)
    if (!isServingRole(role)) return yield* new NoServingRole({ role })
    const { scenario } = yield* loadScenario(options.scenario)
    const agreement = agreementWith(scenario, options)
    if (!servesModel(agreement)) return yield* new NotServed({ file: options.scenario })
    if (role === "kgc" && !kgcServes(agreement)) return yield* new NoKgcServes({ file: options.scenario })
    const own = yield* ownIdentity(role, options.identity)
    const parties = yield* publicIdentities(identitiesOfScenario(scenario))
    const terms = { run, agreement: agreementDigest(agreement), parties: partiesIn(agreement, parties) }
    const admissions = Option.isNone(options.admissions)
      ? []
      : yield* admissionsIn(options.admissions.value, terms)
    const keys = withAskers(yield* partyKeys(keysOfScenario(scenario)), admissions)
    const directory = yield* directoryOfParty(agreement, { name: role, run }, own.channel, keys)
    const access = yield* accessFromEnvironment(role, own.nkey)
    yield* holdPartyFolder(state, { actor: role, run })
    // The KGC of the run has erased all, and that of the service draws its keys anew at each start.
    const storesNothing = role === "kgc"
    if (!storesNothing && !(yield* hasEndRecord(state))) return yield* new RunNotEnded({ folder: state })
    const stateKey = yield* findStateKey({
      actor: role,
      folder: state,
      file: options.stateKey,
      ended: storesNothing
    })
    const services = partyServices({
      ...{ agreement, directory, faults: undefined, threads: 1 },
      connection: { actor: role, run, access },
      storage: { folder: state, stateKey, ended: storesNothing, checkpointsAtBroker: false }
    })
    const living = Effect.gen(function* () {
      // It deals ahead of the clouds, which wait for each other.
      if (role === "kgc") yield* giveWay
      yield* sayReady({})
      yield* serveModel(agreement, role, admissions)
    })
    yield* Effect.raceFirst(living, brokerLost).pipe(Effect.provide(services), Effect.raceFirst(parentGone))
  }).pipe(Effect.scoped)

/** Those of a run: of others that a trial has identities for, admissions may be. */
const partiesIn = (agreement: Agreement, identities: ReadonlyMap<string, PublicIdentity>) =>
  new Map(
    [...identities].filter(
      ([actor]) => !isAsker(actor) && (!actor.startsWith("user") || isUserOf(agreement, actor))
    )
  )

const isUserOf = ({ users }: Agreement, actor: string): boolean => users.some((user) => user.actor === actor)

export interface AskerConnection {
  readonly agreement: Agreement
  readonly run: string
  /** `asker1`, or a user of the run. */
  readonly actor: string
  readonly identity: Identity
  /** The public keys of the parties' channels. */
  readonly keys: PartyKeys
  readonly access: BrokerAccess
}

/** The place of an asker in the run of a served model, for `makeAsker`. */
export const askerLayer = ({ access, actor, agreement, identity, keys, run }: AskerConnection) => {
  const { nkey, trust, url, user } = access
  const own: DirectoryService = directoryOf({ name: actor, run }, identity, { agreement, keys })
  return party({ name: actor, run }).pipe(
    Layer.provide(sealed(own, nats({ servers: [url], user, nkey, trust, run, name: actor })))
  )
}
