import { describe, expect, it } from "vitest"
import { Ring } from "../../../protocol/ring/ring.ts"
import { randomMatrix, splitmix, toRing, wrap } from "./twin.ts"

const ring = await Ring.load()
const next = splitmix(31n)
const sizes = [1, 5, 64, 65, 200]
const shifts = [1, 8, 20, 32, 37, 56, 62]

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

/** Shares of top bits as they are dealt: ⌈s/8⌉ bytes each, and something behind the last. */
const topsOf = (n: number, shift: number) => {
  const step = Math.ceil(shift / 8)
  const x = random(1, Math.ceil((n * step) / 8) + 1)
  const bytes = ring.bytes(x.at, x.cols * 8).slice()
  return { at: x.at, words: x.cols, tops: topsIn(bytes, n, step) }
}

const topsIn = (bytes: Uint8Array, n: number, step: number): bigint[] =>
  Array.from({ length: n }, (_, i) =>
    bytes.subarray(i * step, (i + 1) * step).reduceRight((word, byte) => (word << 8n) | BigInt(byte), 0n)
  )

/** One cloud's share of y = (c≫s) − 2^(62−s) − (r≫s) + (1−top c)·2^(64−s)·top r, the public terms times `open`. */
const truncated = (c: bigint, shift: number, open: bigint, shifted: bigint, top: bigint): bigint => {
  const s = BigInt(shift)
  return open * ((c >> s) - 2n ** (62n - s)) - shifted + (1n - (c >> 63n)) * 2n ** (64n - s) * top
}

describe("rescale kernels agree with their BigInt twins", () => {
  for (const n of sizes) {
    it(`a cloud's, ${n} values`, () => {
      const [x, r, c, shifted] = [random(1, n), random(1, n), random(1, n), random(1, n)]
      const offset = 1n << 62n
      expect(result(1, n, (out) => ring.kernels.blindRescale(out, x.at, r.at, 77n, offset, n))).toEqual(
        each(n, (i) => 77n * x.words[i]! + r.words[i]! + offset)
      )
      for (const shift of shifts)
        for (const leads of [0, 1] as const) {
          const { at, tops } = topsOf(n, shift)
          expect(
            result(1, n, (out) => ring.kernels.finishRescale(out, c.at, at, shifted.at, shift, leads, n))
          ).toEqual(each(n, (i) => truncated(c.words[i]!, shift, BigInt(leads), shifted.words[i]!, tops[i]!)))
        }
    })

    it(`upper bytes of words, ${n} values`, () => {
      for (let bytes = 1; bytes <= 8; bytes++) {
        const [x, y] = [random(1, n), random(1, n)]
        const dropped = BigInt(64 - 8 * bytes)
        const packed = ring.allocate(n * bytes + 8)
        ring.kernels.packTop(packed, y.at, bytes, n)
        expect(topsIn(ring.bytes(packed, n * bytes).slice(), n, bytes)).toEqual(
          Array.from(y.words, (word) => word >> dropped)
        )
        const sum = result(1, n, (out) => {
          ring.copy({ rows: 1, cols: n, at: out }, x)
          ring.kernels.addTop(out, packed, bytes, n)
        })
        expect(sum).toEqual(each(n, (i) => ((x.words[i]! >> dropped) + (y.words[i]! >> dropped)) << dropped))
      }
    })

    it(`a cloud's with a gate, ${n} values`, () => {
      const bits = random(1, Math.ceil(n / 64))
      const [c, shifted, gatedShifted, beta] = [random(1, n), random(1, n), random(1, n), random(1, n)]
      for (const shift of shifts)
        for (const leads of [0, 1] as const) {
          const [top, gatedTop] = [topsOf(n, shift), topsOf(n, shift)]
          expect(
            result(1, n, (out) =>
              ring.kernels.finishGated(
                out,
                c.at,
                top.at,
                gatedTop.at,
                shifted.at,
                gatedShifted.at,
                beta.at,
                bits.at,
                shift,
                leads,
                n
              )
            )
          ).toEqual(
            each(n, (i) => {
              const y = truncated(c.words[i]!, shift, BigInt(leads), shifted.words[i]!, top.tops[i]!)
              const gated = truncated(
                c.words[i]!,
                shift,
                beta.words[i]!,
                gatedShifted.words[i]!,
                gatedTop.tops[i]!
              )
              return bitOf(bits, i) * y + (1n - 2n * bitOf(bits, i)) * gated
            })
          )
        }
    })

    it(`a cloud's gated difference, ${n} values`, () => {
      const [activation, labels, opened, betaMask, beta] = Array.from({ length: 5 }, () => random(1, n))
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
            bits.at,
            n
          )
        )
      ).toEqual(
        each(n, (i) => {
          const gated = beta!.words[i]! * opened!.words[i]! + betaMask!.words[i]!
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
      /** What a kernel makes of cloud 0's share where cloud 1's goes, and their sum as it should be. */
      const dealt = (word: (i: number) => bigint, deal: (at: number) => void) => {
        const share = random(1, n)
        deal(share.at)
        expect(ring.words({ rows: 1, cols: n, at: share.at })).toEqual(
          each(n, (i) => word(i) - share.words[i]!)
        )
      }
      const dealtTops = (shift: number, word: (i: number) => bigint, deal: (at: number) => void) => {
        const step = Math.ceil(shift / 8)
        const { at, words, tops } = topsOf(n, shift)
        const behind = ring.bytes(at + n * step, words * 8 - n * step).slice()
        deal(at)
        expect(topsIn(ring.bytes(at, n * step), n, step)).toEqual(
          tops.map((top, i) => BigInt.asUintN(8 * step, word(i) - top))
        )
        expect(ring.bytes(at + n * step, words * 8 - n * step)).toEqual(behind)
      }
      const top = (i: number) => r.words[i]! >> 63n
      for (const shift of shifts) {
        const shifted = (i: number) => r.words[i]! >> BigInt(shift)
        const gated = (of: (i: number) => bigint) => (i: number) => bit(i) * of(i)
        dealtTops(shift, top, (tops) =>
          dealt(shifted, (at) => ring.kernels.dealRescale(tops, at, r.at, shift, n))
        )
        dealtTops(shift, top, (tops) =>
          dealtTops(shift, gated(top), (gatedTops) =>
            dealt(shifted, (at) =>
              dealt(gated(shifted), (gatedAt) =>
                ring.kernels.dealGated(tops, gatedTops, at, gatedAt, r.at, beta.at, stride * 8, shift, n)
              )
            )
          )
        )
      }
      dealt(bit, (at) => ring.kernels.dealGate(at, beta.at, stride * 8, n))
      dealt(
        (i) => bit(i) * mask.words[i]!,
        (at) => ring.kernels.dealGatedDifference(at, mask.at, beta.at, stride * 8, n)
      )
    })
  }
})
