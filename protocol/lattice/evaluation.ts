/**
 * The evaluator: multiplies the peer's ciphertexts by its own factors in the clear, and makes of each sum of products a
 * result to send back:
 *   Σ P_j·(c_0j, c_1j) + u·(pk_0, pk_1) + (flood − round(Q·S/2^64), e'), switched to 2^74.
 *
 * u·pk + (0, e'), u ternary and fresh, is an encryption of zero by the peer's public key. The peer knows its c_1j, and
 * could divide the factors P_j out of Σ P_j·c_1j; next to pk_1·u + e', which is pseudorandom by the ring-LWE assumption,
 * it has no hold on them. That its s and e are known changes nothing: they have no part in pk_1, u and e'. Given c_1,
 * s, e and its errors e_j, c_0 is determined but for the share and the noise Σ P_j·e_j + u·e + e'·s, which the flood
 * hides (2^−72 a coefficient). So c_0 needs no error of its own.
 *
 * Rounding alone (learning with rounding: Banerjee, Peikert, Rosen, EUROCRYPT 2012) would not replace e':
 * `Moduli.switch` rounds within 2^−16 of a unit, by the residues, and so not at the same places with an error as without.
 */
import { wordBytes } from "../bytes.ts"
import type { Matrix } from "../ring/ring.ts"
import { elementBytes, pairBytes, scaling } from "./ciphertexts.ts"
import {
  gatherPart,
  gatherResult,
  type MaskedProduct,
  type Part,
  placePlaintexts,
  plaintextSize,
  resultsOf
} from "./layout.ts"
import { type Moduli, type Modulus, polynomialBytes, polynomialStride } from "./moduli.ts"
import { degree, returnedBits } from "./parameters.ts"
import { type ProductsPlan, switchedBytes, type Terms, termsOf } from "./plan.ts"
import type { Place, Samples } from "./sampling.ts"

/** A product of a plan, and the numbers of what is drawn for it: those of the call, and of its first result. */
export interface Evaluated {
  readonly masked: MaskedProduct
  readonly product: number
  readonly call: number
  readonly firstResult: number
}

/** What an evaluator draws: u, e' and the flood. */
export type EvaluatorSamples = Pick<Samples, "ternary" | "error" | "words">

/** Rows of blocks that are evaluated together, while ciphertexts are in the cache. */
const rowsAtOnce = 16

/** What the ciphertexts of a chunk of coefficients may take of the cache, and its least size. */
const cachedBytes = 2 ** 18
const leastChunk = 512

/** Words of a plaintext in memory: kernels take four at a time. */
const plaintextWords = (plan: ProductsPlan): number => Math.max(4, plaintextSize(plan))

/** The plaintexts of a result, in memory, and the ciphertexts that they multiply. */
interface Placed {
  readonly terms: Terms
  readonly plaintexts: number
}

export class Evaluator {
  readonly #moduli: Moduli
  readonly #samples: EvaluatorSamples
  /** The peer's, in memory. */
  readonly #publicKey: number

  constructor(moduli: Moduli, samples: EvaluatorSamples, publicKey: number) {
    this.#moduli = moduli
    this.#samples = samples
    this.#publicKey = publicKey
  }

  /**
   * Writes the results of a product to `sent`, one after another. `ciphertexts`: the plan's, in memory; `shares`: S.
   */
  results(plan: ProductsPlan, of: Evaluated, ciphertexts: number, shares: Matrix, sent: Uint8Array): void {
    const { ring } = this.#moduli
    const { rowBlocks, colBlocks } = plan
    let at = 0
    for (let first = 0; first < rowBlocks; first += rowsAtOnce) {
      const mark = ring.mark()
      const rows = Array.from({ length: Math.min(rowsAtOnce, rowBlocks - first) }, (_, i) => first + i)
      const sums = this.sums(plan, of, rows, ciphertexts)
      rows.forEach((i, index) => {
        resultsOf(plan, i).forEach((part, l) => {
          const inner = ring.mark()
          const c0 = sums + (index * colBlocks + l) * pairBytes
          const place = { call: of.call, number: of.firstResult + i * colBlocks + l }
          const [blinded, stride] = this.blinded(plan, part, c0, shares, place)
          at += this.#pack(sent.subarray(at), c0 + elementBytes, polynomialStride, degree)
          at += this.#pack(sent.subarray(at), blinded, stride, part.rows * part.cols)
          ring.release(inner)
        })
      })
      ring.release(mark)
    }
  }

  /**
   * Sums of products, each with an encryption of zero, one a result, for some rows of blocks: of c_0 what `Moduli.back` leaves,
   * then c_1, times (Q/q)^−1 modulo each prime. New memory.
   */
  sums(plan: ProductsPlan, of: Evaluated, rows: ReadonlyArray<number>, ciphertexts: number): number {
    const { ring, all } = this.#moduli
    const { colBlocks } = plan
    const out = ring.allocate(rows.length * colBlocks * pairBytes)
    const mark = ring.mark()
    const zeros = ring.allocate(rows.length * colBlocks * polynomialBytes)
    const errors = ring.allocate(rows.length * colBlocks * polynomialBytes)
    const results = rows.flatMap((i) =>
      Array.from({ length: colBlocks }, (_, l) => this.#place(plan, of, i, l))
    )
    results.forEach((_, result) => {
      const place = { call: of.call, number: of.firstResult + rows[0]! * colBlocks + result }
      this.#samples.ternary(zeros + result * polynomialBytes, "zero", place)
      this.#samples.error(errors + result * polynomialBytes, "zeroError", place)
    })
    all.forEach((modulus, p) => {
      const to = out + p * polynomialStride
      this.#multiply(plan, results, modulus, ciphertexts + p * polynomialStride, to)
      results.forEach((_, result) => {
        const c0 = to + result * pairBytes
        this.#addZero(modulus, p, c0, zeros + result * polynomialBytes)
        this.#moduli.back(modulus, c0, modulus.backForSwitch, plan.blocks)
        this.#moduli.back(modulus, c0 + elementBytes, modulus.backForSwitch)
        this.#addError(modulus, c0 + elementBytes, errors + result * polynomialBytes)
      })
    })
    ring.release(mark)
    return out
  }

  /** New memory. */
  #place(plan: ProductsPlan, { masked, product }: Evaluated, i: number, l: number): Placed {
    const { ring } = this.#moduli
    const terms = termsOf(plan, product, l)
    const stride = plaintextWords(plan) * wordBytes
    const plaintexts = ring.allocate(terms.count * stride)
    placePlaintexts(ring, plan, masked, { product, i, l }, plaintexts, stride)
    return { terms, plaintexts }
  }

  /** Sums of products modulo a prime, as transforms, one a result, `pairBytes` apart. */
  #multiply(
    plan: ProductsPlan,
    results: ReadonlyArray<Placed>,
    modulus: Modulus,
    ciphertexts: number,
    out: number
  ): void {
    const { ring } = this.#moduli
    const mark = ring.mark()
    // Four residues at a time are of one coefficient, or of four.
    const run = plan.blocks.n === 2 ? 1 : plan.blocks.n
    const stride = run === 1 ? polynomialBytes : plaintextWords(plan) * 4
    const transforms = results.map((placed) => this.#transforms(plan, modulus, placed, stride))
    const most = Math.max(...results.map(({ terms }) => terms.count))
    let chunk = degree
    while (chunk > leastChunk && most * chunk * 8 > cachedBytes) chunk /= 2
    for (let from = 0; from < degree; from += chunk)
      results.forEach(({ terms: { first, count } }, result) => {
        ring.kernels.multiplyCiphertexts(
          out + result * pairBytes,
          transforms[result]!,
          stride,
          run,
          ciphertexts + first * pairBytes,
          pairBytes,
          elementBytes,
          count,
          from,
          from + chunk,
          0,
          modulus.at
        )
      })
    ring.release(mark)
  }

  /** Transforms of a result's plaintexts modulo a prime: each residue once, or twice where n is 2. New memory. */
  #transforms(plan: ProductsPlan, modulus: Modulus, { terms, plaintexts }: Placed, stride: number): number {
    const { ring } = this.#moduli
    const words = plaintextWords(plan)
    const size = plaintextSize(plan)
    const out = ring.allocate(terms.count * stride)
    const mark = ring.mark()
    const compact = plan.blocks.n === 2 ? ring.allocate(terms.count * words * 4) : out
    ring.bytes(compact, terms.count * words * 4).fill(0)
    const { low, high } = modulus.plain
    ring.kernels.addWords(compact, plaintexts, low, high, terms.count * words, modulus.at)
    for (let term = 0; term < terms.count; term++) {
      const x = compact + term * words * 4
      ring.kernels.transform(x, size, modulus.at)
      if (compact !== out) ring.kernels.repeatResidues(out + term * stride, x, 2, size)
    }
    ring.release(mark)
    return out
  }

  /** Adds u·(pk_0, pk_1) modulo a prime. */
  #addZero(modulus: Modulus, prime: number, to: number, small: number): void {
    const { ring } = this.#moduli
    const mark = ring.mark()
    const u = ring.allocate(polynomialBytes)
    ring.bytes(u, polynomialBytes).fill(0)
    ring.kernels.addSmall(u, small, modulus.at)
    this.#moduli.forward(modulus, u)
    const key = this.#publicKey + prime * polynomialStride
    ring.kernels.multiplyCiphertexts(to, u, 0, 1, key, 0, elementBytes, 1, 0, degree, 1, modulus.at)
    ring.release(mark)
  }

  /** Adds an error, times (Q/q)^−1. Errors are as often negative. */
  #addError({ at, forSwitch }: Modulus, to: number, small: number): void {
    const { ring } = this.#moduli
    const { kernels } = ring
    const mark = ring.mark()
    const error = ring.allocate(polynomialBytes)
    ring.bytes(error, polynomialBytes).fill(0)
    kernels.addSmall(error, small, at)
    kernels.scaleResidues(error, degree, forSwitch.factor, forSwitch.shoup, at)
    kernels.subtractResidues(to, to, error, at)
    ring.release(mark)
  }

  /**
   * The elements of a result out of c_0, less the share and with the flood: their address, and the bytes from
   * one modulus to the next. New memory.
   */
  blinded(
    plan: ProductsPlan,
    part: Part,
    c0: number,
    shares: Matrix,
    place: Place
  ): readonly [number, number] {
    const { ring, all } = this.#moduli
    const { kernels } = ring
    const count = part.rows * part.cols
    const padded = Math.ceil(count / 4) * 4
    const stride = padded * 4
    const out = ring.allocate(all.length * stride)
    const mark = ring.mark()
    const share = ring.allocate(padded * wordBytes)
    const flood = ring.allocate(3 * padded * wordBytes)
    gatherPart(ring, part, share, shares)
    kernels.scale(share, share, scaling, count)
    this.#samples.words(flood, 3 * padded, "flood", place)
    // 148 bits: two words, and the upper 20 of a third with their sign.
    kernels.signedTop(flood + 2 * padded * wordBytes, 20, padded)
    all.forEach(({ at, blinding, flood: factors }, p) => {
      const x = out + p * stride
      gatherResult(ring, plan, part, x, c0 + p * polynomialStride)
      kernels.addWords(x, share, blinding.low, blinding.high, padded, at)
      factors.forEach(({ low, high }, word) => {
        kernels.addWords(x, flood + word * padded * wordBytes, low, high, padded, at)
      })
    })
    ring.release(mark)
    return [out, stride]
  }

  /** Switches `n` numbers and writes them to `sent`: the bytes written. */
  #pack(sent: Uint8Array, x: number, stride: number, n: number): number {
    const { ring } = this.#moduli
    const mark = ring.mark()
    const high = ring.allocate(n * wordBytes)
    const low = ring.allocate(n * 4)
    const packed = ring.allocate(n * 4 + wordBytes)
    this.#moduli.switch(high, low, x, stride, n)
    ring.kernels.packFields(packed, low, returnedBits - 64, n)
    const bytes = switchedBytes(n)
    sent.set(ring.bytes(high, n * wordBytes))
    sent.set(ring.bytes(packed, bytes - n * wordBytes), n * wordBytes)
    ring.release(mark)
    return bytes
  }
}
