/** The rounds of a training session. */
import { Effect } from "effect"
import {
  CorrectionsRefused,
  MaskReused,
  OpeningRefused,
  RescaleOutOfRange
} from "../../../../protocol/computation/errors.ts"
import type { Computation, Rounds } from "../../../../runtime/messaging/contract.ts"
import { raisedWithin } from "../../../party/typed-throws.ts"

const computationErrors = [CorrectionsRefused, MaskReused, OpeningRefused, RescaleOutOfRange] as const

/**
 * The phase of a session's rounds; its name tells the rounds of one session from those of another. `epoch` is
 * its number.
 */
export const phaseOf = (epoch: number): string => (epoch === 1 ? "train" : `train.${epoch}`)

/** Runs computations one after the other in rounds with one peer, and counts the rounds. */
export const drivenBy = (rounds: Rounds) => {
  let done = 0
  const drive = <A>(computation: Computation<A>) =>
    rounds.drive(done + 1, computation).pipe(
      raisedWithin(computationErrors),
      Effect.map(({ value, rounds }) => {
        done += rounds
        return value
      })
    )
  return { drive, done: () => done }
}

export type Drive = ReturnType<typeof drivenBy>["drive"]
