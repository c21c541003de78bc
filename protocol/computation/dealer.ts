/**
 * The KGC's interpretation of the step: it runs the same step over shapes and masks instead of values and
 * writes down the corrections that cloud 1 lacks. A pure function of the two keys, the plan and the step: it
 * can be repeated, fetched ahead and spread over any number of processes. The KGC sees no message of the
 * training.
 */

import { wordBytes } from "../bytes.ts"
import type { Operation, Operations, Round, Shape } from "../learning/operations.ts"
import type { Prg } from "../ring/prg.ts"
import type { Matrix, ProductForm, Ring } from "../ring/ring.ts"
import { assembleCorrections, type Section } from "./corrections.ts"
import { MaskReused, ProductNotRescaled } from "./errors.ts"
import type { Drawn } from "./fixed.ts"
import { exponentialFunction, sigmoidFunction } from "./functions.ts"
import { dealClamped, dealNormalise, dealReciprocals } from "./losses-dealt.ts"
import { productShape } from "./product.ts"
import { checkRescale } from "./rescale.ts"
import { dealtLayout, groupsOf, nodesOf, openingPieces, planesOf } from "./sizes.ts"
import {
  clearForeign,
  type Dealt,
  drawDealt,
  type Layout,
  padWords,
  type Range,
  rangeOf,
  type Slice
} from "./slices.ts"
import { type StreamKind, streamKinds } from "./streams.ts"

/** The generators of both clouds for a run. Only the KGC has both. */
export interface DealerKeys {
  readonly cloud0: Prg
  readonly cloud1: Prg
}

/** The memory, the generators and the step that something is dealt for. */
export interface DealContext {
  readonly ring: Ring
  readonly keys: DealerKeys
  /** From 1; 0 is what is drawn once a run. */
  readonly step: number
}

/**
 * A gate at the dealer: the bits β of 64 values in a word at `beta`, those of the next 64 `betaStride` bytes
 * further.
 */
export interface GateMask {
  readonly beta: number
  readonly betaStride: number
}

/**
 * A value at the dealer: its shape and, for a product that is not yet rescaled, the surplus of the clouds'
 * shares.
 */
export interface DealtValue extends Shape {
  readonly surplus?: MaskProduct
}

/**
 * A matrix that is opened for products, at the dealer: the difference of the clouds' masks, ΔA = A_0 − A_1.
 */
export interface MaskDifference extends Matrix {
  readonly of: "factor"
}

/** Opened labels at the dealer: the sum of the clouds' masks. */
export interface LabelMask extends Matrix {
  readonly of: "labels"
}

/** 2·ΔA·ΔB for a product; computed where it is rescaled. */
interface MaskProduct {
  readonly product: Operation
  readonly x: MaskDifference
  readonly y: MaskDifference
  readonly form: ProductForm | "rows"
}

export type DealerOperations = Operations<DealtValue, MaskDifference, GateMask, LabelMask>

/** How the streams of both clouds combine. */
type Combination = "add" | "subtract" | "xor"

/** From where on a stream is drawn. */
interface Drawing {
  readonly operation: Operation
  readonly kind: number
  readonly place: number
}

/** Both clouds' streams combined, as neither cloud knows them. New memory. */
const drawBoth = (
  { ring, keys, step }: DealContext,
  from: Drawing,
  words: number,
  combine: Combination
): number => {
  const at = ring.allocate(words * wordBytes)
  const stream = { step, operation: from.operation, kind: from.kind }
  keys.cloud0.fill(ring, at, words, stream, from.place)
  keys.cloud1.combine(ring, at, words, stream, combine, from.place)
  return at
}

/**
 * ΔA of the masks under which an operation opens a matrix, from the `place`-th word of the masks. New memory.
 */
export const maskDifference = (
  context: DealContext,
  operation: Operation,
  { rows, cols }: Shape,
  place = 0
): MaskDifference => {
  const at = drawBoth(context, { operation, kind: streamKinds.mask, place }, rows * cols, "subtract")
  return { rows, cols, at, of: "factor" }
}

/**
 * The sum of the masks under which an operation opens labels, from the `place`-th word of the masks. New
 * memory.
 */
export const labelMask = (
  context: DealContext,
  operation: Operation,
  { rows, cols }: Shape,
  place = 0
): LabelMask => {
  const at = drawBoth(context, { operation, kind: streamKinds.mask, place }, rows * cols, "add")
  return { rows, cols, at, of: "labels" }
}

/**
 * `maskDifference` of the data set in pieces, since a large one takes seconds: yields after each and returns
 * the whole.
 */
export function* maskDifferenceInPieces(
  { ring, keys }: Omit<DealContext, "step">,
  op: Operation,
  { rows, cols }: Shape
): Generator<void, MaskDifference> {
  const stream = { step: 0, operation: op, kind: streamKinds.mask }
  const at = ring.allocate(rows * cols * wordBytes)
  let place = 0
  for (const words of openingPieces(rows * cols)) {
    keys.cloud0.fill(ring, at + place * wordBytes, words, stream, place)
    keys.cloud1.combine(ring, at + place * wordBytes, words, stream, "subtract", place)
    place += words
    yield
  }
  return { rows, cols, at, of: "factor" }
}

/** What the clouds draw for the rounding of a rescale, ρ. New memory. */
const drawnRounding = (
  context: DealContext,
  operation: Operation,
  { rows, cols }: Shape,
  place = 0
): Matrix => {
  const from = { operation, kind: streamKinds.rounding, place }
  return { rows, cols, at: drawBoth(context, from, rows * cols, "add") }
}

/** The masks and roundings of a step: with them the fixed-point reference replays a run bit for bit. */
export const drawnIn = (context: DealContext): Drawn => ({
  maskDifference: (op, shape) => maskDifference(context, op, shape),
  rounding: (op, shape) => drawnRounding(context, op, shape),
  leadingRounding: (operation, shape) => drawnOfCloud0(context, operation, "rounding", shape),
  leadingPart: (operation, shape) => drawnOfCloud0(context, operation, "part", shape),
  masks: (operation, shape) => labelMask(context, operation, shape),
  leadingMask: (operation, shape) => drawnOfCloud0(context, operation, "mask", shape)
})

const drawnOfCloud0 = (
  { ring, keys, step }: DealContext,
  operation: Operation,
  kind: StreamKind,
  { rows, cols }: Shape
): Matrix => {
  const out = ring.matrix(rows, cols)
  keys.cloud0.fill(ring, out.at, rows * cols, { step, operation, kind: streamKinds[kind] })
  return out
}

/** The parts of a gated rescale that are dealt for each value separately. */
const gatedParts = ["top", "gatedTop", "shifted", "gatedShifted"] as const
/** The same for a rescale with ReLU, whose other parts are dealt for whole groups. */
const reluParts = [...gatedParts, "beta", "oneHot"] as const

/** The dealer in one step, for a whole batch or a slice. */
export class Dealer {
  readonly context: DealContext
  readonly ring: Ring
  readonly sections: Section[] = []
  readonly #slice: Slice | undefined
  readonly #masks = new Set<number>()

  constructor(context: DealContext, slice: Slice | undefined) {
    this.context = context
    this.ring = context.ring
    this.#slice = slice
  }

  range(shape: Shape): Range {
    return rangeOf(shape, this.#slice)
  }

  /**
   * Memory for cloud 1's share of what is dealt for an operation, filled with cloud 0's; it stays until the
   * message is assembled.
   */
  section<Part extends string>(operation: Operation, layout: Layout<Part>, range: Range): Dealt<Part> {
    const { keys, step } = this.context
    const stream = { step, operation, kind: streamKinds.dealt }
    const dealt = drawDealt(this.ring, keys.cloud0, stream, layout, range)
    this.sections.push({ operation, at: dealt.memory, length: dealt.bytes })
    return dealt
  }

  /** Both clouds' streams combined, as neither cloud knows them. New memory. */
  drawBoth(from: Drawing, words: number, combine: Combination): number {
    return drawBoth(this.context, from, words, combine)
  }

  /** Words that cloud 0 draws, or that are its part of what it draws together with cloud 1. New memory. */
  drawOfCloud0({ operation, kind, place }: Drawing, words: number): number {
    const { keys, step } = this.context
    const at = this.ring.allocate(words * wordBytes)
    keys.cloud0.fill(this.ring, at, words, { step, operation, kind }, place)
    return at
  }

  /** The masks under which an operation opens a matrix, which serve once, combined. New memory. */
  masks(op: Operation, { rows, cols }: Shape, combine: Combination): Matrix {
    if (this.#masks.has(op)) throw new MaskReused({ step: this.context.step, operation: op })
    this.#masks.add(op)
    const from = { operation: op, kind: streamKinds.mask, place: this.range({ rows, cols }).first }
    return { rows, cols, at: this.drawBoth(from, rows * cols, combine) }
  }

  /** Runs `work` and frees what it allocated. */
  scratch(work: () => void): void {
    const mark = this.ring.mark()
    work()
    this.ring.release(mark)
  }

  /** The shape of a value; fails for a product that is not rescaled. */
  whole({ rows, cols, surplus }: DealtValue): Shape {
    if (surplus !== undefined)
      throw new ProductNotRescaled({ step: this.context.step, product: surplus.product })
    return { rows, cols }
  }

  open<Mask>(
    op: Operation,
    x: DealtValue,
    mask: (...drawn: Parameters<typeof maskDifference>) => Mask
  ): Mask {
    const shape = this.whole(x)
    if (this.#masks.has(op)) throw new MaskReused({ step: this.context.step, operation: op })
    this.#masks.add(op)
    return mask(this.context, op, shape, this.range(shape).first)
  }

  product(op: Operation, x: MaskDifference, y: MaskDifference, form: ProductForm): DealtValue {
    return { ...productShape(x, y, form), surplus: { product: op, x, y, form } }
  }

  /** r = ρ + factor·2·ΔA·ΔB: as uniform as ρ, and cancels the surplus of the clouds' products. */
  rounding(op: Operation, { rows, cols, surplus }: DealtValue, factor: number): number {
    const { ring } = this
    const { first } = this.range({ rows, cols })
    const { at } = drawnRounding(this.context, op, { rows, cols }, first)
    if (surplus === undefined) return at
    const masks = ring.matrix(rows, cols)
    const { x, y, form } = surplus
    if (form === "rows") ring.kernels.scaleRows(masks.at, x.at, y.at, rows, cols)
    else ring.product(masks, x, y, form)
    ring.kernels.blindRescale(at, masks.at, at, BigInt(2 * factor), 0n, rows * cols)
    return at
  }

  rescale(op: Operation, x: DealtValue, shift: number, factor: number): Shape {
    checkRescale(op, shift, factor)
    const layout = (values: number) => dealtLayout.rescale(values, shift)
    const range = this.range(x)
    const dealt = this.section(op, layout, range)
    const { memory, at } = dealt
    this.scratch(() => {
      const r = padWords(this.ring, this.rounding(op, x, factor), range)
      this.ring.kernels.dealRescale(memory + at.top, memory + at.shifted, r, shift, range.padded)
    })
    clearForeign(this.ring, dealt, ["top", "shifted"], range)
    return { rows: x.rows, cols: x.cols }
  }

  rescaleGated(op: Operation, x: DealtValue, shift: number, gate: GateMask): Shape {
    checkRescale(op, shift, 1)
    const layout = (values: number) => dealtLayout.rescaleGated(values, shift)
    const range = this.range(x)
    const dealt = this.section(op, layout, range)
    this.scratch(() => {
      const r = padWords(this.ring, this.rounding(op, x, 1), range)
      this.#gated(dealt, r, gate, shift, range.padded)
    })
    clearForeign(this.ring, dealt, gatedParts, range)
    return { rows: x.rows, cols: x.cols }
  }

  #gated(
    { memory, at }: Dealt<(typeof gatedParts)[number]>,
    r: number,
    { beta, betaStride }: GateMask,
    shift: number,
    n: number
  ): void {
    const [top, gatedTop] = [memory + at.top, memory + at.gatedTop]
    const [shifted, gatedShifted] = [memory + at.shifted, memory + at.gatedShifted]
    this.ring.kernels.dealGated(top, gatedTop, shifted, gatedShifted, r, beta, betaStride, shift, n)
  }

  rescaleRelu(op: Operation, z: DealtValue, shift: number): { value: Shape; gate: GateMask } {
    checkRescale(op, shift, 1)
    const { kernels } = this.ring
    const { rows, cols } = z
    const range = this.range(z)
    const n = range.padded
    const groups = groupsOf(n)
    const nodes = nodesOf(shift)
    const planes = planesOf(nodes)
    const layout = (values: number) => dealtLayout.rescaleRelu(values, shift)
    const dealt = this.section(op, layout, range)
    const { memory, at } = dealt
    const from = { operation: op, kind: streamKinds.bitMasks, place: range.group * planes.masks }
    const masks = drawBoth(this.context, from, groups * planes.masks, "xor")
    const gate = { beta: masks, betaStride: planes.masks * wordBytes }
    this.scratch(() => {
      const r = padWords(this.ring, this.rounding(op, z, 1), range)
      this.#gated(dealt, r, gate, shift, n)
      kernels.dealGate(memory + at.beta, gate.beta, gate.betaStride, n)
      kernels.dealOneHot(memory + at.oneHot, r, shift, nodes, n)
    })
    clearForeign(this.ring, dealt, reluParts, range)
    kernels.dealBits(memory + at.products, masks, nodes, groups)
    return { value: { rows, cols }, gate }
  }

  gatedDifference(
    op: Operation,
    activation: DealtValue,
    labels: LabelMask,
    { beta, betaStride }: GateMask
  ): Shape {
    const shape = this.whole(activation)
    const range = this.range(shape)
    const dealt = this.section(op, dealtLayout.gatedDifference, range)
    this.scratch(() => {
      const masks = padWords(this.ring, labels.at, range)
      this.ring.kernels.dealGatedDifference(dealt.memory, masks, beta, betaStride, range.padded)
    })
    clearForeign(this.ring, dealt, ["gatedMask"], range)
    return shape
  }
}

/** A result that needs no round. */
function* dealt<A>(result: () => A): Round<A> {
  return result()
}

/**
 * The corrections of a step, for cloud 1 alone. `program` is the step over the dealer's operations: it gets
 * shapes for values, and differences of masks for what is open already, such as a batch of the data set; it
 * asks for no round. For a slice, its shapes are those of the slice. The ring is left as it was.
 *
 * The corrections are written to `message`, which has the length that the cost model states, or to new bytes.
 */
export const deal = (
  context: DealContext,
  program: (operations: DealerOperations) => Round<unknown>,
  { message, slice }: { readonly message?: Uint8Array; readonly slice?: Slice } = {}
): Uint8Array => {
  const { ring, step } = context
  const mark = ring.mark()
  const dealer = new Dealer(context, slice)
  try {
    const outcome = program({
      open: (op, x) => dealt(() => dealer.open(op, x, maskDifference)),
      openLabels: (op, y) => dealt(() => dealer.open(op, y, labelMask)),
      product: (op, x, y, form) => dealer.product(op, x, y, form),
      addBias: (z) => z,
      subtract: (x, y) => {
        dealer.whole(y)
        return dealer.whole(x)
      },
      columnSums: (x) => ({ rows: 1, cols: dealer.whole(x).cols }),
      rescale: (op, x, shift, factor) => dealt(() => dealer.rescale(op, x, shift, factor)),
      rescaleRelu: (op, z, shift) => dealt(() => dealer.rescaleRelu(op, z, shift)),
      rescaleGated: (op, x, shift, gate) => dealt(() => dealer.rescaleGated(op, x, shift, gate)),
      gatedDifference: (op, x, labels, gate) => dealer.gatedDifference(op, x, labels, gate),
      exponentials: (layer, z, scale) =>
        dealt(() => dealClamped(dealer, layer, z, exponentialFunction(scale))),
      sigmoids: (layer, z, scale) => dealt(() => dealClamped(dealer, layer, z, sigmoidFunction(scale))),
      normalise: (layer, x, scale) => dealt(() => dealNormalise(dealer, layer, dealer.whole(x), scale)),
      reciprocals: (layer, x, scale) => dealt(() => dealReciprocals(dealer, layer, dealer.whole(x), scale)),
      rowSums: (x) => ({ rows: dealer.whole(x).rows, cols: 1 }),
      rowProduct: (op, x, y) => ({ rows: x.rows, cols: x.cols, surplus: { product: op, x, y, form: "rows" } })
    }).next()
    if (!outcome.done) throw new Error("a dealer's program asked for a round")
    return assembleCorrections(step, dealer.sections, ring.memory, message)
  } finally {
    ring.release(mark)
  }
}
