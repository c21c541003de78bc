/**
 * Time in which this process was awake. One that was stopped, or did nothing but collect garbage, finds when it wakes up that it has heard of
 * nobody for long; what others said meanwhile waits to be read.
 */
import { Clock, Duration, Effect, type Scope } from "effect"

/**
 * Milliseconds of such time, from no date in particular. It is looked at every `everyMs`; where twice that has passed and nobody looked, the
 * rest was slept through.
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
