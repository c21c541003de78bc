/**
 * What a lane gets of a step's corrections (section 6 of docs/concepts/protocol.md), cut from those of the whole step: the
 * shares of its own values, zeros for the foreign ones of its first and last group, and the products of whole groups. It
 * is byte for byte what the KGC deals to the lane.
 */
import { concatenate } from "../bytes.ts"
import { clampedOperations } from "../computation/clamped.ts"
import { assembleCorrections, Corrections, type Section } from "../computation/corrections.ts"
import { type DealerOperations, type Dealing, dealerOperations, runDealer } from "../computation/dealer.ts"
import { ProductNotRescaled } from "../computation/errors.ts"
import { exponentialFunction, type MaskedFunction, sigmoidFunction } from "../computation/functions.ts"
import type { DealtValue, GateMask, LabelMask, MaskDifference } from "../computation/masks.ts"
import { normaliseOperations, normaliseShapes } from "../computation/normalise.ts"
import { dealtLayout, GROUP } from "../computation/sizes.ts"
import { type Layout, type Range, rangeOf, type Slice } from "../computation/slices.ts"
import type { Operation, Round, Shape } from "../learning/operations.ts"
import type { SigmoidScale, SoftmaxScale } from "../learning/scales.ts"

/** Parts that are dealt for whole groups; all others are for each value. */
const ofGroups: ReadonlySet<string> = new Set(["products"])

const noGate: GateMask = { beta: 0, betaStride: 0 }

/** The step on shapes, which takes what it is dealt from the corrections of the whole batch. */
class Cutting implements Dealing {
  readonly sections: Uint8Array[] = []
  readonly operations: Operation[] = []
  readonly #corrections: Corrections
  readonly #slice: Slice | undefined

  constructor(corrections: Corrections, slice: Slice | undefined) {
    this.#corrections = corrections
    this.#slice = slice
  }

  #cut<Part extends string>(op: Operation, layout: Layout<Part>, shape: Shape): void {
    const range = rangeOf(shape, this.#slice)
    const whole = this.#corrections.section(op, layout(range.of).bytes)
    this.operations.push(op)
    this.sections.push(cutSection(whole, layout, range))
  }

  whole({ rows, cols, surplus }: DealtValue): Shape {
    const { step } = this.#corrections
    if (surplus !== undefined) throw new ProductNotRescaled({ step, product: surplus.product })
    return { rows, cols }
  }

  open(_op: Operation, x: DealtValue): MaskDifference {
    return { ...this.whole(x), at: 0, of: "factor" }
  }

  openLabels(_op: Operation, y: DealtValue): LabelMask {
    return { ...this.whole(y), at: 0, of: "labels" }
  }

  rescale(op: Operation, { rows, cols }: DealtValue, shift: number): Shape {
    this.#cut(op, (n) => dealtLayout.rescale(n, shift), { rows, cols })
    return { rows, cols }
  }

  rescaleRelu(op: Operation, { rows, cols }: DealtValue, shift: number): { value: Shape; gate: GateMask } {
    this.#cut(op, (n) => dealtLayout.rescaleRelu(n, shift), { rows, cols })
    return { value: { rows, cols }, gate: noGate }
  }

  rescaleGated(op: Operation, { rows, cols }: DealtValue, shift: number): Shape {
    this.#cut(op, (n) => dealtLayout.rescaleGated(n, shift), { rows, cols })
    return { rows, cols }
  }

  gatedDifference(op: Operation, activation: DealtValue): Shape {
    const shape = this.whole(activation)
    this.#cut(op, dealtLayout.gatedDifference, shape)
    return shape
  }

  exponentials(layer: number, z: DealtValue, scale: SoftmaxScale): Shape {
    return this.#clamped(layer, z, exponentialFunction(scale))
  }

  sigmoids(layer: number, z: DealtValue, scale: SigmoidScale): Shape {
    return this.#clamped(layer, z, sigmoidFunction(scale))
  }

  #clamped(layer: number, { rows, cols }: DealtValue, masked: MaskedFunction): Shape {
    const { shift, valueShift, words } = masked
    const ops = clampedOperations(layer)
    const argument = { rows, cols: masked.columns(cols) }
    this.#cut(ops.logits, (n) => dealtLayout.logits(n, shift, words), argument)
    for (const op of [ops.lower, ops.upper]) this.#cut(op, (n) => dealtLayout.bound(n, shift), argument)
    this.#cut(ops.value, (n) => dealtLayout.clamped(n, valueShift), argument)
    return { rows, cols }
  }

  normalise(layer: number, shape: Shape, scale: SoftmaxScale): Shape {
    const { thresholdShift: shift } = scale
    const ops = normaliseOperations(layer)
    const { sums, thresholds, masked } = normaliseShapes(shape, scale)
    this.#cut(ops.opened, (n) => dealtLayout.sums(n, shift), sums)
    this.#cut(ops.threshold, (n) => dealtLayout.bound(n, shift), thresholds)
    this.#cut(ops.scaled, dealtLayout.normalise, masked)
    return shape
  }

  reciprocals(layer: number, sums: Shape, scale: SoftmaxScale): Shape {
    this.#cut(normaliseOperations(layer).reciprocal, dealtLayout.lines, normaliseShapes(sums, scale).lines)
    return { rows: sums.rows, cols: sums.cols }
  }
}

/** The parts of a section for the groups of a range, with zeros for foreign values. */
const cutSection = <Part extends string>(
  whole: Uint8Array,
  layout: Layout<Part>,
  { of, group, padded, lead, count }: Range
): Uint8Array => {
  const [all, before, own] = [of, group * GROUP, padded].map(layout) as [
    ReturnType<Layout<Part>>,
    ReturnType<Layout<Part>>,
    ReturnType<Layout<Part>>
  ]
  const out = new Uint8Array(own.bytes)
  for (const part of Object.keys(own.parts) as Part[]) {
    const [from, to, length] = [all.at[part] + before.parts[part], own.at[part], own.parts[part]]
    out.set(whole.subarray(from, from + length), to)
    if (ofGroups.has(part)) continue
    const width = length / padded
    out.fill(0, to, to + lead * width)
    out.fill(0, to + (lead + count) * width, to + length)
  }
  return out
}

/**
 * The corrections of a part of a step, from those of the whole step: of `program`, whose shapes are those of the slice, or
 * without one of the batch.
 * @throws CorrectionsRefused if the whole is not what the program needs
 */
export const cutCorrections = (
  step: number,
  whole: Uint8Array,
  program: (operations: DealerOperations) => Round<unknown>,
  slice?: Slice
): Uint8Array => {
  const cutting = new Cutting(Corrections.parse(step, whole), slice)
  runDealer(program(dealerOperations(cutting)))
  const { sections, operations } = cutting
  let at = 0
  const laid = sections.map(({ length }, i): Section => {
    const section = { operation: operations[i]!, at, length }
    at += length
    return section
  })
  return assembleCorrections(step, laid, concatenate(sections))
}
