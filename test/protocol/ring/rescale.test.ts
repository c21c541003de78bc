import { describe, expect, it } from "vitest"
import { Ring } from "../../../protocol/ring/ring.ts"
import { randomMatrix, splitmix, toRing, wrap } from "./twin.ts"

const ring = await Ring.load()
const next = splitmix(31n)
const sizes = [1, 5, 64, 65, 200]
const shifts = [1, 20, 37, 62]

const random = (rows: number, cols: number) => {
  const twin = randomMatrix(rows, cols, next)
  return { ...twin, at: toRing(ring, twin).at }
}

/** What `run` writes to a result of that shape, and nothing behind it. */
const result = (rows: number, cols: number, run: (out: number) => void): BigUint64Array => {
  const out = ring.matrix(rows, cols)
  const fence = ring.zeros(1, 8)
  run(out.at)
  expect(ring.words(fence).every((word) => word === 0n)).toBe(true)
  return ring.words(out).slice()
}

const each = (n: number, word: (i: number) => bigint): BigUint64Array =>
  BigUint64Array.from({ length: n }, (_, i) => wrap(word(i)))

const bitOf = (bits: { readonly words: BigUint64Array }, i: number, stride = 1): bigint =>
  (bits.words[(i >> 6) * stride]! >> BigInt(i % 64)) & 1n

/** One cloud's share of y = (c≫s) − 2^(62−s) − (r≫s) + (1−top c)·2^(64−s)·top r, the public terms times `open`. */
const truncated = (c: bigint, shift: number, open: bigint, shifted: bigint, top: bigint): bigint => {
  const s = BigInt(shift)
  return open * ((c >> s) - 2n ** (62n - s)) - shifted + (1n - (c >> 63n)) * 2n ** (64n - s) * top
}

describe("rescale kernels agree with their BigInt twins", () => {
  for (const n of sizes) {
    it(`a cloud's, ${n} values`, () => {
      const [x, r, c, parts] = [random(1, n), random(1, n), random(1, n), random(n, 2)]
      const offset = 1n << 62n
      expect(result(1, n, (out) => ring.kernels.blindRescale(out, x.at, r.at, 77n, offset, n))).toEqual(
        each(n, (i) => 77n * x.words[i]! + r.words[i]! + offset)
      )
      for (const shift of shifts)
        for (const leads of [0, 1] as const)
          expect(
            result(1, n, (out) => ring.kernels.finishRescale(out, c.at, parts.at, shift, leads, n))
          ).toEqual(
            each(n, (i) =>
              truncated(c.words[i]!, shift, BigInt(leads), parts.words[2 * i]!, parts.words[2 * i + 1]!)
            )
          )
    })

    it(`a cloud's with a gate, ${n} values, four or five dealt words a value`, () => {
      const bits = random(1, Math.ceil(n / 64))
      const c = random(1, n)
      for (const words of [4, 5]) {
        const [parts, beta] = [random(n, words), random(n, 5)]
        for (const shift of shifts)
          for (const leads of [0, 1] as const)
            expect(
              result(1, n, (out) =>
                ring.kernels.finishGated(
                  out,
                  c.at,
                  parts.at,
                  words * 8,
                  beta.at,
                  40,
                  bits.at,
                  shift,
                  leads,
                  n
                )
              )
            ).toEqual(
              each(n, (i) => {
                const [shifted, top, gatedShifted, gatedTop] = parts.words.slice(i * words)
                const y = truncated(c.words[i]!, shift, BigInt(leads), shifted!, top!)
                const gated = truncated(c.words[i]!, shift, beta.words[i * 5]!, gatedShifted!, gatedTop!)
                return bitOf(bits, i) * y + (1n - 2n * bitOf(bits, i)) * gated
              })
            )
      }
    })

    it(`a cloud's gated difference, ${n} values`, () => {
      const [activation, labels, opened, betaMask, beta] = [1, 1, 1, 1, 5].map((cols) => random(n, cols))
      const bits = random(1, Math.ceil(n / 64))
      expect(
        result(1, n, (out) =>
          ring.kernels.gatedDifference(
            out,
            activation!.at,
            labels!.at,
            opened!.at,
            betaMask!.at,
            beta!.at,
            40,
            bits.at,
            n
          )
        )
      ).toEqual(
        each(n, (i) => {
          const gated = beta!.words[i * 5]! * opened!.words[i]! + betaMask!.words[i]!
          const product = bitOf(bits, i) * labels!.words[i]! + (1n - 2n * bitOf(bits, i)) * gated
          return activation!.words[i]! - product
        })
      )
    })

    it(`the dealer's, ${n} values`, () => {
      const [r, mask] = [random(1, n), random(1, n)]
      const stride = 3
      const beta = random(Math.ceil(n / 64), stride)
      const bit = (i: number) => bitOf(beta, i, stride)
      for (const shift of shifts) {
        const parts = (i: number): bigint[] => {
          const [shifted, top] = [r.words[i]! >> BigInt(shift), r.words[i]! >> 63n]
          return [shifted, top, bit(i) * shifted, bit(i) * top, bit(i)]
        }
        const plain = random(n, 2)
        expect(result(n, 2, (out) => ring.kernels.dealRescale(out, r.at, plain.at, shift, n))).toEqual(
          each(2 * n, (i) => parts(i >> 1)[i % 2]! - plain.words[i]!)
        )
        for (const words of [4, 5]) {
          const share = random(n, words)
          expect(
            result(n, words, (out) =>
              ring.kernels.dealGated(out, r.at, beta.at, stride * 8, share.at, words * 8, shift, n)
            )
          ).toEqual(each(words * n, (i) => parts(Math.floor(i / words))[i % words]! - share.words[i]!))
        }
      }
      const share = random(1, n)
      expect(
        result(1, n, (out) =>
          ring.kernels.dealGatedDifference(out, mask.at, beta.at, stride * 8, share.at, n)
        )
      ).toEqual(each(n, (i) => bit(i) * mask.words[i]! - share.words[i]!))
    })
  }
})
