/**
 * What the clouds have to deal for a step: one more interpretation of it (`protocol/computation/dealer.ts`), which draws
 * this cloud's own parts of the masks, makes room for the sections of the corrections, and writes down tasks. Both
 * clouds write down the same ones, in the same order. At cloud 0 the sections hold its shares, which follow from its key;
 * at cloud 1 they are to hold the corrections.
 */
import { wordBytes } from "../bytes.ts"
import { clampedOperations } from "../computation/clamped.ts"
import type { Section } from "../computation/corrections.ts"
import type { Dealing } from "../computation/dealer.ts"
import { MaskReused, ProductNotRescaled } from "../computation/errors.ts"
import { exponentialFunction, type MaskedFunction, sigmoidFunction } from "../computation/functions.ts"
import type { DealtValue, GateMask, LabelMask, MaskDifference, MaskProduct } from "../computation/masks.ts"
import { normaliseOperations, normaliseShapes } from "../computation/normalise.ts"
import { checkRescale } from "../computation/rescale.ts"
import { dealtLayout, GROUP, groupsOf, nodesOf, planesOf, topBytes } from "../computation/sizes.ts"
import type { Dealt, Layout } from "../computation/slices.ts"
import type { Operation, Shape } from "../learning/operations.ts"
import type { SigmoidScale, SoftmaxScale } from "../learning/scales.ts"
import type { Matrix } from "../ring/ring.ts"
import type { Gated, GateTask } from "./gates.ts"
import type { ProductTask } from "./mask-products.ts"
import type { Place } from "./party.ts"
import type { SumTask } from "./sums.ts"
import type { TableTask } from "./tables.ts"
import type { Words } from "./words.ts"

/** A rounding that lacks this cloud's part of a product: `part` is called when it is known. */
export interface LackedPart {
  readonly step: number
  readonly product: MaskProduct
  readonly take: (part: Matrix) => void
}

/** A rounding of which cloud 0 takes other words for its part, and tells cloud 1 by how much they differ. */
export interface Reshared {
  /** This cloud's part. */
  readonly at: number
  readonly words: number
  /** Cloud 0's new part. */
  readonly part: number
  readonly settle: () => void
}

/** All that is dealt for some steps. */
export class Tasks {
  readonly lacked: LackedPart[] = []
  readonly reshared: Reshared[] = []
  readonly sums: SumTask[] = []
  readonly maskProducts: ProductTask[] = []
  readonly tables: TableTask[] = []
  readonly gates: GateTask[] = []
  /** What is left to do when all is dealt. */
  readonly finish: Array<() => void> = []
}

/** Addresses of two parts of a section, and what they are gated to. */
interface GatedParts {
  readonly top: number
  readonly shifted: number
  readonly gatedTop: number
  readonly gatedShifted: number
}

/** Writes down what is to be dealt for a step, with words of its own. */
export class StepTasks implements Dealing {
  readonly sections: Section[] = []
  readonly #words: Words
  readonly #step: number
  readonly #tasks: Tasks
  readonly #masks = new Set<number>()

  constructor(words: Words, step: number, tasks: Tasks) {
    this.#words = words
    this.#step = step
    this.#tasks = tasks
  }

  #place(operation: Operation): Place {
    return { step: this.#step, operation }
  }

  #section<Part extends string>(operation: Operation, layout: Layout<Part>, values: number): Dealt<Part> {
    const dealt = this.#words.section(this.#place(operation), layout, values)
    this.sections.push({ operation, at: dealt.memory, length: dealt.bytes })
    return dealt
  }

  whole({ rows, cols, surplus }: DealtValue): Shape {
    if (surplus !== undefined) throw new ProductNotRescaled({ step: this.#step, product: surplus.product })
    return { rows, cols }
  }

  /** This cloud's masks under which an operation opens a matrix. */
  #ownMasks(op: Operation, { rows, cols }: Shape): Matrix {
    if (this.#masks.has(op)) throw new MaskReused({ step: this.#step, operation: op })
    this.#masks.add(op)
    return { rows, cols, at: this.#words.drawn(this.#place(op), "mask", rows * cols) }
  }

  open(op: Operation, x: DealtValue): MaskDifference {
    return { ...this.#ownMasks(op, this.whole(x)), of: "factor" }
  }

  openLabels(op: Operation, y: DealtValue): LabelMask {
    return { ...this.#ownMasks(op, this.whole(y)), of: "labels" }
  }

  /** This cloud's part of r = ρ + factor·2·ΔA·ΔB, which is complete when the parts of products are. */
  #rounding(op: Operation, { rows, cols, surplus }: DealtValue, factor: number): number {
    const words = rows * cols
    const at = this.#words.drawn(this.#place(op), "rounding", words)
    if (surplus !== undefined)
      this.#tasks.lacked.push({
        ...{ step: this.#step, product: surplus },
        take: (part) => this.#words.addProduct(at, part, factor)
      })
    return at
  }

  rescale(op: Operation, x: DealtValue, shift: number, factor: number): Shape {
    checkRescale(op, shift, factor)
    const { rows, cols } = x
    const values = rows * cols
    const { memory, at } = this.#section(op, (n) => dealtLayout.rescale(n, shift), values)
    this.#tasks.sums.push({
      ...{ place: this.#place(op), values, shift, r: this.#rounding(op, x, factor) },
      ...{ top: memory + at.top, shifted: memory + at.shifted }
    })
    return { rows, cols }
  }

  /** The two numbers of a rescale by `shift` under a gate. */
  #underGate({ top, shifted, gatedTop, gatedShifted }: GatedParts, shift: number): ReadonlyArray<Gated> {
    return [
      { x: top, product: gatedTop, bytes: topBytes(shift) },
      { x: shifted, product: gatedShifted, bytes: wordBytes }
    ]
  }

  /** Gates numbers, of `values` values each. */
  #gates(op: Operation, gate: GateMask, values: number, numbers: ReadonlyArray<Gated>): void {
    const bits = this.#words.bits(gate, values)
    this.#tasks.gates.push({ place: this.#place(op), values, bits, numbers })
  }

  rescaleGated(op: Operation, x: DealtValue, shift: number, gate: GateMask): Shape {
    checkRescale(op, shift, 1)
    const { rows, cols } = x
    const values = rows * cols
    const { memory, at } = this.#section(op, (n) => dealtLayout.rescaleGated(n, shift), values)
    const [top, shifted] = [memory + at.top, memory + at.shifted]
    const r = this.#rounding(op, x, 1)
    this.#tasks.sums.push({ place: this.#place(op), values, shift, r, top, shifted })
    const parts = { top, shifted, gatedTop: memory + at.gatedTop, gatedShifted: memory + at.gatedShifted }
    this.#gates(op, gate, values, this.#underGate(parts, shift))
    return { rows, cols }
  }

  /** This cloud's masks of a comparison, and their products. */
  #comparison(op: Operation, shift: number, values: number, products: number): GateMask {
    const nodes = nodesOf(shift)
    const planes = planesOf(nodes)
    const groups = groupsOf(values)
    const masks = this.#words.drawn(this.#place(op), "bitMasks", groups * planes.masks)
    this.#tasks.maskProducts.push({ values: groups * GROUP, nodes, masks, products })
    return { beta: masks, betaStride: planes.masks * wordBytes }
  }

  rescaleRelu(op: Operation, z: DealtValue, shift: number): { value: Shape; gate: GateMask } {
    checkRescale(op, shift, 1)
    const { rows, cols } = z
    const values = rows * cols
    const { memory, at } = this.#section(op, (n) => dealtLayout.rescaleRelu(n, shift), values)
    const gate = this.#comparison(op, shift, values, memory + at.products)
    const [top, shifted] = [memory + at.top, memory + at.shifted]
    const r = this.#rounding(op, z, 1)
    this.#tasks.sums.push({
      ...{ place: this.#place(op), values, shift, r, top, shifted },
      oneHot: memory + at.oneHot
    })
    const parts = { top, shifted, gatedTop: memory + at.gatedTop, gatedShifted: memory + at.gatedShifted }
    this.#gates(op, gate, values, [
      ...this.#underGate(parts, shift),
      { product: memory + at.beta, bytes: wordBytes }
    ])
    return { value: { rows, cols }, gate }
  }

  gatedDifference(op: Operation, activation: DealtValue, labels: LabelMask, gate: GateMask): Shape {
    const shape = this.whole(activation)
    const values = shape.rows * shape.cols
    const { memory } = this.#section(op, dealtLayout.gatedDifference, values)
    this.#gates(op, gate, values, [{ x: labels.at, product: memory, bytes: wordBytes }])
    return shape
  }

  exponentials(layer: number, z: DealtValue, scale: SoftmaxScale): Shape {
    return this.#clamped(layer, z, exponentialFunction(scale), { function: "exponential", scale })
  }

  sigmoids(layer: number, z: DealtValue, scale: SigmoidScale): Shape {
    return this.#clamped(layer, z, sigmoidFunction(scale), { function: "waves", scale })
  }

  /** A gate of a comparison, whose β is dealt together with `numbers` that it gates. */
  #bound(op: Operation, shift: number, values: number, numbers: () => ReadonlyArray<Gated>): () => void {
    const { memory, at } = this.#section(op, (n) => dealtLayout.bound(n, shift), values)
    const gate = this.#comparison(op, shift, values, memory + at.products)
    return () =>
      this.#gates(op, gate, values, [...numbers(), { product: memory + at.beta, bytes: wordBytes }])
  }

  #clamped(layer: number, z: DealtValue, masked: MaskedFunction, of: TableTask["of"]): Shape {
    const { shift, valueShift, words } = masked
    const ops = clampedOperations(layer)
    checkRescale(ops.logits, shift, 1)
    const argument = { rows: z.rows, cols: masked.columns(z.cols) }
    const values = argument.rows * argument.cols
    const r = this.#argument(ops.logits, z, masked, argument)
    const known = this.#section(ops.logits, (n) => dealtLayout.logits(n, shift, words), values)
    this.#tasks.sums.push({
      ...{ place: this.#place(ops.logits), values, shift, r, top: known.memory + known.at.top },
      oneHot: known.memory + known.at.oneHot
    })
    const table = known.memory + known.at.table
    this.#tasks.tables.push({ place: this.#place(ops.logits), from: 0, values, r, table, of })
    // The numbers under the gates are those of a section behind the gates' own.
    const under = (top: "lowerTop" | "upperTop", shifted: "lowerShifted" | "upperShifted") => () => {
      const { memory, at } = dealt
      const parts = { top: memory + at.top, shifted: memory + at.shifted }
      return this.#underGate(
        { ...parts, gatedTop: memory + at[top], gatedShifted: memory + at[shifted] },
        valueShift
      )
    }
    const gates = [
      this.#bound(ops.lower, shift, values, under("lowerTop", "lowerShifted")),
      this.#bound(ops.upper, shift, values, under("upperTop", "upperShifted"))
    ]
    const dealt = this.#section(ops.value, (n) => dealtLayout.clamped(n, valueShift), values)
    const { memory, at } = dealt
    this.#tasks.sums.push({
      ...{ place: this.#place(ops.value), values, shift: valueShift },
      r: this.#rounding(ops.value, argument, 1),
      ...{ top: memory + at.top, shifted: memory + at.shifted }
    })
    for (const gate of gates) gate()
    return { rows: z.rows, cols: z.cols }
  }

  /** This cloud's part of the mask of an argument, which is there when the parts of products are. */
  #argument(op: Operation, z: DealtValue, masked: MaskedFunction, shape: Shape): number {
    const { rows, cols } = z
    const words = rows * cols
    const at = this.#rounding(op, z, 1)
    const argument = this.#words.argument({ rows, cols, at }, shape, masked)
    const part = this.#words.part(this.#place(op), words, at)
    this.#tasks.reshared.push({ at, words, part, settle: argument.compute })
    return argument.at
  }

  normalise(layer: number, shape: Shape, scale: SoftmaxScale): Shape {
    const { octaves, thresholdShift: shift } = scale
    const ops = normaliseOperations(layer)
    const masks = this.#ownMasks(ops.opened, shape)
    const sums = this.#section(ops.opened, (n) => dealtLayout.sums(n, shift), shape.rows)
    this.#tasks.sums.push({
      ...{ place: this.#place(ops.opened), values: shape.rows, shift, r: this.#words.sums(masks, scale) },
      ...{ top: sums.memory + sums.at.top, oneHot: sums.memory + sums.at.oneHot }
    })
    const { thresholds, masked } = normaliseShapes(shape, scale)
    const gate = this.#bound(ops.threshold, shift, thresholds.rows * thresholds.cols, () => numbers)
    const { memory } = this.#section(ops.scaled, dealtLayout.normalise, masked.rows * masked.cols)
    const numbers = this.#gatedColumns(masks, memory, octaves)
    gate()
    return shape
  }

  /** Each column of masks, which all thresholds of its row gate. */
  #gatedColumns(masks: Matrix, section: number, octaves: number): ReadonlyArray<Gated> {
    const { x, products, bringBack } = this.#words.columns(masks, section, octaves)
    this.#tasks.finish.push(bringBack)
    return Array.from({ length: masks.cols }, (_, col) => {
      const from = col * masks.rows * octaves * wordBytes
      return { x: x + from, product: products + from, bytes: wordBytes }
    })
  }

  reciprocals(layer: number, sums: Shape, scale: SoftmaxScale): Shape {
    const op = normaliseOperations(layer).reciprocal
    const { lines } = normaliseShapes(sums, scale)
    const r = this.#words.picked(this.#ownMasks(op, sums), scale)
    const { memory } = this.#section(op, dealtLayout.lines, lines.rows * lines.cols)
    this.#tasks.tables.push({
      ...{ place: this.#place(op), from: 0, values: sums.rows, r, table: memory },
      of: { function: "lines", scale }
    })
    return { rows: sums.rows, cols: sums.cols }
  }
}
