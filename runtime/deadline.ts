/**
 * Waits with a deadline. `Effect.timeoutFail` is not used: inside a concurrent `forEach` that has failed it
 * keeps waiting until its own deadline (Effect 3.22), so a lost run would end only then. This wait can also
 * be interrupted inside a finalizer, where the awaited effect would otherwise end only at the deadline.
 */
import { Duration, Effect } from "effect"

/** Waits for `self` for at most the given time; then fails with what `onLate` returns. */
export const within =
  <E2>(milliseconds: number, onLate: () => E2) =>
  <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E | E2, R> =>
    Effect.raceFirst(
      self,
      Effect.zipRight(
        Effect.interruptible(Effect.sleep(Duration.millis(milliseconds))),
        Effect.suspend(() => Effect.fail(onLate()))
      )
    )
