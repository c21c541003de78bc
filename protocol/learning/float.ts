/**
 * The float64 reference: the training step on plain doubles, with which the secure run is compared. A matrix
 * holds x·2^f just as the fixed-point words do, only unrounded; powers of two are exact in doubles, so this
 * is ordinary float64 training. Everything is in the clear: for tests and for reports on scenarios that allow
 * it.
 */

import type { ProductForm } from "../ring/ring.ts"
import type { Added, Operations, Round, Shape } from "./operations.ts"
import { clampOfSigmoid, clampOfSoftmax } from "./scales.ts"

export interface FloatMatrix extends Shape {
  /** rows·cols, row-major. */
  readonly data: Float64Array
}

const matrix = (rows: number, cols: number): FloatMatrix => ({
  rows,
  cols,
  data: new Float64Array(rows * cols)
})

/** Real numbers, row-major, as a matrix of scale f. */
export const floatMatrix = (
  { rows, cols }: Shape,
  values: ArrayLike<number>,
  fractionalBits: number
): FloatMatrix => {
  if (values.length !== rows * cols)
    throw new RangeError(`${values.length} values for a ${rows} × ${cols} matrix`)
  // A loop: `Float64Array.from` first makes a list of all numbers, which is several times as large.
  const x = matrix(rows, cols)
  for (let i = 0; i < values.length; i++) x.data[i] = values[i]! * 2 ** fractionalBits
  return x
}

/** The real numbers of a matrix of scale f. */
export const floatValues = (x: FloatMatrix, fractionalBits: number): Float64Array =>
  x.data.map((value) => value / 2 ** fractionalBits)

/** The given rows, in the given order. */
export const gatherFloatRows = (x: FloatMatrix, indices: Uint32Array): FloatMatrix => {
  const out = matrix(indices.length, x.cols)
  indices.forEach((row, i) => {
    out.data.set(x.data.subarray(row * x.cols, (row + 1) * x.cols), i * x.cols)
  })
  return out
}

const zipped = (x: FloatMatrix, y: FloatMatrix, f: (a: number, b: number) => number): FloatMatrix => ({
  ...x,
  data: x.data.map((a, i) => f(a, y.data[i]!))
})

const transposed = (x: FloatMatrix): FloatMatrix => {
  const out = matrix(x.cols, x.rows)
  for (let i = 0; i < x.rows; i++)
    for (let j = 0; j < x.cols; j++) out.data[j * x.rows + i] = x.data[i * x.cols + j]!
  return out
}

/** Twice the product, as in every interpretation of the step. */
const product = (left: FloatMatrix, right: FloatMatrix, form: ProductForm): FloatMatrix => {
  const x = form === "leftTransposed" ? transposed(left) : left
  const y = form === "rightTransposed" ? transposed(right) : right
  if (x.cols !== y.rows)
    throw new RangeError(`product of ${x.rows} × ${x.cols} and ${y.rows} × ${y.cols} matrices`)
  const out = matrix(x.rows, y.cols)
  const { data: xs } = x
  const { data: ys, cols } = y
  for (let i = 0; i < x.rows; i++) {
    const row = out.data.subarray(i * cols, (i + 1) * cols)
    for (let k = 0; k < x.cols; k++) {
      const factor = 2 * xs[i * x.cols + k]!
      for (let j = 0, at = k * cols; j < cols; j++, at++) row[j]! += factor * ys[at]!
    }
  }
  return out
}

const columnSums = (x: FloatMatrix): FloatMatrix => {
  const out = matrix(1, x.cols)
  x.data.forEach((value, i) => {
    out.data[i % x.cols]! += value
  })
  return out
}

const rowSums = (x: FloatMatrix): FloatMatrix => {
  const out = matrix(x.rows, 1)
  x.data.forEach((value, i) => {
    out.data[Math.floor(i / x.cols)]! += value
  })
  return out
}

const columns = (x: FloatMatrix, from: number, end: number): FloatMatrix => {
  const out = matrix(x.rows, end - from)
  for (let row = 0; row < x.rows; row++)
    out.data.set(x.data.subarray(row * x.cols + from, row * x.cols + end), row * out.cols)
  return out
}

/** A result that needs no round. */
function* local<A>(value: A): Round<A> {
  return value
}

const shifted = (x: FloatMatrix, shift: number, factor: number): FloatMatrix => {
  const scale = factor / 2 ** shift
  return { ...x, data: x.data.map((value) => value * scale) }
}

/** factor·x and the multiples that are added. */
export const withMultiples = (x: FloatMatrix, factor: number, added: Added<FloatMatrix>): FloatMatrix =>
  added.reduce(
    (sum, { of, factor: { by, zeroBytes } }) => zipped(sum, of, (a, b) => a + by * 256 ** zeroBytes * b),
    shifted(x, 0, factor)
  )

/** Gates are matrices of 0 and 1. A ReLU at exactly zero counts as active, as in the secure comparison. */
export const floatOperations: Operations<FloatMatrix, FloatMatrix, FloatMatrix, FloatMatrix> = {
  open: (_op, x) => local(x),
  openLabels: (_op, y) => local(y),
  product: (_op, x, y, form) => product(x, y, form),
  addBias: (z, bias, shift) => ({
    ...z,
    data: z.data.map((value, i) => value + bias.data[i % z.cols]! * 2 ** shift)
  }),
  subtract: (x, y) => zipped(x, y, (a, b) => a - b),
  columnSums,
  rescale: (_op, x, shift, factor, added = []) => local(shifted(withMultiples(x, factor, added), shift, 1)),
  rescaleRelu: (_op, z, shift) => {
    const gate = { ...z, data: z.data.map((value) => (value >= 0 ? 1 : 0)) }
    return local({ value: zipped(shifted(z, shift, 1), gate, (a, d) => a * d), gate })
  },
  rescaleGated: (_op, x, shift, gate) => local(zipped(shifted(x, shift, 1), gate, (a, d) => a * d)),
  gatedDifference: (_op, activation, labels, gate) =>
    zipped(
      zipped(activation, labels, (a, y) => a - y),
      gate,
      (a, d) => a * d
    ),
  exponentials: (_layer, z, { classes, unit, bits }) => {
    const { below, above } = clampOfSoftmax
    const sums = rowSums(z)
    const value = (word: number, i: number): number => {
      const contrast = (classes * word - sums.data[Math.floor(i / classes)]!) / unit
      return (2 ** bits * Math.exp(Math.min(above, Math.max(-below, contrast)))) / classes
    }
    return local({ ...z, data: z.data.map(value) })
  },
  normalise: (_layer, e, { bits, octaves }) => {
    const sums = rowSums(e)
    const powers = sums.data.map((sum) => 2 ** (octaves - Math.floor(Math.log2(sum / 2 ** bits))))
    return local({ ...e, data: e.data.map((value, i) => value * powers[Math.floor(i / e.cols)]!) })
  },
  rowSums,
  reciprocals: (_layer, sums, { sumBits, reciprocalBits }) =>
    local({ ...sums, data: sums.data.map((sum) => 2 ** (sumBits + reciprocalBits) / sum) }),
  rowProduct: (_op, x, factors) => ({
    ...x,
    data: x.data.map((value, i) => 2 * value * factors.data[Math.floor(i / x.cols)]!)
  }),
  rowDots: (_op, x, y) => rowSums(zipped(x, y, (a, b) => 2 * a * b)),
  add: (x, y) => zipped(x, y, (a, b) => a + b),
  addUnits: (x, units) => ({ ...x, data: x.data.map((value) => value + units) }),
  shiftLeft: (x, bits) => shifted(x, 0, 2 ** bits),
  columns,
  indicator: (gate) => gate,
  reveal: (_op, x) => local([...x.data]),
  sigmoids: (_layer, z, { difference, fractionalBits, shift }) => {
    const logistic = (word: number): number => {
      const x = word / 2 ** (shift + fractionalBits)
      const clamped = Math.min(clampOfSigmoid, Math.max(-clampOfSigmoid, x))
      return 2 ** fractionalBits / (1 + Math.exp(-clamped))
    }
    if (!difference) return local({ ...z, data: z.data.map(logistic) })
    const value = (_: number, i: number): number => {
      const second = i | 1
      const p = logistic(z.data[second]! - z.data[second - 1]!)
      return i === second ? p : 2 ** fractionalBits - p
    }
    return local({ ...z, data: z.data.map(value) })
  }
}
