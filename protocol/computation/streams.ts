/**
 * The purposes of an operation's PRG streams (section 5 of docs/concepts/protocol.md). Each kind is a stream of its
 * own under (step, operation), so a word serves one purpose only.
 */

export const streamKinds = {
  /** Mask of an opened tensor: one word an element, row-major. Both clouds. */
  mask: 1,
  /** Rounding ρ of a rescale: one word an element. Both clouds. */
  rounding: 2,
  /** β and the masks of the comparison's factors: `planesOf(…).masks` words for 64 elements. Both clouds. */
  bitMasks: 3,
  /**
   * Cloud 0's share of all that is dealt for the operation (`dealtLayout`). Cloud 1 gets its share from the
   * dealer.
   */
  dealt: 4,
  /**
   * Cloud 0's part of a rounding that is a function's argument: cloud 1 has the rest, so that what is dealt of both
   * is defined by the parts. One word an element. The dealer, or cloud 0 where the clouds deal.
   */
  part: 5
} as const

export type StreamKind = keyof typeof streamKinds
