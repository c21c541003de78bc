/** Computations in rounds with one peer. */
import { Effect } from "effect"
import type { Computation, Rounds } from "../../runtime/messaging/contract.ts"
import { raisedWithin } from "./typed-throws.ts"

/**
 * Runs computations one after the other in rounds with one peer, and counts the rounds. Throws of the given errors become
 * failures.
 */
export const drivenBy = <const C extends ReadonlyArray<new (...args: never) => unknown>>(
  rounds: Rounds,
  errors: C
) => {
  let done = 0
  const drive = <A>(computation: Computation<A>) =>
    rounds.drive(done + 1, computation).pipe(
      raisedWithin(errors),
      Effect.map(({ value, rounds }) => {
        done += rounds
        return value
      })
    )
  return { drive, done: () => done }
}
