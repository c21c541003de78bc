/**
 * Powers of a base that is raised again and again (g and the public keys): windowed tables, Brickell, Gordon, McCurley and
 * Wilson, EUROCRYPT 1992. With a table base^(d·2^(w·i)) for every digit d of every window i, a power costs one product a
 * window and no squaring. Look-ups and `bigint` products are not constant time in the exponent, which here always is a fresh
 * randomizer.
 */

import { modPow } from "./exponentiation.ts"
import { bitLength, inverse, residue, toBytes } from "./integers.ts"

/** What a power costs without a table, in `bigint` products a bit of exponent: OpenSSL against V8, see `bench/bcp.ts`. */
const productsPerExponentBit = 0.23

/** Bytes a table may take: a process holds one for g and one for each public key in use. */
const tableBytesLimit = 24 * 2 ** 20

/** A digit is read from two bytes of the exponent at any bit offset: 9 + 7 bits. */
const widestWindow = 9

/** Powers of one base. `expect` announces how many powers are wanted soon, so that a table of fitting width is built. */
export interface FixedBase {
  readonly power: (exponent: bigint) => bigint
  readonly expect: (powers: number) => void
}

/** The width of windows that makes `powers` powers cheapest, table included; 0 means no table. */
export const windowFor = (powers: number, exponentBits: number, modulusBits: number, current = 0): number => {
  const costPerPower = (width: number) =>
    width === 0 ? productsPerExponentBit * exponentBits : Math.ceil(exponentBits / width)
  let best = current
  let leastCost = powers * costPerPower(current)
  for (let width = Math.max(2, current + 1); width <= widestWindow; width++) {
    const entries = Math.ceil(exponentBits / width) * (2 ** width - 1)
    if (entries * (modulusBits / 8 + 16) > tableBytesLimit) break
    const cost = entries + powers * costPerPower(width)
    if (cost < leastCost) [best, leastCost] = [width, cost]
  }
  return best
}

/** A base modulo an odd number. Exponents are 0 ≤ e < 2^exponentBits; a longer one is a RangeError. */
export class WindowedBase implements FixedBase {
  readonly #modulus: bigint
  readonly #modulusBits: number
  readonly #base: bigint
  readonly #exponentBits: number
  #used = 0
  #width = 0
  #table: ReadonlyArray<ReadonlyArray<bigint>> = []

  constructor(modulus: bigint, base: bigint, exponentBits: number) {
    this.#modulus = modulus
    this.#modulusBits = bitLength(modulus)
    this.#base = base
    this.#exponentBits = exponentBits
  }

  /** Windows in use now, in bits; 0 while powers still go to OpenSSL. */
  get width(): number {
    return this.#width
  }

  /** As much use as there has been is expected again, so the cost of growing a table stays within a factor of its gain. */
  expect(powers: number): void {
    const width = windowFor(powers + this.#used, this.#exponentBits, this.#modulusBits, this.#width)
    if (width > this.#width) this.#build(width)
  }

  power(exponent: bigint): bigint {
    if (exponent < 0n || bitLength(exponent) > this.#exponentBits)
      throw new RangeError(`exponent out of range: 0 to ${this.#exponentBits} bits`)
    this.#used++
    if (this.#width === 0) return modPow(this.#base, exponent, this.#modulus)
    // Two bytes above the exponent, so that the last digit can be read like the others.
    const bytes = toBytes(exponent, Math.ceil(this.#exponentBits / 8) + 2).reverse()
    const mask = (1 << this.#width) - 1
    let product = 1n
    for (let i = 0, bit = 0; i < this.#table.length; i++, bit += this.#width) {
      const at = bit >>> 3
      const digit = ((bytes[at]! | (bytes[at + 1]! << 8)) >>> (bit & 7)) & mask
      if (digit !== 0) product = (product * this.#table[i]![digit]!) % this.#modulus
    }
    return product
  }

  #build(width: number): void {
    const table: Array<Array<bigint>> = []
    let base = this.#base
    for (let bit = 0; bit < this.#exponentBits; bit += width) {
      const row = [1n, base]
      for (let digit = 2; digit < 2 ** width; digit++) row.push((row[digit - 1]! * base) % this.#modulus)
      base = (row[row.length - 1]! * base) % this.#modulus
      table.push(row)
    }
    this.#table = table
    this.#width = width
  }
}

/**
 * A base modulo N² for a party that knows N = pq: tables modulo p² and q², joined by the Chinese remainder theorem, at about
 * two thirds of the price.
 */
export class FactoredBase implements FixedBase {
  readonly #p2: bigint
  readonly #q2: bigint
  readonly #p2Inverse: bigint
  readonly #modP2: WindowedBase
  readonly #modQ2: WindowedBase

  constructor(p: bigint, q: bigint, base: bigint, exponentBits: number) {
    this.#p2 = p * p
    this.#q2 = q * q
    this.#p2Inverse = inverse(this.#p2, this.#q2)!
    this.#modP2 = new WindowedBase(this.#p2, base % this.#p2, exponentBits)
    this.#modQ2 = new WindowedBase(this.#q2, base % this.#q2, exponentBits)
  }

  expect(powers: number): void {
    this.#modP2.expect(powers)
    this.#modQ2.expect(powers)
  }

  power(exponent: bigint): bigint {
    const x = this.#modP2.power(exponent)
    const y = this.#modQ2.power(exponent)
    return x + this.#p2 * residue((y - x) * this.#p2Inverse, this.#q2)
  }
}
