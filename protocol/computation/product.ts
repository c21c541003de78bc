/**
 * The product of two shared matrices of which each is opened once (section 5), after Beaver: X under a mask A, of which either cloud
 * drew a share, as X − A. With it each cloud has (X − A) + 2·[A], a share of 2·X, and of these shares the dealer knows the difference
 * ΔX = 2·([A]_0 − [A]_1). So each cloud multiplies its shares of two matrices by themselves: (2X)_0·(2Y)_0 + (2X)_1·(2Y)_1 is
 * 2·X·Y + ½·ΔX·ΔY. What is too much the dealer takes away in the rounding of the rescale that every product goes to. The openings are
 * uniformly random to both clouds.
 */
import type { Operation, ProductForm, Round, Shape } from "../learning/operations.ts"
import type { Matrix, Ring } from "../ring/ring.ts"
import type { Party } from "./party.ts"
import { openingPieces } from "./sizes.ts"

const WORD = 8

/** Rows and columns of a product. */
export const productShape = (x: Shape, y: Shape, form: ProductForm): Shape => ({
  rows: form === "leftTransposed" ? x.cols : x.rows,
  cols: form === "rightTransposed" ? y.rows : y.cols
})

/**
 * Opens x under the mask of `op` and gives this cloud's share of 2·X. One round for each of `openingPieces`. Where x is `consumed`,
 * the result takes its place in memory.
 */
export function* open(party: Party, op: Operation, x: Matrix, consumed = false): Round<Matrix> {
  const { ring } = party
  const { rows, cols } = x
  const doubled = consumed ? x : ring.matrix(rows, cols)
  const draw = party.drawer(op, "mask")
  const { first: place } = party.range(x)
  const pieces = openingPieces(rows * cols)
  const piece = ring.allocate(Math.max(...pieces) * WORD)
  let first = 0
  for (const words of pieces) {
    const at = doubled.at + first * WORD
    draw(piece, words, place + first)
    // [X] + [A] and [X] − [A]: the first and the peer's second are (X − A) + 2·[A].
    ring.kernels.sumAndDifference(at, x.at + first * WORD, piece, words)
    yield* party.exchange(op, piece, words, "add", at)
    first += words
  }
  return doubled
}

/** This cloud's share of 2·X·Y + ½·ΔX·ΔY for two opened matrices: for a rescale, which takes the rest away. Local. */
export const product = ({ ring }: Party, x: Matrix, y: Matrix, form: ProductForm): Matrix => {
  const { rows, cols } = productShape(x, y, form)
  const out = ring.matrix(rows, cols)
  ring.product(out, x, y, form)
  return out
}

/** Rows of a matrix. New memory. */
export const gatherRows = (ring: Ring, x: Matrix, rows: Uint32Array): Matrix => {
  const out = ring.matrix(rows.length, x.cols)
  ring.gatherRows(out, x, rows)
  return out
}
