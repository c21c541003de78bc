/** Processes of a run that a test puts on a hub, one by one; their pauses are short, and their messages are not sealed. */
import { Effect, Either, Layer, Logger, LogLevel } from "effect"
import type { Agreement } from "../../actors/party/agreement.ts"
import * as Parties from "../../runtime/messaging/party.ts"
import { memoryStore, Stable, type StoreService } from "../../runtime/storage/store.ts"
import type { Hub } from "../../runtime/transport/memory.ts"
import { agreementOf } from "../../scenarios/description/agreement.ts"
import { decodeScenario } from "../../scenarios/description/decode.ts"
import { smallScenario, splits } from "./small-scenario.ts"

// What is refused on purpose would fill the screen.
const quiet = Logger.minimumLogLevel(LogLevel.None)

export const processOf = (hub: Hub, name: string, stable: StoreService = memoryStore()) =>
  Layer.build(
    Layer.merge(
      Parties.layer({ name, run: "r", limits: { resendFirstMs: 50, resendLongestMs: 100 } }).pipe(
        Layer.provideMerge(hub.layer(name)),
        Layer.provide(quiet)
      ),
      Layer.succeed(Stable, stable)
    )
  )

const agreement = agreementOf(Either.getOrThrow(decodeScenario(smallScenario(splits.rows))))

/** What the parties of the small scenario agree on, but for these deadlines. */
export const agreedBut = (deadlines: Partial<Agreement["deadlines"]>): Effect.Effect<Agreement> =>
  Effect.succeed({ ...agreement, deadlines: { ...agreement.deadlines, ...deadlines } })

export const agreed = agreedBut({})

/** All processes on the hub stand still, as one does that is stopped or collects its garbage. */
export const standStill = (milliseconds: number): void => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds)
}
