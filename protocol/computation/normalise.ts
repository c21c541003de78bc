/**
 * Softmax after its exponentials (section 5 of docs/concepts/protocol.md). The exponentials are opened under masks; the
 * word of their sum is compared with the powers of two, side by side, and the outcome scales each of them so that they
 * add up to one to two. The reciprocal of that sum is a line of a table, picked by the word that is opened of it. Each
 * opened word and bit is hidden by a mask of its own.
 */
import { wordBytes } from "../bytes.ts"
import { operation, type Round, type Shape } from "../learning/operations.ts"
import type { SoftmaxScale } from "../learning/scales.ts"
import { reciprocalEntries, reciprocalLines } from "../learning/scales.ts"
import type { Matrix, Ring } from "../ring/ring.ts"
import { comparedWith } from "./clamped.ts"
import { compare } from "./compare.ts"
import type { ComputingParty } from "./party.ts"
import { dealtLayout, nodesOf, topBytes } from "./sizes.ts"
import { padBytes, type Range } from "./slices.ts"

/** The operations of the normalisation in a layer. */
export const normaliseOperations = (layer: number) => ({
  opened: operation("openExponentials", layer),
  threshold: operation("threshold", layer),
  scaled: operation("normalise", layer),
  reciprocal: operation("reciprocal", layer)
})

/** The shapes of what is dealt for a batch of exponentials: for each sum, each comparison, and each mask and β. */
export const normaliseShapes = ({ rows, cols }: Shape, { octaves }: SoftmaxScale) => ({
  sums: { rows, cols: 1 },
  thresholds: { rows, cols: octaves },
  masked: { rows, cols: cols * octaves },
  lines: { rows, cols: 2 * reciprocalEntries }
})

/** Row sums, shifted to the left for the comparison with thresholds. New memory. */
export const alignedSums = (ring: Ring, x: Matrix, { thresholdAlign }: SoftmaxScale): Matrix => {
  const sums = ring.matrix(x.rows, 1)
  ring.kernels.rowSums(sums.at, x.at, x.rows, x.cols)
  ring.shiftLeft(sums, sums, thresholdAlign)
  return sums
}

/** For each threshold, what is compared of a sum: rows × octaves. New memory. */
export const comparedSums = (ring: Ring, sums: Matrix, scale: SoftmaxScale): Matrix => {
  const { octaves, bits, thresholdAlign } = scale
  const out = ring.matrix(sums.rows, octaves)
  ring.kernels.repeated(out.at, sums.at, wordBytes, octaves, sums.rows)
  const thresholds = ring.matrix(1, octaves)
  ring.words(thresholds).forEach((_, j, words) => {
    words[j] = comparedWith(1n << BigInt(bits + 1 + j + thresholdAlign))
  })
  ring.addRow(out, out, thresholds)
  return out
}

/** What is dealt for a sum once, of `width` bytes, for each of its comparisons. */
const forThresholds = (
  party: ComputingParty,
  from: number,
  width: number,
  octaves: number,
  sums: Range,
  thresholds: Range
): number => {
  const { ring } = party
  const out = ring.allocate(thresholds.count * width + wordBytes * 4)
  ring.kernels.repeated(out, from + sums.lead * width, width, octaves, sums.count)
  return padBytes(ring, out, width, thresholds)
}

/** This cloud's share of the exponentials, each row times a power of two such that it adds up to one to two. */
export function* normalise(
  party: ComputingParty,
  layer: number,
  e: Matrix,
  scale: SoftmaxScale
): Round<Matrix> {
  const { ring } = party
  const { octaves, thresholdShift: shift } = scale
  const ops = normaliseOperations(layer)
  const shapes = normaliseShapes(e, scale)
  const words = e.rows * e.cols
  const c = { ...e, at: party.draw(ops.opened, "mask", words, party.range(e).first) }
  ring.subtract(c, e, c)
  yield* party.reveal(ops.opened, c.at, words, "add")

  const [sums, thresholds] = [party.range(shapes.sums), party.range(shapes.thresholds)]
  const ofSums = party.dealt(ops.opened, (values) => dealtLayout.sums(values, shift), sums)
  const once = (part: keyof typeof ofSums.at, width: number): number =>
    forThresholds(party, ofSums.memory + ofSums.at[part], width, octaves, sums, thresholds)
  const compared = comparedSums(ring, alignedSums(ring, c, scale), scale)
  const { memory, at } = party.dealt(ops.threshold, (values) => dealtLayout.bound(values, shift), thresholds)
  const bits = yield* compare(
    party,
    ops.threshold,
    {
      c: padBytes(ring, compared.at, wordBytes, thresholds),
      top: once("top", topBytes(shift)),
      oneHot: once("oneHot", nodesOf(shift) * wordBytes),
      products: memory + at.products
    },
    shift,
    thresholds
  )
  const masked = party.range(shapes.masked)
  const dealt = party.dealt(ops.scaled, dealtLayout.normalise, masked)
  const out = ring.matrix(e.rows, e.cols)
  const beta = memory + at.beta + thresholds.lead * wordBytes
  const gatedMask = dealt.memory + masked.lead * wordBytes
  const { lead } = thresholds
  ring.kernels.normalise(out.at, e.at, c.at, beta, gatedMask, bits, lead, octaves, e.rows, e.cols)
  return out
}

/** The word by which a line is picked, of an opened sum; with `offset` 0 that of its mask. New memory. */
export const pickedBy = (ring: Ring, x: Matrix, { sumFactor }: SoftmaxScale, offset: bigint): Matrix => {
  const out = ring.matrix(x.rows, x.cols)
  ring.scale(out, x, sumFactor)
  ring.kernels.addConstant(out.at, out.at, offset, x.rows * x.cols)
  return out
}

/** A share of the reciprocals from words that pick them and a share of what is dealt. New memory. */
export const pickLines = (ring: Ring, c: Matrix, dealt: number, scale: SoftmaxScale): Matrix => {
  const out = ring.matrix(c.rows, c.cols)
  const table = ring.matrix(2, reciprocalEntries)
  ring.copyIn(table, new Uint8Array(reciprocalLines(scale).buffer))
  const { sumLowBits, sumFineBits } = scale
  ring.kernels.lines(out.at, c.at, dealt, table.at, sumLowBits, sumFineBits, c.rows * c.cols)
  return out
}

/** This cloud's share of the reciprocals of sums from one to two. */
export function* reciprocals(
  party: ComputingParty,
  layer: number,
  sums: Matrix,
  scale: SoftmaxScale
): Round<Matrix> {
  const { ring } = party
  const op = normaliseOperations(layer).reciprocal
  const c = { ...sums, at: party.draw(op, "mask", sums.rows, party.range(sums).first) }
  ring.subtract(c, sums, c)
  yield* party.reveal(op, c.at, sums.rows, "add")
  const range = party.range({ rows: sums.rows, cols: 2 * reciprocalEntries })
  const { memory, at } = party.dealt(op, dealtLayout.lines, range)
  return pickLines(
    ring,
    pickedBy(ring, c, scale, scale.sumOffset),
    memory + at.table + range.lead * wordBytes,
    scale
  )
}
