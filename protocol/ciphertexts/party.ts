/** What both clouds have for a step on ciphertexts, and the operations that neither has. */
import type { Parameters } from "../bcp/parameters.ts"
import type { ByteSource } from "../bytes.ts"
import type { TransferringParty } from "../dealing/party.ts"
import type { Operation, Operations, Shape } from "../learning/operations.ts"
import type { DrawnKind, Draws } from "./draws.ts"
import type { Place } from "./exchange.ts"
import type { IntegerMatrix } from "./matrices.ts"
import { type Layout, packedBytes, packMatrix, type Slots } from "./packing.ts"
import type { CiphertextSizes } from "./plan.ts"
import { resultLayouts } from "./rescaling.ts"
import type { CiphertextWork } from "./work.ts"

export interface CiphertextStep {
  readonly parameters: Parameters
  readonly sizes: CiphertextSizes
  readonly work: CiphertextWork
  readonly transfers: TransferringParty
  /** Bytes that nobody else knows, other ones at each start: they are never drawn again. */
  readonly randomness: ByteSource
  /** 0 for what is opened once a session; training steps count from 1. */
  readonly step: number
}

/** What both clouds derive from it. */
export class CiphertextParty {
  readonly sizes: CiphertextSizes
  readonly slots: Slots
  readonly work: CiphertextWork
  readonly transfers: TransferringParty
  readonly randomness: ByteSource
  readonly step: number

  constructor({ parameters, sizes, work, transfers, randomness, step }: CiphertextStep) {
    this.sizes = sizes
    this.slots = { parameters, slotBits: sizes.slotBits, slots: sizes.slots }
    this.work = work
    this.transfers = transfers
    this.randomness = randomness
    this.step = step
  }

  place(op: Operation): Place {
    return { step: this.step, op }
  }

  /** A key of 16 bytes that serves one request. */
  key(): Uint8Array {
    return this.randomness(16)
  }

  bytes(shape: Shape, layout: Layout): number {
    return packedBytes(this.slots, shape, layout)
  }

  /** Bytes of what C1 sends for a result that is rescaled: both T of a product, or that of a value. */
  rescaledBytes(shape: Shape, isProduct: boolean): number {
    const layouts: ReadonlyArray<Layout> = isProduct ? resultLayouts : ["rows"]
    return layouts.reduce((sum, layout) => sum + this.bytes(shape, layout), 0)
  }
}

/** C1, which draws. */
export class DrawingParty extends CiphertextParty {
  readonly #draws: Draws

  constructor(step: CiphertextStep, draws: Draws) {
    super(step)
    this.#draws = draws
  }

  draw(op: Operation, kind: DrawnKind, shape: Shape, bits: number): IntegerMatrix {
    return this.#draws.matrix(this.step, op, kind, shape, bits)
  }

  /** Ciphertexts and a matrix in the clear. */
  added(ciphertexts: Uint8Array, x: IntegerMatrix, layout: Layout): Promise<Uint8Array> {
    return this.work.add({ ciphertexts, plaintexts: packMatrix(this.slots, x, layout) })
  }
}

const notDone = (what: string) => (): never => {
  throw new RangeError(`${what} is not computed on ciphertexts: the plan should have been refused`)
}

/** Operations that no plan for ciphertexts asks for (`requireOnCiphertexts`). */
export const notOnCiphertexts = {
  openLabels: notDone("an output with relu"),
  gatedDifference: notDone("an output with relu"),
  exponentials: notDone("a softmax"),
  normalise: notDone("a softmax"),
  reciprocals: notDone("a softmax"),
  rowSums: notDone("a softmax"),
  rowProduct: notDone("a product of rows"),
  sigmoids: notDone("a sigmoid"),
  rowDots: notDone("a validation"),
  add: notDone("a validation"),
  addUnits: notDone("a validation"),
  shiftLeft: notDone("a validation"),
  columns: notDone("a validation"),
  indicator: notDone("a validation"),
  reveal: notDone("a validation")
} satisfies Partial<Operations<never, never, never, never>>
