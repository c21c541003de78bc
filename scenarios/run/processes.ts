/**
 * The parties of a run as processes over NATS, each on its own, the director too. A process that dies is
 * started again. A party gets nothing but the public scenario, its own
 * secrets and, as a user, its own files.
 */
import { join } from "node:path"
import { Deferred, Duration, Effect, type Scope } from "effect"
import type { RunOutcome } from "../../actors/director.ts"
import { actorsOf, reopens } from "../../actors/party/agreement.ts"
import { accessTo } from "../../runtime/broker/access.ts"
import { type BrokerNotStarted, startBroker } from "../../runtime/broker/start.ts"
import { type ActorDied, toldStatus } from "../../runtime/processes/process.ts"
import type { LifeEvent } from "../../runtime/processes/supervision.ts"
import type { ProcessControl } from "../faults-injected/process-control.ts"
import { smallFile } from "../folders/own-folder.ts"
import { outcomeEntry } from "../folders/party-folder.ts"
import { followDirector, saysUploaded } from "./director-events.ts"
import { type ProcessesOptions, RunStopped } from "./parties.ts"
import { ProcessLaunch } from "./process-launch.ts"
import { prepareBuckets, tryAccess } from "./run-broker.ts"

/** What ends the run. */
type Loss = ActorDied | BrokerNotStarted | RunStopped

/** The processes of a run, and what ends it. */
interface Assembly {
  readonly options: ProcessesOptions
  readonly launch: ProcessLaunch
  /** Fails once the broker or a party is lost for good. */
  readonly lost: Deferred.Deferred<never, Loss>
  /** What is watched is watched until it ends. */
  readonly scope: Scope.Scope
  /** Whether all users have uploaded, as far as the director has said. */
  uploaded: boolean
}

/** Starts one process a party, over a broker that is there already or is started for the run. */
export const assembleProcesses = (options: ProcessesOptions) =>
  Effect.gen(function* () {
    const { display, placement, run } = options
    const scope = yield* Effect.scope
    const onEvent = (event: LifeEvent) => {
      display.life?.(event)
      if (event._tag === "Died" && !event.killed)
        display.note(`${event.party} died and is started again: ${event.reason}`)
    }
    const storing = placement.checkpoints === "jetstream"
    const broker = yield* startBroker({ ...options.broker, storing, onEvent }).pipe(
      sayingIfSlow(() => display.note("waiting for the broker to be ready"))
    )
    yield* tryAccess(yield* accessTo(broker, "director"), run)
    if (storing) yield* prepareBuckets(broker, run)

    const lost = yield* Deferred.make<never, Loss>()
    const launch = new ProcessLaunch({ parties: options, url: broker.url, onEvent, scope })
    const assembly: Assembly = { options, launch, lost, scope, uploaded: false }
    if ("lost" in broker) yield* watch(assembly, broker.lost)
    const control: ProcessControl = {
      signal: (actor, signal) => {
        const pid = actor === "broker" && "pid" in broker ? broker.pid : launch.get(actor)?.pid()
        return pid !== undefined && process.kill(pid, signal)
      }
    }
    const ended = directorEnds(assembly)
    return {
      directed: Effect.map(Effect.zipRight(ended, outcomeOf(options.folder)), (outcome) => outcome!),
      dealt: ended,
      control
    }
  })

/** Starts the director and all others, and waits for the director's end. */
const directorEnds = (assembly: Assembly) =>
  Effect.gen(function* () {
    const { options, launch, lost, scope } = assembly
    const { agreement, placement } = options
    const runtime = yield* Effect.runtime()
    const follow = followDirector(options.display, (user) => {
      const back = Effect.provide(Effect.forkIn(comeBack(assembly, user), scope), runtime)
      void Effect.runFork(back)
    })
    const { ended } = yield* launch.party("director", (line) => {
      options.onLine?.(line)
      assembly.uploaded ||= saysUploaded(line)
      follow(line)
    })
    // From an archive users come for the output alone, once the director calls them.
    const later = reopens(agreement) ? agreement.users.map(({ actor }) => actor) : []
    const first = actorsOf(agreement).filter((actor) => !later.includes(actor))
    yield* Effect.forEach(first, (actor) => startParty(assembly, actor), { concurrency: "unbounded" })
    for (const [actor, count] of Object.entries(placement.workers))
      for (let number = 1; number <= count; number++) yield* startMember(assembly, "worker", actor, number)
    for (const actor of ["cloud0", "cloud1"])
      for (let number = 1; number < placement.lanes; number++)
        yield* startMember(assembly, "lane", actor, number)
    yield* ended.pipe(
      Effect.mapError((died) => reportedBy("director", died)),
      Effect.raceFirst(Deferred.await(lost))
    )
  })

/** What the director learned of the run, once it has let all parties end; undefined before. */
export const outcomeOf = (folder: string): Effect.Effect<RunOutcome | undefined> =>
  Effect.promise(async () => {
    const text = await smallFile(join(folder, "director", outcomeEntry))
    return text === undefined ? undefined : (JSON.parse(text ?? "") as RunOutcome)
  })

/** Ends the run with the failure of something that it can't do without. */
const watch = ({ lost, scope }: Assembly, ended: Effect.Effect<unknown, Loss>) =>
  Effect.forkIn(
    Effect.catchAll(ended, (error) => Deferred.fail(lost, error)),
    scope
  )

/** Starts a party whose loss ends the run, and waits until it is ready. */
const startParty = (assembly: Assembly, actor: string) =>
  Effect.gen(function* () {
    const { launch, options } = assembly
    const { ended, ready } = yield* launch.party(actor)
    const reported = Effect.mapError((died: ActorDied) => reportedBy(actor, died))
    yield* watch(assembly, doingWithout(assembly, actor, reported(ended)))
    return yield* reported(ready).pipe(
      sayingIfSlow(() => options.display.note(`waiting for ${actor} to be ready`))
    )
  })

/** Starts a user, again once the process that it left by has ended. A user who never left stays as it is. */
const comeBack = (assembly: Assembly, user: string) =>
  Effect.zipRight(assembly.launch.get(user)?.ended ?? Effect.void, startParty(assembly, user)).pipe(
    (back) => doingWithout(assembly, user, back),
    Effect.catchAll((died) => Deferred.fail(assembly.lost, died))
  )

/**
 * The loss of a user that has uploaded ends no run that not all users need to open: the director decides
 * whether enough are left.
 */
const doingWithout = <A, E extends Error>(
  assembly: Assembly,
  actor: string,
  lived: Effect.Effect<A, E>
): Effect.Effect<void, E> =>
  Effect.catchAll(Effect.asVoid(lived), (error) => {
    const { agreement, display } = assembly.options
    const isUser = agreement.users.some((user) => user.actor === actor)
    return agreement.decryption !== undefined && assembly.uploaded && isUser
      ? Effect.sync(() => display.note(`the run goes on without ${actor}: ${error.message}`))
      : Effect.fail(error)
  })

/** Starts a member of a party, whose loss costs the run nothing but time. */
const startMember = (
  { launch, options, scope }: Assembly,
  kind: "worker" | "lane",
  actor: string,
  number: number
) =>
  Effect.gen(function* () {
    const { ended, name } = yield* launch.member(kind, actor, number)
    yield* Effect.forkIn(
      Effect.catchAll(ended, (died) =>
        Effect.sync(() => options.display.note(`the run goes on without ${name}: ${died.message}`))
      ),
      scope
    )
  })

/** Longer than a start takes: after this time the wait is mentioned. */
const slowMs = 5_000

const sayingIfSlow =
  (say: () => void) =>
  <A, E, R>(work: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.raceFirst(
      work,
      Effect.zipRight(Effect.delay(Effect.sync(say), Duration.millis(slowMs)), Effect.never)
    )

/** What ended a party's process: the error that it reported, where it reported one. */
const reportedBy = (actor: string, died: ActorDied): ActorDied | RunStopped => {
  if (died.code !== toldStatus) return died
  const reason = reasonOf(died)
  return new RunStopped({ reason: actor === "director" ? reason : `${actor}: ${reason}` })
}

const prefix = "bicameral: "

/** The error that a process reported: its last words to people. */
const reasonOf = ({ lastLines }: ActorDied): string => {
  const first = lastLines.findLastIndex((line) => line.startsWith(prefix))
  if (first === -1) return lastLines.join("\n")
  return lastLines
    .slice(first)
    .map((line, i) => (i === 0 ? line.slice(prefix.length) : line.trimStart()))
    .join("\n")
}
