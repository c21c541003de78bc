/** Long work in pieces: between them everything else that waits in this process has its turn, the broker's messages first. */
import { setImmediate } from "node:timers/promises"
import { Effect } from "effect"

/** Lets the event loop go round once. */
export const othersTurn: Effect.Effect<void> = Effect.promise(() => setImmediate())
