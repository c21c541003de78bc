/**
 * The KGC's interpretation of the step: it runs the same step over shapes and masks instead of values and
 * writes down the corrections that cloud 1 lacks. A pure function of the two keys, the plan and the step: it
 * can be repeated, fetched ahead and spread over any number of processes. The KGC sees no message of the
 * training.
 */

import type { Operations, Round } from "../learning/operations.ts"
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
import type { Slice } from "./slices.ts"

export type DealerOperations = Operations<DealtValue, MaskDifference, GateMask, LabelMask>

/** A result that needs no round. */
function* dealt<A>(result: () => A): Round<A> {
  return result()
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
    const outcome = program({
      open: (op, x) => dealt(() => dealer.open(op, x, maskDifference)),
      openLabels: (op, y) => dealt(() => dealer.open(op, y, labelMask)),
      product: (op, x, y, form) => dealer.product(op, x, y, form),
      addBias: (z) => z,
      subtract: (x, y) => {
        dealer.whole(y)
        return dealer.whole(x)
      },
      columnSums: (x) => ({ rows: 1, cols: dealer.whole(x).cols }),
      rescale: (op, x, shift, factor) => dealt(() => dealer.rescale(op, x, shift, factor)),
      rescaleRelu: (op, z, shift) => dealt(() => dealer.rescaleRelu(op, z, shift)),
      rescaleGated: (op, x, shift, gate) => dealt(() => dealer.rescaleGated(op, x, shift, gate)),
      gatedDifference: (op, x, labels, gate) => dealer.gatedDifference(op, x, labels, gate),
      exponentials: (layer, z, scale) =>
        dealt(() => dealClamped(dealer, layer, z, exponentialFunction(scale))),
      sigmoids: (layer, z, scale) => dealt(() => dealClamped(dealer, layer, z, sigmoidFunction(scale))),
      normalise: (layer, x, scale) => dealt(() => dealNormalise(dealer, layer, dealer.whole(x), scale)),
      reciprocals: (layer, x, scale) => dealt(() => dealReciprocals(dealer, layer, dealer.whole(x), scale)),
      rowSums: (x) => ({ rows: dealer.whole(x).rows, cols: 1 }),
      rowProduct: (op, x, y) => ({
        rows: x.rows,
        cols: x.cols,
        surplus: { product: op, x, y, form: "rows" }
      }),
      rowDots: (op, x, y) => ({ rows: x.rows, cols: 1, surplus: { product: op, x, y, form: "dots" } }),
      add: (x, y) => {
        dealer.whole(y)
        return dealer.whole(x)
      },
      addUnits: (x) => dealer.whole(x),
      shiftLeft: (x) => dealer.whole(x),
      columns: (x, from, end) => ({ rows: dealer.whole(x).rows, cols: end - from }),
      indicator: (_gate, like) => like,
      reveal: () => dealt(() => [])
    }).next()
    if (!outcome.done) throw new Error("a dealer's program asked for a round")
    return assembleCorrections(step, dealer.sections, ring.memory, message)
  } finally {
    ring.release(mark)
  }
}
