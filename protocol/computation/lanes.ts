/**
 * Lanes: several processes of a cloud train together (section 6 of docs/protocol.md). A lane holds rows that lie one behind the other,
 * and of each batch those that are among them, a slice. Lane 0 opens the weights and hands them out, every lane finds the gradients
 * on its slice together with the other cloud's lane of the same rows, and lane 0 adds them up and updates the weights. What a lane
 * hands on are words of this cloud's shares.
 */
import { biasShape, type Network, weightShape, width } from "../learning/network.ts"
import { operation, type Round, type Shape } from "../learning/operations.ts"
import type { StepPlan } from "../learning/plan.ts"
import { type Batch, type Gradient, gradients, type Layer, update } from "../learning/step.ts"
import type { Prg } from "../ring/prg.ts"
import type { Matrix, Ring } from "../ring/ring.ts"
import type { DealerOperations, DealtValue } from "./dealer.ts"
import type { OpenedShare } from "./product.ts"
import type { Slice } from "./slices.ts"
import { streamKinds } from "./streams.ts"

/** Rows of the training matrix, from `from` up to and without `end`. */
export interface Rows {
  readonly from: number
  readonly end: number
}

/** The rows that each of so many lanes holds: as many as the others, or one less. */
export const rowsOfLanes = (rows: number, lanes: number): ReadonlyArray<Rows> =>
  Array.from({ length: lanes }, (_, lane) => ({
    from: Math.floor((rows * lane) / lanes),
    end: Math.floor((rows * (lane + 1)) / lanes)
  }))

/** The slice of a batch, whose rows ascend, that lies in a lane's rows; and these, counted from the lane's first. */
export const sliceOf = (batch: Uint32Array, { from, end }: Rows): Slice & { readonly rows: Uint32Array } => {
  const first = batch.findIndex((row) => row >= from)
  if (first < 0) return { first: batch.length, of: batch.length, rows: new Uint32Array(0) }
  const after = batch.subarray(first).findIndex((row) => row >= end)
  const rows = batch.slice(first, after < 0 ? batch.length : first + after).map((row) => row - from)
  return { first, of: batch.length, rows }
}

/** What lane 0 hands out in a step: the opened weights of all layers, which both clouds know, and its shares of the biases. */
export const handedOut = (
  ring: Ring,
  weights: ReadonlyArray<OpenedShare>,
  layers: ReadonlyArray<Pick<Layer<Matrix>, "bias">>
): { readonly weights: Uint8Array; readonly biases: Uint8Array } => ({
  weights: wordsOf(
    ring,
    weights.map(({ opened }) => opened)
  ),
  biases: wordsOf(
    ring,
    layers.map(({ bias }) => bias)
  )
})

/** Bytes of both. */
export const weightBytes = (network: Network): { readonly weights: number; readonly biases: number } => {
  const words = (of: (network: Network, layer: number) => Shape) =>
    network.layers.reduce((sum, _, index) => {
      const { rows, cols } = of(network, index + 1)
      return sum + rows * cols * WORD
    }, 0)
  return { weights: words(weightShape), biases: words(biasShape) }
}

/** What a lane makes of it, with its own cloud's generator. New memory. */
export const takenIn = (
  ring: Ring,
  prg: Prg,
  step: number,
  network: Network,
  words: ReturnType<typeof handedOut>
): {
  readonly weights: ReadonlyArray<OpenedShare>
  readonly layers: ReadonlyArray<Pick<Layer<Matrix>, "bias">>
} => {
  const shapes = network.layers.map((_, index) => ({
    weights: weightShape(network, index + 1),
    bias: biasShape(network, index + 1)
  }))
  const opened = matricesOf(
    ring,
    shapes.map(({ weights }) => weights),
    words.weights
  )
  const biases = matricesOf(
    ring,
    shapes.map(({ bias }) => bias),
    words.biases
  )
  const weights = opened.map((each, index): OpenedShare => {
    const { rows, cols } = each
    const mask = ring.matrix(rows, cols)
    const stream = { step, operation: operation("openWeights", index + 1), kind: streamKinds.mask }
    prg.fill(ring, mask.at, rows * cols, stream)
    return { rows, cols, opened: each, mask, share: undefined }
  })
  return { weights, layers: biases.map((bias) => ({ bias })) }
}

/** This cloud's shares of a slice's gradients as words. */
export const gradientWords = (ring: Ring, gradients: ReadonlyArray<Gradient<Matrix>>): Uint8Array =>
  wordsOf(
    ring,
    gradients.flatMap(({ weights, bias }) => [weights, bias])
  )

/** Bytes of them. */
export const gradientBytes = (network: Network): number =>
  network.layers.reduce((sum, _, index) => {
    const { rows, cols } = weightShape(network, index + 1)
    return sum + (rows + 1) * cols * WORD
  }, 0)

/** Gradients of no rows. New memory. */
export const noGradients = (ring: Ring, network: Network): ReadonlyArray<Gradient<Matrix>> =>
  network.layers.map((_, index) => {
    const { rows, cols } = weightShape(network, index + 1)
    return { weights: ring.zeros(rows, cols), bias: ring.zeros(1, cols) }
  })

/** Adds another lane's to this one's, in place. */
export const addGradients = (
  ring: Ring,
  gradients: ReadonlyArray<Gradient<Matrix>>,
  words: Uint8Array
): void => {
  const mark = ring.mark()
  const own = gradients.flatMap(({ weights, bias }) => [weights, bias])
  matricesOf(ring, own, words).forEach((theirs, i) => {
    ring.add(own[i]!, own[i]!, theirs)
  })
  ring.release(mark)
}

/** The dealer's part in the gradients of a slice: weights are opened elsewhere, under the same masks. */
export function* dealtGradients(
  ops: DealerOperations,
  plan: StepPlan,
  layers: ReadonlyArray<Layer<DealtValue>>,
  weights: ReadonlyArray<Matrix>,
  batch: Batch<DealtValue, Matrix>
): Round<void> {
  yield* gradients(ops, plan, layers, weights, batch)
}

/** The dealer's part in the update: the products of masks of the whole batch, whose slices the lanes have the gradients on. */
export function* dealtUpdate(
  ops: DealerOperations,
  plan: StepPlan,
  layers: ReadonlyArray<Layer<DealtValue>>,
  inputs: Matrix
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

const WORD = 8

const wordsOf = (ring: Ring, matrices: ReadonlyArray<Matrix>): Uint8Array => {
  const words = matrices.map(({ rows, cols, at }) => ring.bytes(at, rows * cols * WORD))
  const bytes = new Uint8Array(words.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of words) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

/** Matrices of these shapes from their words, one behind the other. New memory. Throws RangeError where they are of other shapes. */
const matricesOf = (
  ring: Ring,
  shapes: ReadonlyArray<{ readonly rows: number; readonly cols: number }>,
  words: Uint8Array
): ReadonlyArray<Matrix> => {
  let from = 0
  const matrices = shapes.map(({ rows, cols }) => {
    const bytes = rows * cols * WORD
    if (from + bytes > words.length)
      throw new RangeError(`${words.length} bytes are too few for the matrices`)
    const matrix = ring.matrix(rows, cols)
    ring.memory.set(words.subarray(from, from + bytes), matrix.at)
    from += bytes
    return matrix
  })
  if (from !== words.length) throw new RangeError(`${words.length} bytes where the matrices take ${from}`)
  return matrices
}
