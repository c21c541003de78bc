/**
 * The time in which this process was awake. A process that was stopped, or only collected garbage, finds on
 * waking that it has heard from nobody for long, although messages wait to be read.
 */
import { Clock, Duration, Effect, type Scope } from "effect"

/**
 * Milliseconds of that time, from an arbitrary start. It is checked every `everyMs`; of a gap of more than
 * twice that, the rest counts as sleep.
 */
export const awakeMillis = (everyMs: number): Effect.Effect<Effect.Effect<number>, never, Scope.Scope> =>
  Effect.gen(function* () {
    let at = yield* Clock.currentTimeMillis
    let awake = 0
    const read = Effect.map(Clock.currentTimeMillis, (now) => {
      awake += Math.max(0, Math.min(now - at, 2 * everyMs))
      at = now
      return awake
    })
    yield* Effect.forkScoped(Effect.forever(Effect.delay(read, Duration.millis(everyMs))))
    return read
  })
