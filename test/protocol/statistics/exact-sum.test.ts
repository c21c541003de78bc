/** Exact sums against BigInt arithmetic on each number alone, and doubles next to exact quotients and roots. */
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { ExactSum, fractionBits, magnitudeLimit } from "../../../protocol/statistics/exact-sum.ts"
import { nearestQuotient, nearestRoot } from "../../../protocol/statistics/nearest.ts"

const view = new DataView(new ArrayBuffer(8))
const bitsOf = (x: number): bigint => {
  view.setFloat64(0, x)
  return view.getBigUint64(0)
}
const withBits = (bits: bigint): number => {
  view.setBigUint64(0, bits)
  return view.getFloat64(0)
}

/** A double in units of 2^−256, cut off towards nought: the slow twin. */
const unitsOf = (x: number): bigint => {
  const bits = bitsOf(Math.abs(x))
  const exponent = Number(bits >> 52n)
  const mantissa = BigInt.asUintN(52, bits) | (exponent === 0 ? 0n : 1n << 52n)
  const units = (mantissa << BigInt(fractionBits + Math.max(1, exponent))) >> 1075n
  return x < 0 ? -units : units
}

const sumOf = (numbers: ReadonlyArray<number>): bigint => {
  const sum = new ExactSum()
  for (const x of numbers) sum.add(x)
  return sum.units
}

const double = fc.double({ noNaN: true, min: -magnitudeLimit, max: magnitudeLimit })
/** With bits below the unit and above it. */
const small = fc
  .tuple(fc.double({ noNaN: true, min: -1, max: 1 }), fc.integer({ min: 150, max: 330 }))
  .map(([x, shift]) => x * 2 ** -shift)

describe("exact sum", () => {
  it("is the sum of the integers of all numbers, of whatever size", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(double, small), { maxLength: 40 }), (numbers) => {
        expect(sumOf(numbers)).toBe(numbers.reduce((sum, x) => sum + unitsOf(x), 0n))
      })
    )
  })

  it("loses nothing where floating-point sums do, in any order", () => {
    const numbers = [2 ** 127, 1, -(2 ** 127), 2 ** -200, 0.1, -0.1, 3]
    expect(sumOf(numbers)).toBe(unitsOf(4) + unitsOf(2 ** -200))
    expect(sumOf(numbers.toReversed())).toBe(sumOf(numbers))
    expect(numbers.reduce((sum, x) => sum + x, 0)).not.toBe(4)
  })

  it("cuts off what is below its unit, of each number", () => {
    expect(sumOf([1.75 * 2 ** -256, 1.75 * 2 ** -256])).toBe(2n)
    expect(sumOf([-1.75 * 2 ** -256, 2 ** -257, -0, 5e-324])).toBe(-1n)
  })

  it("holds more numbers than fit between two carries, of the largest mantissas", () => {
    const sum = new ExactSum()
    const x = 2 - 2 ** -52
    for (let i = 0; i < 2 ** 22; i++) sum.add(x)
    expect(sum.units).toBe(unitsOf(x) << 22n)
    sum.add(-x)
    expect(sum.units).toBe(unitsOf(x) * (2n ** 22n - 1n))
  })

  it("takes squares of the largest differences", () => {
    const square = (2 * magnitudeLimit) ** 2
    expect(sumOf([square, square])).toBe(1n << BigInt(fractionBits + 259))
  })
})

/** A positive double in units of 2^−1200. */
const exactly = (x: number): bigint =>
  (BigInt.asUintN(52, bitsOf(x)) | (1n << 52n)) << ((bitsOf(x) >> 52n) + 1200n - 1075n)

/** The middles between a positive double and its neighbours, in the same units: what is nearest to it is between them. */
const middles = (x: number): readonly [bigint, bigint] => {
  const middle = (by: bigint) => (exactly(withBits(bitsOf(x) + by)) + exactly(x)) / 2n
  return [middle(-1n), middle(1n)]
}

const positive = fc.bigInt({ min: 1n, max: 1n << 400n })
const count = fc.bigInt({ min: 1n, max: 1n << 53n })

describe("the nearest double", () => {
  it("to a quotient has no neighbour that is nearer", () => {
    fc.assert(
      fc.property(positive, count, (numerator, denominator) => {
        const x = nearestQuotient(numerator, denominator, 256)
        const [below, above] = middles(x)
        const truth = numerator << 944n
        expect(below * denominator <= truth && truth <= above * denominator).toBe(true)
        expect(nearestQuotient(-numerator, denominator, 256)).toBe(-x)
      })
    )
  })

  it("to a quotient halfway between two is the even one, and that to a little more is not", () => {
    const [odd, unit] = [2n ** 53n + 1n, 2n ** 256n]
    expect(nearestQuotient(odd * unit, 1n, 256)).toBe(2 ** 53)
    expect(nearestQuotient(odd * unit + 1n, 1n, 256)).toBe(2 ** 53 + 2)
    expect(nearestQuotient((odd + 2n) * unit, 1n, 256)).toBe(2 ** 53 + 4)
    expect(nearestQuotient((odd + 2n) * unit - 1n, 1n, 256)).toBe(2 ** 53 + 2)
    expect(nearestQuotient(0n, 7n, 256)).toBe(0)
  })

  it("to a root has no neighbour that is nearer", () => {
    fc.assert(
      fc.property(positive, count, (numerator, denominator) => {
        const x = nearestRoot(numerator, denominator, 256)
        const [below, above] = middles(x)
        const truth = numerator << (2400n - 256n)
        expect(below ** 2n * denominator <= truth && truth <= above ** 2n * denominator).toBe(true)
      })
    )
  })

  it("to the root of a square is the number itself", () => {
    const units = (x: number) => (unitsOf(x) ** 2n) >> 256n
    for (const x of [1, 3, 0.5, 1e30, 2 ** -100]) expect(nearestRoot(7n * units(x), 7n, 256)).toBe(x)
    expect(nearestRoot(0n, 5n, 256)).toBe(0)
    expect(nearestRoot(2n << 256n, 1n, 256)).toBe(Math.SQRT2)
  })
})
