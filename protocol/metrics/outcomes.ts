/** What the outputs of a network say of the class of a row, by the loss that it was trained with. */
import type { Loss } from "../learning/loss.ts"

export interface Outcomes {
  /** One for each class; they add up to 1. */
  readonly probabilities: Float64Array
  /** Greater where the second class is likelier than the first, 0 where both are alike. */
  readonly ranking: number
  /** −ln of the probability of a class, at most 52·ln 2: as of a probability of 2^−52. */
  readonly surprise: (label: number) => number
}

const mostSurprise = 52 * Math.LN2

/** Beyond this, rankings are not told apart. */
export const rankingLimit = (loss: Loss): number => (loss === "squared-error" ? 2 : 16)

/**
 * Of the finite outputs for a row. With a cross-entropy they are logits: the probabilities are their softmax, or their
 * sigmoids divided by the sum of them. With squared error they estimate probabilities: they are taken from 0 to 1 and divided
 * by their sum, and all are alike where none is above 0.
 */
export const labelOutcomes = (loss: Loss, outputs: Float64Array): Outcomes => {
  const [first = 0, second = 0] = outputs
  if (loss === "squared-error") {
    const probabilities = shares(outputs.map((x) => Math.min(1, Math.max(0, x))))
    const surprise = (label: number) => Math.min(mostSurprise, -Math.log(probabilities[label]!))
    return { probabilities, ranking: second - first, surprise }
  }
  const logits = loss === "sigmoid" ? outputs.map(logSigmoid) : outputs
  const greatest = logits.reduce((most, x) => Math.max(most, x), Number.NEGATIVE_INFINITY)
  const log = greatest + Math.log(logits.reduce((sum, x) => sum + Math.exp(x - greatest), 0))
  return {
    probabilities: logits.map((x) => Math.exp(x - log)),
    ranking: logits[1]! - logits[0]!,
    surprise: (label) => Math.min(mostSurprise, log - logits[label]!)
  }
}

/** ln of the sigmoid. */
const logSigmoid = (x: number): number => Math.min(0, x) - Math.log1p(Math.exp(-Math.abs(x)))

/** Numbers from 0, divided by their sum. */
const shares = (values: Float64Array): Float64Array => {
  const sum = values.reduce((total, x) => total + x, 0)
  return values.map((x) => (sum > 0 ? x / sum : 1 / values.length))
}
