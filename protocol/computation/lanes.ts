/**
 * Lanes: several processes of a cloud train together (section 6 of docs/concepts/protocol.md). A lane holds
 * consecutive rows, and works on the slice of each batch that lies in them. Lane 0 opens the weights and
 * hands them out; every lane finds the gradients on its slice together with the other cloud's lane of the
 * same rows; lane 0 adds them up and updates the weights. The words that lanes exchange are shares of this
 * cloud.
 */

import { type Network, width } from "../learning/network.ts"
import { operation, type Round } from "../learning/operations.ts"
import type { StepPlan } from "../learning/plan.ts"
import { type Gradient, type Layer, update } from "../learning/step.ts"
import type { Matrix, Ring } from "../ring/ring.ts"
import { layerShapes } from "./cost.ts"
import type { DealerOperations } from "./dealer.ts"
import { matricesIn, matricesOf, wordsOf } from "./layer-words.ts"
import type { DealtValue, MaskDifference } from "./masks.ts"
import { asOpened, asProduct, type OpenedMatrix, type Share } from "./product.ts"
import type { Slice } from "./slices.ts"

/** Rows of the training matrix, from `from` up to but excluding `end`. */
export interface Rows {
  readonly from: number
  readonly end: number
}

/** The rows of each of `lanes` lanes: the same number for all, or one less. */
export const rowsOfLanes = (rows: number, lanes: number): ReadonlyArray<Rows> =>
  Array.from({ length: lanes }, (_, lane) => ({
    from: Math.floor((rows * lane) / lanes),
    end: Math.floor((rows * (lane + 1)) / lanes)
  }))

/**
 * The slice of a batch, whose rows ascend, that lies in a lane's rows; and these, counted from the lane's
 * first.
 */
export const sliceOf = (batch: Uint32Array, { from, end }: Rows): Slice & { readonly rows: Uint32Array } => {
  const first = placeOf(batch, from)
  const rows = batch.slice(first, placeOf(batch, end))
  for (let i = 0; i < rows.length; i++) rows[i]! -= from
  return { first, of: batch.length, rows }
}

/** How many rows of a batch, which ascend, precede a row. */
const placeOf = (batch: Uint32Array, row: number): number => {
  let [place, end] = [0, batch.length]
  while (place < end) {
    const middle = (place + end) >> 1
    if (batch[middle]! < row) place = middle + 1
    else end = middle
  }
  return place
}

/**
 * Lane 0's message of a step: the weights of all layers as its cloud has opened them, then its shares of the
 * biases.
 */
export const handedOut = (
  ring: Ring,
  weights: ReadonlyArray<OpenedMatrix>,
  layers: ReadonlyArray<Pick<Layer<Matrix>, "bias">>
): Uint8Array => wordsOf(ring, [...weights, ...layers.map(({ bias }) => bias)])

/** The content of that message. New memory. */
export const takenIn = (
  ring: Ring,
  network: Network,
  words: Uint8Array
): {
  readonly weights: ReadonlyArray<OpenedMatrix>
  readonly layers: ReadonlyArray<Pick<Layer<Matrix>, "bias">>
} => {
  const shapes = layerShapes({ network })
  const both = [...shapes.map(({ weights }) => weights), ...shapes.map(({ bias }) => bias)]
  const matrices = matricesOf(ring, both, words)
  const weights = matrices.slice(0, shapes.length).map(asOpened)
  return { weights, layers: matrices.slice(shapes.length).map((bias) => ({ bias })) }
}

/** Gradients of no rows. New memory. */
export const noGradients = (ring: Ring, network: Network): ReadonlyArray<Gradient<Share>> =>
  layerShapes({ network }).map(({ weights, bias }) => ({
    weights: asProduct(ring.zeros(weights.rows, weights.cols)),
    bias: ring.zeros(bias.rows, bias.cols)
  }))

/** Adds another lane's gradients to this one's, in place. */
export const addGradients = (
  ring: Ring,
  gradients: ReadonlyArray<Gradient<Share>>,
  words: Uint8Array
): void => {
  const mark = ring.mark()
  const own = matricesIn(gradients)
  matricesOf(ring, own, words).forEach((theirs, i) => {
    ring.add(own[i]!, own[i]!, theirs)
  })
  ring.release(mark)
}

/**
 * The dealer's part in the update: the products of the differences of masks of the whole batch, whose slices
 * the lanes have gradients on.
 */
export function* dealtUpdate(
  ops: DealerOperations,
  plan: StepPlan,
  layers: ReadonlyArray<Layer<DealtValue>>,
  inputs: MaskDifference
): Round<void> {
  const { network } = plan
  const masked: Array<Gradient<DealtValue>> = []
  for (let l = 1; l <= layers.length; l++) {
    const units = { rows: inputs.rows, cols: width(network, l) }
    const fed =
      l === 1
        ? inputs
        : yield* ops.open(operation("openActivation", l - 1), {
            rows: inputs.rows,
            cols: width(network, l - 1)
          })
    const delta = yield* ops.open(operation("openDelta", l), units)
    const weights = ops.product(operation("gradientProduct", l), fed, delta, "leftTransposed")
    masked.push({ weights, bias: ops.columnSums(units) })
  }
  yield* update(ops, plan, layers, masked)
}
