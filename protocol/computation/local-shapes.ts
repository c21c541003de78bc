/**
 * What becomes of the shapes of matrices in operations that open nothing: for interpreters that only count or
 * enter what is opened, the cost model and the audit's ledger.
 */
import type { Shape } from "../learning/operations.ts"
import type { Rescaled } from "./sizes.ts"

/** A shape, and what a rescale of it may leave out. */
export interface LocalShape extends Shape, Rescaled {}

const unchanged = (x: LocalShape): LocalShape => x

export const localShapes = {
  addBias: unchanged,
  subtract: unchanged,
  add: unchanged,
  addUnits: unchanged,
  shiftLeft: unchanged,
  columnSums: ({ cols }: LocalShape): LocalShape => ({ rows: 1, cols }),
  rowSums: ({ rows }: LocalShape): LocalShape => ({ rows, cols: 1 }),
  rowProduct: (_op: unknown, { rows, cols }: LocalShape): LocalShape => ({ rows, cols, product: true }),
  rowDots: (_op: unknown, { rows }: LocalShape): LocalShape => ({ rows, cols: 1, product: true }),
  columns: ({ rows }: LocalShape, from: number, end: number): LocalShape => ({ rows, cols: end - from }),
  indicator: (_gate: unknown, like: LocalShape): LocalShape => like
}
