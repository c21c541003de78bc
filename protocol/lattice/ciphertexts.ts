/**
 * Fresh ciphertexts: (c_0, c_1) with c_0 + c_1·s = round(Q·m/2^64) + e, as transforms modulo each prime. The uniform c_1 comes
 * from a seed; c_0 is sent, 31 bits a residue. A public key is an encryption of zero.
 */
import { CiphertextsRefused } from "./errors.ts"
import { type Moduli, polynomialBytes, polynomialStride } from "./moduli.ts"
import { degree, modulus, primes, residueBits } from "./parameters.ts"
import { ciphertextBytes } from "./plan.ts"
import type { Place, Samples, UniformHalves } from "./sampling.ts"

/** Bytes of a polynomial modulo all primes in memory, and of a ciphertext. */
export const elementBytes = primes.length * polynomialStride
export const pairBytes = 2 * elementBytes

/** Bytes of a polynomial modulo a prime on the wire. */
const packedBytes = (degree * residueBits) / 8

/** What a kernel may write or read behind what it packs. */
const slackBytes = 8

/** round(Q·m/2^64) takes words times this: the low word of Q. */
export const scaling = BigInt.asUintN(64, modulus)

/** A secret key: transforms of its ternary polynomial modulo each prime, times 2^32. */
export class SecretKey {
  readonly at: number
  readonly #moduli: Moduli

  /** Allocates 0.2 MB of the ring, which must stay. */
  constructor(moduli: Moduli, samples: Samples, place: Place) {
    const { ring } = moduli
    this.#moduli = moduli
    this.at = ring.allocate(elementBytes)
    const mark = ring.mark()
    const small = ring.allocate(polynomialBytes)
    samples.ternary(small, "secret", place)
    moduli.all.forEach((modulus, i) => {
      const s = this.at + i * polynomialStride
      clear(moduli, s)
      ring.kernels.addSmall(s, small, modulus.at)
      moduli.forward(modulus, s)
      ring.kernels.scaleResidues(s, degree, modulus.montgomery.factor, modulus.montgomery.shoup, modulus.at)
    })
    ring.release(mark)
  }

  /**
   * Encrypts the words at `words`, times `scaling`; zeros where it is undefined. Returns the half that is sent, as
   * it is sent.
   */
  encrypt(halves: UniformHalves, samples: Samples, place: Place, words: number | undefined): Uint8Array {
    const { ring, all } = this.#moduli
    const { kernels } = ring
    const mark = ring.mark()
    const uniform = ring.allocate(elementBytes)
    const error = ring.allocate(polynomialBytes)
    const [x, masked] = [ring.allocate(polynomialBytes), ring.allocate(polynomialBytes)]
    const packed = ring.allocate(ciphertextBytes + slackBytes)
    halves.fill(uniform, place.number)
    samples.error(error, "error", place)
    all.forEach((modulus, i) => {
      clear(this.#moduli, x)
      if (words !== undefined) {
        kernels.addWords(x, words, modulus.scaled.low, modulus.scaled.high, degree, modulus.at)
      }
      kernels.addSmall(x, error, modulus.at)
      this.#moduli.forward(modulus, x)
      const at = i * polynomialStride
      kernels.multiplyTransforms(masked, uniform + at, this.at + at, modulus.at)
      kernels.subtractResidues(x, x, masked, modulus.at)
      kernels.packFields(packed + i * packedBytes, x, residueBits, degree)
    })
    const sent = ring.bytes(packed, ciphertextBytes).slice()
    ring.release(mark)
    return sent
  }
}

const clear = ({ ring }: Moduli, x: number): void => {
  ring.bytes(x, polynomialBytes).fill(0)
}

/**
 * Unpacks a ciphertext that was received to `at`: c_0, then c_1.
 * @throws CiphertextsRefused where a number is no residue
 */
export const unpackCiphertext = (
  { ring, all }: Moduli,
  at: number,
  received: Uint8Array,
  halves: UniformHalves,
  number: number,
  what: CiphertextsRefused["what"]
): void => {
  const { kernels } = ring
  const mark = ring.mark()
  const packed = ring.allocate(ciphertextBytes + slackBytes)
  ring.memory.set(received, packed)
  all.forEach(({ q }, i) => {
    const x = at + i * polynomialStride
    kernels.unpackFields(x, packed + i * packedBytes, residueBits, degree)
    if (kernels.greatest(x, degree) >>> 0 >= q)
      throw new CiphertextsRefused({ what, why: `a number modulo ${q} is as large as that` })
  })
  ring.release(mark)
  halves.fill(at + elementBytes, number)
}
