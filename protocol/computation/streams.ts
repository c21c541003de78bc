/**
 * What the PRG streams of an operation are for (section 5 of the protocol). Each kind is a stream of its own under
 * (step, operation), so a word serves one purpose only. Kinds marked "cloud 0" exist only under cloud 0's key: cloud 1
 * gets what completes them from the dealer.
 */

export const streamKinds = {
  /** Mask of an opened tensor: one word an element, row-major. Both clouds. */
  mask: 1,
  /** Rounding ρ of a rescale: one word an element. Both clouds. */
  rounding: 3,
  /** Shares of what depends on r (and β): 2, 4 or 5 words an element, together. Cloud 0. */
  roundingParts: 4,
  /** One-hot words of r's blocks: 4 words an element. Cloud 0. */
  oneHot: 5,
  /** β and the masks of the comparison's factors: 35 words for 64 elements. Both clouds. */
  bitMasks: 6,
  /** Top bit of r and products of the bit masks: 104 words for 64 elements. Cloud 0. */
  bitProducts: 7,
  /** β times the labels' mask: one word an element. Cloud 0. */
  gatedMask: 8
} as const

export type StreamKind = keyof typeof streamKinds
