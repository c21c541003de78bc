/** What a training is not done with on ciphertexts (section 8 of docs/concepts/protocol.md): why, and what to use instead. Public. */
import type { Loss } from "../learning/loss.ts"

/** The losses that a network can be trained with on ciphertexts. */
const possibleLosses: ReadonlyArray<Loss> = ["squared-error"]

/** What a training asks for beyond a network and its steps. */
export interface Wanted {
  readonly loss: Loss
  readonly reluOutput: boolean
  readonly classWeights: boolean
  readonly validation: boolean
}

export interface Refusal {
  readonly what: keyof Wanted
  readonly reason: string
  readonly remedy: string
}

export const refusedOnCiphertexts = (wanted: Wanted): ReadonlyArray<Refusal> => {
  const refusals: ReadonlyArray<Refusal & { readonly applies: boolean }> = [
    {
      applies: wanted.reluOutput,
      what: "reluOutput",
      reason: '"relu" needs a product of labels and gates, which is not there on ciphertexts',
      remedy: "use identity, or train on shares"
    },
    {
      applies: !possibleLosses.includes(wanted.loss),
      what: "loss",
      reason: `"${wanted.loss}" needs an exponential of the outputs, which is not there on ciphertexts`,
      remedy: `use ${possibleLosses.join(" or ")}, or train on shares`
    },
    {
      applies: wanted.classWeights,
      what: "classWeights",
      reason: "need a product of each row and its weight, which is not there on ciphertexts",
      remedy: "leave them out, or train on shares"
    },
    {
      applies: wanted.validation,
      what: "validation",
      reason: "rows are evaluated on shares, and on ciphertexts there are none",
      remedy: "leave validation out, or train on shares"
    }
  ]
  return refusals
    .filter(({ applies }) => applies)
    .map(({ what, reason, remedy }) => ({ what, reason, remedy }))
}
