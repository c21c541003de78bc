/**
 * The exact number of bytes that each operation opens and deals. The implementation sends them, and the cost
 * model adds them up without running anything.
 */
import { wordBytes } from "../bytes.ts"
import type { Added } from "../learning/operations.ts"
import { leftOutBytes } from "../learning/scales.ts"

/** Values whose bits share a word; a bit plane is padded to a whole group. */
export const GROUP = 64

/**
 * Nodes of the comparison in a ReLU that is rescaled by `shift`: one for each 16 of the 63 − shift bits, at
 * least two.
 */
export const nodesOf = (shift: number): number => Math.max(2, Math.ceil((63 - shift) / 16))

/** Bit planes of a group of 64 values for a comparison with this number of nodes. */
export const planesOf = (nodes: number) => ({
  /** β, the nodes' factors, the root's. */
  masks: 9 * nodes - 2,
  /** 22 products a node, 15 of the last one, the root's. */
  products: 22 * nodes - 7 + (nodes === 2 ? 1 : nodes === 3 ? 5 : 15),
  /** Factors of the nodes: seven each, six of the last one. */
  nodes: 7 * nodes - 1,
  /** Factors of the root. */
  root: 2 * nodes - 2,
  gate: 1,
  /** Kept between rounds, not sent: the unmasked G3 of each node. */
  kept: nodes
})

export const groupsOf = (elements: number): number => Math.ceil(elements / GROUP)

/**
 * Words that are opened in one round; larger matrices take several, so that messages and what is copied stay
 * bounded.
 */
export const openingWords = 2 ** 19

/** Sizes of the pieces in which this number of words is opened: at least one. */
export const openingPieces = (words: number): ReadonlyArray<number> =>
  Array.from({ length: Math.max(1, Math.ceil(words / openingWords)) }, (_, piece) =>
    Math.min(openingWords, words - piece * openingWords)
  )

/** The kind of value that is rescaled: whether it is a product that is not rescaled yet. */
export interface Rescaled {
  readonly product?: true
}

/**
 * Bytes that a rescale by `shift` opens of a blinded word, from the top. The bits that it shifts out only
 * carry into the last place: of a product all but a few of them stay at home. Those that stay must be the
 * product's alone, so values are added to it in multiples with as many zero bits, or more bytes are opened.
 */
export const blindedBytes = ({ product }: Rescaled, shift: number, added: Added<unknown> = []): number =>
  product
    ? wordBytes - Math.min(leftOutBytes(shift), ...added.map(({ factor }) => factor.zeroBytes))
    : wordBytes

/** Bytes a cloud sends in each round of an operation on `elements` values; its peer sends as many. */
export const openedBytes = {
  open: (elements: number): ReadonlyArray<number> =>
    openingPieces(elements).map((words) => words * wordBytes),
  /** One round, of words of `blindedBytes`. */
  rescale: (elements: number, bytes: number): ReadonlyArray<number> => [elements * bytes],
  /** Sizes of the rounds of a ReLU after its rescale. */
  relu: (elements: number, shift: number): ReadonlyArray<number> => {
    const { nodes, root, gate } = planesOf(nodesOf(shift))
    const group = groupsOf(elements) * wordBytes
    return [group * nodes, group * root, group * gate]
  }
} as const

/** Consecutive arrays of the given sizes, each aligned to 16 bytes: their positions, and the bytes of all. */
const laidOut = <Part extends string>(parts: Readonly<Record<Part, number>>) => {
  const at = {} as Record<Part, number>
  let bytes = 0
  for (const part of Object.keys(parts) as Part[]) {
    at[part] = bytes
    bytes += Math.ceil(parts[part] / 16) * 16
  }
  return { at, bytes, parts }
}

/** Bytes of a share of r's top bit: it counts times 2^(64−shift), so only its low `shift` bits do. */
export const topBytes = (shift: number): number => Math.ceil(shift / 8)

const gatedParts = (elements: number, shift: number) => ({
  top: elements * topBytes(shift),
  gatedTop: elements * topBytes(shift),
  shifted: elements * wordBytes,
  gatedShifted: elements * wordBytes
})

/**
 * The parts dealt for an operation on `elements` values: top bits of r, r≫s, both times the gate's β, β
 * itself, one-hot words of r's blocks, products of bit masks, β times the labels' mask.
 */
export const dealtLayout = {
  rescale: (elements: number, shift: number) =>
    laidOut({ top: elements * topBytes(shift), shifted: elements * wordBytes }),
  rescaleGated: (elements: number, shift: number) => laidOut(gatedParts(elements, shift)),
  rescaleRelu: (elements: number, shift: number) =>
    laidOut({
      ...gatedParts(elements, shift),
      beta: elements * wordBytes,
      oneHot: elements * nodesOf(shift) * wordBytes,
      products: groupsOf(elements) * planesOf(nodesOf(shift)).products * wordBytes
    }),
  gatedDifference: (elements: number) => laidOut({ gatedMask: elements * wordBytes }),
  /** Of a mask that is compared with several bounds: its top bit and one-hot words, and so many words of a function. */
  logits: (elements: number, shift: number, words: number) =>
    laidOut({
      top: elements * topBytes(shift),
      oneHot: elements * nodesOf(shift) * wordBytes,
      table: elements * words * wordBytes
    }),
  /** The same of the mask of a sum, without a function. */
  sums: (elements: number, shift: number) =>
    laidOut({ top: elements * topBytes(shift), oneHot: elements * nodesOf(shift) * wordBytes }),
  /** One of these bounds. */
  bound: (elements: number, shift: number) =>
    laidOut({
      beta: elements * wordBytes,
      products: groupsOf(elements) * planesOf(nodesOf(shift)).products * wordBytes
    }),
  /** A rescale, and the same gated by two bounds. */
  clamped: (elements: number, shift: number) =>
    laidOut({
      top: elements * topBytes(shift),
      lowerTop: elements * topBytes(shift),
      upperTop: elements * topBytes(shift),
      shifted: elements * wordBytes,
      lowerShifted: elements * wordBytes,
      upperShifted: elements * wordBytes
    }),
  /** β of a threshold times the mask of a value. */
  normalise: (elements: number) => laidOut({ gatedMask: elements * wordBytes }),
  /** One-hot words of a table of lines, and times the fine digits of the mask. */
  lines: (elements: number) => laidOut({ table: elements * wordBytes })
} as const

/** Each section of a corrections message is preceded by its operation and length, u32 each. */
export const SECTION_HEADER_BYTES = 8
