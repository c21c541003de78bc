/**
 * What the dealer deals for each operation: cloud 1's share of what completes an equation, where cloud 0's is its own
 * randomness. A pure function of the two keys, the plan and the step.
 */
import { wordBytes } from "../bytes.ts"
import type { Operation, Shape } from "../learning/operations.ts"
import type { Matrix, Ring } from "../ring/ring.ts"
import type { Section } from "./corrections.ts"
import { MaskReused, ProductNotRescaled } from "./errors.ts"
import {
  type Combination,
  type DealContext,
  type DealtValue,
  type Drawing,
  drawBoth,
  drawnRounding,
  type GateMask,
  type LabelMask,
  type maskDifference
} from "./masks.ts"
import { dotsOfRows } from "./product.ts"
import { checkRescale } from "./rescale.ts"
import { dealtLayout, groupsOf, nodesOf, planesOf } from "./sizes.ts"
import {
  clearForeign,
  clearPadding,
  type Dealt,
  drawDealt,
  type Layout,
  padWords,
  type Range,
  rangeOf,
  type Slice
} from "./slices.ts"
import { streamKinds } from "./streams.ts"

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
    clearPadding(this.ring, dealt)
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

  /** r = ρ + factor·2·ΔA·ΔB: as uniform as ρ, and cancels the surplus of the clouds' products. */
  rounding(op: Operation, { rows, cols, surplus }: DealtValue, factor: number): number {
    const { ring } = this
    const { first } = this.range({ rows, cols })
    const { at } = drawnRounding(this.context, op, { rows, cols }, first)
    if (surplus === undefined) return at
    const masks = ring.matrix(rows, cols)
    const { x, y, form } = surplus
    if (form === "dots") ring.copy(masks, dotsOfRows(ring, x, y))
    else if (form === "rows") ring.kernels.scaleRows(masks.at, x.at, y.at, rows, cols)
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
