/**
 * What both clouds and the reference have in common of a division by a power of two, and of which layouts a factor of
 * products is needed in (section 8 of docs/concepts/protocol.md).
 */
import { productShape } from "../computation/product.ts"
import { type Operation, placeOfOperation, type Shape } from "../learning/operations.ts"
import type { ProductForm } from "../ring/ring.ts"
import { acrossOf, type Layout } from "./packing.ts"

/**
 * What C0 multiplies what it has put together by: as much as all that is added may be divided by. The rest of twice the
 * factor, h, is the last power of the products of powers.
 */
export const gainOf = (isProduct: boolean, factor: number, addends: number): number =>
  isProduct && addends === 0 ? 2 * factor : 1

/** Whether what an operation rescales is a product. */
export const rescalesProduct = (op: Operation): boolean => placeOfOperation(op).kind !== "biasUpdate"

/** Whether the result of a rescale rests at C1 as ciphertexts: the changes of weights and biases do. */
export const restsSealed = (op: Operation): boolean => {
  const { kind } = placeOfOperation(op)
  return kind === "weightUpdate" || kind === "biasUpdate"
}

/** The layouts that what an operation opens is multiplied in. The columns of what has a layer below go back to it. */
export const layoutsOf = (op: Operation): ReadonlyArray<Layout> => {
  const { kind, layer } = placeOfOperation(op)
  const back = kind === "openDelta" || kind === "openWeights"
  return back && layer === 1 ? ["rows"] : ["rows", "columns"]
}

/** In which layout both factors of a product are raised: X·R_W takes the columns of X, R_X·W the rows of W. */
export const raisedLayouts = (form: ProductForm): { readonly left: Layout; readonly right: Layout } => ({
  left: form === "leftTransposed" ? "rows" : "columns",
  right: form === "rightTransposed" ? "columns" : "rows"
})

/** The sizes of a product: m × k times k × n. */
export const sizesOfProduct = (
  x: Shape,
  y: Shape,
  form: ProductForm
): { readonly shape: Shape; readonly terms: number } => ({
  shape: productShape(x, y, form),
  terms: form === "leftTransposed" ? x.rows : x.cols
})

/** The layouts of the results of both products of powers: T_1 is along the columns, T_2 along the rows. */
export const resultLayouts: readonly [Layout, Layout] = ["columns", acrossOf("columns")]

/** C1's part of y = ⌊(z − k)/2^s⌋ + ⌈k/2^s⌉. */
export const shiftedKey = (k: bigint, shift: number): bigint => -(-k >> BigInt(shift))
