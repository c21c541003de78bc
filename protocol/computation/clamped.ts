/**
 * A function of logits within bounds (section 5 of docs/concepts/protocol.md): the word c that is opened of a logit serves
 * the function, which is local, and both comparisons with the bounds; the function's value is rescaled in the round of
 * their first factors. Four rounds. Beyond the bounds the function's value means nothing, and its gates are shut.
 */
import { wordBytes } from "../bytes.ts"
import { operation, type Round, together } from "../learning/operations.ts"
import type { Matrix } from "../ring/ring.ts"
import { bound, type Compared } from "./compare.ts"
import { type MaskedFunction, openedArgument } from "./functions.ts"
import type { ComputingParty } from "./party.ts"
import type { Share } from "./product.ts"
import { finishGated, type GateShare, openRounded } from "./rescale.ts"
import { dealtLayout } from "./sizes.ts"
import { padWords, unpadded } from "./slices.ts"

/** What is added to a word for the comparison with a threshold. */
export const comparedWith = (threshold: bigint): bigint => (1n << 62n) - threshold

/** The operations of a clamped function on the logits of a layer. */
export const clampedOperations = (layer: number) => ({
  logits: operation("forwardRescale", layer),
  lower: operation("lowerBound", layer),
  upper: operation("upperBound", layer),
  value: operation("exponential", layer)
})

/** This cloud's share of the function of the logits z, a product that is not rescaled yet. */
export function* clamped(
  party: ComputingParty,
  layer: number,
  z: Share,
  masked: MaskedFunction
): Round<Matrix> {
  const { ring, leads } = party
  const { kernels } = ring
  const { shift, valueShift, words } = masked
  const ops = clampedOperations(layer)
  const c = openedArgument(ring, yield* openRounded(party, ops.logits, z, shift, 1), masked)
  const range = party.range(c)
  const n = range.padded
  const known = party.dealt(ops.logits, (values) => dealtLayout.logits(values, shift, words), range)
  const compared = (threshold: bigint): Compared => {
    const out = ring.matrix(c.rows, c.cols)
    kernels.addConstant(out.at, c.at, comparedWith(threshold), range.count)
    const [top, oneHot] = [known.memory + known.at.top, known.memory + known.at.oneHot]
    return { c: padWords(ring, out.at, range), top, oneHot }
  }
  const table = known.memory + known.at.table + range.lead * words * wordBytes
  const value = masked.evaluate(ring, c, table, leads)
  const [lower, upper, opened] = yield* together(
    bound(party, ops.lower, compared(masked.lower), shift, range),
    bound(party, ops.upper, compared(masked.upper), shift, range),
    openRounded(party, ops.value, value, valueShift, 1)
  )
  const { memory, at } = party.dealt(ops.value, (values) => dealtLayout.clamped(values, valueShift), range)
  const word = padWords(ring, opened.at, range)
  const gated = (gate: GateShare, gatedTop: number, gatedShifted: number): number => {
    const out = ring.matrix(1, n)
    const dealt = { memory, at: { top: at.top, gatedTop, shifted: at.shifted, gatedShifted } }
    finishGated(party, { out, c: word, dealt, gate, shift: valueShift })
    return out.at
  }
  const below = gated(lower, at.lowerTop, at.lowerShifted)
  const above = gated(upper, at.upperTop, at.upperShifted)
  const { bottom, top } = masked
  const [a, b] = [lower, upper]
  kernels.clampGated(below, below, above, a.beta, b.beta, a.bits, b.bits, bottom, top, leads, n)
  return masked.finish(ring, unpadded(below, c, range), leads)
}
