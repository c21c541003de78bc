/**
 * Functions of a masked argument t = c − r, by what is dealt of r (section 5 of docs/concepts/protocol.md): the
 * exponential of a softmax and the logistic function. The same for a cloud, for the dealer and for who holds everything.
 */
import { exponentialEntries, type SigmoidScale, type SoftmaxScale, sigmoidWaves } from "../learning/scales.ts"
import type { Matrix, Ring } from "../ring/ring.ts"

export interface MaskedFunction {
  /** By which a logit would be rescaled, and words are compared with the bounds without so many low bits. */
  readonly shift: number
  /** The bounds of the argument, as words, and the value beyond them. */
  readonly lower: bigint
  readonly upper: bigint
  readonly bottom: bigint
  readonly top: bigint
  /** By which the value is rescaled. */
  readonly valueShift: number
  /** Words that are dealt for each argument. */
  readonly words: number
  /** Arguments of a row, by its logits. */
  readonly columns: (logits: number) => number
  /** The arguments, a linear function of the logits, and so of their masks. New memory, or the same. */
  readonly argument: (ring: Ring, logits: Matrix) => Matrix
  /** What is left in them of the 2^62 that is added to what is opened of a logit. */
  readonly blinding: bigint
  /** A share of the value from a share of what is dealt; `leads` is 1 for one of the two shares. New memory. */
  readonly evaluate: (ring: Ring, c: Matrix, dealt: number, leads: 0 | 1) => Matrix
  /** Completes cloud 0's share, of n masks r of which cloud 0 has r0. */
  readonly deal: (ring: Ring, out: number, r: number, r0: number, n: number) => void
  /** A share of the result for all columns of the logits. New memory. */
  readonly finish: (ring: Ring, value: Matrix, leads: 0 | 1) => Matrix
}

/** The arguments from what is opened of the logits. New memory, or the same. */
export const openedArgument = (
  ring: Ring,
  opened: Matrix,
  { argument, blinding }: MaskedFunction
): Matrix => {
  const c = argument(ring, opened)
  ring.kernels.addConstant(c.at, c.at, -blinding, c.rows * c.cols)
  return c
}

/** e^t over the number of classes. */
export const exponentialFunction = (scale: SoftmaxScale): MaskedFunction => {
  const { shift, lower, upper, bottom, top, lowBits, unit, offset, limit, classes, bits, partBits } = scale
  return {
    ...{ shift, lower, upper, bottom, top },
    valueShift: 2 * partBits,
    words: exponentialEntries,
    columns: (logits) => logits,
    blinding: 0n,
    argument: (ring, logits) => {
      const out = ring.matrix(logits.rows, logits.cols)
      ring.kernels.contrasts(out.at, logits.at, logits.rows, logits.cols)
      return out
    },
    evaluate: (ring, c, dealt) => {
      const words = c.rows * c.cols
      const out = ring.matrix(c.rows, c.cols)
      const table = ring.allocate(exponentialEntries * 8)
      // Beyond the last entry that a value within the bounds can have.
      const last = limit + 2 * 2 ** lowBits
      ring.kernels.exponentialTable(table, lowBits, offset, unit, last, 2 ** bits / classes)
      ring.kernels.addConstant(out.at, c.at, BigInt(offset), words)
      ring.kernels.exponentials(out.at, out.at, dealt, table, lowBits, unit, words)
      return out
    },
    deal: (ring, out, r, r0, n) => ring.kernels.dealExponential(out, r, r0, lowBits, unit, 2 ** partBits, n),
    finish: (_ring, value) => value
  }
}

/** The logistic function. */
export const sigmoidFunction = (scale: SigmoidScale): MaskedFunction => {
  const { shift, lower, upper, bottom, top, turnBits, waveBits, seriesBits, fractionalBits, difference } =
    scale
  const terms = sigmoidWaves.length
  return {
    ...{ shift, lower, upper, bottom, top },
    valueShift: seriesBits + 2 * waveBits - fractionalBits,
    words: 2 * terms,
    columns: (logits) => (difference ? 1 : logits),
    blinding: difference ? 0n : 1n << 62n,
    argument: (ring, logits) => {
      if (!difference) return logits
      const out = ring.matrix(logits.rows, 1)
      ring.kernels.differences(out.at, logits.at, logits.rows)
      return out
    },
    evaluate: (ring, c, dealt, leads) => {
      const out = ring.matrix(c.rows, c.cols)
      const series = ring.matrix(1, terms)
      ring.copyIn(series, new Uint8Array(Float64Array.from(sigmoidWaves, (a) => a * 2 ** seriesBits).buffer))
      const half = leads ? 1n << BigInt(seriesBits + 2 * waveBits - 1) : 0n
      ring.kernels.waves(out.at, c.at, dealt, series.at, terms, turnBits, half, c.rows * c.cols)
      return out
    },
    deal: (ring, out, r, r0, n) => ring.kernels.dealWaves(out, r, r0, terms, turnBits, 2 ** waveBits, n),
    finish: (ring, value, leads) => {
      if (!difference) return value
      const out = ring.matrix(value.rows, 2)
      ring.kernels.bothClasses(out.at, value.at, leads ? 1n << BigInt(fractionalBits) : 0n, value.rows)
      return out
    }
  }
}
