import { beforeAll, describe, expect, it } from "vitest"
import {
  elementBytes,
  pairBytes,
  SecretKey,
  scaling,
  unpackCiphertext
} from "../../../protocol/lattice/ciphertexts.ts"
import { CiphertextsRefused, NoiseBeyondBound } from "../../../protocol/lattice/errors.ts"
import { Evaluator, type EvaluatorSamples } from "../../../protocol/lattice/evaluation.ts"
import { type MaskedProduct, placeCiphertext, resultsOf } from "../../../protocol/lattice/layout.ts"
import { Moduli, polynomialStride } from "../../../protocol/lattice/moduli.ts"
import {
  hiddenBits,
  mostTerms,
  noiseBits,
  roomBits,
  switchDeviations
} from "../../../protocol/lattice/noise.ts"
import { openResult } from "../../../protocol/lattice/opening.ts"
import { degree, floodBits, inverse, modulus, returnedBits } from "../../../protocol/lattice/parameters.ts"
import { noiseTerms, type ProductsPlan, planProducts } from "../../../protocol/lattice/plan.ts"
import { Samples, UniformHalves } from "../../../protocol/lattice/sampling.ts"
import { type Matrix, Ring } from "../../../protocol/ring/ring.ts"
import { edges, splitmix } from "../ring/twin.ts"
import {
  centred,
  coefficients,
  fromSwitchable,
  multiplied,
  phase,
  residuesAt,
  residuesOfAll,
  scaled
} from "./twin.ts"

let ring: Ring
let moduli: Moduli
let samples: Samples
let secret: SecretKey
let publicKey: number

const halves = () => new UniformHalves(ring, new Uint8Array(16).fill(9))

/** A ciphertext of words in memory, by the owner of the key. */
const encrypted = (words: BigUint64Array | undefined, number: number): number => {
  const at = ring.allocate(pairBytes)
  const mark = ring.mark()
  const plain = ring.allocate(degree * 8)
  if (words !== undefined) ring.memory.set(new Uint8Array(words.buffer), plain)
  ring.kernels.scale(plain, plain, scaling, degree)
  const sent = secret.encrypt(halves(), samples, { call: 1, number }, words && plain)
  unpackCiphertext(moduli, at, sent, halves(), number, "ciphertexts")
  ring.release(mark)
  return at
}

beforeAll(async () => {
  ring = await Ring.load()
  moduli = new Moduli(ring)
  samples = new Samples(ring, new Uint8Array(16).fill(3))
  secret = new SecretKey(moduli, samples, { call: 0, number: 0 })
  publicKey = encrypted(undefined, 1000)
})

const next = splitmix(2n)
const wordsOf = (word: (i: number) => bigint) => BigUint64Array.from({ length: degree }, (_, i) => word(i))
const standardDeviation = (x: ReadonlyArray<bigint>) => {
  const numbers = x.map(Number)
  return Math.sqrt(numbers.reduce((sum, v) => sum + v * v, 0) / numbers.length)
}

describe("a fresh ciphertext", () => {
  it("has phase round(Q·m/2^64) for every word m, but for an error of 42 centred bits", () => {
    const words = wordsOf((i) => (i < 64 ? edges[i % edges.length]! : next()))
    const at = encrypted(words, 1)
    const errors = phase(moduli, secret, at).map((x, i) => centred(x - scaled(words[i]!)))
    expect(errors.every((e) => e >= -21n && e <= 21n)).toBe(true)
    expect(Math.abs(standardDeviation(errors) - Math.sqrt(10.5))).toBeLessThan(0.15)
  })

  it("times a plaintext has the product of both polynomials for its phase", () => {
    const mark = ring.mark()
    const at = encrypted(
      wordsOf(() => next()),
      2
    )
    const terms = new Map([0, 1, 77, 4096, degree - 1].map((i) => [i, BigInt.asIntN(64, next())]))
    const [words, x, out] = [degree * 8, pairBytes, pairBytes].map((bytes) => ring.allocate(bytes)) as [
      number,
      number,
      number
    ]
    ring.bytes(words, degree * 8).fill(0)
    ring.bytes(x, elementBytes).fill(0)
    for (const [i, word] of terms) ring.words({ at: words, rows: degree, cols: 1 })[i] = word
    for (const [p, { at: modulo, plain }] of moduli.all.entries()) {
      const to = p * polynomialStride
      ring.kernels.addWords(x + to, words, plain.low, plain.high, degree, modulo)
      ring.kernels.transform(x + to, degree, modulo)
      ring.kernels.multiplyCiphertexts(
        out + to,
        x + to,
        0,
        1,
        at + to,
        0,
        elementBytes,
        1,
        0,
        degree,
        0,
        modulo
      )
    }
    const expected = multiplied(terms, phase(moduli, secret, at)).map(centred)
    expect(phase(moduli, secret, out).every((v, i) => centred(v << 32n) === expected[i])).toBe(true)
    ring.release(mark)
  })

  it("has a ternary secret, a uniform half below every prime, and another of each number", () => {
    const at = ring.allocate(elementBytes)
    const small = ring.allocate(degree * 4)
    samples.ternary(small, "secret", { call: 0, number: 0 })
    const counts = [0, 0, 0]
    for (const s of residuesAt(moduli, small)) counts[(s + 1) % 2 ** 32]!++
    for (const count of counts) expect(Math.abs(count - degree / 3)).toBeLessThan(6 * 43)
    halves().fill(at, 1)
    const all = residuesOfAll(moduli, at)
    all.forEach((residues, p) => {
      const { q } = moduli.all[p]!
      expect(residues.every((r) => r < q)).toBe(true)
      const upper = residues.reduce((count, r) => count + (r > q / 2 ? 1 : 0), 0)
      expect(Math.abs(upper - degree / 2)).toBeLessThan(6 * 45.3)
    })
    halves().fill(at, 2)
    expect(residuesAt(moduli, at)).not.toEqual(all[0])
  })

  it("is refused with a number that is no residue, or is read as what was sent", () => {
    const at = ring.allocate(pairBytes)
    const sent = secret.encrypt(halves(), samples, { call: 1, number: 3 }, undefined)
    const above = sent.slice().fill(255, 31744, 31748)
    expect(() => unpackCiphertext(moduli, at, above, halves(), 3, "ciphertexts")).toThrow(CiphertextsRefused)
    expect(() => unpackCiphertext(moduli, at, sent, halves(), 3, "ciphertexts")).not.toThrow()
  })
})

/** One product at the evaluator, whose factor is encrypted under our key: what is needed to look into its result. */
interface Case {
  readonly plan: ProductsPlan
  readonly masked: MaskedProduct
  readonly ciphertexts: number
  readonly shares: Matrix
}

/** Numbers of ciphertexts that were drawn. */
let used = 10

const caseOf = (
  rows: number,
  inner: number,
  cols: number,
  x: (i: number) => bigint,
  y: (i: number) => bigint
): Case => {
  const plan = planProducts({ rows, inner, cols }, 1)
  const filled = (r: number, c: number, word: (i: number) => bigint) => {
    const matrix = ring.matrix(r, c)
    ring.words(matrix).forEach((_, i, all) => {
      all[i] = word(i)
    })
    return matrix
  }
  const masked = { x: filled(rows, inner, x), y: filled(inner, cols, y), form: "plain" } as const
  const ciphertexts = ring.allocate(plan.ciphertexts * pairBytes)
  const mark = ring.mark()
  const words = ring.matrix(degree, 1)
  for (let c = 0; c < plan.ciphertexts; c++) {
    placeCiphertext(ring, plan, [masked], c, words.at)
    const from = encrypted(ring.words(words).slice(), used++)
    ring.memory.copyWithin(ciphertexts + c * pairBytes, from, from + pairBytes)
  }
  ring.release(mark)
  return { plan, masked, ciphertexts, shares: filled(rows, cols, () => next()) }
}

const of = ({ masked }: Case, call: number) => ({ masked, product: 0, call, firstResult: 0 })

/** Noise of the first result before the switch, with the evaluator's flood or without. */
const noiseOf = (each: Case, evaluator: Evaluator, call: number): ReadonlyArray<bigint> => {
  const { plan, shares, masked, ciphertexts } = each
  const [part] = resultsOf(plan, 0)
  const sums = evaluator.sums(plan, of(each, call), [0], ciphertexts)
  const [blinded, stride] = evaluator.blinded(plan, part!, sums, shares, { call, number: 0 })
  const count = part!.rows * part!.cols
  const c0 = residuesOfAll(moduli, blinded, count, stride)
  // c_1·s from c_1 as it is before the switch, times (Q/q)^−1.
  const product = ring.allocate(elementBytes)
  moduli.all.forEach((modulo, p) => {
    const [c1, to] = [sums + elementBytes + p * polynomialStride, product + p * polynomialStride]
    moduli.forward(modulo, c1)
    ring.kernels.multiplyTransforms(to, c1, secret.at + p * polynomialStride, modulo.at)
    moduli.back(modulo, to, modulo.back, plan.blocks)
  })
  const c1s = residuesOfAll(moduli, product)
  const expected = ring.matrix(masked.x.rows, masked.y.cols)
  ring.product(expected, masked.x, masked.y)
  ring.subtract(expected, expected, shares)
  const { n } = plan.blocks
  return Array.from({ length: count }, (_, index) => {
    const [i, l] = [Math.floor(index / part!.cols), index % part!.cols]
    const message = ring.words(expected)[i * expected.cols + l]!
    const sum = fromSwitchable(c0.map((x) => x[index]!)) + fromSwitchable(c1s.map((x) => x[i * n + l]!))
    return centred(sum - scaled(message))
  })
}

/** An evaluator that leaves something out. */
const without = (what: "zero" | "flood"): EvaluatorSamples => ({
  ternary: (at, purpose, place) =>
    what === "zero" ? ring.bytes(at, degree * 4).fill(0) : samples.ternary(at, purpose, place),
  error: (at, purpose, place) =>
    what === "zero" ? ring.bytes(at, degree * 4).fill(0) : samples.error(at, purpose, place),
  words: (at, words, purpose, place) =>
    what === "flood" && purpose === "flood"
      ? ring.bytes(at, words * 8).fill(0)
      : samples.words(at, words, purpose, place)
})

const worst = [1n << 63n, (1n << 64n) - 1n, (1n << 63n) - 1n]

describe("the noise of a result", () => {
  it("is below its bound for the worst words, and near it for factors of full size: scaling is exact", () => {
    const mark = ring.mark()
    for (const [rows, inner, cols] of [
      [1, 1, 1],
      [4, 300, 40]
    ] as const) {
      const each = caseOf(
        rows,
        inner,
        cols,
        () => 1n << 63n,
        (i) => worst[i % 3]!
      )
      const noise = noiseOf(each, new Evaluator(moduli, without("flood"), publicKey), 5)
      const bits = noiseBits(noiseTerms(each.plan))
      expect(noise.every((e) => Math.abs(Number(e)) < 12 * 2 ** bits)).toBe(true)
      if (inner === 300) {
        expect(Math.log2(standardDeviation(noise))).toBeGreaterThan(bits - 0.5)
        expect(Math.log2(standardDeviation(noise))).toBeLessThan(bits + 0.5)
      }
    }
    ring.release(mark)
  })

  it("would show through the flood if words were scaled by ⌊Q/2^64⌋", () => {
    const [p, m] = [(1n << 63n) - 1n, (1n << 64n) - 1n]
    const exact = centred(p * scaled(m) - scaled(p * m))
    const floored = centred(p * (modulus >> 64n) * m - scaled(p * m))
    expect(Math.abs(Number(exact))).toBeLessThan(2 ** 64)
    expect(Math.abs(Number(floored))).toBeGreaterThan(2 ** 120)
  })

  it("is hidden by a flood that is uniform and leaves room for the message", () => {
    const mark = ring.mark()
    const each = caseOf(
      128,
      4,
      30,
      () => next(),
      () => next()
    )
    const noise = noiseOf(each, new Evaluator(moduli, samples, publicKey), 6)
    const counts = new Array<number>(16).fill(0)
    for (const e of noise) {
      const bucket = Math.floor((Number(e) / 2 ** floodBits + 1) * 8)
      counts[bucket]!++
    }
    expect(counts.reduce((sum, count) => sum + count)).toBe(noise.length)
    const mean = noise.length / 16
    const square = counts.reduce((sum, count) => sum + (count - mean) ** 2 / mean, 0)
    // Chi squared of 15 degrees: above 50 once in 10^5.
    expect(square).toBeLessThan(50)
    expect(hiddenBits(mostTerms)).toBeLessThan(roomBits)
    expect(switchDeviations(mostTerms)).toBeGreaterThan(12)
    ring.release(mark)
  })

  it("without the flood tells the owner, who knows its errors, the factor", () => {
    const mark = ring.mark()
    const factor = 0x5f37_59df_1234_5678n
    const each = caseOf(
      1,
      1,
      1,
      () => factor,
      () => next()
    )
    const [x] = phase(moduli, secret, each.ciphertexts)
    const guess = (evaluator: Evaluator) => {
      // The error with that of rounding the word, in units of 2^−64.
      const error = (x! << 64n) - modulus * BigInt.asIntN(64, ring.words(each.masked.y)[0]!)
      return Number(noiseOf(each, evaluator, 7)[0]!) / (Number(error) / 2 ** 64)
    }
    expect(guess(new Evaluator(moduli, without("flood"), publicKey)) / Number(factor)).toBeCloseTo(1, 9)
    expect(Math.abs(guess(new Evaluator(moduli, samples, publicKey)) / Number(factor))).toBeGreaterThan(
      2 ** 40
    )
    ring.release(mark)
  })

  it("refuses a product with more terms than it hides", () => {
    expect(() => planProducts({ rows: 1, inner: mostTerms + 1, cols: 1 }, 1)).toThrow(NoiseBeyondBound)
    expect(() => planProducts({ rows: 1, inner: mostTerms, cols: 1 }, 1)).not.toThrow()
  })
})

/** p with p·a near c modulo Q, |p| < 2^64: by reduction of a lattice of two dimensions (Gauss). */
const divided = (a: bigint, c: bigint): bigint => {
  const weight = 1n << 78n
  let [u, v] = [
    [weight, a],
    [0n, modulus]
  ] as [bigint[], bigint[]]
  const dot = (x: bigint[], y: bigint[]) => x[0]! * y[0]! + x[1]! * y[1]!
  const nearest = (x: bigint, y: bigint) => (2n * x + y) / (2n * y) - ((2n * x + y) % (2n * y) < 0n ? 1n : 0n)
  for (;;) {
    if (dot(u, u) < dot(v, v)) [u, v] = [v, u]
    const times = nearest(dot(u, v), dot(v, v))
    if (times === 0n) break
    u = [u[0]! - times * v[0]!, u[1]! - times * v[1]!]
  }
  // Babai: coordinates of (0, c) in the reduced basis, rounded.
  const determinant = u[0]! * v[1]! - u[1]! * v[0]!
  const signed = determinant < 0n ? -1n : 1n
  const s = nearest(-c * v[0]! * signed, determinant * signed)
  const t = nearest(c * u[0]! * signed, determinant * signed)
  return (s * u[0]! + t * v[0]!) / weight
}

describe("the encryption of zero", () => {
  it("keeps the owner of the key from dividing the factor out of a result", () => {
    const mark = ring.mark()
    const factor = 0x1f37_59df_1234_5679n
    const each = caseOf(
      1,
      1,
      1,
      () => factor,
      () => next()
    )
    const [a] = coefficients(moduli, each.ciphertexts + elementBytes)
    const found = (evaluator: Evaluator) => {
      const sent = new Uint8Array(each.plan.returnedBytes)
      evaluator.results(each.plan, of(each, 8), each.ciphertexts, each.shares, sent)
      const view = new DataView(sent.buffer)
      const upper = view.getBigUint64(0, true) << 10n
      const c1 = ((upper | BigInt(view.getUint16(8 * degree, true) & 1023)) * modulus) >> BigInt(returnedBits)
      return divided(a!, c1)
    }
    expect(found(new Evaluator(moduli, without("zero"), publicKey))).toBe(factor)
    expect(found(new Evaluator(moduli, samples, publicKey))).not.toBe(factor)
    ring.release(mark)
  })
})

/** Coefficients of c_1 of a first result, before the switch. */
const c1Of = (each: Case, drawn: EvaluatorSamples): ReadonlyArray<bigint> => {
  const sums = new Evaluator(moduli, drawn, publicKey).sums(each.plan, of(each, 11), [0], each.ciphertexts)
  const residues = residuesOfAll(moduli, sums + elementBytes)
  return Array.from({ length: degree }, (_, i) => fromSwitchable(residues.map((x) => x[i]!)))
}

/** An evaluator that draws no errors for its encryptions of zero. */
const exactly: EvaluatorSamples = {
  ternary: (...of) => samples.ternary(...of),
  error: (at) => ring.bytes(at, degree * 4).fill(0),
  words: (...of) => samples.words(...of)
}

describe("the error in c_1", () => {
  it("is one of ciphertexts", () => {
    const mark = ring.mark()
    const each = caseOf(
      1,
      1,
      1,
      () => next(),
      () => next()
    )
    const [drawn, exact] = [c1Of(each, samples), c1Of(each, exactly)]
    const errors = drawn.map((x, i) => centred(x - exact[i]!))
    expect(errors.every((e) => e >= -21n && e <= 21n)).toBe(true)
    expect(Math.abs(standardDeviation(errors) - Math.sqrt(10.5))).toBeLessThan(0.15)
    ring.release(mark)
  })

  it("can't be left to the switch, which rounds numbers near its bounds by their residues", () => {
    const mark = ring.mark()
    const n = 256
    // 2^−18 of a unit above a bound: an exact rounding gives the same with and without an error.
    const near = Array.from({ length: n }, () => {
      const bound = (((next() << 1n) + 1n) * modulus) >> BigInt(returnedBits + 1)
      return bound + (1n << 125n)
    })
    const switched = (by: bigint) => {
      const x = ring.allocate(moduli.all.length * n * 4)
      const [high, low] = [ring.allocate(n * 8), ring.allocate(n * 4)]
      moduli.all.forEach(({ q }, p) => {
        const rest = inverse(modulus / BigInt(q), BigInt(q))
        const residues = Uint32Array.from(near, (v) => Number(((v + by) * rest) % BigInt(q)))
        ring.memory.set(new Uint8Array(residues.buffer), x + p * n * 4)
      })
      moduli.switch(high, low, x, n * 4, n)
      return residuesAt(moduli, low, n)
    }
    const [exact, moved] = [switched(0n), switched(1n)]
    expect(exact.filter((v, i) => v !== moved[i]).length).toBeGreaterThan(n / 8)
    ring.release(mark)
  })
})

describe("a result", () => {
  it("opens to the product less the share, with and without what hides it", () => {
    const mark = ring.mark()
    const each = caseOf(
      5,
      40,
      9,
      (i) => (i % 2 === 0 ? next() : worst[i % 3]!),
      (i) => (i % 3 === 0 ? worst[i % 3]! : next())
    )
    const { plan, masked, shares, ciphertexts } = each
    const expected = ring.matrix(5, 9)
    ring.product(expected, masked.x, masked.y)
    ring.subtract(expected, expected, shares)
    for (const drawn of [samples, without("zero"), without("flood")]) {
      const sent = new Uint8Array(plan.returnedBytes)
      new Evaluator(moduli, drawn, publicKey).results(plan, of(each, 9), ciphertexts, shares, sent)
      const opened = ring.matrix(5, 9)
      let at = 0
      for (let i = 0; i < plan.rowBlocks; i++)
        for (const part of resultsOf(plan, i)) {
          const bytes = plan.returnedBytes / plan.results
          openResult(moduli, secret.at, plan, part, sent.subarray(at, at + bytes), opened)
          at += bytes
        }
      expect(ring.copyOut(opened)).toEqual(ring.copyOut(expected))
    }
    ring.release(mark)
  })
})
