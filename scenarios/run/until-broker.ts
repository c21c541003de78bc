/** How a party's process connects to the broker, and how it ends when the broker is lost. */
import { Clock, Duration, Effect, type Fiber, Layer, Runtime, Schedule } from "effect"
import { isSupervised, sayWaiting } from "../../runtime/processes/process.ts"
import { Transport, TransportClosed, type TransportError } from "../../runtime/transport/transport.ts"

// The broker may be away just when a process comes back.
const brokerPauseMs = 250
const patienceMs = 30_000
/** How often it reports what it waits for. */
const wordAfterMs = 3_000

/** Connects. Retries for a while in a supervised process; in one that a person started, fails immediately. */
export const untilBroker = <A, E extends { readonly retryable: boolean; readonly message: string }, R>(
  connected: Layer.Layer<A, E, R>
): Layer.Layer<A, E, R> =>
  Layer.unwrapEffect(
    Effect.map(Clock.currentTimeMillis, (begun) => {
      let saidAt = begun
      const sayNowAndThen = (error: E) =>
        Effect.flatMap(Clock.currentTimeMillis, (now) => {
          if (now - saidAt < wordAfterMs) return Effect.void
          saidAt = now
          return sayWaiting(error.message)
        })
      const patient = (error: E) =>
        Effect.map(
          Clock.currentTimeMillis,
          (now) => error.retryable && isSupervised() && now - begun < patienceMs
        )
      return Layer.retry(
        connected.pipe(Layer.tapError(sayNowAndThen)),
        Schedule.spaced(brokerPauseMs).pipe(Schedule.whileInputEffect(patient))
      )
    })
  )

/**
 * Fails once the broker is given up, with the reason; never returns before. Reports that it is away after a
 * while.
 */
export const brokerLost: Effect.Effect<never, TransportError, Transport> = Effect.gen(function* () {
  const transport = yield* Transport
  const fork = Runtime.runFork(yield* Effect.runtime())
  const away = sayWaiting("the broker is away; this party goes on when it is back").pipe(
    Effect.delay(Duration.millis(wordAfterMs))
  )
  const closed = new TransportClosed({ reason: "it was given up" })
  return yield* Effect.async<never, TransportError>((resume) => {
    let waiting: Fiber.RuntimeFiber<void> | undefined
    const calm = () => {
      waiting?.unsafeInterruptAsFork(waiting.id())
      waiting = undefined
    }
    const unlisten = transport.listen((event) => {
      if (event._tag !== "Status") return
      calm()
      if (event.status === "reconnecting") waiting = fork(away)
      else if (event.status === "closed") resume(Effect.fail(event.error ?? closed))
    })
    if (transport.status() === "closed") resume(Effect.fail(closed))
    return Effect.sync(() => {
      calm()
      unlisten()
    })
  })
})
