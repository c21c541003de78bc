/**
 * Brings up all parties of a run on this machine: over NATS each in a process of its own, the director too, that is started again
 * if it dies; over memory each as a fiber of this process. Either way a party gets nothing but the public scenario, the KGC's
 * verification key and, a user, its own files.
 */
import { readFile } from "node:fs/promises"
import { availableParallelism } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import {
  Cause,
  Data,
  Deferred,
  Duration,
  Effect,
  Exit,
  Fiber,
  Layer,
  Option,
  type Redacted,
  Scope
} from "effect"
import { direct, type RunOutcome } from "../../actors/director.ts"
import { groupSecretVariable } from "../../actors/group/process-group.ts"
import { type Agreement, actorsOf } from "../../actors/party/agreement.ts"
import { layer as bcpPool } from "../../actors/party/bcp-pool.ts"
import { type Role, serve } from "../../actors/roles.ts"
import { artifact } from "../../protocol/artifact.ts"
import type { EncodedTable } from "../../protocol/data/encoding.ts"
import { memberNamed } from "../../protocol/messages/subjects.ts"
import { generateSigningKeyPair } from "../../protocol/sharing/roster.ts"
import {
  type Broker,
  type BrokerNotStarted,
  passwordVariable,
  startBroker
} from "../../runtime/broker/start.ts"
import { layer as party } from "../../runtime/messaging/party.ts"
import { type ActorDied, startActor, toldStatus } from "../../runtime/processes/process.ts"
import { type LifeEvent, type Supervised, supervise } from "../../runtime/processes/supervision.ts"
import { directory, memoryStore, Stable, type StoreService } from "../../runtime/storage/store.ts"
import { layer as tracing } from "../../runtime/tracing.ts"
import { makeHub } from "../../runtime/transport/memory.ts"
import type { Scenario } from "../description/schema.ts"
import type { ProcessControl } from "../faults-injected/process-control.ts"
import { eventsEntry, outcomeEntry } from "../folders/party-folder.ts"
import type { RunDisplay } from "../report/result.ts"
import type { Said } from "./party-process.ts"
import { accessOf, prepareBuckets, tryAccess } from "./run-broker.ts"

/** What it takes to bring up the parties. */
export interface Company {
  /** Path of the scenario file. */
  readonly file: string
  readonly agreement: Agreement
  readonly placement: Scenario["placement"]
  readonly run: string
  /** Each party's own folder is `<folder>/<actor>`. */
  readonly folder: string
  /** The users' cells, for users who are fibers of this process. */
  readonly tables: ReadonlyArray<ReadonlyArray<EncodedTable>>
  readonly display: RunDisplay
}

/** What it takes beside it where each party is a process. */
export interface BrokeredCompany extends Company {
  /** Where a broker that is started for the run stores, and the passwords that it knows. */
  readonly broker: { readonly folder: string; readonly credentials: Broker["credentials"] }
  /** The secrets of the houses, as their processes are given them. */
  readonly houses: Readonly<Record<string, Redacted.Redacted>>
  /** A file of faults that the parties are given. */
  readonly faultsFile?: Option.Option<string>
  /** Takes what the parties' processes say, a line of JSON at a time. */
  readonly onLine?: (line: unknown) => void
}

/** The parties, up and waiting for the director. */
export interface Assembled<E> {
  /** Directs them to the end; fails as soon as one is lost. */
  readonly directed: Effect.Effect<RunOutcome, E>
  /** Controls nothing where all parties are fibers of this process. */
  readonly control: ProcessControl
}

/** The director ended the run, or another party could not take part in it, for the reason that it gave. */
export class RunStopped extends Data.TaggedError("RunStopped")<{ readonly reason: string }> {
  readonly retryable = true
  override get message(): string {
    return this.reason
  }
}

/** A party that is not up by then is started again. */
const readyTimeoutMs = 30_000

/** One process a party, over a broker that is there already or is started for the run. */
export const assembleProcesses = (company: BrokeredCompany) =>
  Effect.gen(function* () {
    const { agreement, display, file, folder, run } = company
    const scope = yield* Effect.scope
    const onEvent = (event: LifeEvent) => {
      display.life?.(event)
      if (event._tag === "Died" && !event.killed)
        display.note(`${event.party} died and is started again: ${event.reason}`)
    }
    const storing = company.placement.checkpoints === "jetstream"
    const broker = yield* startBroker({ ...company.broker, storing, onEvent }).pipe(
      sayingIfSlow(() => display.note("waiting for the broker to be ready"))
    )
    const access = yield* accessOf(broker, agreement)
    yield* tryAccess(access.get("director")!, run)
    if (storing) yield* prepareBuckets(broker, run)

    const lost = yield* Deferred.make<never, ActorDied | BrokerNotStarted | RunStopped>()
    if ("lost" in broker)
      yield* Effect.forkIn(
        Effect.catchAll(broker.lost, (error) => Deferred.fail(lost, error)),
        scope
      )
    const processes = new Map<string, Supervised<unknown, ActorDied>>()
    const faults = Option.getOrUndefined(company.faultsFile ?? Option.none())
    const secretsOf = (actor: string) => {
      const house = company.houses[actor]
      return {
        [passwordVariable(actor)]: access.get(actor)!.password,
        ...(house === undefined ? {} : { [groupSecretVariable(actor)]: house })
      }
    }
    const launchProcess = (
      label: string,
      actor: string,
      args: ReadonlyArray<string>,
      onLine?: (line: unknown) => void
    ) =>
      startActor({
        party: label,
        entry: fileURLToPath(artifact("program/main.js")),
        args: ["actor", actor, ...args],
        env: { NATS_URL: broker.url },
        secrets: secretsOf(actor),
        readyTimeoutMs,
        onWaiting: (reason) => display.note(`${label} is waiting: ${reason}`),
        ...(onLine === undefined ? {} : { onLine })
      })
    const start = (actor: string, kgcKey?: string, onLine = company.onLine) =>
      Effect.gen(function* () {
        const supervised = yield* supervise({
          party: actor,
          launch: launchProcess(
            actor,
            actor,
            [
              ...["--scenario", file, "--run", run, "--state", join(folder, actor)],
              ...(kgcKey === undefined ? [] : ["--kgc-key", kgcKey]),
              ...(agreement.seed === undefined ? [] : ["--seed", String(agreement.seed)]),
              ...(faults === undefined ? [] : ["--faults", faults])
            ],
            onLine
          ),
          crashed: (died) => died.crashed,
          onEvent
        })
        processes.set(actor, supervised)
        return supervised
      }).pipe(Scope.extend(scope))
    /** Starts a member, whose loss costs the run nothing but time. */
    const startMember = (kind: "worker" | "lane", actor: string, number: number) =>
      Effect.gen(function* () {
        const label = memberNamed(actor, kind, String(number))
        const threads = (company.placement.threads as Readonly<Record<string, number | undefined>>)[actor]
        const supervised = yield* supervise({
          party: label,
          launch: launchProcess(label, actor, [
            `--${kind}`,
            ...["--run", run, "--state", join(folder, label)],
            ...(threads === undefined ? [] : ["--threads", String(threads)])
          ]),
          crashed: (died) => died.crashed,
          onEvent
        })
        processes.set(label, supervised)
        yield* Effect.forkIn(
          Effect.catchAll(supervised.ended, (died) =>
            Effect.sync(() => display.note(`the run goes on without ${label}: ${died.message}`))
          ),
          scope
        )
      }).pipe(Scope.extend(scope))
    /** The same, for a party whose loss ends the run. */
    const startParty = (actor: string, kgcKey?: string) =>
      Effect.gen(function* () {
        const { ended, ready } = yield* start(actor, kgcKey)
        yield* Effect.forkIn(
          Effect.catchAll(ended, (died) => Deferred.fail(lost, toldBy(actor, died))),
          scope
        )
        return yield* ready.pipe(
          sayingIfSlow(() => display.note(`waiting for ${actor} to be ready`)),
          Effect.mapError((died) => toldBy(actor, died))
        )
      })

    const { ready } = yield* startParty("kgc")
    const { kgcKey } = ready as { readonly kgcKey: string }
    /** Who was called back; a director that comes back itself calls again. */
    const called = new Set<string>()
    /** A user who was told to finish may still be on its way out. One who never left goes on as it is. */
    const comeBack = (user: string) =>
      Effect.zipRight(processes.get(user)!.ended, startParty(user, kgcKey)).pipe(
        Effect.catchAll((died) => Deferred.fail(lost, died))
      )
    const runFork = yield* Effect.map(Effect.runtime(), (runtime) => (work: Effect.Effect<unknown>) => {
      void Effect.runFork(Effect.provide(Effect.forkIn(work, scope), runtime))
    })
    let phase: string | undefined
    const onLine = (line: unknown) => {
      company.onLine?.(line)
      const said = line as Said
      if ("back" in said)
        for (const each of said.back) {
          if (!called.has(each)) runFork(comeBack(each))
          called.add(each)
        }
      if ("progress" in said) display.progress(...said.progress)
      if (!("phase" in said) || said.phase === phase) return
      // A director that came back begins the phase again; for whoever watches it goes on.
      phase = said.phase
      display.phase(said.phase)
    }
    const directed = Effect.gen(function* () {
      const { ended } = yield* start("director", undefined, onLine)
      const others = actorsOf(agreement).filter((actor) => actor !== "kgc")
      yield* Effect.forEach(others, (actor) => startParty(actor, kgcKey), { concurrency: "unbounded" })
      for (const [actor, count] of Object.entries(company.placement.workers))
        for (let number = 1; number <= count; number++) yield* startMember("worker", actor, number)
      for (const actor of ["cloud0", "cloud1"])
        for (let number = 1; number < company.placement.lanes; number++)
          yield* startMember("lane", actor, number)
      yield* ended.pipe(
        Effect.mapError((died) => toldBy("director", died)),
        Effect.raceFirst(Deferred.await(lost))
      )
      const text = yield* Effect.promise(() => readFile(join(folder, "director", outcomeEntry), "utf8"))
      return JSON.parse(text) as RunOutcome
    })
    const control: ProcessControl = {
      signal: (actor, signal) => {
        const pid = actor === "broker" && "pid" in broker ? broker.pid : processes.get(actor)?.pid()
        return pid !== undefined && process.kill(pid, signal)
      }
    }
    return { directed, control }
  })

/** Longer than a start takes: after it a word is said. */
const slowMs = 5_000

const sayingIfSlow =
  (say: () => void) =>
  <A, E, R>(work: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.raceFirst(
      work,
      Effect.zipRight(Effect.delay(Effect.sync(say), Duration.millis(slowMs)), Effect.never)
    )

/** What ended a party's process: where it told an error of its own, that. */
const toldBy = (actor: string, died: ActorDied): ActorDied | RunStopped => {
  if (died.code !== toldStatus) return died
  const reason = reasonOf(died)
  return new RunStopped({ reason: actor === "director" ? reason : `${actor}: ${reason}` })
}

const prefix = "bicameral: "

/** What a process that ended with an error said of it: its last words to people. */
const reasonOf = ({ lastLines }: ActorDied): string => {
  const first = lastLines.findLastIndex((line) => line.startsWith(prefix))
  if (first === -1) return lastLines.join("\n")
  return lastLines
    .slice(first)
    .map((line, i) => (i === 0 ? line.slice(prefix.length) : line.trimStart()))
    .join("\n")
}

/** All parties as fibers of this process, over a hub that enforces the broker's permissions. */
export const assembleFibers = (company: Company) =>
  Effect.gen(function* () {
    const { agreement, display, folder, run } = company
    const scope = yield* Effect.scope
    const hub = makeHub()
    const pool = yield* Layer.buildWithScope(bcpPool(availableParallelism()), scope)
    const signing = generateSigningKeyPair()
    const kgcKey = signing.publicKey
    // They all die with this process, so what each would need then is kept here; users leave and come back.
    const kept = new Map<string, StoreService>()
    const stable = (actor: string) => {
      const known = kept.get(actor) ?? memoryStore()
      kept.set(actor, known)
      return Layer.succeed(Stable, known)
    }
    const services = (actor: string) =>
      Layer.mergeAll(
        stable(actor),
        party({ name: actor, run }).pipe(Layer.provide(hub.layer(actor))),
        directory(join(folder, actor)),
        Layer.succeedContext(pool)
      ).pipe(Layer.provideMerge(tracing({ actor, file: join(folder, actor, eventsEntry) })))
    const roleOf = (actor: string): Role => {
      if (actor === "kgc") return { role: "kgc", signing }
      if (actor === "cloud0" || actor === "cloud1") return { role: actor, kgcKey }
      const index = agreement.users.findIndex((user) => user.actor === actor)
      return { role: "user", kgcKey, tables: company.tables[index]! }
    }
    const living = (actor: string) => Effect.provide(serve(agreement, roleOf(actor)), services(actor))
    const lost = yield* Deferred.make<never, Effect.Effect.Error<ReturnType<typeof living>>>()
    const start = (actor: string) =>
      living(actor).pipe(
        Effect.onExit((exit) =>
          Exit.isFailure(exit) && !Cause.isInterruptedOnly(exit.cause)
            ? Deferred.failCause(lost, exit.cause)
            : Effect.void
        ),
        Effect.forkIn(scope)
      )
    const fibers = new Map<string, Fiber.Fiber<void, unknown>>()
    for (const actor of actorsOf(agreement)) fibers.set(actor, yield* start(actor))
    const bringBack = (users: ReadonlyArray<string>) =>
      Effect.forEach(
        users,
        (user) =>
          Effect.gen(function* () {
            yield* Fiber.await(fibers.get(user)!)
            fibers.set(user, yield* start(user))
          }),
        { discard: true }
      )
    const directed = direct({
      agreement,
      ...(company.placement.usersLeaveAfterUpload ? { bringBack } : {}),
      onPhase: (phase) => Effect.sync(() => display.phase(phase)),
      onProgress: (...progress) => Effect.sync(() => display.progress(...progress))
    }).pipe(
      Effect.provide(
        party({ name: "director", run }).pipe(
          Layer.provide(hub.layer("director")),
          Layer.merge(stable("director")),
          Layer.provideMerge(tracing({ actor: "director", file: join(folder, "director", eventsEntry) }))
        )
      ),
      Effect.raceFirst(Deferred.await(lost))
    )
    return { directed, control: { signal: () => false } }
  })
