/** Cuts long computations into turns, so that the process keeps serving messages in between. */
import { setImmediate } from "node:timers/promises"
import { Effect } from "effect"

/** Lets the event loop go round once; pending messages come first. */
export const yieldTurn: Effect.Effect<void> = Effect.promise(() => setImmediate())
