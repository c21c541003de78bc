/** Puts blocks of matrices where a plan has them (`plan.ts`), and takes them from there. */
import { wordBytes } from "../bytes.ts"
import type { Matrix, ProductForm, Ring } from "../ring/ring.ts"
import { degree } from "./parameters.ts"
import { type ProductsPlan, termsOf } from "./plan.ts"

/** A cloud's own masks of the factors of a product. */
export interface MaskedProduct {
  /** Of the factor that multiplies in the clear. */
  readonly x: Matrix
  /** Of the factor that is encrypted. */
  readonly y: Matrix
  readonly form: ProductForm
}

/** A block of a matrix. */
export interface Part {
  readonly row: number
  readonly col: number
  readonly rows: number
  readonly cols: number
}

/** The blocks of a product's row of blocks, one a result, in the order in which they are sent. */
export const resultsOf = (
  { shape, blocks, colBlocks }: ProductsPlan,
  rowBlock: number
): ReadonlyArray<Part> => {
  const row = rowBlock * blocks.m
  const rows = Math.min(blocks.m, shape.rows - row)
  return Array.from({ length: colBlocks }, (_, l) => {
    const col = l * blocks.n
    return { row, col, rows, cols: Math.min(blocks.n, shape.cols - col) }
  })
}

/** Bytes from an element of a matrix to the next below it, and across; the other way round where it is transposed. */
const stepsOf = ({ cols }: Matrix, transposed: boolean) =>
  transposed ? { down: wordBytes, across: cols * wordBytes } : { down: cols * wordBytes, across: wordBytes }

/** Coefficients of a plaintext: one in n of the degree. */
export const plaintextSize = ({ blocks }: ProductsPlan): number => degree / blocks.n

/**
 * Writes the plaintexts of a result, one for each of its ciphertexts: row block i of a product, for column block l. Words, at
 * `out` the coefficients at multiples of n, `stride` bytes from one plaintext to the next.
 */
export const placePlaintexts = (
  { kernels, memory }: Ring,
  plan: ProductsPlan,
  { x, form }: MaskedProduct,
  { product, i, l }: { readonly product: number; readonly i: number; readonly l: number },
  out: number,
  stride: number
): void => {
  const { m, slots } = plan.blocks
  const { rows, inner } = plan.shape
  const { down, across } = stepsOf(x, form === "leftTransposed")
  const { slot, count } = termsOf(plan, product, l)
  memory.fill(0, out, out + count * stride)
  for (let term = 0, j = 0; term < count; term++) {
    const first = term === 0 ? slot : 0
    const cols = Math.min(slots - first, inner - j)
    const at = x.at + i * m * down + j * across
    const ofBlock = Math.min(m, rows - i * m)
    kernels.placeClear(out + term * stride, at, down, across, ofBlock, cols, slots, first, m * slots)
    j += cols
  }
}

/** Writes the words of a ciphertext of the plan, from the factors of all products: `degree` words. */
export const placeCiphertext = (
  { kernels, memory }: Ring,
  plan: ProductsPlan,
  products: ReadonlyArray<MaskedProduct>,
  ciphertext: number,
  out: number
): void => {
  const { n, slots } = plan.blocks
  const { inner, cols } = plan.shape
  memory.fill(0, out, out + degree * wordBytes)
  const end = Math.min((ciphertext + 1) * slots, products.length * plan.colBlocks * inner)
  for (let row = ciphertext * slots; row < end; ) {
    const block = Math.floor(row / inner)
    const { y, form } = products[Math.floor(block / plan.colBlocks)]!
    const [l, j] = [block % plan.colBlocks, row % inner]
    const { down, across } = stepsOf(y, form === "rightTransposed")
    const rows = Math.min(end - row, inner - j)
    const at = y.at + j * down + l * n * across
    const to = out + (row % slots) * n * wordBytes
    kernels.placeEncrypted(to, at, down, across, rows, Math.min(n, cols - l * n), n)
    row += rows
  }
}

/** The elements of a result, u32, out of what `Moduli.back` leaves: rows one after another. */
export const gatherResult = (
  { memory }: Ring,
  { blocks }: ProductsPlan,
  { rows, cols }: Part,
  out: number,
  from: number
): void => {
  for (let i = 0; i < rows; i++) {
    const row = from + i * blocks.n * 4
    memory.copyWithin(out + i * cols * 4, row, row + cols * 4)
  }
}

/** A block out of a matrix, rows one after another. */
export const gatherPart = (
  { memory }: Ring,
  { row, col, rows, cols }: Part,
  out: number,
  from: Matrix
): void => {
  for (let i = 0; i < rows; i++) {
    const at = from.at + ((row + i) * from.cols + col) * wordBytes
    memory.copyWithin(out + i * cols * wordBytes, at, at + cols * wordBytes)
  }
}

/** The reverse of `gatherPart`. */
export const scatterPart = (
  { memory }: Ring,
  { row, col, rows, cols }: Part,
  out: Matrix,
  from: number
): void => {
  for (let i = 0; i < rows; i++) {
    const at = from + i * cols * wordBytes
    memory.copyWithin(out.at + ((row + i) * out.cols + col) * wordBytes, at, at + cols * wordBytes)
  }
}
