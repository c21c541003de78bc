import { describe, expect, it } from "vitest"
import { JacobiSymbols } from "../../../protocol/ring/jacobi.ts"
import { splitmix } from "./twin.ts"

/** By reciprocity, as textbooks write it (Cohen, A Course in Computational Algebraic Number Theory, 1.4.10). */
const symbol = (a: bigint, n: bigint): number => {
  let [top, bottom, sign] = [a % n, n, 1]
  while (top !== 0n) {
    while (top % 2n === 0n) {
      top /= 2n
      if (bottom % 8n === 3n || bottom % 8n === 5n) sign = -sign
    }
    if (top % 4n === 3n && bottom % 4n === 3n) sign = -sign
    ;[top, bottom] = [bottom % top, top]
  }
  return bottom === 1n ? sign : 0
}

const next = splitmix(25n)
const bits = (count: number) =>
  Array.from({ length: 4 }, () => next()).reduce((x, word) => (x << 64n) | word, 0n) >> BigInt(256 - count)

describe("the Jacobi symbol", () => {
  it("is that of the definition for small numbers, with and without common factors", () => {
    for (let n = 1n; n < 50n; n += 2n) {
      const symbols = new JacobiSymbols(n)
      for (let a = 0n; a < 2n * n; a++) expect(symbols.of(a)).toBe(symbol(a, n))
    }
  })

  it("is that of the twin for numbers of every length", () => {
    for (let count = 1; count <= 256; count++) {
      const n = bits(count) | 1n
      const symbols = new JacobiSymbols(n)
      for (const length of [256, count, 1 + (count >> 1)]) {
        const a = bits(length)
        expect(symbols.of(a)).toBe(symbol(a, n))
      }
    }
  })

  it("is that of the twin where words are all zeros or all ones", () => {
    const edges = [0n, 1n, 2n ** 64n - 1n, 2n ** 63n]
    const all = edges.flatMap((high) =>
      edges.flatMap((mid) => edges.map((low) => (high << 192n) | (mid << 96n) | low))
    )
    for (const n of all.map((x) => x | 1n)) {
      const symbols = new JacobiSymbols(n)
      for (const a of all) expect(symbols.of(a)).toBe(symbol(a, n))
    }
  })

  it("of a square modulo a prime is 1, and of its double −1 where two is none", () => {
    const prime = 2n ** 255n - 19n
    const symbols = new JacobiSymbols(prime)
    for (let i = 0; i < 100; i++) {
      const square = bits(255) ** 2n % prime
      expect(symbols.of(square)).toBe(1)
      expect(symbols.of((2n * square) % prime)).toBe(-1)
    }
  })
})
