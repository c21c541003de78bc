import { beforeAll, describe, expect, it } from "vitest"
import { Moduli, polynomialBytes, polynomialStride } from "../../../protocol/lattice/moduli.ts"
import { degree, modulus, power, primes, returnedBits } from "../../../protocol/lattice/parameters.ts"
import { Ring } from "../../../protocol/ring/ring.ts"
import { splitmix } from "../ring/twin.ts"
import { evaluated, fromSwitchable, residuesAt } from "./twin.ts"

let ring: Ring
let moduli: Moduli
beforeAll(async () => {
  ring = await Ring.load()
  moduli = new Moduli(ring)
})

const next = splitmix(7n)
const polynomial = (q: number, edge: boolean): Uint32Array =>
  Uint32Array.from({ length: degree }, (_, i) =>
    edge ? [0, 1, q - 1, q - 2][i % 4]! : Number(next() % BigInt(q))
  )
/** Compared by bytes: a matcher takes long for so many numbers. */
const same = (one: Uint32Array, other: Uint32Array): boolean =>
  Buffer.from(one.buffer).equals(Buffer.from(other.buffer))
const placed = (x: Uint32Array): number => {
  const at = ring.allocate(polynomialBytes)
  ring.memory.set(new Uint8Array(x.buffer), at)
  return at
}

describe("the moduli", () => {
  it("are primes below 2^31 that are 1 modulo twice the degree, and no more than 218 bits together", () => {
    expect(new Set(primes).size).toBe(7)
    for (const q of primes) {
      expect(q).toBeLessThan(2 ** 31)
      expect(q % (2 * degree)).toBe(1)
      let divisor = 3
      while (divisor * divisor <= q && q % divisor !== 0) divisor += 2
      expect(divisor * divisor).toBeGreaterThan(q)
    }
    expect(modulus < 1n << 218n).toBe(true)
  })
})

describe("the transform", () => {
  it("is the polynomial at the roots, modulo every prime, and the transform back undoes it", () => {
    for (const [p, each] of moduli.all.entries())
      for (const edge of p === 0 ? [false, true] : [false]) {
        const mark = ring.mark()
        const x = polynomial(each.q, edge)
        const at = placed(x)
        moduli.forward(each, at)
        const transform = residuesAt(moduli, at)
        for (const i of [0, degree - 1, Number(next() % BigInt(degree))])
          expect(transform[i]).toBe(evaluated(each, x, i))
        expect(transform.every((r) => r < each.q)).toBe(true)
        moduli.back(each, at, each.back)
        expect(same(residuesAt(moduli, at), x)).toBe(true)
        ring.release(mark)
      }
  })

  it("of a polynomial with one coefficient in n repeats each residue of one of a smaller degree n times", () => {
    const each = moduli.all[6]!
    for (let n = 1; n <= degree; n *= 2) {
      const mark = ring.mark()
      const x = polynomial(each.q, false).map((r, i) => (i % n === 0 ? r : 0))
      const sparse = placed(x)
      moduli.forward(each, sparse)
      const compact = placed(Uint32Array.from({ length: degree }, (_, i) => (i < degree / n ? x[i * n]! : 0)))
      ring.kernels.transform(compact, degree / n, each.at)
      const out = ring.allocate(polynomialBytes)
      ring.kernels.repeatResidues(out, compact, n, degree / n)
      expect(same(residuesAt(moduli, out), residuesAt(moduli, sparse))).toBe(true)
      ring.release(mark)
    }
  })

  it("back for some runs of coefficients has those of the whole", () => {
    const each = moduli.all[0]!
    for (const n of [1, 2, 4, 16, 128, 4096])
      for (const slots of new Set([1, 2, Math.min(8, degree / n), degree / n])) {
        const mark = ring.mark()
        const x = polynomial(each.q, false)
        const at = placed(x)
        moduli.forward(each, at)
        moduli.back(each, at, each.back, { n, slots })
        const kept = x.filter((_, i) => i % (n * slots) < n)
        expect(same(residuesAt(moduli, at, degree / slots), kept)).toBe(true)
        ring.release(mark)
      }
  })
})

describe("words", () => {
  it("become residues as signed numbers, times a factor", () => {
    const words = BigUint64Array.of(
      0n,
      1n,
      (1n << 63n) - 1n,
      1n << 63n,
      (1n << 64n) - 1n,
      next(),
      next(),
      next()
    )
    const at = ring.allocate(64)
    ring.memory.set(new Uint8Array(words.buffer), at)
    for (const each of moduli.all) {
      const q = BigInt(each.q)
      const down = power(1n << 64n, q - 2n, q)
      for (const [factor, by] of [
        [each.plain, 1n],
        [each.scaled, q - down],
        [each.upper, 1n << 10n]
      ] as const) {
        const out = placed(new Uint32Array(degree))
        ring.kernels.addWords(out, at, factor.low, factor.high, words.length, each.at)
        const expected = Array.from(words, (word) => Number((((BigInt.asIntN(64, word) * by) % q) + q) % q))
        expect(Array.from(residuesAt(moduli, out, words.length))).toEqual(expected)
      }
    }
  })

  it("of 31 and of 10 bits are packed one after another, and unpacked", () => {
    for (const bits of [1, 10, 31, 32])
      for (const n of [1, 3, 64, 1001]) {
        const mark = ring.mark()
        const x = Uint32Array.from({ length: degree }, () => Number(next() & ((1n << BigInt(bits)) - 1n)))
        const packed = ring.allocate(4 * n + 16)
        ring.kernels.packFields(packed, placed(x), bits, n)
        const bytes = ring.bytes(packed, Math.ceil((n * bits) / 8))
        const number = bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n)
        expect(number).toBe(x.subarray(0, n).reduceRight((sum, v) => (sum << BigInt(bits)) | BigInt(v), 0n))
        const out = placed(new Uint32Array(degree))
        ring.kernels.unpackFields(out, packed, bits, n)
        expect(residuesAt(moduli, out, n)).toEqual(x.subarray(0, n))
        ring.release(mark)
      }
  })
})

describe("a switch of the modulus", () => {
  it("rounds v·2^74/Q, within a unit, and wraps", () => {
    const n = 1000
    const stride = polynomialStride
    const x = ring.allocate(primes.length * stride)
    const values = Array.from({ length: n }, (_, i) => {
      const residues = primes.map((q) => (i < 3 ? [0, 1, q - 1][i]! : Number(next() % BigInt(q))))
      residues.forEach((r, p) => {
        new DataView(ring.memory.buffer).setUint32(x + p * stride + 4 * i, r, true)
      })
      return fromSwitchable(residues)
    })
    const [high, low] = [ring.allocate(n * 8), ring.allocate(n * 4)]
    moduli.switch(high, low, x, stride, n)
    const upper = new BigUint64Array(ring.bytes(high, n * 8).slice().buffer)
    const lower = residuesAt(moduli, low, n)
    const wrap = (v: bigint) => BigInt.asUintN(returnedBits, v)
    values.forEach((v, i) => {
      const exact = wrap(((v << BigInt(returnedBits)) + modulus / 2n) / modulus)
      const off = BigInt.asIntN(returnedBits, ((upper[i]! << 10n) | BigInt(lower[i]!)) - exact)
      expect(off === 0n || off === 1n || off === -1n).toBe(true)
    })
  })
})
