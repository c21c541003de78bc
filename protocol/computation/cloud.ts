/**
 * A cloud's interpretation of the step: matrices are its shares, and opening is a round with the other cloud.
 * Everything it computes and receives depends only on uniformly random words.
 */
import type { Operations } from "../learning/operations.ts"
import { type Batch, gatherBatch, type OpenedData } from "../learning/step.ts"
import type { Prg } from "../ring/prg.ts"
import type { Matrix, Ring } from "../ring/ring.ts"
import { clamped } from "./clamped.ts"
import type { Corrections } from "./corrections.ts"
import { exponentialFunction, sigmoidFunction } from "./functions.ts"
import { gatedDifference, gatherLabels, type OpenedLabels, openLabels } from "./labels.ts"
import { normalise, reciprocals } from "./normalise.ts"
import { ComputingParty } from "./party.ts"
import {
  addUnits,
  asProduct,
  columnsOf,
  dotsOfRows,
  gatherRows,
  type OpenedMatrix,
  open,
  product,
  reveal,
  type Share
} from "./product.ts"
import { indicator, rescaleRelu } from "./relu.ts"
import { type GateShare, rescale, rescaleGated } from "./rescale.ts"
import type { Slice } from "./slices.ts"

export interface CloudStep {
  /** Results are allocated here; the caller marks before the step and releases after it. */
  readonly ring: Ring
  readonly party: 0 | 1
  /** This cloud's generator for the run. */
  readonly prg: Prg
  /** 0 for what is opened once a run; training steps count from 1. */
  readonly step: number
  /** The dealer's message for the step: cloud 1 needs it for everything but opening. */
  readonly corrections?: Corrections
  /**
   * For a lane: the rows of the batch (in step 0, of the data set) that it works on. All its matrices consist
   * of these rows.
   */
  readonly slice?: Slice
}

export type CloudOperations = Operations<Share, OpenedMatrix, GateShare, OpenedLabels>

/** The operations of one step at one cloud, for one run of the step: each operation once. */
export const cloudOperations = ({
  ring,
  party,
  prg,
  step,
  corrections,
  slice
}: CloudStep): CloudOperations => {
  const cloud = new ComputingParty(ring, party, prg, step, corrections, slice)
  return {
    open: (op, x, consumed) => open(cloud, op, x, consumed),
    openLabels: (op, y) => openLabels(cloud, op, y),
    product: (_op, x, y, form) => product(cloud, x, y, form),
    addBias: (z, bias, shift) => {
      const out = ring.matrix(z.rows, z.cols)
      ring.addRow(out, z, bias, shift)
      return { ...z, ...out }
    },
    subtract: (x, y) => {
      const out = ring.matrix(x.rows, x.cols)
      ring.subtract(out, x, y)
      return out
    },
    columnSums: (x) => {
      const out = ring.matrix(1, x.cols)
      ring.columnSums(out, x)
      return out
    },
    rescale: (op, x, shift, factor, added) => rescale(cloud, op, x, shift, factor, added),
    rescaleRelu: (op, z, shift) => rescaleRelu(cloud, op, z, shift),
    rescaleGated: (op, x, shift, gate) => rescaleGated(cloud, op, x, shift, gate),
    gatedDifference: (op, activation, labels, gate) => gatedDifference(cloud, op, activation, labels, gate),
    exponentials: (layer, z, scale) => clamped(cloud, layer, z, exponentialFunction(scale)),
    sigmoids: (layer, z, scale) => clamped(cloud, layer, z, sigmoidFunction(scale)),
    normalise: (layer, exponentials, scale) => normalise(cloud, layer, exponentials, scale),
    reciprocals: (layer, sums, scale) => reciprocals(cloud, layer, sums, scale),
    rowSums: (x) => {
      const out = ring.matrix(x.rows, 1)
      ring.kernels.rowSums(out.at, x.at, x.rows, x.cols)
      return out
    },
    rowProduct: (_op, x, factors) => {
      const out = ring.matrix(x.rows, x.cols)
      ring.kernels.scaleRows(out.at, x.at, factors.at, x.rows, x.cols)
      return asProduct(out)
    },
    rowDots: (_op, x, y) => asProduct(dotsOfRows(ring, x, y)),
    add: (x, y) => {
      const out = ring.matrix(x.rows, x.cols)
      ring.add(out, x, y)
      return out
    },
    addUnits: (x, units) => addUnits(ring, x, cloud.leads * units),
    shiftLeft: (x, bits) => {
      const out = ring.matrix(x.rows, x.cols)
      ring.shiftLeft(out, x, bits)
      return out
    },
    columns: (x, from, end) => columnsOf(ring, x, from, end),
    indicator: (gate, like) => indicator(cloud, gate, like),
    reveal: (op, x) => reveal(cloud, op, x)
  }
}

/** Rows of a matrix that this cloud has opened, for a batch. New memory. */
export const rowsOf = (
  ring: Ring,
  opened: OpenedData<Matrix, OpenedMatrix, OpenedLabels>,
  rows: Uint32Array
): Batch<Matrix, OpenedMatrix, OpenedLabels> =>
  gatherBatch(opened, {
    value: (x) => gatherRows(ring, x, rows),
    opened: (x) => gatherRows(ring, x, rows),
    labels: (y) => gatherLabels(ring, y, rows)
  })
