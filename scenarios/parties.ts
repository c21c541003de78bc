/**
 * Brings up all parties of a run on this machine: over NATS each in a process of its own, over memory each as a fiber of this
 * one. Either way a party gets nothing but the public scenario, the KGC's verification key and, a user, its own files.
 */
import { availableParallelism } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Deferred, Effect, Exit, Fiber, Layer, Scope } from "effect"
import { type Agreement, actorsOf } from "../actors/agreement.ts"
import { layer as bcpPool } from "../actors/bcp-pool.ts"
import type { Leave } from "../actors/director.ts"
import { type Role, serve } from "../actors/roles.ts"
import { artifact } from "../protocol/artifact.ts"
import type { EncodedTable } from "../protocol/data/encoding.ts"
import { generateSigningKeyPair } from "../protocol/sharing/roster.ts"
import type { Party } from "../runtime/actor.ts"
import { accessTo, type BrokerAccess } from "../runtime/broker/access.ts"
import { passwordVariable, startBroker } from "../runtime/broker/start.ts"
import { within } from "../runtime/deadline.ts"
import { makeHub } from "../runtime/memory-transport.ts"
import { layer as nats } from "../runtime/nats-transport.ts"
import { layer as party } from "../runtime/party.ts"
import { ActorDied, startActor } from "../runtime/process.ts"
import { directory } from "../runtime/store.ts"
import { layer as tracing } from "../runtime/tracing.ts"

/** What it takes to bring up the parties. */
export interface Company {
  /** Path of the scenario file. */
  readonly file: string
  readonly agreement: Agreement
  readonly run: string
  /** Each party's own folder is `<folder>/<actor>`. */
  readonly folder: string
  /** The users' cells, for users who are fibers of this process. */
  readonly tables: ReadonlyArray<ReadonlyArray<EncodedTable>>
}

/** The parties, up and waiting for the director. */
export interface Assembled<E> {
  readonly leave: Leave<E>
  /** Fails as soon as a party has gone that should not have. */
  readonly loss: Effect.Effect<never, E>
  /** The director's own way to the others. */
  readonly director: Layer.Layer<Party, E>
}

const readyTimeoutMs = 60_000
const goneTimeoutMs = 15_000

/** One process a party, over a broker that is there already or is started for the run. */
export const assembleProcesses = (company: Company) =>
  Effect.gen(function* () {
    const { agreement, file, folder, run } = company
    const scope = yield* Effect.scope
    const broker = yield* startBroker
    const lost = yield* Deferred.make<never, Effect.Effect.Error<ReturnType<typeof startActor>>>()
    const access = new Map<string, BrokerAccess>()
    for (const actor of ["director", ...actorsOf(agreement)])
      access.set(actor, yield* accessTo(broker, actor))
    // The director connects first: a broker that is not there, or refuses, is found out before anything is started.
    const director = yield* Layer.buildWithScope(
      connected(company, "director", access.get("director")!),
      scope
    )

    const start = (actor: string, kgcKey: string | undefined) =>
      Effect.gen(function* () {
        const process = yield* startActor({
          party: actor,
          entry: fileURLToPath(artifact("program/main.js")),
          args: [
            "actor",
            actor,
            ...["--scenario", file, "--run", run, "--state", join(folder, actor)],
            ...(kgcKey === undefined ? [] : ["--kgc-key", kgcKey]),
            ...(agreement.seed === undefined ? [] : ["--seed", String(agreement.seed)])
          ],
          env: { NATS_URL: broker.url },
          secrets: { [passwordVariable(actor)]: access.get(actor)!.password },
          readyTimeoutMs
        })
        yield* Effect.forkIn(
          Effect.catchAll(process.exit, (died) => Deferred.fail(lost, died)),
          scope
        )
        return process
      }).pipe(Scope.extend(scope))

    const kgc = yield* start("kgc", undefined)
    const { kgcKey } = kgc.ready as { readonly kgcKey: string }
    const others = actorsOf(agreement).filter((actor) => actor !== "kgc")
    const started = yield* Effect.forEach(others, (actor) => start(actor, kgcKey), {
      concurrency: "unbounded"
    })
    const processes = new Map(started.map((process) => [process.party, process]))
    return {
      leave: {
        gone: (actor: string) =>
          processes.get(actor)!.exit.pipe(
            within(
              goneTimeoutMs,
              () =>
                new ActorDied({
                  party: actor,
                  code: `told to end, it did not within ${goneTimeoutMs} ms`,
                  lastLines: []
                })
            )
          ),
        back: (actor: string) =>
          Effect.map(start(actor, kgcKey), (process) => {
            processes.set(actor, process)
          })
      },
      loss: Deferred.await(lost),
      director: Layer.succeedContext(director)
    }
  })

const connected = (company: Company, actor: string, { url, user, password }: BrokerAccess) =>
  party({ name: actor, run: company.run }).pipe(
    Layer.provide(nats({ servers: [url], user, password })),
    Layer.provideMerge(tracing({ actor, file: join(company.folder, actor, "events.jsonl") }))
  )

/** All parties as fibers of this process, over a hub that enforces the broker's permissions. */
export const assembleFibers = (company: Company) =>
  Effect.gen(function* () {
    const { agreement, folder, run } = company
    const scope = yield* Effect.scope
    const hub = makeHub()
    const pool = yield* Layer.buildWithScope(bcpPool(availableParallelism()), scope)
    const signing = generateSigningKeyPair()
    const kgcKey = signing.publicKey
    const services = (actor: string) =>
      Layer.mergeAll(
        party({ name: actor, run }).pipe(Layer.provide(hub.layer(actor))),
        directory(join(folder, actor)),
        Layer.succeedContext(pool)
      ).pipe(Layer.provideMerge(tracing({ actor, file: join(folder, actor, "events.jsonl") })))
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
          Exit.isFailure(exit) && !Exit.isInterrupted(exit)
            ? Deferred.failCause(lost, exit.cause)
            : Effect.void
        ),
        Effect.forkIn(scope)
      )
    const fibers = new Map<string, Fiber.Fiber<void, unknown>>()
    for (const actor of actorsOf(agreement)) fibers.set(actor, yield* start(actor))
    return {
      leave: {
        gone: (actor: string) => Effect.asVoid(Fiber.await(fibers.get(actor)!)),
        back: (actor: string) =>
          Effect.map(start(actor), (fiber) => {
            fibers.set(actor, fiber)
          })
      },
      loss: Deferred.await(lost),
      director: party({ name: "director", run }).pipe(
        Layer.provide(hub.layer("director")),
        Layer.provideMerge(tracing({ actor: "director", file: join(folder, "director", "events.jsonl") }))
      )
    }
  })
