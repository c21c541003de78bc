/**
 * Work that may begin again while it is in progress: each beginning interrupts the one before, and the latest
 * counts.
 */
import { Effect, Fiber, type Scope } from "effect"

export class Latest<A, E> {
  readonly #scope: Scope.Scope
  readonly #oneAtATime = Effect.unsafeMakeSemaphore(1)
  #fiber: Fiber.Fiber<A, E> | undefined
  /** Open once work has begun since it was last closed. */
  readonly begun = Effect.unsafeMakeLatch()

  private constructor(scope: Scope.Scope) {
    this.#scope = scope
  }

  static make<A, E>(): Effect.Effect<Latest<A, E>, never, Scope.Scope> {
    return Effect.map(Effect.scope, (scope) => new Latest<A, E>(scope))
  }

  /**
   * Begins in the background, after the work before has been interrupted and has ended. The caller may be
   * that very work, so it does not wait here. Uninterruptible: work that this object does not know of could
   * never be interrupted.
   */
  begin<R>(work: Effect.Effect<A, E, R>): Effect.Effect<void, never, R> {
    return Effect.gen(this, function* () {
      const before = this.#fiber
      const next = before === undefined ? work : Effect.zipRight(Fiber.interrupt(before), work)
      this.#fiber = yield* Effect.forkIn(Effect.interruptible(next), this.#scope)
      yield* this.begun.open
    }).pipe(Effect.uninterruptible, this.#oneAtATime.withPermits(1))
  }

  /** How the latest work ended; nothing if none has begun, or while it is in progress. */
  readonly ended = Effect.suspend(() =>
    this.#fiber === undefined ? Effect.succeedNone : Fiber.poll(this.#fiber)
  )

  /** Waits for the end of the work that no other follows. Some work must have begun. */
  readonly end: Effect.Effect<A, E> = Effect.suspend(() => {
    const mine = this.#fiber!
    return Effect.flatMap(Fiber.await(mine), (exit) => (mine === this.#fiber ? exit : this.end))
  })
}
