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

/** Dealt words a value: r≫s and the top bit of r; with a gate β times both; for the ReLU β itself. */
export const roundingWords = { rescale: 2, rescaleGated: 4, rescaleRelu: 5 } as const

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

/** The operations for which cloud 1 gets a correction. */
export type DealtOperation = "rescale" | "rescaleGated" | "rescaleRelu" | "gatedDifference"

/** Bytes of the correction for an operation whose result has `elements` values, without its section's header. */
export const dealtBytes = (operation: DealtOperation, elements: number): number => {
  switch (operation) {
    case "gatedDifference":
      return elements * WORD
    case "rescaleRelu":
      return (
        (elements * (roundingWords.rescaleRelu + ONE_HOT_WORDS) + groupsOf(elements) * planes.products) * WORD
      )
    default:
      return elements * roundingWords[operation] * WORD
  }
}

/** Each section of a corrections message is preceded by its operation and length, u32 each. */
export const SECTION_HEADER_BYTES = 8
