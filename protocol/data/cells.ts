/**
 * Cells of a table, read a run of rows at a time. Their storage may be much smaller than float64 (the bytes
 * of an image file), so a large table is never held as float64 as a whole. Only their owner sees them.
 */

/** Rows × width encoded cells. */
export interface Cells {
  readonly rows: number
  readonly width: number
  /** Writes the cells of a row into `out` from `at` on. */
  readonly readRow: (row: number, out: Float64Array, at: number) => void
}

/** Cells that are stored as they are read, row-major. */
export const denseCells = (width: number, cells: Float64Array): Cells => ({
  rows: width === 0 ? 0 : cells.length / width,
  width,
  readRow: (row, out, at) => out.set(cells.subarray(row * width, (row + 1) * width), at)
})

/** Some rows of other cells, in an order of their own. */
export const pickRows = (cells: Cells, picked: Uint32Array): Cells => ({
  rows: picked.length,
  width: cells.width,
  readRow: (row, out, at) => cells.readRow(picked[row]!, out, at)
})

/** A copy of `count` rows from the `first`-th, row-major; of all rows by default. */
export const readRows = (cells: Cells, first = 0, count = cells.rows - first): Float64Array => {
  const { width } = cells
  const out = new Float64Array(count * width)
  for (let row = 0; row < count; row++) cells.readRow(first + row, out, row * width)
  return out
}
