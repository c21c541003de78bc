/**
 * A served model on this machine: the KGC and both clouds as processes over a broker, from the out folder of a run that has
 * ended. It is a trial as that run was: this process makes up the identities of all, and admits askers in the users' name.
 * Whoever dies is started again.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { Data, Deferred, Effect, Option, type Redacted } from "effect"
import { type Agreement, agreementDigest, kgcServes, servesModel } from "../../actors/party/agreement.ts"
import {
  drawIdentities,
  type Identities,
  identityIn,
  keysOf,
  usersOf
} from "../../actors/party/identities.ts"
import type { ServingRole } from "../../actors/serving.ts"
import { artifact } from "../../protocol/artifact.ts"
import { publicTextOf } from "../../protocol/channels/identity.ts"
import { type AdmissionStatement, signedBy } from "../../protocol/serving/admission.ts"
import { admissionText } from "../../protocol/serving/admission-text.ts"
import { accessTo } from "../../runtime/broker/access.ts"
import { operator, startBroker } from "../../runtime/broker/start.ts"
import { type ActorDied, startActor } from "../../runtime/processes/process.ts"
import { type LifeEvent, supervise } from "../../runtime/processes/supervision.ts"
import { holdFolder } from "../../runtime/storage/folder-lock.ts"
import { stateKeyVariable } from "../../runtime/storage/state-key.ts"
import { agreementWith } from "../description/agreement.ts"
import { loadScenario } from "../description/load.ts"
import type { ProcessControl } from "../faults-injected/process-control.ts"
import { stateKeysIn } from "../folders/kept-credentials.ts"
import { brokerEntry, endedRunIn, partiesEntry } from "../folders/out-folder.ts"
import type { RunDisplay } from "../report/result.ts"
import { identityVariable, keysText, keysVariable, publicTexts, publicTextsVariable } from "./identities.ts"
import { OtherScenario } from "./run.ts"
import { askerLayer, NotServed } from "./serving-process.ts"

/** The folder has nothing that can be served. */
export class NothingToServe extends Data.TaggedError("NothingToServe")<{
  readonly folder: string
  readonly reason: string
}> {
  readonly retryable = false
  override get message(): string {
    return `nothing to serve in ${this.folder}: ${this.reason}; give the out folder of a run over NATS that has ended, with model: served or both`
  }
}

export interface ServeOptions {
  /** The out folder of the run. */
  readonly out: string
  /** Askers that are no users of the run, to be admitted: `asker1`, and so on. */
  readonly askers: ReadonlyArray<{ readonly actor: string; readonly rows: number }>
  readonly display: Pick<RunDisplay, "note">
}

/** What is served, and what an asker on this machine needs. */
export interface Serving {
  readonly agreement: Agreement
  readonly run: string
  readonly url: string
  readonly identities: Identities
  /** Control of the processes and the broker. */
  readonly control: ProcessControl
  /** Fails once a party or the broker is lost for good. */
  readonly lost: Effect.Effect<never, Error>
  /** The place of an asker or user in this run. */
  readonly asker: (actor: string) => Effect.Effect<ReturnType<typeof askerLayer>>
}

/** Who serves. */
const servingRoles = (agreement: Agreement): ReadonlyArray<ServingRole> =>
  kgcServes(agreement) ? ["kgc", "cloud0", "cloud1"] : ["cloud0", "cloud1"]
const readyTimeoutMs = 180_000
const dayMs = 86_400_000

/** The model in an out folder, and the keys that its shares are under. */
const servedIn = (out: string) =>
  Effect.gen(function* () {
    const nothing = (reason: string) => new NothingToServe({ folder: out, reason })
    const begun = yield* endedRunIn(out).pipe(Effect.mapError(({ reason }) => nothing(reason)))
    yield* holdFolder(out)
    const { scenario } = yield* loadScenario(begun.file)
    const reopens = Option.fromNullable(begun.reopens)
    const agreement = agreementWith(scenario, { seed: Option.fromNullable(begun.seed), reopens })
    if (agreementDigest(agreement) !== begun.agreement)
      return yield* new OtherScenario({ folder: out, file: begun.file })
    if (!servesModel(agreement)) return yield* new NotServed({ file: begun.file })
    const stateKeys = yield* stateKeysIn(out)
    for (const cloud of ["cloud0", "cloud1"])
      if (stateKeys[cloud] === undefined) return yield* nothing(`the state key of ${cloud} is destroyed`)
    return { agreement, begun, stateKeys }
  })

/** What all users of the run sign for an asker of a trial, on their behalf. */
const admissionFor = (
  { agreement, run }: { readonly agreement: Agreement; readonly run: string },
  identities: Identities,
  { actor, rows }: ServeOptions["askers"][number],
  nowMs: number
): string => {
  const statement: AdmissionStatement = {
    ...{ run, agreement: agreementDigest(agreement), preparation: "0".repeat(64), quota: { rows } },
    asker: { actor, identity: publicTextOf(identityIn(identities, actor)) },
    until: Math.floor((nowMs + dayMs) / 1000)
  }
  return admissionText(
    agreement.users.reduce(
      (admission, user) => signedBy(admission, user.actor, identityIn(identities, user.actor).nkey),
      { statement, signatures: [] as ReadonlyArray<{ user: string; signature: Uint8Array }> }
    )
  )
}

const temporaryFolder = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "bicameral-serve-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
)

/** Starts everything, until the scope ends; returns once all parties are up. */
export const serveRun = Effect.fn("Run.serve")(function* ({ askers, display, out }: ServeOptions) {
  const { agreement, begun, stateKeys } = yield* servedIn(out)
  const { file, reopens, run, seed } = begun
  const identities = drawIdentities(operator)
  const nowMs = yield* Effect.clockWith(({ currentTimeMillis }) => currentTimeMillis)
  const folder = yield* temporaryFolder
  for (const asker of askers) {
    const place = join(folder, `${asker.actor}.json`)
    yield* Effect.promise(() => writeFile(place, admissionFor({ agreement, run }, identities, asker, nowMs)))
  }
  const lost = yield* Deferred.make<never, Error>()
  const onEvent = (event: LifeEvent) => {
    if (event._tag === "Died") display.note(`${event.party} died and is started again: ${event.reason}`)
  }
  const broker = yield* startBroker({
    folder: join(out, brokerEntry),
    credentials: usersOf(identities),
    onEvent
  })
  const processes = new Map<string, { readonly pid: () => number | undefined }>()
  const start = (actor: ServingRole) =>
    Effect.gen(function* () {
      const key: Redacted.Redacted | undefined = stateKeys[actor]
      const launch = startActor({
        party: actor,
        entry: fileURLToPath(artifact("program/main.js")),
        args: [
          ...["actor", actor, "--serve", "--scenario", file, "--run", run],
          ...["--state", join(resolve(out), partiesEntry, actor)],
          ...(seed === null ? [] : ["--seed", String(seed)]),
          ...(reopens === undefined ? [] : ["--archive", reopens]),
          ...["--admissions", folder]
        ],
        env: {
          NATS_URL: broker.url,
          [keysVariable]: keysText(keysOf(identities)),
          [publicTextsVariable]: publicTexts(identities)
        },
        secrets: {
          [identityVariable(actor)]: identities[actor]!,
          ...(key !== undefined && { [stateKeyVariable(actor)]: key })
        },
        readyTimeoutMs,
        onWaiting: (reason) => display.note(`${actor} is waiting: ${reason}`)
      })
      const supervised = yield* supervise({
        ...{ party: actor, launch, onEvent },
        crashed: (died: ActorDied) => died.crashed
      })
      processes.set(actor, supervised)
      yield* Effect.forkScoped(Effect.catchAll(supervised.ended, (died) => Deferred.fail(lost, died)))
      yield* supervised.ready
    })
  yield* Effect.forEach(servingRoles(agreement), start, { concurrency: "unbounded", discard: true })
  if ("lost" in broker)
    yield* Effect.forkScoped(Effect.catchAll(broker.lost, (error) => Deferred.fail(lost, error)))
  const serving: Serving = {
    ...{ agreement, run, url: broker.url, identities },
    control: {
      signal: (actor, signal) => {
        const pid = actor === "broker" && "pid" in broker ? broker.pid : processes.get(actor)?.pid()
        return pid !== undefined && process.kill(pid, signal)
      }
    },
    lost: Deferred.await(lost),
    asker: (actor) =>
      Effect.map(accessTo(broker, actor), (access) =>
        askerLayer({
          ...{ agreement, run, actor, access },
          identity: identityIn(identities, actor).channel,
          keys: keysOf(identities)
        })
      )
  }
  return serving
})
