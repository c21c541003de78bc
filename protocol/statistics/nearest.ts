/**
 * The double nearest to a quotient of integers, and to the square root of one; of two that are equally near, the even
 * one, as IEEE 754 rounds. A quotient is cut off far below the last bit of a double, and what was cut off leaves a one
 * there, so that `Number` rounds it as it would all of it.
 */
import { bitLength } from "../bcp/integers.ts"

/** Bits below the unit: quotients of at least 2^−(this − 55) are exact enough. */
const quotientBits = 128n
const rootBits = 220n

const scaled = (cut: bigint, exact: boolean, bits: bigint): number =>
  Number(exact ? cut : cut | 1n) * 2 ** -Number(bits)

/** numerator / denominator · 2^−unitBits, for 0 < denominator < 2^64 and whole numerators below 2^640. */
export const nearestQuotient = (numerator: bigint, denominator: bigint, unitBits: number): number => {
  if (numerator < 0n) return -nearestQuotient(-numerator, denominator, unitBits)
  const wide = numerator << quotientBits
  const cut = wide / denominator
  return scaled(cut, cut * denominator === wide, quotientBits) * 2 ** -unitBits
}

/** √(numerator / denominator · 2^−unitBits), for an even `unitBits` and a numerator that is not negative. */
export const nearestRoot = (numerator: bigint, denominator: bigint, unitBits: number): number => {
  const wide = numerator << (2n * rootBits)
  const cut = wide / denominator
  const root = rootOf(cut)
  return scaled(root, root * root * denominator === wide, rootBits) * 2 ** -(unitBits / 2)
}

/** ⌊√x⌋ by Newton's method, from above. */
const rootOf = (x: bigint): bigint => {
  if (x === 0n) return 0n
  for (let root = 1n << BigInt(Math.ceil(bitLength(x) / 2)); ; ) {
    const next = (root + x / root) >> 1n
    if (next >= root) return root
    root = next
  }
}
