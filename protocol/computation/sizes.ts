/**
 * Exactly how many bytes each operation opens and deals: what the implementation sends, and what the cost model adds
 * up without running anything.
 */

const WORD = 8

/** Values whose bits share a word; a bit plane is padded to a whole group. */
export const GROUP = 64

/** Bit planes of a group of 64 values. */
export const planes = {
  /** β, 4 nodes of 7 factors, the root's 6. */
  masks: 35,
  /** Top bit of r, 22 products a node, the root's 15. */
  products: 104,
  nodes: 28,
  root: 6,
  gate: 1,
  /** Kept between rounds, not sent: the unmasked G3 of each node. */
  kept: 4
} as const

/** Words of the 16 one-hot blocks of a value. */
export const ONE_HOT_WORDS = 4

export const groupsOf = (elements: number): number => Math.ceil(elements / GROUP)

/** The operations that open something. */
export type OpeningOperation = "open" | "rescale" | "rescaleGated" | "rescaleRelu"

/** Words that are opened in one round; larger matrices take several, so that messages and what is copied stay bounded. */
export const openingWords = 2 ** 19

/** Sizes of the pieces in which so many words are opened: at least one. */
export const openingPieces = (words: number): ReadonlyArray<number> =>
  Array.from({ length: Math.max(1, Math.ceil(words / openingWords)) }, (_, piece) =>
    Math.min(openingWords, words - piece * openingWords)
  )

/** Bytes a cloud sends in each round of an operation on `elements` values; its peer sends as many. */
export const openedBytes = (operation: OpeningOperation, elements: number): ReadonlyArray<number> => {
  const groups = groupsOf(elements) * WORD
  if (operation === "open") return openingPieces(elements).map((words) => words * WORD)
  return operation === "rescaleRelu"
    ? [elements * WORD, groups * planes.nodes, groups * planes.root, groups * planes.gate]
    : [elements * WORD]
}

/** Arrays of so many bytes one behind the other, each from a multiple of 16 on: where each begins, and the bytes of all. */
const laidOut = <Part extends string>(parts: Readonly<Record<Part, number>>) => {
  const at = {} as Record<Part, number>
  let bytes = 0
  for (const part of Object.keys(parts) as Part[]) {
    at[part] = bytes
    bytes += Math.ceil(parts[part] / 16) * 16
  }
  return { at, bytes }
}

/** Bytes of a share of r's top bit: it counts times 2^(64−shift), so only its low `shift` bits do. */
const topBytes = (shift: number): number => Math.ceil(shift / 8)

const gatedParts = (elements: number, shift: number) => ({
  top: elements * topBytes(shift),
  gatedTop: elements * topBytes(shift),
  shifted: elements * WORD,
  gatedShifted: elements * WORD
})

/**
 * What is dealt for an operation on `elements` values: top bits of r, r≫s, both times the gate's β, β itself, one-hot words
 * of r's blocks, products of bit masks, β times the labels' mask.
 */
export const dealtLayout = {
  rescale: (elements: number, shift: number) =>
    laidOut({ top: elements * topBytes(shift), shifted: elements * WORD }),
  rescaleGated: (elements: number, shift: number) => laidOut(gatedParts(elements, shift)),
  rescaleRelu: (elements: number, shift: number) =>
    laidOut({
      ...gatedParts(elements, shift),
      beta: elements * WORD,
      oneHot: elements * ONE_HOT_WORDS * WORD,
      products: groupsOf(elements) * planes.products * WORD
    }),
  gatedDifference: (elements: number) => laidOut({ gatedMask: elements * WORD })
} as const

/** Each section of a corrections message is preceded by its operation and length, u32 each. */
export const SECTION_HEADER_BYTES = 8
