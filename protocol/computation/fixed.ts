/**
 * The fixed-point reference: the training step in the clear on the words that the clouds hold shares of. With
 * the clouds' random values it replays a secure run bit for bit; without them it rounds to the nearest.
 * Everything is in the clear: for tests and for reports on reproducible scenarios.
 */

import type { Operations, Round } from "../learning/operations.ts"
import type { Matrix, Ring } from "../ring/ring.ts"
import { type Drawn, type FixedMatrix, FixedPoint } from "./fixed-point.ts"
import { exponentialFunction, sigmoidFunction } from "./functions.ts"
import { clampedFixed, normaliseFixed, reciprocalsFixed } from "./losses-fixed.ts"
import { addUnits, columnsOf, gatherRows, unitsOf } from "./product.ts"

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
 * Operations on matrices of `ring` in the clear; results are allocated there. `drawn` belongs to one step of
 * one run; without it every rescale rounds to the nearest. Gates are matrices of the words 0 and 1.
 */
export const fixedOperations = (
  ring: Ring,
  drawn?: Drawn
): Operations<FixedMatrix, FixedMatrix, Matrix, FixedMatrix> => {
  const fixed = new FixedPoint(ring, drawn)
  return {
    open: (op, x) => {
      const difference = drawn?.maskDifference?.(op, x)
      return local(difference === undefined ? x : { ...x, difference })
    },
    openLabels: (_op, y) => local(y),
    product: (_op, x, y, form) => fixed.doubled(x, y, form),
    addBias: (z, bias, shift) => ({ ...z, ...fixed.made(z, (out) => ring.addRow(out, z, bias, shift)) }),
    subtract: (x, y) => fixed.subtract(x, y),
    columnSums: (x) => fixed.made({ rows: 1, cols: x.cols }, (out) => ring.columnSums(out, x)),
    rescale: (op, x, shift, factor, added) => local(fixed.rescale(op, x, shift, factor, added)),
    rescaleRelu: (op, z, shift) => {
      const value = fixed.rescale(op, z, shift, 1)
      const gate = fixed.made(z, (out) => ring.nonNegative(out, value))
      return local({ value: fixed.gated(value, gate), gate })
    },
    rescaleGated: (op, x, shift, gate) => local(fixed.gated(fixed.rescale(op, x, shift, 1), gate)),
    gatedDifference: (_op, activation, labels, gate) => fixed.gated(fixed.subtract(activation, labels), gate),
    exponentials: (layer, z, scale) => local(clampedFixed(fixed, layer, z, exponentialFunction(scale))),
    sigmoids: (layer, z, scale) => local(clampedFixed(fixed, layer, z, sigmoidFunction(scale))),
    normalise: (layer, e, scale) => local(normaliseFixed(fixed, layer, e, scale)),
    reciprocals: (layer, sums, scale) => local(reciprocalsFixed(fixed, layer, sums, scale)),
    rowSums: (x) =>
      fixed.made({ rows: x.rows, cols: 1 }, (out) => ring.kernels.rowSums(out.at, x.at, x.rows, x.cols)),
    rowProduct: (_op, x, factors) => fixed.rowProduct(x, factors),
    rowDots: (_op, x, y) => fixed.rowDots(x, y),
    add: (x, y) => fixed.sum(x, y),
    addUnits: (x, units) => addUnits(ring, x, units),
    shiftLeft: (x, bits) => fixed.made(x, (out) => ring.shiftLeft(out, x, bits)),
    columns: (x, from, end) => columnsOf(ring, x, from, end),
    indicator: (gate) => gate,
    reveal: (_op, x) => local(unitsOf(ring, x))
  }
}
