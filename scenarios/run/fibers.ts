/** The parties of a run as fibers of this process, over a hub that enforces the broker's permissions. */
import { availableParallelism } from "node:os"
import { join } from "node:path"
import { Cause, Deferred, Effect, Exit, Fiber, Layer } from "effect"
import { direct } from "../../actors/director.ts"
import { actorsOf } from "../../actors/party/agreement.ts"
import { layer as bcpPool } from "../../actors/party/bcp-pool.ts"
import { directoryOfTrial, drawIdentities, keysOf } from "../../actors/party/identities.ts"
import { roleOf, serve } from "../../actors/roles.ts"
import { layer as party } from "../../runtime/messaging/party.ts"
import { directory, memoryStore, Stable } from "../../runtime/storage/store.ts"
import { layer as tracing } from "../../runtime/tracing.ts"
import { makeHub } from "../../runtime/transport/memory.ts"
import { sealed } from "../../runtime/transport/sealed.ts"
import { eventsEntry } from "../folders/party-folder.ts"
import type { FibersOptions } from "./parties.ts"

/** What each party needs of this process: its connection, its stores and the worker pool they share. */
const servicesOf = ({ agreement, folder, run }: FibersOptions) =>
  Effect.gen(function* () {
    const hub = makeHub()
    const identities = drawIdentities()
    const acquaintance = { agreement, keys: keysOf(identities) }
    const pool = yield* Layer.build(bcpPool(availableParallelism()))
    // All parties die with this process, so stable storage is memory; users leave and come back to theirs.
    const kept = new Map<string, Layer.Layer<Stable>>()
    const stable = (actor: string) => {
      const known = kept.get(actor) ?? Layer.succeed(Stable, memoryStore())
      kept.set(actor, known)
      return known
    }
    const channels = (actor: string) =>
      sealed(directoryOfTrial(acquaintance, { name: actor, run }, identities), hub.layer(actor))
    return (actor: string) =>
      Layer.mergeAll(
        stable(actor),
        party({ name: actor, run }).pipe(Layer.provide(channels(actor))),
        directory(join(folder, actor)),
        Layer.succeedContext(pool)
      ).pipe(Layer.provideMerge(tracing({ actor, file: join(folder, actor, eventsEntry) })))
  })

/** Starts all parties as fibers. */
export const assembleFibers = (options: FibersOptions) =>
  Effect.gen(function* () {
    const { agreement, display, placement } = options
    const scope = yield* Effect.scope
    const services = yield* servicesOf(options)
    const living = (actor: string) =>
      Effect.provide(serve(agreement, roleOf(agreement, options.tables, actor)), services(actor))
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
      ...(placement.usersLeaveAfterUpload ? { bringBack } : {}),
      onPhase: (phase) => Effect.sync(() => display.phase(phase)),
      onProgress: (...progress) => Effect.sync(() => display.progress(...progress))
    }).pipe(Effect.provide(services("director")), Effect.raceFirst(Deferred.await(lost)))
    return { directed, control: { signal: () => false } }
  })
