/** A transport that loses and doubles what is published, drawn from a seed. */
import { Effect, Layer } from "effect"
import { Transport } from "../../runtime/transport/transport.ts"

export interface Faults {
  readonly seed: number
  /** Shares of messages, 0 to 1. */
  readonly lost: number
  readonly doubled: number
}

export const lossy = <E, R>(
  faults: Faults,
  transport: Layer.Layer<Transport, E, R>
): Layer.Layer<Transport, E, R> =>
  Layer.effect(
    Transport,
    Effect.map(Transport, (real) => {
      const draw = draws(faults.seed)
      return Transport.of({
        ...real,
        send: (subject, data, headers) => {
          if (draw() < faults.lost) return undefined
          const error = real.send(subject, data, headers)
          return error === undefined && draw() < faults.doubled ? real.send(subject, data, headers) : error
        }
      })
    })
  ).pipe(Layer.provide(transport))

/** Numbers in [0, 1): a linear congruential generator (Numerical Recipes), enough to spread faults. */
const draws = (seed: number) => {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}
