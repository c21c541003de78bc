/**
 * The product of two shared matrices with Beaver's masks (section 5): X and Y are opened once as E = X − A, F = Y − B and
 * serve any number of products. The clouds' E·[Y] + [A]·F make X·Y − A·B; what they lack is in the rounding of the rescale that
 * every product goes to. The openings are uniformly random to both clouds.
 */
import type { Operation, ProductForm, Round, Shape } from "../learning/operations.ts"
import type { Matrix, Ring } from "../ring/ring.ts"
import type { Party } from "./party.ts"
import { openingPieces } from "./sizes.ts"

const WORD = 8

/** What a cloud holds of an opened matrix. */
export interface OpenedShare extends Shape {
  /** X − A, known to both clouds. */
  readonly opened: Matrix
  /** This cloud's share of the mask A. */
  readonly mask: Matrix
  /** This cloud's share of X where it is at hand; it follows from the other two. */
  readonly share: Matrix | undefined
}

/** This cloud's share of an opened X: A's share, and at cloud 0 the public X − A on top. */
export const shareOf = ({ ring, leads }: Party, { opened, mask, share }: OpenedShare): Matrix => {
  if (share !== undefined || !leads) return share ?? mask
  const sum = ring.matrix(mask.rows, mask.cols)
  ring.add(sum, mask, opened)
  return sum
}

/** Rows and columns of a product. */
export const productShape = (x: Shape, y: Shape, form: ProductForm): Shape => ({
  rows: form === "leftTransposed" ? x.cols : x.rows,
  cols: form === "rightTransposed" ? y.rows : y.cols
})

/**
 * Opens x under the mask of `op`. One round for each of `openingPieces`. Where x is `consumed`, what is opened takes its place in
 * memory.
 */
export function* open(party: Party, op: Operation, x: Matrix, consumed = false): Round<OpenedShare> {
  const { ring } = party
  const { rows, cols } = x
  const mask = ring.matrix(rows, cols)
  const opened = consumed ? x : ring.matrix(rows, cols)
  const draw = party.drawer(op, "mask")
  const { first: place } = party.range(x)
  let first = 0
  for (const words of openingPieces(rows * cols)) {
    const piece = (of: Matrix): Matrix => ({ rows: 1, cols: words, at: of.at + first * WORD })
    draw(piece(mask).at, words, place + first)
    ring.subtract(piece(opened), piece(x), piece(mask))
    yield* party.reveal(op, piece(opened).at, words, "add")
    first += words
  }
  return { rows, cols, opened, mask, share: consumed ? undefined : x }
}

/** This cloud's share of X·Y − A·B for two opened matrices: for a rescale, which makes up for A·B. Local. */
export const product = (party: Party, x: OpenedShare, y: OpenedShare, form: ProductForm): Matrix => {
  const { rows, cols } = productShape(x, y, form)
  const out = party.ring.matrix(rows, cols)
  party.ring.product(out, x.opened, shareOf(party, y), form)
  party.ring.product(out, x.mask, y.opened, form, true)
  return out
}

/** Rows of a matrix. New memory. */
export const gatherRows = (ring: Ring, x: Matrix, rows: Uint32Array): Matrix => {
  const out = ring.matrix(rows.length, x.cols)
  ring.gatherRows(out, x, rows)
  return out
}

/** Rows of an opened matrix, as an opened matrix: a batch of the data set. New memory. */
export const gatherOpened = (ring: Ring, x: OpenedShare, rows: Uint32Array): OpenedShare => ({
  rows: rows.length,
  cols: x.cols,
  opened: gatherRows(ring, x.opened, rows),
  mask: gatherRows(ring, x.mask, rows),
  share: undefined
})
