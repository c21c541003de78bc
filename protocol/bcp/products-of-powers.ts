/**
 * Products of powers b_1^(e_1)·b_2^(e_2)·… modulo a square n², of the same bases for many lists of exponents:
 * simultaneous powers (Straus, Addition chains of vectors, 1964) with sliding windows of signed digits. The odd
 * powers of a base are made once for all products, and the squarings of a product serve all its bases. Exponents are
 * cut into stretches, each with tables of its own, where this spares more squarings than it costs (Lim and Lee, CRYPTO
 * 1994). Look-ups and `bigint` products are not constant time in the exponents, as other arithmetic here
 * (`integers.ts`).
 */
import { modPow } from "./exponentiation.ts"
import { inverses, timesOnePlus } from "./integers.ts"
import { type Entry, entryOf, type Factor, inverseEntry, timesEntry } from "./table-entries.ts"

/** How many products of powers there are, of how many powers each, and how long the exponents are at most. */
export interface ProductsShape {
  readonly terms: number
  readonly results: number
  readonly exponentBits: number
}

/**
 * In products of an element and the a of an entry, see `bench/powers.ts`: a squaring, an entry of a table with its
 * inverse, and a stretch of a base, which OpenSSL raises to a power of so many words.
 */
const productsPerSquare = 2
const productsPerEntry = 2.5
const productsPerStretch = { each: 5, word: 26 }

/** No table is worth more than 2^8 odd powers of a base, however many products there are. */
const widestWindow = 10
const mostStretches = 8

/** By width, the means of exponents of 0, 1, 2, … bits: without a carry into the least of them, and with one. */
const meansOf = new Map<number, Array<readonly [number, number]>>()

/**
 * Mean number of digits, odd and of `width` bits with their sign, from the least significant bit on. A negative digit
 * leaves a carry, which may need a digit more in the end.
 */
const digitsOf = (exponentBits: number, width: number): number => {
  const means = meansOf.get(width) ?? [[0, 1]]
  meansOf.set(width, means)
  for (let bits = means.length; bits <= exponentBits; bits++) {
    const [none, carried] = means[Math.max(0, bits - width)]!
    const window = 1 + (bits < width ? none : (none + carried) / 2)
    const [before, beforeCarried] = means[bits - 1]!
    means.push([(before + window) / 2, (beforeCarried + window) / 2])
  }
  return means[exponentBits]![0]
}

/** How the tables of a shape are made, and what its products take then. */
export interface Windows {
  /** Bits of a digit, with its sign. */
  readonly width: number
  readonly stretches: number
  /** In products of an element and an a: the mean of uniform exponents. */
  readonly products: number
}

const productsWith = (
  { terms, results, exponentBits }: ProductsShape,
  width: number,
  stretches: number
): number => {
  const stretchBits = Math.ceil(exponentBits / stretches)
  const ofStretch = productsPerStretch.each + productsPerStretch.word * Math.ceil((stretchBits + 1) / 64)
  const ofBase = stretches * productsPerEntry * 2 ** (width - 2) + (stretches - 1) * ofStretch
  return terms * ofBase + results * (stretchBits * productsPerSquare + terms * digitsOf(exponentBits, width))
}

/** The windows that make a shape cheapest. */
export const cheapestWindows = (shape: ProductsShape): Windows => {
  let best: Windows = { width: 2, stretches: 1, products: productsWith(shape, 2, 1) }
  for (let width = 2; width <= widestWindow; width++)
    for (let stretches = 1; stretches <= mostStretches; stretches++) {
      const products = productsWith(shape, width, stretches)
      if (products < best.products) best = { width, stretches, products }
    }
  return best
}

/** An odd power of a base and its inverse. */
interface BothEntries {
  readonly power: Entry
  readonly inverse: Entry
}

/** The tables of bases, which are units modulo the square of `root`, for so many products of powers. */
export class ProductsOfPowers {
  readonly #root: bigint
  readonly #square: bigint
  readonly #windows: Windows
  readonly #stretchBits: number
  readonly #bases: number
  /** Of stretch k of base j that at j·stretches + k: entry i is the power 2i + 1. */
  readonly #tables: ReadonlyArray<ReadonlyArray<BothEntries>>

  /** Throws RangeError where a base is no unit. */
  constructor(root: bigint, bases: ReadonlyArray<bigint>, shape: Omit<ProductsShape, "terms">) {
    this.#root = root
    this.#square = root * root
    this.#bases = bases.length
    this.#windows = cheapestWindows({ ...shape, terms: bases.length })
    this.#stretchBits = Math.ceil(shape.exponentBits / this.#windows.stretches)
    const lifted = bases.flatMap((base) => this.#stretchesOf(base))
    const inverted = inverses(
      lifted.map((base) => base % root),
      root
    )
    if (inverted === undefined) throw new RangeError("the bases of powers must be units")
    this.#tables = lifted.map((base, j) => this.#oddPowers(entryOf(base, inverted[j]!, root)))
  }

  /** The product of the powers of all bases. Exponents are not negative, and of the bits of the shape at most. */
  product(exponents: ReadonlyArray<bigint>): bigint {
    const entries = this.#entries(exponents)
    let product = 1n
    let c = 0n
    for (let bit = entries.length - 1; bit >= 0; bit--) {
      product = (product * product) % this.#square
      c *= 2n
      for (const entry of entries[bit] ?? []) {
        product = (product * entry.a) % this.#square
        c += entry.c
      }
    }
    return timesOnePlus(product, c, this.#root, this.#square)
  }

  /** The base to which each stretch of an exponent is raised. The exponent that makes the next of one is public. */
  #stretchesOf(base: bigint): ReadonlyArray<bigint> {
    const stretches = [base]
    while (stretches.length < this.#windows.stretches)
      stretches.push(modPow(stretches.at(-1)!, 1n << BigInt(this.#stretchBits), this.#square))
    return stretches
  }

  /** What is multiplied at each bit of the stretches. */
  #entries(exponents: ReadonlyArray<bigint>): ReadonlyArray<ReadonlyArray<Entry> | undefined> {
    if (exponents.length !== this.#bases)
      throw new RangeError(`${exponents.length} exponents for ${this.#bases} bases`)
    const { stretches, width } = this.#windows
    const entries: Array<Array<Entry> | undefined> = []
    for (const [j, exponent] of exponents.entries()) {
      if (exponent < 0n) throw new RangeError("an exponent must not be negative")
      eachDigit(exponent.toString(2), width, (digit, bit) => {
        const stretch = Math.min(stretches - 1, Math.floor(bit / this.#stretchBits))
        const { power, inverse } = this.#tables[j * stretches + stretch]![Math.abs(digit) >> 1]!
        const at = bit - stretch * this.#stretchBits
        const entry = digit > 0 ? power : inverse
        const others = entries[at]
        if (others === undefined) entries[at] = [entry]
        else others.push(entry)
      })
    }
    return entries
  }

  #oddPowers(first: Factor): ReadonlyArray<BothEntries> {
    const both = (factor: Factor): BothEntries => ({
      power: { a: factor.a, c: factor.c },
      inverse: inverseEntry(factor, this.#root)
    })
    const table = [both(first)]
    if (this.#windows.width === 2) return table
    const square = timesEntry(first, first, this.#root)
    let last = first
    while (table.length < 2 ** (this.#windows.width - 2)) {
      last = timesEntry(last, square, this.#root)
      table.push(both(last))
    }
    return table
  }
}

/** The signed digits of a number in binary, each odd and below 2^(width − 1), with the bit at which it stands. */
const eachDigit = (binary: string, width: number, use: (digit: number, bit: number) => void): void => {
  let carry = 0
  let bit = 0
  while (bit < binary.length) {
    const end = binary.length - bit
    if (Number(binary[end - 1]) === carry) {
      // Even: nothing, or a carry that goes on.
      bit++
      continue
    }
    const odd = Number.parseInt(binary.slice(Math.max(0, end - width), end), 2) | 1
    carry = Number(odd >= 2 ** (width - 1))
    use(odd - carry * 2 ** width, bit)
    bit += width
  }
  if (carry === 1) use(1, bit)
}
