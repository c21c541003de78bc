import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Exponentiation, modPow } from "../../../protocol/bcp/exponentiation.ts"
import { FactoredBase, WindowedBase, windowFor } from "../../../protocol/bcp/fixed-base.ts"
import { gcd, inverse, inverses, randomBelow, toBytes } from "../../../protocol/bcp/integers.ts"
import { decodeIntegers, encodeIntegers, MalformedBytes } from "../../../protocol/bcp/wire.ts"
import { knownAnswers, slowPower } from "./known-answers.ts"

const {
  parameters: { N, N2, g },
  masterKey: { p, q }
} = knownAnswers(512)
const elements = fc.bigInt(0n, N2 - 1n)

describe("exponentiation through OpenSSL", () => {
  it("agrees with square-and-multiply", () => {
    fc.assert(
      fc.property(elements, fc.bigInt(0n, 2n ** 1100n), (base, exponent) => {
        expect(modPow(base, exponent, N2)).toBe(slowPower(base, exponent, N2))
      }),
      { numRuns: 40 }
    )
  })

  it.each([
    ["exponent 0", 5n, 0n, 1n],
    ["exponent 1", 5n, 1n, 5n],
    ["base 0", 0n, 7n, 0n],
    ["base 1", 1n, 7n, 1n],
    ["base −1, odd exponent", N2 - 1n, 7n, N2 - 1n],
    ["base −1, even exponent", N2 - 1n, 8n, 1n],
    ["negative base", -3n, 3n, N2 - 27n],
    ["a result of 0", N, 2n, 0n],
    ["a result of 1", g, N * ((p - 1n) / 2n) * ((q - 1n) / 2n), 1n],
    ["a result of −1", inverse(N2 - 2n, N2)!, 1n, inverse(N2 - 2n, N2)!]
  ])("handles %s, which OpenSSL refuses as a weak key or secret", (_, base, exponent, result) => {
    expect(modPow(base, exponent, N2)).toBe(result)
  })

  it("keeps one exponent for many bases", () => {
    const cube = new Exponentiation(N2, 3n)
    expect([2n, 3n, N2 - 1n].map((base) => cube.power(base))).toEqual([8n, 27n, N2 - 1n])
  })

  it("refuses a negative exponent, an even modulus and a short one", () => {
    expect(() => modPow(2n, -1n, N2)).toThrow(RangeError)
    expect(() => modPow(2n, 3n, N2 - 1n)).toThrow(RangeError)
    expect(() => modPow(2n, 3n, 1001n)).toThrow(RangeError)
  })
})

describe("fixed bases", () => {
  it("give the same powers with tables of every width, without, and modulo p² and q²", () => {
    const exponents = [
      0n,
      1n,
      2n ** 256n - 1n,
      2n ** 255n,
      ...Array.from({ length: 5 }, () => randomBelow(2n ** 256n))
    ]
    const widths = new Set<number>()
    for (const powers of [0, 200, 400, 900, 2000, 5000]) {
      const base = new WindowedBase(N, g, 256)
      const factored = new FactoredBase(p, q, g, 256)
      base.expect(powers)
      factored.expect(powers)
      widths.add(base.width)
      for (const exponent of exponents) {
        const power = slowPower(g, exponent, N2)
        for (const fixed of [base, factored]) {
          expect(fixed.multiply(1n, exponent)).toBe(power)
          const [x, m] = [randomBelow(N2), randomBelow(N)]
          expect(fixed.multiply(x, exponent, m)).toBe((((x * power) % N2) * (1n + m * N)) % N2)
        }
      }
    }
    expect(widths.size).toBeGreaterThan(3)
  })

  it("build no table for few powers, and widen it as use grows", () => {
    expect(windowFor(1, 256, 4096)).toBe(0)
    const widths = [50, 500, 5_000, 50_000].map((powers) => windowFor(powers, 256, 4096))
    expect(widths).toEqual([...widths].sort((x, y) => x - y))
    const base = new WindowedBase(N, g, 64)
    const seen: Array<number> = []
    for (let i = 0; i < 2000; i++) {
      base.expect(1)
      base.multiply(1n, 3n)
      seen.push(base.width)
    }
    expect(seen[0]).toBe(0)
    expect(seen.at(-1)).toBeGreaterThan(3)
    expect(seen).toEqual([...seen].sort((x, y) => x - y))
  })

  it("refuse a base that is no unit, once they build a table", () => {
    expect(() => new WindowedBase(N, p, 256).expect(1000)).toThrow(RangeError)
  })

  it("refuse an exponent that is longer than their table", () => {
    const base = new WindowedBase(N, g, 256)
    expect(() => base.multiply(1n, 2n ** 256n)).toThrow(RangeError)
    expect(() => base.multiply(1n, -1n)).toThrow(RangeError)
  })
})

describe("integers", () => {
  it("inverses of many agree with inverses one by one", () => {
    fc.assert(
      fc.property(fc.array(fc.bigInt(1n, N - 1n), { maxLength: 8 }), (values) => {
        expect(inverses(values, N)).toEqual(values.map((value) => inverse(value, N)))
      })
    )
    expect(inverses([2n, p, 3n], N)).toBeUndefined()
    expect(inverse(p, N)).toBeUndefined()
    expect(gcd(p * 6n, N)).toBe(p)
  })

  it("gcd and inverse agree with Euclid's algorithm, one quotient at a time", () => {
    const slowGcd = (x: bigint, y: bigint): bigint => (y === 0n ? x : slowGcd(y, x % y))
    const anyLength = fc
      .integer({ min: 1, max: 3000 })
      .chain((bits) => fc.bigInt(0n, (1n << BigInt(bits)) - 1n))
    fc.assert(
      fc.property(anyLength, anyLength, anyLength, (x, y, common) => {
        const [a, b] = [x * common, y * common]
        expect(gcd(a, b)).toBe(slowGcd(a, b))
        if (y < 2n) return
        const inverted = inverse(x, y)
        if (slowGcd(x, y) === 1n) expect((inverted! * x) % y).toBe(1n)
        else expect(inverted).toBeUndefined()
      }),
      { numRuns: 300 }
    )
    const fibonacci = (n: number, x = 0n, y = 1n): bigint => (n === 0 ? x : fibonacci(n - 1, y, x + y))
    expect(gcd(fibonacci(1200), fibonacci(900))).toBe(fibonacci(300))
    expect(gcd(2n ** 900n, 2n ** 700n)).toBe(2n ** 700n)
  })

  it("do not take a form that is too short for them", () => {
    expect(() => toBytes(256n, 1)).toThrow(RangeError)
    expect(() => toBytes(-1n, 4)).toThrow(RangeError)
  })

  it("many at once take the same form as one by one", () => {
    const widths = fc.constantFrom(1, 7, 8, 64, 66, 512)
    const lists = widths.chain((width) =>
      fc.tuple(fc.constant(width), fc.array(fc.bigInt(0n, 256n ** BigInt(width) - 1n), { maxLength: 20 }))
    )
    fc.assert(
      fc.property(lists, ([width, values]) => {
        const bytes = encodeIntegers(values, width)
        expect(bytes).toEqual(new Uint8Array(values.flatMap((value) => [...toBytes(value, width)])))
        expect(decodeIntegers(bytes, width, "integers")).toEqual(values)
        const within = new Uint8Array([9, ...bytes, 9]).subarray(1, -1)
        expect(decodeIntegers(within, width, "integers")).toEqual(values)
        expect(within).toEqual(bytes)
      })
    )
  })

  it("many at once are refused where one does not fit or is negative", () => {
    expect(() => encodeIntegers([1n, 256n], 1)).toThrow(RangeError)
    expect(() => encodeIntegers([1n, 2n ** 64n], 8)).toThrow(RangeError)
    expect(() => encodeIntegers([1n, -1n], 8)).toThrow(RangeError)
    expect(() => decodeIntegers(new Uint8Array(9), 8, "integers")).toThrow(MalformedBytes)
  })
})
