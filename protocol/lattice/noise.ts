/**
 * Bounds of the noise of a result, before and after it is hidden. The masks that are encrypted and those that multiply
 * are uniform words of generators, and errors are sums of independent bits, so sums of their products are sub-Gaussian with
 * the variance of the worst factor, 2^63.
 */
import { degree, errorVariance, floodBits, modulus, plainBits, returnedBits } from "./parameters.ts"

/** Beyond that many standard deviations noise comes with a probability below 2^−100. */
const deviations = 12

/** Variance of an error and of the rounding of what is encrypted, which multiply by the same. */
const perTerm = errorVariance + 1 / 12

/**
 * log2 of the standard deviation of a result's noise before it is hidden: of `terms` products of an error and a plaintext
 * coefficient below 2^63, and of the encryption of zero.
 */
export const noiseBits = (terms: number): number =>
  63 + Math.log2(terms * perTerm + (2 * degree * errorVariance) / 2 ** 126) / 2

/**
 * The most that is allowed: two uniform numbers from an interval of 2^148, one of them shifted by noise of this size, are
 * 2^−72 apart on average. 2^31 coefficients of a long run stay below 2^−40.
 */
export const allowedNoiseBits = floodBits + 1 - 72

/** Most terms of a product: rows of a block times all of the inner dimension. */
export const mostTerms = Math.floor(2 ** (2 * (allowedNoiseBits - 63)) / perTerm)

/** log2 of the most by which noise, flooding and all, moves a result before its modulus is switched. */
export const hiddenBits = (terms: number): number =>
  Math.log2(2 ** floodBits * (1 + 2 ** -18) + deviations * 2 ** noiseBits(terms))

/** log2 of what noise must stay below before the switch: half of what a unit of the message is. */
export const roomBits = Math.log2(Number(modulus >> BigInt(plainBits))) - 1

/**
 * How many standard deviations of the rounding error of a switch fit beside the noise: of a sum of `nonzero` ≤ degree
 * uniform numbers of ±½, strictly sub-Gaussian with variance 1/12 each.
 */
export const switchDeviations = (terms: number): number => {
  const room = 2 ** (returnedBits - plainBits - 1) - 1
  const noise = 2 ** (hiddenBits(terms) - (roomBits + plainBits + 1 - returnedBits))
  return (room - noise) / Math.sqrt(degree / 12)
}
