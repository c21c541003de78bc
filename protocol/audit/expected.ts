/**
 * What travels in a step if every byte is under the pad that the ledger names: the sum of what both clouds send in a
 * round, and what cloud 1 is dealt. An interpreter of the step that has both shares and both clouds' pads at once: it
 * computes like one cloud that holds everything, with the fixed-point reference (`protocol/computation/fixed.ts`) for
 * the values. Both draw from the audit's own generator (`pads.ts`). The kernels are the program's: they compute, and
 * choose no pad.
 */

import { gatherFixedRows } from "../computation/fixed.ts"
import type { FixedMatrix } from "../computation/fixed-point.ts"
import { exponentialFunction, sigmoidFunction } from "../computation/functions.ts"
import { gatherRows } from "../computation/product.ts"
import type { Operations, Round } from "../learning/operations.ts"
import { type Batch, gatherBatch, type OpenedData } from "../learning/step.ts"
import type { Ring } from "../ring/ring.ts"
import { expectClamped, expectNormalised, expectReciprocals } from "./expected-losses.ts"
import { type ClearGate, type ClearLabels, type Expected, Expecting } from "./expecting.ts"
import type { Generators } from "./pads.ts"

export type ExpectedOperations = Operations<FixedMatrix, FixedMatrix, ClearGate, ClearLabels>

export type ClearData = OpenedData<FixedMatrix, FixedMatrix, ClearLabels>

/** Rows of the data set. New memory. */
export const clearRows = (
  ring: Ring,
  data: ClearData,
  rows: Uint32Array
): Batch<FixedMatrix, FixedMatrix, ClearLabels> => {
  const gather = (x: FixedMatrix): FixedMatrix => gatherFixedRows(ring, x, rows)
  return gatherBatch(data, {
    value: gather,
    opened: gather,
    labels: (y) => ({ ...gather(y), mask: gatherRows(ring, y.mask, rows) })
  })
}

const operations = (expecting: Expecting): ExpectedOperations => {
  const { clear } = expecting
  return {
    product: clear.product,
    addBias: clear.addBias,
    subtract: clear.subtract,
    columnSums: clear.columnSums,
    *open(op, x): Round<FixedMatrix> {
      expecting.opened(op, x)
      return yield* clear.open(op, x)
    },
    *openLabels(op, y): Round<ClearLabels> {
      const mask = expecting.opened(op, y)
      return { ...(yield* clear.openLabels(op, y)), mask }
    },
    rescale: (op, x, shift, factor, added) => {
      expecting.rescale(op, x, shift, factor, added)
      return clear.rescale(op, x, shift, factor, added)
    },
    *rescaleRelu(op, z, shift) {
      const beta = expecting.rescaleRelu(op, z, shift)
      const { value, gate } = yield* clear.rescaleRelu(op, z, shift)
      return { value, gate: { ...beta, open: gate } }
    },
    rescaleGated: (op, x, shift, gate) => {
      expecting.rescaleGated(op, x, shift, gate)
      return clear.rescaleGated(op, x, shift, gate.open)
    },
    gatedDifference: (op, activation, labels, gate) => {
      expecting.gatedDifference(op, labels, gate)
      return clear.gatedDifference(op, activation, labels, gate.open)
    },
    exponentials: (layer, z, scale) => {
      expectClamped(expecting, layer, z, exponentialFunction(scale))
      return clear.exponentials(layer, z, scale)
    },
    sigmoids: (layer, z, scale) => {
      expectClamped(expecting, layer, z, sigmoidFunction(scale))
      return clear.sigmoids(layer, z, scale)
    },
    normalise: (layer, e, scale) => {
      expectNormalised(expecting, layer, e, scale)
      return clear.normalise(layer, e, scale)
    },
    reciprocals: (layer, sums, scale) => {
      expectReciprocals(expecting, layer, sums, scale)
      return clear.reciprocals(layer, sums, scale)
    },
    rowSums: clear.rowSums,
    rowProduct: clear.rowProduct,
    rowDots: clear.rowDots,
    add: clear.add,
    addUnits: clear.addUnits,
    shiftLeft: clear.shiftLeft,
    columns: clear.columns,
    indicator: (gate, like) => clear.indicator(gate.open, like),
    reveal: (op, x) => {
      expecting.note(op, "told", x.rows * x.cols, () => x.at)
      return clear.reveal(op, x)
    }
  }
}

/** Runs a computation of a step on whole matrices of `ring`; what it returns, and what travels. */
export const expectedOf = <A>(
  { ring, generators, step }: { readonly ring: Ring; readonly generators: Generators; readonly step: number },
  computation: (ops: ExpectedOperations) => Round<A>
): { readonly value: A; readonly expected: Expected } => {
  const expecting = new Expecting(ring, generators, step)
  const { done, value } = computation(operations(expecting)).next()
  if (!done) throw new Error("the audit's computation asked for a round")
  return { value, expected: expecting.expected }
}
