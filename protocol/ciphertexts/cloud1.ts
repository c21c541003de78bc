/**
 * C1's interpretation of a step on ciphertexts (section 8 of docs/concepts/protocol.md). It has no key. Weights, biases and
 * velocities rest with it as ciphertexts under pk; of all other values it has the blinds that complete C0's parts, which it
 * drew itself or had left over from keys that it drew. It does the products of powers.
 */
import { type Operation, type Operations, type Round, together } from "../learning/operations.ts"
import type { Draws } from "./draws.ts"
import { cutInto, idle, receive, send } from "./exchange.ts"
import { type GateBits, gatedAtC1 } from "./gates.ts"
import { Later } from "./later.ts"
import { columnSums, combined, type IntegerMatrix, mapped, shapeOf } from "./matrices.ts"
import type { Layout } from "./packing.ts"
import { type CiphertextStep, DrawingParty, notOnCiphertexts } from "./party.ts"
import { layoutsOf, restsSealed, shiftedKey, sizesOfProduct } from "./rescaling.ts"
import { placed, signShares } from "./signs.ts"
import { type AddedValue, termOfValue, termsOfProduct } from "./terms.ts"
import {
  asSealed,
  type Blinded1,
  blinded1,
  blindsOf,
  notSealed,
  type Opened1,
  type Sealed1,
  sealed1,
  type Value1
} from "./values1.ts"

export class Cloud1 extends DrawingParty {
  /** Blinds ciphertexts, and takes the blinds off what comes back in another layout. */
  *openSealed(op: Operation, x: Sealed1): Round<Opened1> {
    const blinds = this.draw(op, "blind", x, this.sizes.blindBits)
    yield* send(async () => this.added(await x.ciphertexts.ready(), negated(blinds), "rows"))
    const packed = new Map<Layout, Later<Uint8Array>>([["rows", x.ciphertexts]])
    if (layoutsOf(op).includes("columns")) {
      const message = yield* receive(this.place(op), this.bytes(x, "columns"))
      packed.set("columns", this.#unblinded(message, blinds, "columns"))
    }
    return { ...shapeOf(x), blinds, packed }
  }

  /** Takes the blinds off encryptions of C0's part. */
  *openBlinded(op: Operation, x: Blinded1): Round<Opened1> {
    const blinds = mapped(x.blinds, (blind) => BigInt.asUintN(this.sizes.blindBits, blind))
    const layouts = layoutsOf(op)
    const bytes = layouts.map((layout) => this.bytes(x, layout))
    const message = yield* receive(
      this.place(op),
      bytes.reduce((sum, each) => sum + each, 0)
    )
    const parts = cutInto(message, bytes)
    const packed = layouts.map((layout, i) => [layout, this.#unblinded(parts[i]!, blinds, layout)] as const)
    return { ...shapeOf(x), blinds, packed: new Map(packed) }
  }

  #unblinded(message: Uint8Array, blinds: IntegerMatrix, layout: Layout): Later<Uint8Array> {
    return new Later(() => this.added(message, blinds, layout))
  }

  /** Sends what lets C0 put together c = z − k, and returns C1's part of the quotient. One round. */
  *keyed(
    op: Operation,
    x: Value1,
    shift: number,
    factor: number,
    added: ReadonlyArray<AddedValue>
  ): Round<IntegerMatrix> {
    const k = this.draw(op, "key", x, this.sizes.keyBits)
    if (x.kind === "product") {
      const { gain, make } = termsOfProduct(this, op, x, { factor, added, k })
      yield* send(make)
      return mapped(k, (key) => shiftedKey(BigInt(gain) * key, shift))
    }
    yield* send(() => termOfValue(this, blindsOf(x), { factor, added, k }))
    return mapped(k, (key) => shiftedKey(key, shift))
  }

  *rescale(
    op: Operation,
    x: Value1,
    shift: number,
    factor: number,
    added: ReadonlyArray<AddedValue>
  ): Round<Value1> {
    const part = yield* this.keyed(op, x, shift, factor, added)
    if (!restsSealed(op)) return blinded1(part)
    const message = yield* receive(this.place(op), this.bytes(x, "rows"))
    return sealed1(x, this.#unblinded(message, part, "rows"))
  }

  *rescaleRelu(op: Operation, z: Value1, shift: number): Round<{ value: Value1; gate: GateBits }> {
    const { ring } = this.transfers
    const mark = ring.mark()
    const y = yield* this.keyed(op, z, shift, 1, [])
    const n = z.rows * z.cols
    const words = BigUint64Array.from(y.values, (value) => BigInt.asUintN(64, value))
    const at = placed(this.transfers, new Uint8Array(words.buffer))
    const [, digits] = yield* together(idle(), this.transfers.choices("forward", 64 * n, at))
    const carries = this.transfers.zeros(n)
    const gate = yield* signShares(this.transfers, { at, digits, signBit: 63 - shift, carries, n })
    const value = yield* this.#gated(op, y, gate)
    ring.release(mark)
    return { value, gate }
  }

  *rescaleGated(op: Operation, x: Value1, shift: number, gate: GateBits): Round<Value1> {
    const { ring } = this.transfers
    const mark = ring.mark()
    const y = yield* this.keyed(op, x, shift, 1, [])
    yield* idle()
    const value = yield* this.#gated(op, y, gate)
    ring.release(mark)
    return value
  }

  /** Its part is a blind drawn for this, from 2^B to 2^L − 2^B: C0's part then is never positive. */
  *#gated(op: Operation, y: IntegerMatrix, gate: GateBits): Round<Value1> {
    const { blindBits, valueBits } = this.sizes
    const least = 1n << BigInt(valueBits)
    const room = (1n << BigInt(blindBits)) - 2n * least
    const blinds = mapped(this.draw(op, "gated", y, blindBits + valueBits), (drawn) => least + (drawn % room))
    return blinded1(yield* gatedAtC1(this.transfers, y, gate, blindBits, blinds))
  }

  /** Ciphertexts less ciphertexts. */
  difference(x: Sealed1, y: Sealed1): Sealed1 {
    const ciphertexts = new Later(async () => {
      const [left, right] = await Promise.all([x.ciphertexts.ready(), y.ciphertexts.ready()])
      return this.work.subtract({ left, right })
    })
    return sealed1(x, ciphertexts)
  }
}

const negated = (x: IntegerMatrix): IntegerMatrix => mapped(x, (value) => -value)

export type Cloud1Operations = Operations<Value1, Opened1, GateBits, never>

/** The operations of one step at C1. */
export const cloud1Operations = (step: CiphertextStep, draws: Draws): Cloud1Operations => {
  const cloud = new Cloud1(step, draws)
  return {
    ...notOnCiphertexts,
    open: (op, x) => {
      if (x.kind === "product") return notSealed()
      return x.kind === "sealed" ? cloud.openSealed(op, x) : cloud.openBlinded(op, x)
    },
    product: (_op, x, y, form) => ({
      kind: "product",
      ...sizesOfProduct(x, y, form).shape,
      ...{ x, y, form }
    }),
    addBias: (z, bias, shift) =>
      z.kind === "product" ? { ...z, bias: { of: asSealed(bias), shift } } : notSealed(),
    subtract: (x, y) =>
      x.kind === "sealed"
        ? cloud.difference(x, asSealed(y))
        : blinded1(combined(blindsOf(x), blindsOf(y), (a, b) => a - b)),
    columnSums: (x) => blinded1(columnSums(blindsOf(x))),
    rescale: (op, x, shift, factor, added = []) =>
      cloud.rescale(
        op,
        x,
        shift,
        factor,
        added.map(({ of, factor }) => ({ of: asSealed(of), factor }))
      ),
    rescaleRelu: (op, z, shift) => cloud.rescaleRelu(op, z, shift),
    rescaleGated: (op, x, shift, gate) => cloud.rescaleGated(op, x, shift, gate)
  }
}
