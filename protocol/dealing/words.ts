/**
 * Where the words of a step's tasks are: a cloud's own parts of masks and its sections of the corrections, in its memory.
 * Where only sizes count, `wordsIn` of `memory.ts` stands in for it.
 */
import { wordBytes } from "../bytes.ts"
import type { MaskedFunction } from "../computation/functions.ts"
import type { GateMask } from "../computation/masks.ts"
import { alignedSums, pickedBy } from "../computation/normalise.ts"
import { groupsOf } from "../computation/sizes.ts"
import { type Dealt, drawDealt, type Layout, rangeOf } from "../computation/slices.ts"
import { type StreamKind, streamKinds } from "../computation/streams.ts"
import type { Shape } from "../learning/operations.ts"
import type { SoftmaxScale } from "../learning/scales.ts"
import type { Matrix } from "../ring/ring.ts"
import type { DealingParty, Place } from "./party.ts"

/** Addresses are of new memory. */
export interface Words {
  /** This cloud's words of a stream of the training. */
  readonly drawn: (place: Place, kind: StreamKind, words: number) => number
  /** Room for a section: cloud 0's shares, or zeros where the corrections go. */
  readonly section: <Part extends string>(place: Place, layout: Layout<Part>, values: number) => Dealt<Part>
  /** Adds factor·2·x to words. */
  readonly addProduct: (at: number, x: Matrix, factor: number) => void
  /** Cloud 0's new part of words of which it tells cloud 1 how much they differ. */
  readonly part: (place: Place, words: number, at: number) => number
  /** Room for arguments, and what computes them from logits. */
  readonly argument: (
    logits: Matrix,
    shape: Shape,
    masked: MaskedFunction
  ) => { readonly at: number; readonly compute: () => void }
  /** This cloud's share of a gate, packed. */
  readonly bits: (gate: GateMask, values: number) => number
  /** This cloud's part of the mask of row sums, as they are compared, and of the words that pick lines. */
  readonly sums: (masks: Matrix, scale: SoftmaxScale) => number
  readonly picked: (masks: Matrix, scale: SoftmaxScale) => number
  /** Column by column: the masks, each as often as it is gated, and the part of a section that has their products. */
  readonly columns: (masks: Matrix, section: number, times: number) => Columns
}

export interface Columns {
  readonly x: number
  readonly products: number
  /** Brings what is left in the products to the section. */
  readonly bringBack: () => void
}

const nothing = (): void => {}

/** Those of a cloud. */
export const ownWords = (party: DealingParty): Words => {
  const { ring, prg, cloud } = party
  const { kernels } = ring
  const drawn: Words["drawn"] = (place, kind, words) => {
    const at = ring.allocate(words * wordBytes)
    prg.fill(ring, at, words, { ...place, kind: streamKinds[kind] })
    return at
  }
  return {
    drawn,
    section: (place, layout, values) => {
      const range = rangeOf({ rows: values, cols: 1 }, undefined)
      if (cloud === 0) return drawDealt(ring, prg, { ...place, kind: streamKinds.dealt }, layout, range)
      const laid = layout(values)
      return { ...laid, memory: party.zeros(laid.bytes / wordBytes) }
    },
    addProduct: (at, x, factor) =>
      kernels.blindRescale(at, x.at, at, BigInt(2 * factor), 0n, x.rows * x.cols),
    part: (place, words, at) => (cloud === 0 ? drawn(place, "part", words) : at),
    argument: (logits, { rows, cols }, masked) => {
      const out = ring.matrix(rows, cols)
      const compute = () => {
        const mark = ring.mark()
        ring.copy(out, masked.argument(ring, logits))
        ring.release(mark)
      }
      return { at: out.at, compute }
    },
    bits: ({ beta, betaStride }, values) => {
      const groups = groupsOf(values)
      const bits = ring.allocate(groups * wordBytes)
      for (let group = 0; group < groups; group++) {
        const from = beta + group * betaStride
        ring.memory.copyWithin(bits + group * wordBytes, from, from + wordBytes)
      }
      return bits
    },
    sums: (masks, scale) => {
      const aligned = alignedSums(ring, masks, scale)
      ring.negate(aligned, aligned)
      return aligned.at
    },
    picked: (masks, scale) => {
      const picked = pickedBy(ring, masks, scale, 0n)
      ring.negate(picked, picked)
      return picked.at
    },
    columns: ({ at, rows, cols }, section, times) => {
      const bytes = times * wordBytes
      const columns = ring.matrix(cols, rows)
      const [x, products] = [ring.matrix(cols * rows, times).at, ring.matrix(cols * rows, times).at]
      kernels.transposeWords(columns.at, at, rows, cols)
      kernels.repeated(x, columns.at, wordBytes, times, rows * cols)
      kernels.transposeBlocks(products, section, rows, cols, bytes)
      const bringBack = () => kernels.transposeBlocks(section, products, cols, rows, bytes)
      return { x, products, bringBack: cloud === 0 ? nothing : bringBack }
    }
  }
}
