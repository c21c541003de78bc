/**
 * Powers of a base that is raised again and again (g and the public keys): windowed tables, Brickell, Gordon,
 * McCurley and Wilson, EUROCRYPT 1992. With a table base^(d·2^(w·i)) for every digit d of every window i, a
 * power costs one product a window and no squaring. Here the modulus is a square n², which entries of half the
 * length serve (`table-entries.ts`). Look-ups and `bigint` products are not constant time in the exponent,
 * which here always is a fresh randomizer.
 */

import { modPow } from "./exponentiation.ts"
import { bitLength, inverse, residue, timesOnePlus, toBytes } from "./integers.ts"
import { type Entry, entryOf, timesEntry } from "./table-entries.ts"

/**
 * The cost of a bit of exponent without a table and of an entry of a table, in products of an element and an
 * a: OpenSSL against V8, see `bench/bcp.ts`.
 */
const productsPerExponentBit = 0.4
const productsPerEntry = 2

/** Bytes a table may take: a process holds one for g and one for each public key in use. */
const tableBytesLimit = 24 * 2 ** 20

/**
 * A digit is read from three bytes of the exponent at any bit offset: 17 + 7 bits. The bytes of tables set
 * the limit before.
 */
const widestWindow = 17

/** Bytes of an entry in addition to its digits. */
const entryOverheadBytes = 64

/** Powers of one base modulo N². */
export interface FixedBase {
  /** x·base^exponent·(1 + mN) modulo N², for 0 < x < N² and m ≥ 0. */
  readonly multiply: (x: bigint, exponent: bigint, m?: bigint) => bigint
  /** Announces how many powers are wanted soon, so that a table of fitting width is built. */
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
    if (entries * (modulusBits / 8 + entryOverheadBytes) > tableBytesLimit) break
    const cost = productsPerEntry * entries + powers * costPerPower(width)
    if (cost < leastCost) [best, leastCost] = [width, cost]
  }
  return best
}

/**
 * A unit modulo the square of an odd number n. Exponents are 0 ≤ e < 2^exponentBits; a longer one is a
 * RangeError.
 */
export class WindowedBase implements FixedBase {
  readonly #root: bigint
  readonly #modulus: bigint
  readonly #base: bigint
  readonly #exponentBits: number
  #used = 0
  #width = 0
  #table: ReadonlyArray<ReadonlyArray<Entry>> = []

  constructor(root: bigint, base: bigint, exponentBits: number) {
    this.#root = root
    this.#modulus = root * root
    this.#base = base
    this.#exponentBits = exponentBits
  }

  /** Windows in use now, in bits; 0 while powers still go to OpenSSL. */
  get width(): number {
    return this.#width
  }

  /**
   * As much use as there has been is expected again, so the cost of growing a table stays within a factor of
   * its gain.
   */
  expect(powers: number): void {
    const width = windowFor(powers + this.#used, this.#exponentBits, bitLength(this.#modulus), this.#width)
    if (width > this.#width) this.#build(width)
  }

  multiply(x: bigint, exponent: bigint, m = 0n): bigint {
    if (exponent < 0n || bitLength(exponent) > this.#exponentBits)
      throw new RangeError(`exponent out of range: 0 to ${this.#exponentBits} bits`)
    this.#used++
    if (this.#width === 0) {
      const product = (x * modPow(this.#base, exponent, this.#modulus)) % this.#modulus
      return timesOnePlus(product, m, this.#root, this.#modulus)
    }
    // Three bytes above the exponent, so that the last digit can be read like the others.
    const bytes = toBytes(exponent, Math.ceil(this.#exponentBits / 8) + 3).reverse()
    const mask = (1 << this.#width) - 1
    let product = x
    let c = m
    for (let i = 0, bit = 0; i < this.#table.length; i++, bit += this.#width) {
      const at = bit >>> 3
      const digit = ((bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16)) >>> (bit & 7)) & mask
      if (digit === 0) continue
      const entry = this.#table[i]![digit - 1]!
      product = (product * entry.a) % this.#modulus
      c += entry.c
    }
    return timesOnePlus(product, c, this.#root, this.#modulus)
  }

  /** Entry d + 1 of a row is that of d times the base of the row; one inversion serves the whole table. */
  #build(width: number): void {
    const n = this.#root
    const inverseOfBase = inverse(this.#base % n, n)
    if (inverseOfBase === undefined) throw new RangeError("a fixed base must be a unit")
    let last = entryOf(this.#base, inverseOfBase, n)
    const table: Array<Array<Entry>> = []
    for (let bit = 0; bit < this.#exponentBits; bit += width) {
      const base = last
      const row: Array<Entry> = []
      for (let digit = 1; digit < 2 ** width; digit++) {
        row.push({ a: last.a, c: last.c })
        last = timesEntry(last, base, n)
      }
      table.push(row)
    }
    this.#table = table
    this.#width = width
  }
}

/**
 * A base modulo N² for a party that knows N = pq: tables modulo p² and q², joined by the Chinese remainder
 * theorem, at about half the price.
 */
export class FactoredBase implements FixedBase {
  readonly #p: bigint
  readonly #q: bigint
  readonly #p2: bigint
  readonly #q2: bigint
  readonly #p2Inverse: bigint
  readonly #modP2: WindowedBase
  readonly #modQ2: WindowedBase

  constructor(p: bigint, q: bigint, base: bigint, exponentBits: number) {
    this.#p = p
    this.#q = q
    this.#p2 = p * p
    this.#q2 = q * q
    this.#p2Inverse = inverse(this.#p2, this.#q2)!
    this.#modP2 = new WindowedBase(p, base % this.#p2, exponentBits)
    this.#modQ2 = new WindowedBase(q, base % this.#q2, exponentBits)
  }

  expect(powers: number): void {
    this.#modP2.expect(powers)
    this.#modQ2.expect(powers)
  }

  multiply(x: bigint, exponent: bigint, m = 0n): bigint {
    const modP2 = this.#modP2.multiply(x % this.#p2, exponent, ((m % this.#p) * this.#q) % this.#p)
    const modQ2 = this.#modQ2.multiply(x % this.#q2, exponent, ((m % this.#q) * this.#p) % this.#q)
    return modP2 + this.#p2 * residue((modQ2 - modP2) * this.#p2Inverse, this.#q2)
  }
}
