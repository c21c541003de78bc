/**
 * A wait with an end. Not `Effect.timeoutFail`, which goes on to its own deadline where a concurrent `forEach` around it
 * has failed already (Effect 3.22), so that a run that is lost would end only then. The clock can be stopped also where nothing else can be:
 * what is awaited in a finalizer would else be over only at the deadline.
 */
import { Duration, Effect } from "effect"

/** Waits for `self` for at most so long; then fails with what `onLate` gives. */
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
