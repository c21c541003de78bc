/**
 * Products of powers b_1^(e_1)·b_2^(e_2)·… modulo a square n², of the same bases for many lists of exponents:
 * simultaneous powers (Straus, Addition chains of vectors, 1964) with sliding windows. The odd powers of a base
 * are made once for all products, and the squarings of a product serve all its bases. Look-ups and `bigint`
 * products are not constant time in the exponents, as other arithmetic here (`integers.ts`).
 */
import { inverses, timesOnePlus } from "./integers.ts"
import { type Entry, entryOf, timesEntry } from "./table-entries.ts"

/** How many products of powers there are, of how many powers each, and how long the exponents are at most. */
export interface ProductsShape {
  readonly terms: number
  readonly results: number
  readonly exponentBits: number
}

/**
 * What a squaring and an entry of a table take, in products of an element and the a of an entry: see
 * `bench/powers.ts`.
 */
const productsPerSquare = 2
const productsPerEntry = 2

/** No table is worth more than 2^9 odd powers of a base, however many products there are. */
const widestWindow = 10

/** Mean number of windows of `width` bits that begin at a bit which is set, from the least significant one on. */
const windowsOf = (exponentBits: number, width: number): number => {
  const means = [0]
  for (let bits = 1; bits <= exponentBits; bits++)
    means.push((means[bits - 1]! + 1 + means[Math.max(0, bits - width)]!) / 2)
  return means[exponentBits]!
}

/**
 * What the products of powers of a shape take with windows of so many bits, in products of an element and an a:
 * the mean of uniform exponents.
 */
const productsWith = ({ terms, results, exponentBits }: ProductsShape, width: number): number => {
  const each = exponentBits * productsPerSquare + terms * windowsOf(exponentBits, width)
  return productsPerEntry * terms * 2 ** (width - 1) + results * each
}

/** The width of the windows that make a shape cheapest, and what it takes then. */
export const cheapestWindow = (
  shape: ProductsShape
): { readonly width: number; readonly products: number } => {
  let best = { width: 1, products: productsWith(shape, 1) }
  for (let width = 2; width <= widestWindow; width++) {
    const products = productsWith(shape, width)
    if (products < best.products) best = { width, products }
  }
  return best
}

/** The tables of bases, which are units modulo the square of `root`, for so many products of powers. */
export class ProductsOfPowers {
  readonly #root: bigint
  readonly #square: bigint
  readonly #width: number
  /** Entry i of the table of a base is its power 2i + 1. */
  readonly #tables: ReadonlyArray<ReadonlyArray<Entry>>

  /** Throws RangeError where a base is no unit. */
  constructor(root: bigint, bases: ReadonlyArray<bigint>, shape: Omit<ProductsShape, "terms">) {
    this.#root = root
    this.#square = root * root
    this.#width = cheapestWindow({ ...shape, terms: bases.length }).width
    const inverted = inverses(
      bases.map((base) => base % root),
      root
    )
    if (inverted === undefined) throw new RangeError("the bases of powers must be units")
    this.#tables = bases.map((base, j) => this.#oddPowers(base, inverted[j]!))
  }

  /** The product of the powers of all bases. Exponents are not negative. */
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

  /** What is multiplied at each bit: the powers whose windows begin there. */
  #entries(exponents: ReadonlyArray<bigint>): ReadonlyArray<ReadonlyArray<Entry> | undefined> {
    if (exponents.length !== this.#tables.length)
      throw new RangeError(`${exponents.length} exponents for ${this.#tables.length} bases`)
    const entries: Array<Array<Entry> | undefined> = []
    for (const [j, table] of this.#tables.entries()) {
      const exponent = exponents[j]!
      if (exponent < 0n) throw new RangeError("an exponent must not be negative")
      const digits = exponent.toString(2)
      for (let end = digits.length; end > 0; ) {
        if (digits[end - 1] === "0") {
          end--
          continue
        }
        const begin = Math.max(0, end - this.#width)
        const bit = digits.length - end
        const entry = table[Number.parseInt(digits.slice(begin, end), 2) >> 1]!
        const others = entries[bit]
        if (others === undefined) entries[bit] = [entry]
        else others.push(entry)
        end = begin
      }
    }
    return entries
  }

  #oddPowers(base: bigint, inverse: bigint): ReadonlyArray<Entry> {
    const first = entryOf(base, inverse, this.#root)
    const table: Array<Entry> = [{ a: first.a, c: first.c }]
    if (this.#width === 1) return table
    const square = timesEntry(first, first, this.#root)
    let last = first
    while (table.length < 2 ** (this.#width - 1)) {
      last = timesEntry(last, square, this.#root)
      table.push({ a: last.a, c: last.c })
    }
    return table
  }
}
