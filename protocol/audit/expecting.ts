/**
 * What is expected of each operation of a step: the part of `expected.ts` that has both clouds' pads and notes what
 * travels under them.
 */
import { wordBytes } from "../bytes.ts"
import { fixedOperations } from "../computation/fixed.ts"
import type { Drawn, FixedMatrix } from "../computation/fixed-point.ts"
import { addMultiples, blindingOffset } from "../computation/rescale.ts"
import { blindedBytes, dealtLayout, groupsOf, nodesOf, planesOf } from "../computation/sizes.ts"
import type { Added, Operation, Operations, Shape } from "../learning/operations.ts"
import type { Matrix, Ring } from "../ring/ring.ts"
import { describeStream, type Generators, type PadKind, type PadStream } from "./pads.ts"

/** Labels in the clear, and the sum of the masks under which they were opened. */
export interface ClearLabels extends FixedMatrix {
  readonly mask: Matrix
}

/** A gate in the clear, and its β: bits of 64 values in a word, the next `stride` bytes on. */
export interface ClearGate {
  readonly open: Matrix
  readonly beta: number
  readonly stride: number
}

/** Bytes by stream, at the place of the pads that cover them. */
export type Expected = ReadonlyMap<string, Uint8Array>

/** A word of a rescale as both clouds open it, and the rounding r that the dealer knows of it. */
export interface Blinded {
  readonly c: number
  readonly r: number
}

/** How the pads of both clouds combine. */
type Combination = "add" | "subtract" | "xor"

export class Expecting {
  readonly ring: Ring
  readonly expected = new Map<string, Uint8Array>()
  readonly #generators: Generators
  readonly #step: number
  readonly clear: Operations<FixedMatrix, FixedMatrix, Matrix, FixedMatrix>

  constructor(ring: Ring, generators: Generators, step: number) {
    this.ring = ring
    this.#generators = generators
    this.#step = step
    this.clear = fixedOperations(ring, this.#drawn())
  }

  #stream(operation: Operation, kind: PadKind): PadStream {
    return { step: this.#step, operation, kind }
  }

  /** Pads of one cloud. New memory. */
  pads(cloud: 0 | 1, operation: Operation, kind: PadKind, words: number): number {
    const at = this.ring.allocate(words * wordBytes)
    this.ring.memory.set(this.#generators[cloud].words(this.#stream(operation, kind), words), at)
    return at
  }

  /** Pads of both. New memory. */
  both(operation: Operation, kind: PadKind, words: number, combine: Combination): number {
    const at = this.pads(0, operation, kind, words)
    const mark = this.ring.mark()
    this.ring.kernels[combine](at, at, this.pads(1, operation, kind, words), words)
    this.ring.release(mark)
    return at
  }

  #drawn(): Drawn {
    const matrix = ({ rows, cols }: Shape, at: number): Matrix => ({ rows, cols, at })
    const size = ({ rows, cols }: Shape): number => rows * cols
    return {
      maskDifference: (op, shape) => matrix(shape, this.both(op, "mask", size(shape), "subtract")),
      rounding: (op, shape) => matrix(shape, this.both(op, "rounding", size(shape), "add")),
      leadingRounding: (op, shape) => matrix(shape, this.pads(0, op, "rounding", size(shape))),
      leadingPart: (op, shape) => matrix(shape, this.pads(0, op, "part", size(shape))),
      masks: (op, shape) => matrix(shape, this.both(op, "mask", size(shape), "add")),
      leadingMask: (op, shape) => matrix(shape, this.pads(0, op, "mask", size(shape)))
    }
  }

  /** Notes what is expected, and frees what was allocated for it. */
  note(operation: Operation, kind: PadKind, words: number, work: () => number): void {
    const mark = this.ring.mark()
    const bytes = this.ring.bytes(work(), words * wordBytes).slice()
    this.ring.release(mark)
    this.expected.set(describeStream(this.#stream(operation, kind)), bytes)
  }

  /** x less both masks; returns their sum. */
  opened(op: Operation, x: Matrix): Matrix {
    const words = x.rows * x.cols
    const masks = this.both(op, "mask", words, "add")
    this.note(op, "mask", words, () => {
      const out = this.ring.allocate(words * wordBytes)
      this.ring.kernels.subtract(out, x.at, masks, words)
      return out
    })
    return { rows: x.rows, cols: x.cols, at: masks }
  }

  /** c = factor·x + 2^62 + r, of a product the sum of the upper bytes of both clouds' parts. */
  blinded(op: Operation, x: FixedMatrix, shift: number, factor: number, added: Added<Matrix> = []): Blinded {
    const { ring } = this
    const words = x.rows * x.cols
    const r = this.both(op, "rounding", words, "add")
    if (x.difference !== undefined) {
      const surplus = ring.matrix(x.rows, x.cols)
      ring.scale(surplus, x.difference, 2 * factor)
      ring.kernels.add(r, r, surplus.at, words)
    }
    const bytes = blindedBytes(x.leading === undefined ? {} : { product: true }, shift, added)
    const blind = (x: number, r: number): number => {
      const out = ring.allocate(words * wordBytes)
      ring.kernels.blindRescale(out, x, r, BigInt(factor), blindingOffset(bytes), words)
      return out
    }
    const c = blind(x.at, r)
    addMultiples(ring, c, added, words)
    if (x.leading !== undefined && bytes < wordBytes) {
      // Each cloud opens the upper bytes of its part, so a carry from below is lost.
      const part0 = blind(x.leading.at, this.pads(0, op, "rounding", words))
      const packed = ring.allocate(words * bytes + wordBytes)
      ring.kernels.subtract(c, c, part0, words)
      ring.kernels.packTop(packed, part0, bytes, words)
      ring.kernels.addTop(c, packed, bytes, words)
    }
    this.note(op, "rounding", words, () => c)
    return { c, r }
  }

  /** What cloud 1 is dealt: `complete` turns cloud 0's share, the pads, into it, and asks where a part lies. */
  dealt<Part extends string>(
    op: Operation,
    { at, bytes }: { readonly at: Readonly<Record<Part, number>>; readonly bytes: number },
    complete: (place: (part: Part) => number) => void
  ): void {
    this.note(op, "dealt", bytes / wordBytes, () => {
      const memory = this.pads(0, op, "dealt", bytes / wordBytes)
      complete((part) => memory + at[part])
      return memory
    })
  }

  rescale(op: Operation, x: FixedMatrix, shift: number, factor: number, added?: Added<Matrix>): void {
    const words = x.rows * x.cols
    const { r } = this.blinded(op, x, shift, factor, added)
    this.dealt(op, dealtLayout.rescale(words, shift), (at) =>
      this.ring.kernels.dealRescale(at("top"), at("shifted"), r, shift, words)
    )
  }

  rescaleGated(op: Operation, x: FixedMatrix, shift: number, gate: ClearGate): void {
    const words = x.rows * x.cols
    const { r } = this.blinded(op, x, shift, 1)
    this.dealt(op, dealtLayout.rescaleGated(words, shift), (at) => this.#gated(at, r, gate, shift, words))
  }

  #gated(
    at: (part: keyof ReturnType<typeof dealtLayout.rescaleGated>["at"]) => number,
    r: number,
    { beta, stride }: Omit<ClearGate, "open">,
    shift: number,
    words: number
  ): void {
    const [top, gatedTop] = [at("top"), at("gatedTop")]
    const [shifted, gatedShifted] = [at("shifted"), at("gatedShifted")]
    this.ring.kernels.dealGated(top, gatedTop, shifted, gatedShifted, r, beta, stride, shift, words)
  }

  /** Returns β: its address, and the distance to the next word of it. */
  rescaleRelu(op: Operation, z: FixedMatrix, shift: number): Omit<ClearGate, "open"> {
    const { kernels } = this.ring
    const words = z.rows * z.cols
    const nodes = nodesOf(shift)
    const { masks: each } = planesOf(nodes)
    const masks = this.both(op, "bit masks", groupsOf(words) * each, "xor")
    const gate = { beta: masks, stride: each * wordBytes }
    const blinded = this.blinded(op, z, shift, 1)
    this.dealt(op, dealtLayout.rescaleRelu(words, shift), (at) => {
      this.#gated(at, blinded.r, gate, shift, words)
      kernels.dealGate(at("beta"), masks, gate.stride, words)
      kernels.dealOneHot(at("oneHot"), blinded.r, shift, nodes, words)
      kernels.dealBits(at("products"), masks, nodes, groupsOf(words))
    })
    this.compared(op, blinded, { masks, shift, words })
    return gate
  }

  /** The comparison as one cloud would make it that has all of both: what it opens are the factors under the masks. */
  compared(
    op: Operation,
    { c, r }: Blinded,
    { masks, shift, words }: { readonly masks: number; readonly shift: number; readonly words: number }
  ): void {
    const { ring } = this
    const { kernels } = ring
    const nodes = nodesOf(shift)
    const planes = planesOf(nodes)
    const groups = groupsOf(words)
    this.note(op, "bit masks", groups * planes.masks, () => {
      const { at, bytes } = dealtLayout.rescaleRelu(words, shift)
      const dealt = ring.zeros(1, bytes / wordBytes + 4).at
      kernels.dealRescale(dealt + at.top, dealt + at.shifted, r, shift, words)
      kernels.dealOneHot(dealt + at.oneHot, r, shift, nodes, words)
      kernels.dealBits(dealt + at.products, masks, nodes, groups)
      const plane = (each: number) => ring.allocate(groups * each * wordBytes)
      const [kept, leaves, root, gates] = [planes.kept, planes.nodes, planes.root, planes.gate].map(plane)
      const products = dealt + at.products
      kernels.compareLeaves(leaves!, kept!, c, dealt + at.oneHot, masks, shift, nodes, words)
      kernels.combineNodes(root!, kept!, leaves!, masks, products, nodes, 1, groups)
      kernels.combineRoot(gates!, kept!, root!, c, dealt + at.top, masks, products, shift, nodes, 1, words)
      const out = plane(planes.masks)
      const place = (from: number, each: number, first: number) => {
        for (let group = 0; group < groups; group++) {
          const source = from + group * each * wordBytes
          ring.memory.copyWithin(
            out + (group * planes.masks + first) * wordBytes,
            source,
            source + each * wordBytes
          )
        }
      }
      place(gates!, planes.gate, 0)
      place(leaves!, planes.nodes, 1)
      place(root!, planes.root, 7 * nodes)
      return out
    })
  }

  gatedDifference(op: Operation, labels: ClearLabels, { beta, stride }: ClearGate): void {
    const words = labels.rows * labels.cols
    this.dealt(op, dealtLayout.gatedDifference(words), (at) =>
      this.ring.kernels.dealGatedDifference(at("gatedMask"), labels.mask.at, beta, stride, words)
    )
  }
}
