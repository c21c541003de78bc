/** Products of powers of common bases, next to powers one by one. */
import { describe, expect, it } from "vitest"
import { modPow } from "../../../protocol/bcp/exponentiation.ts"
import { bytesFrom, randomBelow, randomBits } from "../../../protocol/bcp/integers.ts"
import {
  cheapestWindows,
  ProductsOfPowers,
  type ProductsShape
} from "../../../protocol/bcp/products-of-powers.ts"
import { keysOf } from "../ciphertexts/clouds.ts"

const { N, N2 } = keysOf(512).parameters
const source = bytesFrom(new Uint8Array(16).fill(7))
const bases = Array.from({ length: 4 }, () => randomBelow(N2, source))

const oneByOne = (exponents: ReadonlyArray<bigint>): bigint =>
  bases.reduce((product, base, j) => (product * modPow(base, exponents[j]!, N2)) % N2, 1n)

describe("products of powers", () => {
  it.each([
    [1, 8],
    [1, 200],
    [16, 72],
    [500, 128],
    [100_000, 96]
  ])("are those of powers one by one, with tables for %i products of %i bits", (results, exponentBits) => {
    const powers = new ProductsOfPowers(N, bases, { results, exponentBits })
    const most = 2n ** BigInt(exponentBits) - 1n
    const lists = [
      [0n, 0n, 0n, 0n],
      [1n, 0n, 2n, 0n],
      [most, most, most, most],
      [most - 1n, 2n ** BigInt(exponentBits - 1), 1n, 0n],
      ...Array.from({ length: 5 }, () => bases.map(() => randomBits(exponentBits, source)))
    ]
    for (const exponents of lists) expect(powers.product(exponents)).toBe(oneByOne(exponents))
  })

  it("are 1 without bases", () => {
    expect(new ProductsOfPowers(N, [], { results: 3, exponentBits: 72 }).product([])).toBe(1n)
  })

  it("refuse what has no such product", () => {
    const shape = { results: 1, exponentBits: 8 }
    expect(() => new ProductsOfPowers(N, [bases[0]!, N], shape)).toThrow("units")
    const powers = new ProductsOfPowers(N, bases, shape)
    expect(() => powers.product([1n])).toThrow("1 exponents for 4 bases")
    expect(() => powers.product([1n, -1n, 0n, 0n])).toThrow("negative")
  })

  it("take wider windows the more of them share the tables", () => {
    const widths = [1, 16, 500, 100_000].map(
      (results) => cheapestWindows({ terms: 30, results, exponentBits: 92 }).width
    )
    expect(widths).toEqual([...widths].sort((x, y) => x - y))
    expect(new Set(widths).size).toBe(4)
  })

  it("are predicted in products, tables included", () => {
    // Digits of two bits: the base with its inverse, and at half of the bits a product; a squaring is two.
    expect(cheapestWindows({ terms: 1, results: 1, exponentBits: 1 })).toEqual({
      ...{ width: 2, stretches: 1, products: 5 }
    })
    const { products } = cheapestWindows({ terms: 30, results: 16, exponentBits: 92 })
    const apart = 30 * 16 * (2 * 92 + 46)
    expect(products).toBeLessThan(apart / 5)
  })

  it("take more stretches of exponents the fewer bases share the squarings", () => {
    const stretches = [1, 4, 30].map(
      (terms) => cheapestWindows({ terms, results: 16, exponentBits: 92 }).stretches
    )
    expect(stretches).toEqual([...stretches].sort((x, y) => y - x))
    expect(new Set(stretches).size).toBe(3)
  })

  it("take as many products of uniform exponents as are predicted, to some percent", () => {
    const shape = { terms: bases.length, results: 64, exponentBits: 90 }
    const { width, stretches } = cheapestWindows(shape)
    const lists = Array.from({ length: shape.results }, () => bases.map(() => randomBits(90, source)))
    const digits = lists.flat().reduce((sum, exponent) => sum + signedDigits(exponent, width), 0)
    const predicted = cheapestWindows(shape).products - productsBesideDigits(shape, width, stretches)
    expect(Math.abs(digits / predicted - 1)).toBeLessThan(0.03)
  })
})

/** How many non-zero digits the width-w non-adjacent form of a number has, from its definition. */
const signedDigits = (exponent: bigint, width: number): number => {
  const modulus = 1n << BigInt(width)
  let [rest, digits] = [exponent, 0]
  while (rest > 0n) {
    if (rest % 2n === 1n) {
      const digit = rest % modulus
      rest -= digit >= modulus / 2n ? digit - modulus : digit
      digits++
    }
    rest /= 2n
  }
  return digits
}

/** Tables, stretches and squarings: what the model has beside the digits. */
const productsBesideDigits = (
  { terms, results, exponentBits }: ProductsShape,
  width: number,
  stretches: number
): number => {
  const stretchBits = Math.ceil(exponentBits / stretches)
  const ofBase =
    stretches * 2.5 * 2 ** (width - 2) + (stretches - 1) * (5 + 26 * Math.ceil((stretchBits + 1) / 64))
  return terms * ofBase + results * 2 * stretchBits
}
