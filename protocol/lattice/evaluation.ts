/**
 * The evaluator: multiplies the peer's ciphertexts by its own factors in the clear, and makes of each sum of products a
 * result to send back:
 *   Σ P_j·(c_0j, c_1j) + u·(pk_0, pk_1) + (flood − round(Q·S/2^64), 0), switched to 2^74.
 *
 * u·pk, u ternary and fresh, is an encryption of zero by the peer's public key. The peer knows its c_1j, and could divide the
 * factors P_j out of Σ P_j·c_1j; next to pk_1·u, which is pseudorandom by the ring-LWE assumption, it has no hold on
 * them. The errors that belong to such an encryption are not drawn: in c_0 the flood swallows them (2^−140), and in
 * c_1 the switch, which rounds off 143 bits, gives the same with them as without but for a probability of 2^−123 a result
 * (learning with rounding: Banerjee, Peikert, Rosen, EUROCRYPT 2012).
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
  plaintextWords,
  resultsOf,
  termsOf
} from "./layout.ts"
import { type Moduli, type Modulus, polynomialBytes, polynomialStride } from "./moduli.ts"
import { degree, returnedBits } from "./parameters.ts"
import { type ProductsPlan, switchedBytes } from "./plan.ts"
import type { Samples } from "./sampling.ts"

/** Which product and row of blocks of a plan, and the number of its first result within the call. */
interface Row {
  readonly product: number
  readonly i: number
  readonly call: number
  readonly firstResult: number
}

export class Evaluator {
  readonly #moduli: Moduli
  readonly #samples: Samples
  /** The peer's, in memory. */
  readonly #publicKey: number

  constructor(moduli: Moduli, samples: Samples, publicKey: number) {
    this.#moduli = moduli
    this.#samples = samples
    this.#publicKey = publicKey
  }

  /**
   * Results of a row of blocks, as they are sent, one after another. `ciphertexts`: the plan's, in memory; `shares`: S of the
   * product.
   */
  results(
    plan: ProductsPlan,
    masked: MaskedProduct,
    row: Row,
    ciphertexts: number,
    shares: Matrix
  ): Uint8Array {
    const { ring } = this.#moduli
    const mark = ring.mark()
    const parts = resultsOf(plan, row.i)
    const sums = this.sums(plan, masked, row, ciphertexts)
    const sent = new Uint8Array(
      parts.reduce((bytes, { rows, cols }) => bytes + switchedBytes(degree) + switchedBytes(rows * cols), 0)
    )
    let at = 0
    parts.forEach((part, l) => {
      const inner = ring.mark()
      const c0 = sums + l * pairBytes
      const [blinded, stride] = this.blinded(plan, part, c0, shares, row.call, row.firstResult + l)
      at += this.#pack(sent.subarray(at), c0 + elementBytes, polynomialStride, degree)
      at += this.#pack(sent.subarray(at), blinded, stride, part.rows * part.cols)
      ring.release(inner)
    })
    ring.release(mark)
    return sent
  }

  /**
   * Sums of products, each with an encryption of zero, one a result: of c_0 the coefficients at multiples of k, then c_1,
   * times (Q/q)^−1 modulo each prime. New memory.
   */
  sums(
    plan: ProductsPlan,
    masked: MaskedProduct,
    { product, i, call, firstResult }: Row,
    ciphertexts: number
  ): number {
    const { ring, all } = this.#moduli
    const { colBlocks, blocks } = plan
    // With one block a ciphertext, all column blocks have the same plaintexts.
    const variants = blocks.share === 1 ? 1 : colBlocks
    const most = Math.ceil(plan.innerBlocks / blocks.share) + (blocks.share === 1 ? 0 : 1)
    const words = plaintextWords(plan)
    const out = ring.allocate(colBlocks * pairBytes)
    const mark = ring.mark()
    const plaintexts = ring.allocate(variants * most * words * wordBytes)
    const transforms = ring.allocate(most * polynomialStride)
    const zeros = ring.allocate(colBlocks * polynomialBytes)
    for (let l = 0; l < variants; l++)
      placePlaintexts(ring, plan, masked, { product, i, l }, plaintexts + l * most * words * wordBytes)
    for (let l = 0; l < colBlocks; l++)
      this.#samples.ternary(zeros + l * polynomialBytes, "zero", { call, number: firstResult + l })
    all.forEach((modulus, p) => {
      for (let l = 0; l < colBlocks; l++) {
        const { first, terms } = termsOf(plan, product, l)
        if (l < variants)
          this.#transform(plan, modulus, transforms, plaintexts + l * most * words * wordBytes, terms)
        const of = ciphertexts + first * pairBytes + p * polynomialStride
        const to = out + l * pairBytes + p * polynomialStride
        for (const half of [0, elementBytes])
          ring.kernels.multiplyTransforms(
            to + half,
            transforms,
            polynomialStride,
            of + half,
            pairBytes,
            terms,
            0,
            modulus.at
          )
        this.#addZero(modulus, p, to, zeros + l * polynomialBytes)
        this.#moduli.back(modulus, to, modulus.backForSwitch, blocks.k)
        this.#moduli.back(modulus, to + elementBytes, modulus.backForSwitch)
      }
    })
    ring.release(mark)
    return out
  }

  /** Transforms of plaintexts. */
  #transform(plan: ProductsPlan, modulus: Modulus, out: number, plaintexts: number, terms: number): void {
    const { ring } = this.#moduli
    const { k, n } = plan.blocks
    const words = plaintextWords(plan)
    const mark = ring.mark()
    const compact = ring.allocate(words * 4)
    const { low, high } = modulus.plain
    for (let j = 0; j < terms; j++) {
      ring.bytes(compact, words * 4).fill(0)
      ring.kernels.addWords(compact, plaintexts + j * words * wordBytes, low, high, words, modulus.at)
      this.#moduli.forwardSparse(modulus, out + j * polynomialStride, compact, { run: k, repeats: n })
    }
    ring.release(mark)
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
    for (const half of [0, elementBytes])
      ring.kernels.multiplyTransforms(to + half, u, 0, key + half, 0, 1, 1, modulus.at)
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
    call: number,
    result: number
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
    this.#samples.words(flood, 3 * padded, "flood", { call, number: result })
    // 148 bits: two words, and the upper 20 of a third with their sign.
    kernels.signedTop(flood + 2 * padded * wordBytes, 20, padded)
    all.forEach(({ at, blinding, flood: factors }, p) => {
      const x = out + p * stride
      gatherResult(ring, plan, part, x, c0 + p * polynomialStride, 4)
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
