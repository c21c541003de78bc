/** Where blocks of matrices are in the ciphertexts, plaintexts and results of a plan (`plan.ts`). */
import { wordBytes } from "../bytes.ts"
import type { Matrix, ProductForm, Ring } from "../ring/ring.ts"
import { degree } from "./parameters.ts"
import type { ProductsPlan } from "./plan.ts"

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

/** A block of an encrypted factor: a ciphertext of the call's, and a slot in it. */
interface Slot {
  readonly ciphertext: number
  readonly slot: number
}

/** Where inner block j of column block l of a product is. */
const slotOf = (
  { innerBlocks, colBlocks, blocks }: ProductsPlan,
  product: number,
  l: number,
  j: number
): Slot => {
  const block = (product * colBlocks + l) * innerBlocks + j
  return { ciphertext: Math.floor(block / blocks.share), slot: block % blocks.share }
}

/** The ciphertexts that a result takes: from the first on, as many as it has terms. */
export const termsOf = (plan: ProductsPlan, product: number, l: number) => {
  const first = slotOf(plan, product, l, 0).ciphertext
  return { first, terms: slotOf(plan, product, l, plan.innerBlocks - 1).ciphertext - first + 1 }
}

/** Bytes from an element of a matrix to the next below it, and across; the other way round where it is transposed. */
const stepsOf = ({ cols }: Matrix, transposed: boolean) =>
  transposed ? { down: wordBytes, across: cols * wordBytes } : { down: cols * wordBytes, across: wordBytes }

/** Words of a plaintext without the zeros that `forwardSparse` knows of. */
export const plaintextWords = ({ blocks }: ProductsPlan): number => Math.max(4, degree / blocks.n)

/**
 * Writes the plaintexts of a result, one a term, without the zeros that `forwardSparse` knows of: row block i of a
 * product, for column block l.
 */
export const placePlaintexts = (
  { kernels, memory }: Ring,
  plan: ProductsPlan,
  { x, form }: MaskedProduct,
  { product, i, l }: { readonly product: number; readonly i: number; readonly l: number },
  out: number
): void => {
  const { m, k, share } = plan.blocks
  const { rows, inner } = plan.shape
  const { down, across } = stepsOf(x, form === "leftTransposed")
  const { first, terms } = termsOf(plan, product, l)
  const bytes = plaintextWords(plan) * wordBytes
  memory.fill(0, out, out + terms * bytes)
  for (let j = 0; j < plan.innerBlocks; j++) {
    const { ciphertext, slot } = slotOf(plan, product, l, j)
    kernels.placeLeft(
      out + (ciphertext - first) * bytes,
      x.at + i * m * down + j * k * across,
      down,
      across,
      Math.min(m, rows - i * m),
      Math.min(k, inner - j * k),
      k,
      share,
      slot,
      m * share
    )
  }
}

/** Writes the words of a ciphertext of the call, from the factors of all products: `degree` words. */
export const placeCiphertext = (
  { kernels, memory }: Ring,
  plan: ProductsPlan,
  products: ReadonlyArray<MaskedProduct>,
  ciphertext: number,
  out: number
): void => {
  const { k, n, share } = plan.blocks
  const { inner, cols } = plan.shape
  const ofProduct = plan.innerBlocks * plan.colBlocks
  const end = Math.min((ciphertext + 1) * share, products.length * ofProduct)
  memory.fill(0, out, out + degree * wordBytes)
  for (let block = ciphertext * share; block < end; block++) {
    const { y, form } = products[Math.floor(block / ofProduct)]!
    const [l, j] = [Math.floor((block % ofProduct) / plan.innerBlocks), block % plan.innerBlocks]
    const { down, across } = stepsOf(y, form === "rightTransposed")
    kernels.placeRight(
      out,
      y.at + j * k * down + l * n * across,
      down,
      across,
      Math.min(k, inner - j * k),
      Math.min(n, cols - l * n),
      k,
      (block % share) * k * n
    )
  }
}

/** The elements of a result, of `size` bytes each, out of the coefficients at multiples of k. */
export const gatherResult = (
  { memory }: Ring,
  { blocks }: ProductsPlan,
  { rows, cols }: Part,
  out: number,
  from: number,
  size: number
): void => {
  const row = blocks.share * blocks.n * size
  for (let i = 0; i < rows; i++)
    memory.copyWithin(out + i * cols * size, from + i * row, from + i * row + cols * size)
}

/** A block out of a matrix of `width` columns, rows one after another. */
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
