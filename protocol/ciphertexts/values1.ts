/** What C1 has of the matrices of a training on ciphertexts (section 8 of docs/concepts/protocol.md). */
import type { Shape } from "../learning/operations.ts"
import type { ProductForm } from "../ring/ring.ts"
import type { Later } from "./later.ts"
import { type IntegerMatrix, shapeOf } from "./matrices.ts"
import type { Layout } from "./packing.ts"

/** What completes C0's part of a value. */
export interface Blinded1 extends Shape {
  readonly kind: "blinded"
  readonly blinds: IntegerMatrix
}

/** Ciphertexts, packed along the rows. */
export interface Sealed1 extends Shape {
  readonly kind: "sealed"
  readonly ciphertexts: Later<Uint8Array>
}

export interface Product1 extends Shape {
  readonly kind: "product"
  readonly x: Opened1
  readonly y: Opened1
  readonly form: ProductForm
  readonly bias?: { readonly of: Sealed1; readonly shift: number }
}

export type Value1 = Blinded1 | Sealed1 | Product1

/** A factor: its ciphertexts in the layouts that products take, and the blinds of C0's part. */
export interface Opened1 extends Shape {
  readonly blinds: IntegerMatrix
  readonly packed: ReadonlyMap<Layout, Later<Uint8Array>>
}

export const blinded1 = (blinds: IntegerMatrix): Blinded1 => ({
  kind: "blinded",
  ...shapeOf(blinds),
  blinds
})

export const sealed1 = (shape: Shape, ciphertexts: Later<Uint8Array>): Sealed1 => ({
  kind: "sealed",
  ...shapeOf(shape),
  ciphertexts
})

export const notSealed = (): never => {
  throw new RangeError("C1 has no ciphertexts of this matrix")
}
export const asSealed = (x: Value1): Sealed1 => (x.kind === "sealed" ? x : notSealed())

export const blindsOf = (x: Value1): IntegerMatrix => {
  if (x.kind !== "blinded") throw new RangeError("C1 has no blinds of this matrix")
  return x.blinds
}
