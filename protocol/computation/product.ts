/**
 * The product of two shared matrices (section 5 of docs/concepts/protocol.md). X is opened once: each cloud sends its
 * share less a mask that it drew, so that cloud 0 has X + ΔA and cloud 1 X − ΔA, with ΔA the difference of
 * the two masks. With Y opened the same way, each cloud multiplies what it has: (X + ΔA)·(Y + ΔB) + (X −
 * ΔA)·(Y − ΔB) = 2·X·Y + 2·ΔA·ΔB, one multiplication where Beaver's shares take two. The dealer, who knows
 * the differences, cancels the second term in the rounding of the rescale that follows every product. What a
 * cloud receives is uniformly random to it.
 */

import { wordBytes } from "../bytes.ts"
import type { Operation, Round, Shape } from "../learning/operations.ts"
import type { Matrix, ProductForm, Ring } from "../ring/ring.ts"
import type { ComputingParty } from "./party.ts"
import { openingPieces, type Rescaled } from "./sizes.ts"

/** A matrix under the difference of both clouds' masks: X + ΔA at cloud 0, X − ΔA at cloud 1. */
export interface OpenedMatrix extends Matrix {
  readonly opened: true
}

/**
 * This cloud's share of a value, or of a product that is not rescaled yet: twice the product, and that of the
 * masks' differences.
 */
export interface Share extends Matrix, Rescaled {}

/** Says of a matrix that it is one. */
export const asOpened = (x: Matrix): OpenedMatrix => ({ ...x, opened: true })

/** Rows and columns of a product. */
export const productShape = (x: Shape, y: Shape, form: ProductForm): Shape => ({
  rows: form === "leftTransposed" ? x.cols : x.rows,
  cols: form === "rightTransposed" ? y.rows : y.cols
})

/**
 * Opens x under the masks of `op`: returns X + ΔA at cloud 0, X − ΔA at cloud 1. One round for each of
 * `openingPieces`. If x is `consumed`, the result overwrites it.
 */
export function* open(
  party: ComputingParty,
  op: Operation,
  x: Matrix,
  consumed = false
): Round<OpenedMatrix> {
  const { ring } = party
  const { rows, cols } = x
  const masked = consumed ? x : ring.matrix(rows, cols)
  const draw = party.drawer(op, "mask")
  const { first: place } = party.range(x)
  const pieces = openingPieces(rows * cols)
  const piece = ring.allocate(Math.max(...pieces) * wordBytes)
  let first = 0
  for (const words of pieces) {
    const at = masked.at + first * wordBytes
    draw(piece, words, place + first)
    // [X] + A stays, [X] − A goes: the peer's completes what stays.
    ring.kernels.sumAndDifference(at, x.at + first * wordBytes, piece, words)
    yield* party.exchange(op, piece, words, "add", at)
    first += words
  }
  return asOpened(masked)
}

/** Says of a matrix that it is a share of a product. */
export const asProduct = (x: Matrix): Share => ({ ...x, product: true })

/**
 * This cloud's share of 2·X·Y + 2·ΔA·ΔB for two opened matrices, for a rescale, which cancels the second
 * term. Local.
 */
export const product = (
  { ring }: ComputingParty,
  x: OpenedMatrix,
  y: OpenedMatrix,
  form: ProductForm
): Share => {
  const { rows, cols } = productShape(x, y, form)
  const out = ring.matrix(rows, cols)
  ring.product(out, x, y, form)
  return asProduct(out)
}

/** Rows of a matrix, which are of its kind. New memory. */
export const gatherRows = <Kind extends Matrix>(ring: Ring, x: Kind, rows: Uint32Array): Kind => {
  const out = ring.matrix(rows.length, x.cols)
  ring.gatherRows(out, x, rows)
  return { ...x, ...out }
}

/** Row by row the sum of the products of two matrices of the same shape. New memory. */
export const dotsOfRows = (ring: Ring, x: Matrix, y: Matrix): Matrix => {
  const out = ring.matrix(x.rows, 1)
  const mark = ring.mark()
  const products = ring.matrix(x.rows, x.cols)
  ring.multiply(products, x, y)
  ring.kernels.rowSums(out.at, products.at, x.rows, x.cols)
  ring.release(mark)
  return out
}

/** The columns of a matrix from one up to but excluding another. New memory. */
export const columnsOf = (ring: Ring, x: Matrix, from: number, end: number): Matrix => {
  const cols = end - from
  const cells = Uint32Array.from({ length: x.rows * cols }, (_, i) => {
    const row = Math.floor(i / cols)
    return row * x.cols + from + (i - row * cols)
  })
  return { ...gatherRows(ring, { at: x.at, rows: x.rows * x.cols, cols: 1 }, cells), rows: x.rows, cols }
}

/** Every word and a number of units more. New memory. */
export const addUnits = (ring: Ring, x: Matrix, units: number): Matrix => {
  const out = ring.matrix(x.rows, x.cols)
  ring.kernels.addConstant(out.at, x.at, BigInt(units), x.rows * x.cols)
  return out
}

/** The words as signed numbers of units. */
export const unitsOf = (ring: Ring, x: Matrix): ReadonlyArray<number> =>
  Array.from(ring.words(x), (word) => Number(BigInt.asIntN(64, word)))

/**
 * Sends this cloud's share of x and adds the peer's: both learn x, and nothing else of what it was computed from, since
 * a share is uniformly random next to the other.
 */
export function* reveal(party: ComputingParty, op: Operation, x: Matrix): Round<ReadonlyArray<number>> {
  const { ring } = party
  const told = ring.matrix(x.rows, x.cols)
  ring.copy(told, x)
  yield* party.reveal(op, told.at, x.rows * x.cols, "add")
  return unitsOf(ring, told)
}
