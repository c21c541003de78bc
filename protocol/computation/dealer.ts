/**
 * The KGC's interpretation of the step: it runs the same step over shapes and masks instead of values and
 * writes down the corrections that cloud 1 lacks. A pure function of the two keys, the plan and the step: it
 * can be repeated, fetched ahead and spread over any number of processes. The KGC sees no message of the
 * training.
 */

import type { Operation, Operations, Round, Shape } from "../learning/operations.ts"
import type { SigmoidScale, SoftmaxScale } from "../learning/scales.ts"
import { assembleCorrections } from "./corrections.ts"
import { Dealer } from "./dealing.ts"
import { exponentialFunction, sigmoidFunction } from "./functions.ts"
import { dealClamped, dealNormalise, dealReciprocals } from "./losses-dealt.ts"
import {
  type DealContext,
  type DealtValue,
  type GateMask,
  type LabelMask,
  labelMask,
  type MaskDifference,
  maskDifference
} from "./masks.ts"
import { productShape } from "./product.ts"
import type { Slice } from "./slices.ts"

export type DealerOperations = Operations<DealtValue, MaskDifference, GateMask, LabelMask>

/** A result that needs no round. */
function* dealt<A>(result: () => A): Round<A> {
  return result()
}

/** What deals for each operation that is dealt for: the KGC's dealer, or a cloud's. */
export interface Dealing {
  /** The shape of a value; fails for a product that is not rescaled. */
  readonly whole: (x: DealtValue) => Shape
  readonly open: (op: Operation, x: DealtValue) => MaskDifference
  readonly openLabels: (op: Operation, y: DealtValue) => LabelMask
  readonly rescale: (op: Operation, x: DealtValue, shift: number, factor: number) => Shape
  readonly rescaleRelu: (
    op: Operation,
    z: DealtValue,
    shift: number
  ) => { readonly value: Shape; readonly gate: GateMask }
  readonly rescaleGated: (op: Operation, x: DealtValue, shift: number, gate: GateMask) => Shape
  readonly gatedDifference: (op: Operation, x: DealtValue, labels: LabelMask, gate: GateMask) => Shape
  readonly exponentials: (layer: number, z: DealtValue, scale: SoftmaxScale) => Shape
  readonly sigmoids: (layer: number, z: DealtValue, scale: SigmoidScale) => Shape
  readonly normalise: (layer: number, x: Shape, scale: SoftmaxScale) => Shape
  readonly reciprocals: (layer: number, x: Shape, scale: SoftmaxScale) => Shape
}

/** The step's operations over shapes and masks. None asks for a round. */
export const dealerOperations = (dealing: Dealing): DealerOperations => {
  const whole = (x: DealtValue): Shape => dealing.whole(x)
  return {
    open: (op, x) => dealt(() => dealing.open(op, x)),
    openLabels: (op, y) => dealt(() => dealing.openLabels(op, y)),
    product: (op, x, y, form) => ({
      ...productShape(x, y, form),
      surplus: { product: op, x, y, form }
    }),
    addBias: (z) => z,
    subtract: (x, y) => {
      whole(y)
      return whole(x)
    },
    columnSums: (x) => ({ rows: 1, cols: whole(x).cols }),
    rescale: (op, x, shift, factor) => dealt(() => dealing.rescale(op, x, shift, factor)),
    rescaleRelu: (op, z, shift) => dealt(() => dealing.rescaleRelu(op, z, shift)),
    rescaleGated: (op, x, shift, gate) => dealt(() => dealing.rescaleGated(op, x, shift, gate)),
    gatedDifference: (op, x, labels, gate) => dealing.gatedDifference(op, x, labels, gate),
    exponentials: (layer, z, scale) => dealt(() => dealing.exponentials(layer, z, scale)),
    sigmoids: (layer, z, scale) => dealt(() => dealing.sigmoids(layer, z, scale)),
    normalise: (layer, x, scale) => dealt(() => dealing.normalise(layer, whole(x), scale)),
    reciprocals: (layer, x, scale) => dealt(() => dealing.reciprocals(layer, whole(x), scale)),
    rowSums: (x) => ({ rows: whole(x).rows, cols: 1 }),
    rowProduct: (op, x, y) => ({
      rows: x.rows,
      cols: x.cols,
      surplus: { product: op, x, y, form: "rows" }
    }),
    rowDots: (op, x, y) => ({ rows: x.rows, cols: 1, surplus: { product: op, x, y, form: "dots" } }),
    add: (x, y) => {
      whole(y)
      return whole(x)
    },
    addUnits: whole,
    shiftLeft: whole,
    columns: (x, from, end) => ({ rows: whole(x).rows, cols: end - from }),
    indicator: (_gate, like) => like,
    reveal: () => dealt(() => [])
  }
}

/** Runs a dealer's program, which is over at once. */
export const runDealer = (program: Round<unknown>): void => {
  if (!program.next().done) throw new Error("a dealer's program asked for a round")
}

/**
 * The corrections of a step, for cloud 1 alone. `program` is the step over the dealer's operations: it gets
 * shapes for values, and differences of masks for what is open already, such as a batch of the data set; it
 * asks for no round. For a slice, its shapes are those of the slice. The ring is left as it was.
 *
 * The corrections are written to `message`, which has the length that the cost model states, or to new bytes.
 */
export const deal = (
  context: DealContext,
  program: (operations: DealerOperations) => Round<unknown>,
  { message, slice }: { readonly message?: Uint8Array; readonly slice?: Slice } = {}
): Uint8Array => {
  const { ring, step } = context
  const mark = ring.mark()
  const dealer = new Dealer(context, slice)
  try {
    runDealer(
      program(
        dealerOperations({
          whole: (x) => dealer.whole(x),
          open: (op, x) => dealer.open(op, x, maskDifference),
          openLabels: (op, y) => dealer.open(op, y, labelMask),
          rescale: (op, x, shift, factor) => dealer.rescale(op, x, shift, factor),
          rescaleRelu: (op, z, shift) => dealer.rescaleRelu(op, z, shift),
          rescaleGated: (op, x, shift, gate) => dealer.rescaleGated(op, x, shift, gate),
          gatedDifference: (op, x, labels, gate) => dealer.gatedDifference(op, x, labels, gate),
          exponentials: (layer, z, scale) => dealClamped(dealer, layer, z, exponentialFunction(scale)),
          sigmoids: (layer, z, scale) => dealClamped(dealer, layer, z, sigmoidFunction(scale)),
          normalise: (layer, x, scale) => dealNormalise(dealer, layer, x, scale),
          reciprocals: (layer, x, scale) => dealReciprocals(dealer, layer, x, scale)
        })
      )
    )
    return assembleCorrections(step, dealer.sections, ring.memory, message)
  } finally {
    ring.release(mark)
  }
}
