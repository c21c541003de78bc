/**
 * A trial of a scenario, to be audited: all of its processes, workers and lanes too, as fibers of this process over a hub, on
 * its own data, cut to what takes seconds. The trial is private, so a seed of the scenario is left out.
 */
import { randomBytes } from "node:crypto"
import { Cause, Context, Deferred, Effect, Exit, Fiber, Layer, Logger, type Scope } from "effect"
import { lane } from "../../actors/clouds/training/lanes/lane.ts"
import { direct } from "../../actors/director.ts"
import { type Agreement, actorsOf, computationName, planOf } from "../../actors/party/agreement.ts"
import { type BcpPool, type BcpQueue, layer as bcpPool } from "../../actors/party/bcp-pool.ts"
import { Directory, directoryOf } from "../../actors/party/directory.ts"
import { directoryOfTrial, drawIdentities, identityIn, keysOf } from "../../actors/party/identities.ts"
import type { Phase } from "../../actors/party/phases.ts"
import { roleOf, serve } from "../../actors/roles.ts"
import { worker } from "../../actors/worker.ts"
import type { Recording, Seen } from "../../protocol/audit/recording.ts"
import type { HeldTable } from "../../protocol/data/encoding.ts"
import { needsStatistics } from "../../protocol/data/preparation.ts"
import { actorOf, memberNamed } from "../../protocol/messages/subjects.ts"
import { layer as partyOf } from "../../runtime/messaging/party.ts"
import { memoryStore, Stable, Store } from "../../runtime/storage/store.ts"
import { makeHub } from "../../runtime/transport/memory.ts"
import { withSeals } from "../../runtime/transport/sealed.ts"
import { Transport } from "../../runtime/transport/transport.ts"
import type { Scenario } from "../description/schema.ts"
import { heldIn } from "./held.ts"
import { Recorder } from "./recorder.ts"

/** What a trial is made of. */
export interface TrialInput {
  readonly agreement: Agreement
  /** The users' cells, in the order of the agreement. */
  readonly tables: ReadonlyArray<ReadonlyArray<HeldTable>>
  readonly placement: Pick<Scenario["placement"], "lanes" | "workers" | "usersLeaveAfterUpload">
}

export interface TrialOptions {
  readonly onPhase?: (phase: Phase) => void
  /** Whether the party that has opened this message is killed now, and started again from its stable storage. */
  readonly kills?: (seen: Seen) => boolean
}

/** A trial that has ended: its recording, and the error that ended it before its time. */
export interface Trial {
  readonly recording: Recording
  readonly error: string | undefined
}

/** The processes of a trial. */
class Company {
  readonly #input: TrialInput
  readonly #run: string
  readonly #scope: Scope.Scope
  readonly #pool: Context.Context<BcpPool | BcpQueue>
  readonly #lost: Deferred.Deferred<never, unknown>
  readonly #hub = makeHub()
  readonly #fibers = new Map<string, Fiber.RuntimeFiber<unknown, unknown>>()
  readonly #stores = new Map<string, Context.Context<Store | Stable>>()
  readonly recorder: Recorder
  readonly identities = drawIdentities()

  constructor(
    input: TrialInput,
    run: string,
    recorder: Recorder,
    around: {
      readonly scope: Scope.Scope
      readonly pool: Context.Context<BcpPool | BcpQueue>
      readonly lost: Deferred.Deferred<never, unknown>
    }
  ) {
    this.#input = input
    this.#run = run
    this.recorder = recorder
    this.#scope = around.scope
    this.#pool = around.pool
    this.#lost = around.lost
  }

  /** What a process needs to take part: its way to the others, through the recorder, and whom it takes for whom. */
  ways(name: string) {
    const { agreement } = this.#input
    const process = { name, run: this.#run }
    const directory =
      name === actorOf(name)
        ? directoryOfTrial({ agreement, keys: keysOf(this.identities) }, process, this.identities)
        : directoryOf(process, identityIn(this.identities, actorOf(name)).channel)
    const transport = Layer.effect(
      Transport,
      Effect.map(withSeals(directory, this.recorder.carried(this.#hub.transport(name))), (sealed) =>
        this.recorder.opened(name, sealed)
      )
    )
    return Layer.merge(
      partyOf({ name, run: this.#run }).pipe(Layer.provide(transport)),
      Layer.succeed(Directory, directory)
    )
  }

  /** The stores of a party, which outlive its process. */
  stores(actor: string): Context.Context<Store | Stable> {
    const known = this.#stores.get(actor)
    if (known !== undefined) return known
    const made = Context.make(Store, this.recorder.storing(actor, memoryStore())).pipe(
      Context.add(Stable, this.recorder.storing(actor, memoryStore()))
    )
    this.#stores.set(actor, made)
    return made
  }

  /** Jobs of a party with members are its own: a member takes none of another party. */
  #poolOf(actor: string): Layer.Layer<BcpPool | BcpQueue> {
    const { lanes, workers } = this.#input.placement
    const members = (workers[actor as keyof typeof workers] ?? 0) + (actor === "kgc" ? 0 : lanes - 1)
    return members > 0 ? bcpPool(1) : Layer.succeedContext(this.#pool)
  }

  /** Starts the main process of a party, for the first time or again. */
  start(actor: string): Effect.Effect<void> {
    return Effect.gen(this, function* () {
      const { agreement, tables } = this.#input
      const services = Layer.mergeAll(
        this.ways(actor),
        Layer.succeedContext(this.stores(actor)),
        this.#poolOf(actor)
      )
      const living = Effect.provide(serve(agreement, roleOf(agreement, tables, actor)), services)
      const fiber = yield* living.pipe(
        Effect.onExit((exit) =>
          Exit.isFailure(exit) && !Cause.isInterruptedOnly(exit.cause)
            ? Deferred.failCause(this.#lost, exit.cause)
            : Effect.void
        ),
        Effect.forkIn(this.#scope)
      )
      this.#fibers.set(actor, fiber)
    })
  }

  /** Kills the main process of a party and starts it again. */
  kill(actor: string): Effect.Effect<void> {
    return Effect.zipRight(Fiber.interrupt(this.#fibers.get(actor)!), this.start(actor))
  }

  /** Starts users again that have left. */
  readonly bringBack = (users: ReadonlyArray<string>): Effect.Effect<void> =>
    Effect.forEach(users, (user) => Effect.zipRight(Fiber.await(this.#fibers.get(user)!), this.start(user)), {
      discard: true
    })

  /** Starts the workers and lanes that the scenario places. The loss of one costs time and no more. */
  startMembers(): Effect.Effect<void> {
    const { lanes, workers } = this.#input.placement
    const member = (actor: string, kind: "worker" | "lane") => {
      const name = memberNamed(actor, kind, randomBytes(4).toString("hex"))
      const living = kind === "lane" ? lane() : worker({ threads: 1 })
      return Effect.forkIn(Effect.scoped(Effect.provide(living, this.ways(name))), this.#scope)
    }
    return Effect.gen(function* () {
      for (const [actor, count] of Object.entries(workers))
        for (let n = 0; n < count; n++) yield* member(actor, "worker")
      for (let n = 1; n < lanes; n++) for (const cloud of ["cloud0", "cloud1"]) yield* member(cloud, "lane")
    })
  }
}

/** Runs a trial and records it. The recording is there also where the run fails. */
export const runTrial = (input: TrialInput, options: TrialOptions = {}) =>
  Effect.gen(function* () {
    const { agreement, placement } = input
    const run = randomBytes(6).toString("hex")
    const runtime = yield* Effect.runtime()
    const scope = yield* Effect.scope
    const lost = yield* Deferred.make<never, unknown>()
    const recorder = new Recorder((seen) => {
      const { process } = seen
      if (process === actorOf(process) && options.kills?.(seen) === true)
        void Effect.runFork(Effect.provide(company.kill(process), runtime))
    })
    const pool = yield* Effect.context<BcpPool | BcpQueue>()
    const company: Company = new Company(input, run, recorder, { scope, pool, lost })
    for (const actor of actorsOf(agreement)) yield* company.start(actor)
    yield* company.startMembers()
    const directed = direct({
      agreement,
      ...(placement.usersLeaveAfterUpload ? { bringBack: company.bringBack } : {}),
      onPhase: (phase) => Effect.sync(() => options.onPhase?.(phase)),
      onProgress: () => Effect.void
    }).pipe(
      Effect.provide(company.ways("director")),
      Effect.provide(company.stores("director")),
      Effect.raceFirst(Deferred.await(lost))
    )
    const exit = yield* Effect.exit(directed)
    const trial: Trial = {
      recording: yield* recordingOf(input, run, company),
      error: Exit.isFailure(exit) ? errorOf(exit.cause) : undefined
    }
    return trial
  }).pipe(Effect.scoped, Effect.provide(Logger.remove(Logger.defaultLogger)))

const errorOf = (cause: Cause.Cause<unknown>): string => {
  const error = Cause.squash(cause)
  return error instanceof Error ? error.message : String(error)
}

const recordingOf = ({ agreement, tables }: TrialInput, run: string, { recorder, identities }: Company) =>
  Effect.map(heldIn({ agreement, tables, identities, recorder }), ({ held, rows, statistics }): Recording => {
    return {
      agreement,
      plan: planOf(agreement, rows),
      run,
      computation: computationName(agreement, run),
      seen: recorder.seen,
      frames: recorder.frames,
      held,
      ...(needsStatistics(agreement.data) ? { statistics } : {})
    }
  })
