/** Cuts long computations into turns, so that the process keeps serving messages in between. */
import { setImmediate } from "node:timers/promises"
import { Effect } from "effect"

/** Lets the event loop go round once; pending messages come first. */
export const yieldTurn: Effect.Effect<void> = Effect.promise(() => setImmediate())

/** Goes through a computation that pauses by itself, a turn at each pause. */
export const inTurns = <A>(computation: Generator<void, A>): Effect.Effect<A> =>
  Effect.gen(function* () {
    while (true) {
      const turn = computation.next()
      if (turn.done === true) return turn.value
      yield* yieldTurn
    }
  })
