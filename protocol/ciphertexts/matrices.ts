/**
 * Matrices of integers of any size, as both clouds have them beside ciphertexts: blinded values at C0, blinds at C1. They are
 * small, and their products take thousandths of what a product of powers takes.
 */
import type { Shape } from "../learning/operations.ts"
import type { ProductForm } from "../ring/ring.ts"

/** Row by row. */
export interface IntegerMatrix extends Shape {
  readonly values: ReadonlyArray<bigint>
}

export const shapeOf = ({ rows, cols }: Shape): Shape => ({ rows, cols })

export const mapped = (
  { rows, cols, values }: IntegerMatrix,
  change: (value: bigint, index: number) => bigint
): IntegerMatrix => ({ rows, cols, values: values.map(change) })

export const transposed = ({ rows, cols, values }: IntegerMatrix): IntegerMatrix => ({
  rows: cols,
  cols: rows,
  values: Array.from({ length: rows * cols }, (_, i) => values[(i % rows) * cols + Math.floor(i / rows)]!)
})

/** The first factor of a product as it is multiplied from the left, and the second. */
export const leftFactor = (x: IntegerMatrix, form: ProductForm): IntegerMatrix =>
  form === "leftTransposed" ? transposed(x) : x
export const rightFactor = (y: IntegerMatrix, form: ProductForm): IntegerMatrix =>
  form === "rightTransposed" ? transposed(y) : y

/** X·Y. */
export const multiplied = (x: IntegerMatrix, y: IntegerMatrix): IntegerMatrix => {
  const values = new Array<bigint>(x.rows * y.cols).fill(0n)
  for (let i = 0; i < x.rows; i++)
    for (let j = 0; j < x.cols; j++) {
      const factor = x.values[i * x.cols + j]!
      for (let l = 0; l < y.cols; l++) values[i * y.cols + l]! += factor * y.values[j * y.cols + l]!
    }
  return { rows: x.rows, cols: y.cols, values }
}

/** Entry by entry. */
export const combined = (
  x: IntegerMatrix,
  y: IntegerMatrix,
  combine: (x: bigint, y: bigint) => bigint
): IntegerMatrix => mapped(x, (value, i) => combine(value, y.values[i]!))

export const columnSums = ({ rows, cols, values }: IntegerMatrix): IntegerMatrix => {
  const sums = new Array<bigint>(cols).fill(0n)
  for (let i = 0; i < rows * cols; i++) sums[i % cols]! += values[i]!
  return { rows: 1, cols, values: sums }
}

export const gatheredRows = ({ cols, values }: IntegerMatrix, rows: Uint32Array): IntegerMatrix => ({
  rows: rows.length,
  cols,
  values: Array.from(rows).flatMap((row) => values.slice(row * cols, (row + 1) * cols))
})

export const zerosOf = ({ rows, cols }: Shape): IntegerMatrix => ({
  rows,
  cols,
  values: new Array<bigint>(rows * cols).fill(0n)
})
