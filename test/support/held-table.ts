/** Tables as files of numbers give them. */
import type { HeldTable } from "../../protocol/data/encoding.ts"

/** Joint columns of so many numbers each, row by row; without cells, of zeros. */
export const heldNumbers = (
  ids: ReadonlyArray<string>,
  columns: ReadonlyArray<number>,
  values: ArrayLike<number> = new Float64Array(ids.length * columns.length)
): HeldTable => ({
  ids,
  columns: Uint32Array.from(columns),
  sources: new Map(
    columns.map((column, first) => [`column ${column}`, { values, first, step: columns.length }])
  ),
  unlabelled: new Uint32Array(0)
})
