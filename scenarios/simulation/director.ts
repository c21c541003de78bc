/**
 * Takes the parties of a simulated run from the start to the end, and the planned events to their moments.
 */
import { Cause, Deferred, Effect, Exit, Logger } from "effect"
import { direct, directDealing, type RunOutcome } from "../../actors/director.ts"
import type { Phase } from "../../actors/party/phases.ts"
import { happen, type Later, PendingEvents } from "./events.ts"
import { Parties } from "./parties.ts"
import { storeRoots, type World } from "./world.ts"

/** Runs all parties until the director is done or one fails. */
export const directWorld = (world: World): Effect.Effect<RunOutcome, unknown> =>
  Effect.gen(function* () {
    const scope = yield* Effect.scope
    const { simulation, conditions, record, time } = world
    yield* storeRoots(world)
    const done = yield* Deferred.make<RunOutcome, unknown>()
    const runtime = yield* Effect.runtime()
    const later: Later = (delayMs, work) =>
      time.after(delayMs, () => {
        const forked = Effect.provide(Effect.forkIn(work, scope), runtime)
        void Effect.runFork(forked, { scheduler: time.scheduler })
      })
    const pending = new PendingEvents(world)
    const options = {
      agreement: simulation.agreement,
      ...(simulation.usersLeave
        ? {
            bringBack: (users: ReadonlyArray<string>) =>
              Effect.forEach(users, (user) => parties.bringBack(user), { discard: true })
          }
        : {}),
      onPhase: (phase: Phase) =>
        Effect.sync(() => {
          record.note(`phase ${phase}`)
          for (const [event, afterMs] of pending.takePhase(phase))
            later(afterMs, happen(world, parties, later, event))
        }),
      onProgress: () => Effect.void
    }
    const directing = world.dealsFirst
      ? Effect.zipRight(directDealing(options), direct(options))
      : direct(options)
    const parties: Parties = new Parties(world, {
      scope,
      directing,
      onSent: (from, envelope) => {
        for (const event of pending.takeSent(from, envelope))
          if (!conditions.healed) later(0, happen(world, parties, later, event))
      },
      onEnded: (actor, exit) => {
        // A failure next to interrupted work is a failure.
        if (Exit.isFailure(exit) && Cause.isInterruptedOnly(exit.cause)) return Effect.void
        if (actor === "director") return Deferred.done(done, exit as Exit.Exit<RunOutcome, unknown>)
        return Exit.isFailure(exit) ? Deferred.failCause(done, exit.cause) : Effect.void
      }
    })
    yield* Effect.forEach(world.parties, (actor) => parties.start(actor), { discard: true })
    for (const [event, afterMs] of pending.takeTimed()) later(afterMs, happen(world, parties, later, event))
    return yield* Deferred.await(done)
  }).pipe(Effect.scoped, Effect.provide(Logger.remove(Logger.defaultLogger)), Effect.withTracerEnabled(false))
