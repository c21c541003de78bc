/** Logits for the tests of the losses, of every kind that could go wrong, and how far probabilities of them are off. */

import { fixedOperations } from "../../../protocol/computation/fixed.ts"
import { drawnIn } from "../../../protocol/computation/masks.ts"
import { floatOperations } from "../../../protocol/learning/float.ts"
import { type Loss, probabilities } from "../../../protocol/learning/loss.ts"
import { runLocally } from "../../../protocol/learning/run.ts"
import { clampOfSigmoid, clampOfSoftmax, productBits } from "../../../protocol/learning/scales.ts"
import { uniform } from "../learning/example.ts"
import { type Clear, clear, type Pair, type Program } from "./pair.ts"

export interface Classified {
  readonly loss: Exclude<Loss, "squared-error">
  readonly classes: number
  readonly f: number
}

/** The bounds of what a logit counts for, from the mean of its row, from the other one of two, or from zero. */
const boundsOf = ({ loss, classes }: Classified): readonly [number, number] =>
  loss === "softmax" && classes > 2
    ? [-clampOfSoftmax.below, clampOfSoftmax.above]
    : [-clampOfSigmoid, clampOfSigmoid]

/** Rows of logits by kind, from a source of numbers in [0, 1). */
export const kinds: Readonly<Record<string, (of: Classified, next: () => number) => number[]>> = {
  normal: ({ classes }, next) =>
    Array.from(
      { length: classes },
      () => 3 * Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next())
    ),
  "uniform over the whole range": (of, next) => {
    const [low, high] = boundsOf(of)
    return Array.from({ length: of.classes }, () => (low + (high - low) * next()) * 1.1)
  },
  "all equal": ({ classes }, next) => new Array<number>(classes).fill(40 * next() - 20),
  "one dominant": ({ classes }, next) => {
    const row = Array.from({ length: classes }, () => next() - 0.5)
    row[Math.floor(next() * classes)] = 40 * next()
    return row
  },
  "at the clamp": (of, next) => {
    const unit = Math.round(2 * next() - 1) * 2 ** -of.f
    const bound = boundsOf(of)[Math.floor(2 * next())]! + unit
    if (of.loss === "sigmoid") return Array.from({ length: of.classes }, () => bound)
    // The first is at the bound, the others make up for it.
    const others = of.classes === 2 ? [bound] : new Array(of.classes - 1).fill(-bound / (of.classes - 1))
    return of.classes === 2 ? [0, ...others] : [bound, ...others]
  },
  "beyond both bounds": ({ classes }, next) => Array.from({ length: classes }, () => 2000 * (next() - 0.5))
}

/** Logits that are not rescaled yet, row by row. */
export const logitsOf = (of: Classified, rows: number, kind: string, seed: number): Clear => {
  const next = uniform(seed)
  const words: bigint[] = []
  for (let row = 0; row < rows; row++)
    for (const logit of kinds[kind]!(of, next)) words.push(BigInt(Math.round(logit * 2 ** productBits(of.f))))
  return clear(rows, of.classes, (i) => words[i]!)
}

export const programOf = (of: Classified): Program =>
  function* (ops, [z]) {
    return [yield* probabilities(ops, of, 1, z!)]
  }

/** The fixed-point reference of a step of the pair. */
export const fixedOf = (
  pair: Pair,
  of: Classified,
  step: number,
  { rows, cols, words }: Clear
): BigInt64Array => {
  const ring = pair.dealerRing
  const mark = ring.mark()
  const z = ring.matrix(rows, cols)
  ring.words(z).set(new BigUint64Array(words.buffer))
  const ops = fixedOperations(ring, drawnIn({ ring, keys: pair.dealerKeys, step }))
  const found = runLocally(probabilities(ops, of, 1, z))
  const copy = new BigInt64Array(ring.copyOut(found).buffer)
  ring.release(mark)
  return copy
}

/** In float64: what the words are to be. */
export const floatOf = (of: Classified, { rows, cols, words }: Clear): Float64Array =>
  runLocally(probabilities(floatOperations, of, 1, { rows, cols, data: Float64Array.from(words, Number) }))
    .data

/** The greatest difference of probabilities. */
export const worstOf = (of: Classified, found: BigInt64Array, expected: Float64Array): number =>
  found.reduce((worst, word, i) => Math.max(worst, Math.abs(Number(word) - expected[i]!)), 0) / 2 ** of.f
