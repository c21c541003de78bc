/**
 * What the dealer deals for the probabilities of a loss (section 5 of docs/concepts/protocol.md). Each is a function of
 * masks alone. Where it is a function of the parts that the two clouds know of a mask, cloud 0's part is a stream of its
 * own (`part`) for a mask with the surplus of a product in it, else what it drew.
 */
import { wordBytes } from "../bytes.ts"
import type { Operation, Shape } from "../learning/operations.ts"
import type { SoftmaxScale } from "../learning/scales.ts"
import type { Matrix } from "../ring/ring.ts"
import { clampedOperations } from "./clamped.ts"
import type { Dealer } from "./dealing.ts"
import type { MaskedFunction } from "./functions.ts"
import type { DealtValue, GateMask } from "./masks.ts"
import { alignedSums, normaliseOperations, normaliseShapes, pickedBy } from "./normalise.ts"
import { checkRescale } from "./rescale.ts"
import { dealtLayout, groupsOf, nodesOf, planesOf } from "./sizes.ts"
import { clearForeign, padWords, type Range } from "./slices.ts"
import { streamKinds } from "./streams.ts"

/** A gate of a comparison: its β, and what is dealt for it alone. */
const bound = (dealer: Dealer, op: Operation, shift: number, range: Range): GateMask => {
  const { kernels } = dealer.ring
  const nodes = nodesOf(shift)
  const planes = planesOf(nodes)
  const groups = groupsOf(range.padded)
  const dealt = dealer.section(op, (values) => dealtLayout.bound(values, shift), range)
  const from = { operation: op, kind: streamKinds.bitMasks, place: range.group * planes.masks }
  const masks = dealer.drawBoth(from, groups * planes.masks, "xor")
  const gate = { beta: masks, betaStride: planes.masks * wordBytes }
  kernels.dealGate(dealt.memory + dealt.at.beta, gate.beta, gate.betaStride, range.padded)
  clearForeign(dealer.ring, dealt, ["beta"], range)
  kernels.dealBits(dealt.memory + dealt.at.products, masks, nodes, groups)
  return gate
}

/** Deals for a clamped function of logits; its shape. */
export const dealClamped = (dealer: Dealer, layer: number, z: DealtValue, masked: MaskedFunction): Shape => {
  const { ring } = dealer
  const { shift, valueShift, words } = masked
  const ops = clampedOperations(layer)
  checkRescale(ops.logits, shift, 1)
  const { first } = dealer.range(z)
  const shape = (at: number): Matrix => ({ rows: z.rows, cols: z.cols, at })
  const argument = masked.argument(ring, shape(dealer.rounding(ops.logits, z, 1)))
  const from = { operation: ops.logits, kind: streamKinds.part, place: first }
  const part = masked.argument(ring, shape(dealer.drawOfCloud0(from, z.rows * z.cols)))
  const range = dealer.range(argument)
  const n = range.padded
  const known = dealer.section(ops.logits, (values) => dealtLayout.logits(values, shift, words), range)
  const r = padWords(ring, argument.at, range)
  ring.kernels.dealTop(known.memory + known.at.top, r, shift, n)
  ring.kernels.dealOneHot(known.memory + known.at.oneHot, r, shift, nodesOf(shift), n)
  masked.deal(ring, known.memory + known.at.table, r, padWords(ring, part.at, range), n)
  clearForeign(ring, known, ["top", "oneHot", "table"], range)
  const lower = bound(dealer, ops.lower, shift, range)
  const upper = bound(dealer, ops.upper, shift, range)
  const dealt = dealer.section(ops.value, (values) => dealtLayout.clamped(values, valueShift), range)
  const { memory, at } = dealt
  const value = padWords(ring, dealer.rounding(ops.value, argument, 1), range)
  ring.kernels.dealRescale(memory + at.top, memory + at.shifted, value, valueShift, n)
  const under = ({ beta, betaStride }: GateMask, top: number, shifted: number): void =>
    ring.kernels.dealUnderGate(memory + top, memory + shifted, value, beta, betaStride, valueShift, n)
  under(lower, at.lowerTop, at.lowerShifted)
  under(upper, at.upperTop, at.upperShifted)
  clearForeign(ring, dealt, ["top", "lowerTop", "upperTop", "shifted", "lowerShifted", "upperShifted"], range)
  return { rows: z.rows, cols: z.cols }
}

/** Deals for the normalisation of exponentials; their shape. */
export const dealNormalise = (dealer: Dealer, layer: number, shape: Shape, scale: SoftmaxScale): Shape => {
  const { ring } = dealer
  const { kernels } = ring
  const { octaves, thresholdShift: shift } = scale
  const ops = normaliseOperations(layer)
  const shapes = normaliseShapes(shape, scale)
  const masks = dealer.masks(ops.opened, shape, "add")
  const sums = dealer.range(shapes.sums)
  const ofSums = dealer.section(ops.opened, (values) => dealtLayout.sums(values, shift), sums)
  const aligned = alignedSums(ring, masks, scale)
  ring.negate(aligned, aligned)
  const r = padWords(ring, aligned.at, sums)
  kernels.dealTop(ofSums.memory + ofSums.at.top, r, shift, sums.padded)
  kernels.dealOneHot(ofSums.memory + ofSums.at.oneHot, r, shift, nodesOf(shift), sums.padded)
  clearForeign(ring, ofSums, ["top", "oneHot"], sums)
  const thresholds = dealer.range(shapes.thresholds)
  const { beta, betaStride } = bound(dealer, ops.threshold, shift, thresholds)
  const masked = dealer.range(shapes.masked)
  const dealt = dealer.section(ops.scaled, dealtLayout.normalise, masked)
  kernels.dealNormalise(
    dealt.memory + masked.lead * wordBytes,
    masks.at,
    beta,
    betaStride,
    thresholds.lead,
    octaves,
    shape.rows,
    shape.cols
  )
  clearForeign(ring, dealt, ["gatedMask"], masked)
  return { rows: shape.rows, cols: shape.cols }
}

/** Deals for the reciprocals of a column; its shape. */
export const dealReciprocals = (dealer: Dealer, layer: number, sums: Shape, scale: SoftmaxScale): Shape => {
  const { ring } = dealer
  const op = normaliseOperations(layer).reciprocal
  const range = dealer.range(normaliseShapes(sums, scale).lines)
  const both = dealer.masks(op, sums, "add")
  const from = { operation: op, kind: streamKinds.mask, place: dealer.range(sums).first }
  const part = { ...both, at: dealer.drawOfCloud0(from, sums.rows) }
  ring.subtract(both, both, part)
  const [r0, r1] = [part, both].map((mask) => {
    const picked = pickedBy(ring, mask, scale, 0n)
    ring.negate(picked, picked)
    return picked.at
  })
  const dealt = dealer.section(op, dealtLayout.lines, range)
  const own = dealt.memory + range.lead * wordBytes
  ring.kernels.dealLines(own, r0!, r1!, scale.sumLowBits, scale.sumFineBits, sums.rows)
  clearForeign(ring, dealt, ["table"], range)
  return { rows: sums.rows, cols: sums.cols }
}
