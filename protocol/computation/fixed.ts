/**
 * The fixed-point reference: the training step in the clear on the very words that the clouds hold shares of. Given what
 * the clouds drew, it replays a secure run bit for bit; without it, it rounds to the nearest. Everything is in the
 * clear: for tests and for reports on reproducible scenarios.
 */

import { wordBytes } from "../bytes.ts"
import type { Operation, Operations, Round, Shape } from "../learning/operations.ts"
import type { Matrix, ProductForm, Ring } from "../ring/ring.ts"
import { gatherRows, productShape } from "./product.ts"
import { blindingOffset } from "./rescale.ts"
import { blindedBytes, dealtLayout } from "./sizes.ts"

/** What both clouds drew in a step: `drawnIn` of the computation gives it. */
export interface Drawn {
  /** The difference of the clouds' masks under which an operation opens a matrix. */
  readonly maskDifference: (op: Operation, shape: Shape) => Matrix
  /** ρ of a rescale, of both clouds together. */
  readonly rounding: (op: Operation, shape: Shape) => Matrix
  /** Cloud 0's part of it. */
  readonly leadingRounding: (op: Operation, shape: Shape) => Matrix
}

/**
 * A matrix in the clear. In a replay an opened one has the difference of the clouds' masks; and the product of two the product of
 * these, which is part of the rounding of its rescale, and cloud 0's share of it.
 */
export interface FixedMatrix extends Matrix {
  readonly difference?: Matrix
  readonly leading?: Matrix
}

/** A result that needs no round. */
function* local<A>(value: A): Round<A> {
  return value
}

/** Rows of a matrix in new memory, with those of its difference. */
export const gatherFixedRows = (
  ring: Ring,
  { difference, ...x }: FixedMatrix,
  rows: Uint32Array
): FixedMatrix => {
  const out = gatherRows(ring, x, rows)
  return difference === undefined ? out : { ...out, difference: gatherRows(ring, difference, rows) }
}

/**
 * Operations on matrices of `ring` in the clear; results are allocated there. `drawn` belongs to one step of one run;
 * left out, every rescale rounds to the nearest. Gates are matrices of the words 0 and 1.
 */
export const fixedOperations = (
  ring: Ring,
  drawn?: Drawn
): Operations<FixedMatrix, FixedMatrix, Matrix, FixedMatrix> => {
  const like = ({ rows, cols }: Shape): Matrix => ring.matrix(rows, cols)

  const product = (x: Matrix, y: Matrix, form: ProductForm): Matrix => {
    const out = like(productShape(x, y, form))
    ring.product(out, x, y, form)
    return out
  }

  // With r = 2^(shift−1) the rescale rounds to the nearest.
  const half = (shape: Shape, shift: number): Matrix => {
    const r = like(shape)
    ring.words(r).fill(1n << BigInt(shift - 1))
    return r
  }

  // r = ρ + 2·factor·ΔA·ΔB for a product, as the dealer has it.
  const dealtRounding = (op: Operation, x: FixedMatrix, factor: number, { rounding }: Drawn): Matrix => {
    const r = rounding(op, x)
    if (x.difference === undefined) return r
    const surplus = like(x)
    ring.scale(surplus, x.difference, 2 * factor)
    ring.add(r, r, surplus)
    return r
  }

  const blinded = (x: Matrix, r: Matrix, factor: number, offset: bigint): Matrix => {
    const out = like(x)
    ring.kernels.blindRescale(out.at, x.at, r.at, BigInt(factor), offset, x.rows * x.cols)
    return out
  }

  // Of a product each cloud opens its part's upper bytes. Whose share has the bias makes no difference to those below.
  const openTop = (c: Matrix, leading: Matrix, bytes: number): void => {
    const words = c.rows * c.cols
    const packed = ring.allocate(words * bytes + wordBytes)
    ring.subtract(c, c, leading)
    ring.kernels.packTop(packed, leading.at, bytes, words)
    ring.kernels.addTop(c.at, packed, bytes, words)
  }

  // The clouds' own arithmetic with one cloud holding everything: c = factor·x + 2^62 + r, from which y follows.
  const rescale = (op: Operation, x: FixedMatrix, shift: number, factor: number): Matrix => {
    const words = x.rows * x.cols
    const out = like(x)
    const mark = ring.mark()
    const r = drawn === undefined ? half(x, shift) : dealtRounding(op, x, factor, drawn)
    const { at, bytes } = dealtLayout.rescale(words, shift)
    const dealt = ring.zeros(1, bytes / wordBytes).at
    const [top, shifted] = [dealt + at.top, dealt + at.shifted]
    const leading = x.leading && drawn && { share: x.leading, rounding: drawn.leadingRounding(op, x) }
    const opened = blindedBytes(leading ? { product: true } : {}, shift)
    const offset = blindingOffset(opened)
    const c = blinded(x, r, factor, offset)
    if (leading) openTop(c, blinded(leading.share, leading.rounding, factor, offset), opened)
    ring.kernels.dealRescale(top, shifted, r.at, shift, words)
    ring.kernels.finishRescale(out.at, c.at, top, shifted, shift, 1, words)
    ring.release(mark)
    return out
  }

  const gated = (x: Matrix, gate: Matrix): Matrix => {
    const out = like(x)
    ring.multiply(out, x, gate)
    return out
  }

  const sum = (x: Matrix, y: Matrix): Matrix => {
    const out = like(x)
    ring.add(out, x, y)
    return out
  }

  const subtract = (x: Matrix, y: Matrix): Matrix => {
    const out = like(x)
    ring.subtract(out, x, y)
    return out
  }

  return {
    open: (op, x) => local(drawn === undefined ? x : { ...x, difference: drawn.maskDifference(op, x) }),
    openLabels: (_op, y) => local(y),
    product: (_op, x, y, form) => {
      const out = product(x, y, form)
      ring.shiftLeft(out, out, 1)
      if (x.difference === undefined || y.difference === undefined) return out
      const difference = product(x.difference, y.difference, form)
      const leading = product(sum(x, x.difference), sum(y, y.difference), form)
      return { ...out, difference, leading }
    },
    addBias: (z, bias, shift) => {
      const out = like(z)
      ring.addRow(out, z, bias, shift)
      return { ...z, ...out }
    },
    subtract,
    columnSums: (x) => {
      const out = ring.matrix(1, x.cols)
      ring.columnSums(out, x)
      return out
    },
    rescale: (op, x, shift, factor) => local(rescale(op, x, shift, factor)),
    rescaleRelu: (op, z, shift) => {
      const value = rescale(op, z, shift, 1)
      const gate = like(z)
      ring.nonNegative(gate, value)
      return local({ value: gated(value, gate), gate })
    },
    rescaleGated: (op, x, shift, gate) => local(gated(rescale(op, x, shift, 1), gate)),
    gatedDifference: (_op, activation, labels, gate) => gated(subtract(activation, labels), gate)
  }
}
