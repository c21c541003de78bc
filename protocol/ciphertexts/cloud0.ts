/**
 * C0's interpretation of a step on ciphertexts (section 8 of docs/concepts/protocol.md). It has the master key and opens what C1
 * has blinded, so all that it sees is within 2^−σ of random numbers. Values are its parts of them, which C1's blinds
 * complete; it keeps none from one step to the next but those of the data set.
 */
import { concatenate } from "../bytes.ts"
import { type Operation, type Operations, type Round, type Shape, together } from "../learning/operations.ts"
import type { ProductForm } from "../ring/ring.ts"
import { receive, send, settled } from "./exchange.ts"
import { type GateBits, gatedAtC0 } from "./gates.ts"
import { Later } from "./later.ts"
import {
  columnSums,
  combined,
  type IntegerMatrix,
  leftFactor,
  mapped,
  multiplied,
  rightFactor,
  shapeOf
} from "./matrices.ts"
import { packMatrix, unpackMatrix } from "./packing.ts"
import { CiphertextParty, type CiphertextStep, notOnCiphertexts } from "./party.ts"
import type { CiphertextSizes } from "./plan.ts"
import { gainOf, layoutsOf, restsSealed, resultLayouts, sizesOfProduct } from "./rescaling.ts"
import { placed, signShares } from "./signs.ts"

/** C0's part of a value. */
export interface Blinded0 extends Shape {
  readonly kind: "blinded"
  readonly values: Later<IntegerMatrix>
}

/** Of what rests at C1 as ciphertexts, C0 has the shape. */
export interface Sealed0 extends Shape {
  readonly kind: "sealed"
}

interface Product0 extends Shape {
  readonly kind: "product"
  readonly x: Opened0
  readonly y: Opened0
  readonly form: ProductForm
}

export type Value0 = Blinded0 | Sealed0 | Product0

/** C0's part of a factor. */
export interface Opened0 extends Shape {
  readonly values: Later<IntegerMatrix>
}

export const blinded0 = (matrix: IntegerMatrix): Blinded0 => ({
  kind: "blinded",
  ...shapeOf(matrix),
  values: Later.of(matrix)
})

export const sealed0 = (shape: Shape): Sealed0 => ({ kind: "sealed", ...shapeOf(shape) })

const notBlinded = (): never => {
  throw new RangeError("C0 has no part of this matrix")
}

const valuesOf = (x: Value0): Later<IntegerMatrix> => (x.kind === "blinded" ? x.values : notBlinded())

/**
 * C0's parts next to blinds that are shorter than 2^L. Where C1 takes a blind modulo 2^L, as it does with one left over from keys,
 * C0 takes its part modulo 2^L too, from −2^L up to 0; both add up to the value unless the blind ends within 2^B of 2^L or of
 * zero, with a chance of 2^−σ. Parts of all others stay as they are.
 */
export const shortenedAtC0 = (x: IntegerMatrix, { blindBits, valueBits }: CiphertextSizes): IntegerMatrix => {
  const [modulus, most] = [1n << BigInt(blindBits), 1n << BigInt(valueBits)]
  const isShort = (value: bigint) => value <= most && value >= -modulus - most
  return mapped(x, (value) => (isShort(value) ? value : BigInt.asUintN(blindBits, value) - modulus))
}

class Cloud0 extends CiphertextParty {
  /** C1 sends ciphertexts under blinds, and gets encryptions of what was opened in the layouts that it lacks. */
  *openSealed(op: Operation, x: Sealed0): Round<Opened0> {
    const message = yield* receive(this.place(op), this.bytes(x, "rows"))
    const values = new Later(async () =>
      unpackMatrix(this.slots, await this.work.open({ ciphertexts: message }), shapeOf(x), "rows")
    )
    if (layoutsOf(op).includes("columns"))
      yield* send(async () => this.#encrypted(await values.ready(), ["columns"]))
    return { ...shapeOf(x), values }
  }

  /** Sends encryptions of its part in the layouts that products take. */
  *openBlinded(op: Operation, x: Blinded0): Round<Opened0> {
    const values = x.values.map((matrix) => shortenedAtC0(matrix, this.sizes))
    yield* send(async () => this.#encrypted(await values.ready(), layoutsOf(op)))
    return { ...shapeOf(x), values }
  }

  async #encrypted(x: IntegerMatrix, layouts: ReturnType<typeof layoutsOf>): Promise<Uint8Array> {
    const parts = layouts.map((layout) =>
      this.work.encrypt({ plaintexts: packMatrix(this.slots, x, layout), key: this.key() })
    )
    return concatenate(await Promise.all(parts))
  }

  /** c = z − k of what is rescaled, k being known to C1. One round. */
  *opened(op: Operation, x: Value0, factor: number, addends: number): Round<Later<IntegerMatrix>> {
    const isProduct = x.kind === "product"
    const bytes = this.rescaledBytes(x, isProduct)
    const message = yield* receive(this.place(op), bytes)
    if (!isProduct) {
      return new Later(async () => {
        const [own, term] = await Promise.all([valuesOf(x).ready(), this.#term(message, x, "rows")])
        return combined(own, term, (value, of) => BigInt(factor) * value + of)
      })
    }
    const gain = gainOf(true, factor, addends)
    const raised = BigInt((2 * factor) / gain)
    const split = this.bytes(x, resultLayouts[0])
    return new Later(async () => {
      const [left, right, first, second] = await Promise.all([
        x.x.values.ready(),
        x.y.values.ready(),
        this.#term(message.subarray(0, split), x, resultLayouts[0]),
        this.#term(message.subarray(split), x, resultLayouts[1])
      ])
      const product = multiplied(leftFactor(left, x.form), rightFactor(right, x.form))
      return mapped(
        product,
        (value, i) => BigInt(gain) * (raised * value + first.values[i]! + second.values[i]!)
      )
    })
  }

  async #term(message: Uint8Array, x: Shape, layout: "rows" | "columns"): Promise<IntegerMatrix> {
    return unpackMatrix(this.slots, await this.work.open({ ciphertexts: message }), shapeOf(x), layout)
  }

  *rescale(op: Operation, x: Value0, shift: number, factor: number, addends: number): Round<Value0> {
    const c = yield* this.opened(op, x, factor, addends)
    const values = c.map((matrix) => mapped(matrix, (value) => value >> BigInt(shift)))
    if (!restsSealed(op)) return { kind: "blinded", ...shapeOf(x), values }
    yield* send(async () => this.#encrypted(await values.ready(), ["rows"]))
    return sealed0(x)
  }

  *rescaleRelu(op: Operation, z: Product0, shift: number): Round<{ value: Value0; gate: GateBits }> {
    const { ring } = this.transfers
    const mark = ring.mark()
    const c = yield* this.opened(op, z, 1, 0)
    const later = c.map((matrix) => mapped(matrix, (value) => value >> BigInt(shift)))
    const n = z.rows * z.cols
    const [y, digits] = yield* together(settled(later), this.transfers.choices("forward", 64 * n, 0))
    const words = BigUint64Array.from(y.values, (value) => BigInt.asUintN(64, value))
    const gate = yield* signShares(this.transfers, {
      at: placed(this.transfers, new Uint8Array(words.buffer)),
      digits,
      signBit: 63 - shift,
      carries: placed(this.transfers, this.randomness(8 * n)),
      n
    })
    const value = yield* this.#gated(y, gate)
    ring.release(mark)
    return { value, gate }
  }

  *rescaleGated(op: Operation, x: Value0, shift: number, gate: GateBits): Round<Value0> {
    const { ring } = this.transfers
    const mark = ring.mark()
    const c = yield* this.opened(op, x, 1, 0)
    const y = yield* settled(c.map((matrix) => mapped(matrix, (value) => value >> BigInt(shift))))
    const value = yield* this.#gated(y, gate)
    ring.release(mark)
    return value
  }

  *#gated(y: IntegerMatrix, gate: GateBits): Round<Value0> {
    return blinded0(yield* gatedAtC0(this.transfers, y, gate, this.sizes.blindBits, this.randomness))
  }
}

export type Cloud0Operations = Operations<Value0, Opened0, GateBits, never>

/** The operations of one step at C0. */
export const cloud0Operations = (step: CiphertextStep): Cloud0Operations => {
  const cloud = new Cloud0(step)
  const factorOf = (x: Value0): Product0 => (x.kind === "product" ? x : notBlinded())
  return {
    ...notOnCiphertexts,
    open: (op, x) => {
      if (x.kind === "product") return notBlinded()
      return x.kind === "sealed" ? cloud.openSealed(op, x) : cloud.openBlinded(op, x)
    },
    product: (_op, x, y, form) => ({
      kind: "product",
      ...sizesOfProduct(x, y, form).shape,
      ...{ x, y, form }
    }),
    addBias: (z) => z,
    subtract: (x, y) => {
      if (x.kind === "sealed") return x
      const values = new Later(async () => {
        const [left, right] = await Promise.all([valuesOf(x).ready(), valuesOf(y).ready()])
        return combined(left, right, (a, b) => a - b)
      })
      return { kind: "blinded", ...shapeOf(x), values }
    },
    columnSums: (x) => ({
      kind: "blinded",
      rows: 1,
      cols: x.cols,
      values: valuesOf(x).map(columnSums)
    }),
    rescale: (op, x, shift, factor, added = []) => cloud.rescale(op, x, shift, factor, added.length),
    rescaleRelu: (op, z, shift) => cloud.rescaleRelu(op, factorOf(z), shift),
    rescaleGated: (op, x, shift, gate) => cloud.rescaleGated(op, x, shift, gate)
  }
}
