/**
 * What travels for the probabilities of a loss if every byte is under the pad that the ledger names: a part of
 * `expected.ts`, of which the kernels compute and the audit's own generator has the pads.
 */
import { wordBytes } from "../bytes.ts"
import { clampedOperations, comparedWith } from "../computation/clamped.ts"
import type { FixedMatrix } from "../computation/fixed-point.ts"
import { type MaskedFunction, openedArgument } from "../computation/functions.ts"
import {
  alignedSums,
  comparedSums,
  normaliseOperations,
  normaliseShapes,
  pickedBy
} from "../computation/normalise.ts"
import { dealtLayout, groupsOf, nodesOf, planesOf } from "../computation/sizes.ts"
import type { Operation } from "../learning/operations.ts"
import type { SoftmaxScale } from "../learning/scales.ts"
import type { Matrix } from "../ring/ring.ts"
import type { Blinded, Expecting } from "./expecting.ts"

/** A gate's β: its address, and the distance to the next word of it. */
interface Gate {
  readonly beta: number
  readonly stride: number
}

/** A comparison by itself, of `words` words. */
const expectBound = (
  expecting: Expecting,
  op: Operation,
  compared: Blinded,
  shift: number,
  words: number
): Gate => {
  const { kernels } = expecting.ring
  const { masks: each } = planesOf(nodesOf(shift))
  const groups = groupsOf(words)
  const beta = expecting.both(op, "bit masks", groups * each, "xor")
  const stride = each * wordBytes
  expecting.dealt(op, dealtLayout.bound(words, shift), (at) => {
    kernels.dealGate(at("beta"), beta, stride, words)
    kernels.dealBits(at("products"), beta, nodesOf(shift), groups)
  })
  expecting.compared(op, compared, { masks: beta, shift, words })
  return { beta, stride }
}

/** A function of logits between two bounds. */
export const expectClamped = (
  expecting: Expecting,
  layer: number,
  z: FixedMatrix,
  masked: MaskedFunction
): void => {
  const { ring } = expecting
  const { kernels } = ring
  const { shift, valueShift, words } = masked
  const ops = clampedOperations(layer)
  const blinded = expecting.blinded(ops.logits, z, shift, 1)
  const shaped = (at: number): Matrix => ({ rows: z.rows, cols: z.cols, at })
  const copy = ring.matrix(z.rows, z.cols)
  ring.copy(copy, shaped(blinded.c))
  const c = openedArgument(ring, copy, masked)
  const r = masked.argument(ring, shaped(blinded.r))
  const part = masked.argument(ring, shaped(expecting.pads(0, ops.logits, "part", z.rows * z.cols)))
  const n = c.rows * c.cols
  expecting.dealt(ops.logits, dealtLayout.logits(n, shift, words), (at) => {
    kernels.dealTop(at("top"), r.at, shift, n)
    kernels.dealOneHot(at("oneHot"), r.at, shift, nodesOf(shift), n)
    masked.deal(ring, at("table"), r.at, part.at, n)
  })
  const [lower, upper] = ([ops.lower, ops.upper] as const).map((op, i) => {
    const against = ring.matrix(c.rows, c.cols)
    kernels.addConstant(against.at, c.at, comparedWith(i === 0 ? masked.lower : masked.upper), n)
    return expectBound(expecting, op, { c: against.at, r: r.at }, shift, n)
  }) as [Gate, Gate]
  const table = ring.zeros(1, n * words).at
  masked.deal(ring, table, r.at, part.at, n)
  const value = masked.evaluate(ring, c, table, 1)
  const rounded = expecting.blinded(ops.value, value, valueShift, 1)
  expecting.dealt(ops.value, dealtLayout.clamped(n, valueShift), (at) => {
    const under = ({ beta, stride }: Gate, top: number, shifted: number): void =>
      kernels.dealUnderGate(top, shifted, rounded.r, beta, stride, valueShift, n)
    kernels.dealRescale(at("top"), at("shifted"), rounded.r, valueShift, n)
    under(lower, at("lowerTop"), at("lowerShifted"))
    under(upper, at("upperTop"), at("upperShifted"))
  })
}

/** The normalisation of exponentials. */
export const expectNormalised = (
  expecting: Expecting,
  layer: number,
  e: Matrix,
  scale: SoftmaxScale
): void => {
  const { ring } = expecting
  const { kernels } = ring
  const { octaves, thresholdShift: shift } = scale
  const ops = normaliseOperations(layer)
  const shapes = normaliseShapes(e, scale)
  const masks = expecting.opened(ops.opened, e)
  const c = ring.matrix(e.rows, e.cols)
  ring.subtract(c, e, masks)
  const aligned = alignedSums(ring, masks, scale)
  ring.negate(aligned, aligned)
  expecting.dealt(ops.opened, dealtLayout.sums(e.rows, shift), (at) => {
    kernels.dealTop(at("top"), aligned.at, shift, e.rows)
    kernels.dealOneHot(at("oneHot"), aligned.at, shift, nodesOf(shift), e.rows)
  })
  const r = ring.matrix(e.rows, octaves)
  kernels.repeated(r.at, aligned.at, wordBytes, octaves, e.rows)
  const against = comparedSums(ring, alignedSums(ring, c, scale), scale)
  const compared = { c: against.at, r: r.at }
  const { beta, stride } = expectBound(expecting, ops.threshold, compared, shift, e.rows * octaves)
  expecting.dealt(ops.scaled, dealtLayout.normalise(shapes.masked.rows * shapes.masked.cols), (at) =>
    kernels.dealNormalise(at("gatedMask"), masks.at, beta, stride, 0, octaves, e.rows, e.cols)
  )
}

/** The reciprocals of a column. */
export const expectReciprocals = (
  expecting: Expecting,
  layer: number,
  sums: Matrix,
  scale: SoftmaxScale
): void => {
  const { ring } = expecting
  const { reciprocal } = normaliseOperations(layer)
  const both = expecting.opened(reciprocal, sums)
  const leading = { ...both, at: expecting.pads(0, reciprocal, "mask", sums.rows) }
  const rest = ring.matrix(sums.rows, 1)
  ring.subtract(rest, both, leading)
  const [r0, r1] = [leading, rest].map((mask) => {
    const picked = pickedBy(ring, mask, scale, 0n)
    ring.negate(picked, picked)
    return picked.at
  })
  const { rows, cols } = normaliseShapes(sums, scale).lines
  expecting.dealt(reciprocal, dealtLayout.lines(rows * cols), (at) =>
    ring.kernels.dealLines(at("table"), r0!, r1!, scale.sumLowBits, scale.sumFineBits, rows)
  )
}
