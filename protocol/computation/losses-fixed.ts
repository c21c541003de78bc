/**
 * The probabilities of a loss in the fixed-point reference: the clouds' own functions, of words in the clear and masks
 * that are known, or zero where no run is replayed.
 */
import { wordBytes } from "../bytes.ts"
import type { Shape } from "../learning/operations.ts"
import type { SoftmaxScale } from "../learning/scales.ts"
import { reciprocalEntries } from "../learning/scales.ts"
import type { Matrix, Ring } from "../ring/ring.ts"
import { clampedOperations, comparedWith } from "./clamped.ts"
import type { FixedMatrix, FixedPoint } from "./fixed-point.ts"
import { type MaskedFunction, openedArgument } from "./functions.ts"
import { alignedSums, comparedSums, normaliseOperations, pickedBy, pickLines } from "./normalise.ts"

const size = ({ rows, cols }: Shape): number => rows * cols

/** Twos to the 64 less. */
const negated = (ring: Ring, x: Matrix): Matrix => {
  const out = ring.matrix(x.rows, x.cols)
  ring.negate(out, x)
  return out
}

/** A clamped function of logits. */
export const clampedFixed = (
  fixed: FixedPoint,
  layer: number,
  z: FixedMatrix,
  masked: MaskedFunction
): Matrix => {
  const { ring } = fixed
  const { shift, valueShift, words, bottom, top } = masked
  const ops = clampedOperations(layer)
  const opened = fixed.opened(ops.logits, z, shift, 1)
  const c = openedArgument(ring, opened.c, masked)
  const r = masked.argument(ring, opened.r)
  const part = masked.argument(ring, fixed.part(ops.logits, z))
  const n = size(c)
  const table = ring.zeros(1, n * words).at
  masked.deal(ring, table, r.at, part.at, n)
  const y = fixed.rescale(ops.value, masked.evaluate(ring, c, table, 1), valueShift, 1)
  const reached = (threshold: bigint): Matrix => {
    const out = ring.matrix(c.rows, c.cols)
    ring.kernels.addConstant(out.at, c.at, comparedWith(threshold), n)
    ring.kernels.atLeast(out.at, out.at, r.at, shift, n)
    return out
  }
  const [lower, upper] = [reached(masked.lower), reached(masked.upper)]
  // Bottom, and between the bounds the difference of y from it, and above the upper one that of the top.
  const value = fixed.subtract(fixed.gated(y, lower), fixed.gated(y, upper))
  ring.scale(lower, lower, bottom)
  ring.scale(upper, upper, top)
  ring.subtract(value, value, lower)
  ring.add(value, value, upper)
  ring.kernels.addConstant(value.at, value.at, bottom, n)
  return masked.finish(ring, value, 1)
}

/** Exponentials times a power of two for each row. */
export const normaliseFixed = (fixed: FixedPoint, layer: number, e: Matrix, scale: SoftmaxScale): Matrix => {
  const { ring } = fixed
  const { octaves, thresholdShift } = scale
  const masks = fixed.masks(normaliseOperations(layer).opened, e).both
  const c = fixed.subtract(e, masks)
  const r = ring.matrix(e.rows, octaves)
  const aligned = alignedSums(ring, negated(ring, masks), scale)
  ring.kernels.repeated(r.at, aligned.at, wordBytes, octaves, e.rows)
  const reached = comparedSums(ring, alignedSums(ring, c, scale), scale)
  ring.kernels.atLeast(reached.at, reached.at, r.at, thresholdShift, size(r))
  const bits = ring.zeros(1, Math.ceil(size(r) / 64))
  ring.kernels.packBits(bits.at, reached.at, size(r))
  const out = ring.matrix(e.rows, e.cols)
  // Gates in the open: their β is zero.
  const [beta, masked] = [ring.zeros(1, size(r)), ring.zeros(1, size(e) * octaves)]
  ring.kernels.normalise(out.at, e.at, e.at, beta.at, masked.at, bits.at, 0, octaves, e.rows, e.cols)
  return out
}

/** Reciprocals of a column of numbers from one to two. */
export const reciprocalsFixed = (
  fixed: FixedPoint,
  layer: number,
  sums: Matrix,
  scale: SoftmaxScale
): Matrix => {
  const { ring } = fixed
  const { both, leading } = fixed.masks(normaliseOperations(layer).reciprocal, sums)
  const c = pickedBy(ring, fixed.subtract(sums, both), scale, scale.sumOffset)
  const [r0, r1] = [leading, fixed.subtract(both, leading)].map(
    (mask) => negated(ring, pickedBy(ring, mask, scale, 0n)).at
  )
  const dealt = ring.zeros(sums.rows, 2 * reciprocalEntries)
  ring.kernels.dealLines(dealt.at, r0!, r1!, scale.sumLowBits, scale.sumFineBits, sums.rows)
  return pickLines(ring, c, dealt.at, scale)
}
