import { describe, expect, it } from "vitest"
import { sigmoidWaves } from "../../../protocol/learning/scales.ts"
import { Ring } from "../../../protocol/ring/ring.ts"
import { randomMatrix, signed, splitmix, toRing, wrap } from "./twin.ts"

const ring = await Ring.load()
const { kernels } = ring
const next = splitmix(41n)

const random = (rows: number, cols: number) => {
  const twin = randomMatrix(rows, cols, next)
  return { ...twin, at: toRing(ring, twin).at }
}

/** What `run` writes to a result of that shape, and nothing behind it. */
const result = (rows: number, cols: number, run: (out: number) => void): BigUint64Array => {
  const out = ring.zeros(rows, cols)
  const fence = ring.zeros(1, 8)
  run(out.at)
  expect(ring.words(fence).every((word) => word === 0n)).toBe(true)
  return ring.words(out).slice()
}

const each = (n: number, word: (i: number) => bigint): BigUint64Array =>
  BigUint64Array.from({ length: n }, (_, i) => wrap(word(i)))

const low = (word: bigint, bits: number): bigint => word & ((1n << BigInt(bits)) - 1n)

describe("kernels of losses agree with their BigInt twins", () => {
  const [rows, cols] = [5, 7]

  it("in sums and products of rows", () => {
    const x = random(rows, cols)
    const factors = random(rows, 1)
    const row = (i: number) => x.words.subarray(i * cols, (i + 1) * cols)
    const sumOf = (i: number) => row(i).reduce((sum, word) => sum + word, 0n)
    expect(result(rows, cols, (out) => kernels.contrasts(out, x.at, rows, cols))).toEqual(
      each(rows * cols, (i) => BigInt(cols) * x.words[i]! - sumOf(Math.floor(i / cols)))
    )
    expect(result(rows, 1, (out) => kernels.rowSums(out, x.at, rows, cols))).toEqual(each(rows, sumOf))
    expect(result(rows, cols, (out) => kernels.scaleRows(out, x.at, factors.at, rows, cols))).toEqual(
      each(rows * cols, (i) => x.words[i]! * factors.words[Math.floor(i / cols)]!)
    )
    const two = random(rows, 2)
    expect(result(rows, 1, (out) => kernels.differences(out, two.at, rows))).toEqual(
      each(rows, (i) => two.words[2 * i + 1]! - two.words[2 * i]!)
    )
    expect(result(rows, 2, (out) => kernels.bothClasses(out, factors.at, 9n, rows))).toEqual(
      each(2 * rows, (i) => (i % 2 ? factors.words[i >> 1]! : 9n - factors.words[i >> 1]!))
    )
    expect(result(rows, 3, (out) => kernels.repeated(out, factors.at, 8, 3, rows))).toEqual(
      each(3 * rows, (i) => factors.words[Math.floor(i / 3)]!)
    )
  })

  it("in lines picked by a mask, whatever it is", () => {
    const n = 40
    const [lowBits, fine] = [30, 21]
    const [c, r0, r1, share] = [random(1, n), random(1, n), random(1, n), random(n, 256)]
    const table = random(1, 256)
    const dealt = toRing(ring, share)
    kernels.dealLines(dealt.at, r0.at, r1.at, lowBits, fine, n)
    const [own, others] = [share, { at: dealt.at }].map(({ at }) =>
      result(1, n, (out) => kernels.lines(out, c.at, at, table.at, lowBits, fine, n))
    )
    const digits = (word: bigint) => low(word, lowBits) >> BigInt(fine)
    const high = (word: bigint) => word >> BigInt(lowBits)
    expect(each(n, (i) => own![i]! + others![i]!)).toEqual(
      each(n, (i) => {
        const [word, a, b] = [c.words[i]!, r0.words[i]!, r1.words[i]!]
        const h = Number(low(high(word) - high(a) - high(b), 7))
        const x = digits(word) - digits(a) - digits(b)
        return table.words[h]! + table.words[128 + h]! * x
      })
    )
  })

  it("in powers of two by shared bits, for values of a slice", () => {
    const [octaves, lead] = [17, 9]
    const count = rows * cols
    const [e, mask, share, betas] = [
      random(rows, cols),
      random(rows, cols),
      random(count, octaves),
      random(rows, octaves)
    ]
    const planes = random(1, 2 * Math.ceil((lead + rows * octaves) / 64))
    const reached = (row: number, j: number) => (row * 31 + j * 7) % 17 > j
    const placeOf = (row: number, j: number) => lead + row * octaves + j
    const beta = (row: number, j: number) =>
      (planes.words[2 * (placeOf(row, j) >> 6)]! >> BigInt(placeOf(row, j) % 64)) & 1n
    const bits = ring.zeros(1, 4)
    const dealt = toRing(ring, share)
    kernels.dealNormalise(dealt.at, mask.at, planes.at, 16, lead, octaves, rows, cols)
    const others = ring.zeros(rows, octaves)
    for (let row = 0; row < rows; row++)
      for (let j = 0; j < octaves; j++) {
        const at = placeOf(row, j)
        const masked = (reached(row, j) ? 1n : 0n) ^ beta(row, j)
        ring.words(bits)[at >> 6]! |= masked << BigInt(at % 64)
        ring.words(others)[row * octaves + j] = wrap(beta(row, j) - betas.words[row * octaves + j]!)
      }
    const c = ring.matrix(rows, cols)
    ring.subtract(c, e, mask)
    const zero = ring.zeros(rows, cols)
    const of = (own: number, word: number, gated: number) =>
      result(rows, cols, (out) =>
        kernels.normalise(out, own, c.at, word, gated, bits.at, lead, octaves, rows, cols)
      )
    const [first, second] = [of(e.at, betas.at, share.at), of(zero.at, others.at, dealt.at)]
    expect(each(count, (i) => first[i]! + second[i]!)).toEqual(
      each(count, (i) => {
        let factor = 1n << BigInt(octaves)
        for (let j = 0; j < octaves; j++)
          if (reached(Math.floor(i / cols), j)) factor -= 1n << BigInt(octaves - 1 - j)
        return e.words[i]! * factor
      })
    )
  })
})

describe("functions of a masked word", () => {
  it("have an exponential that is right to 50 bits", () => {
    for (let x = -40; x <= 40; x += 0.0371)
      expect(Math.abs(kernels.exponential(x) / Math.exp(x) - 1)).toBeLessThan(2 ** -50)
    expect(kernels.exponential(0)).toBe(1)
  })

  const n = 500
  const opened = (argument: (i: number) => bigint) => {
    const [r, r0] = [random(1, n), random(1, n)]
    const c = ring.matrix(1, n)
    ring.words(c).set(each(n, (i) => r.words[i]! + argument(i)))
    return { c, r, r0 }
  }

  it("add up to the exponential, for all that the digits hold", () => {
    const [lowBits, unit, scale] = [44, 10 * 2 ** 41, 2 ** 15]
    const argument = (i: number) => (30n * (1n << 44n) * BigInt(i)) / BigInt(n - 1)
    const { c, r, r0 } = opened(argument)
    const share = random(n, 32)
    const dealt = toRing(ring, share)
    kernels.dealExponential(dealt.at, r.at, r0.at, lowBits, unit, scale, n)
    const table = ring.matrix(1, 32)
    kernels.exponentialTable(table.at, lowBits, 8 * unit, unit, 2 ** 49, 1)
    const [own, others] = [share.at, dealt.at].map((at) =>
      result(1, n, (out) => kernels.exponentials(out, c.at, at, table.at, lowBits, unit, n))
    )
    for (let i = 0; i < n; i++) {
      const exact = Math.exp(Number(argument(i)) / unit - 8)
      const found = Number(signed(wrap(own![i]! + others![i]!))) / scale ** 2
      // Half a unit of a public word, and each cloud's part to 15 bits.
      expect(Math.abs(found - exact)).toBeLessThan(0.51 + exact * 2 ** -13)
    }
  })

  it("add up to the logistic function within 2^-14.8, from -8 to 8", () => {
    const [bits, waveBits, seriesBits] = [46, 18, 20]
    const argument = (i: number) => ((2n * BigInt(i) - BigInt(n - 1)) * (8n << 41n)) / BigInt(n - 1)
    const { c, r, r0 } = opened(argument)
    const terms = sigmoidWaves.length
    const share = random(n, 2 * terms)
    const dealt = toRing(ring, share)
    kernels.dealWaves(dealt.at, r.at, r0.at, terms, bits, 2 ** waveBits, n)
    const series = ring.matrix(1, terms)
    ring.copyIn(series, new Uint8Array(Float64Array.from(sigmoidWaves, (a) => a * 2 ** seriesBits).buffer))
    const half = 1n << BigInt(seriesBits + 2 * waveBits - 1)
    const [own, others] = [half, 0n].map((constant, i) =>
      result(1, n, (out) =>
        kernels.waves(out, c.at, [share.at, dealt.at][i]!, series.at, terms, bits, constant, n)
      )
    )
    for (let i = 0; i < n; i++) {
      const exact = 1 / (1 + Math.exp(-Number(argument(i)) / 2 ** 41))
      const found = Number(signed(wrap(own![i]! + others![i]!))) / 2 ** (seriesBits + 2 * waveBits)
      expect(Math.abs(found - exact)).toBeLessThan(2 ** -14.8)
    }
  })
})
