/**
 * The sizes of uploaded integers (section 8 of docs/concepts/protocol.md). They follow from the fractional bits alone, since users
 * encrypt before anybody knows what a training takes.
 */

/** Bits of a value above its fraction, beside its sign. */
export const integerBits = 11
/** By so many bits a share is longer than a value: what it hides may be told with a chance of 2^-80. */
const hidingBits = 80
/** Of both shares, a blind that is no longer than they are, and the sign. */
const slotRoom = 3

export interface UploadedIntegers {
  /** B: values are from −2^B to 2^B. */
  readonly valueBits: number
  /** Bits of a share. */
  readonly blindBits: number
  readonly slotBits: number
}

export const uploadedIntegers = (fractionalBits: number): UploadedIntegers => {
  const valueBits = fractionalBits + integerBits
  const blindBits = valueBits + hidingBits
  return { valueBits, blindBits, slotBits: blindBits + slotRoom }
}
