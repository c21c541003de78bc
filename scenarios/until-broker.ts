/** How a party's process connects. */
import { Layer, Schedule } from "effect"
import { isSupervised } from "../runtime/processes/process.ts"

// The broker may be away just when a process comes back.
const brokerPauseMs = 250
const brokerPatience = 120

/** Tries again for a while where somebody looks after the process, and once where a person does. */
export const untilBroker = <A, E extends { readonly retryable: boolean }, R>(
  connected: Layer.Layer<A, E, R>
): Layer.Layer<A, E, R> =>
  Layer.retry(
    connected,
    Schedule.spaced(brokerPauseMs).pipe(
      Schedule.intersect(Schedule.recurs(isSupervised() ? brokerPatience : 0)),
      Schedule.whileInput((error: E) => error.retryable)
    )
  )
