/**
 * Decryption of a ciphertext under any public key with the master key (mDec of Bresson, Catalano and Pointcheval), in the
 * plain form and modulo p² and q². Only C0 and the KGC can do it, and C0 must do it to blinded or random messages only.
 */

import type { Ciphertext } from "./ciphertext.ts"
import { Undecryptable } from "./decryption.ts"
import { Exponentiation } from "./exponentiation.ts"
import { inverse, residue } from "./integers.ts"
import { InvalidPublicKey } from "./keys.ts"
import { half, InvalidParameters, type MasterKey, type Parameters } from "./parameters.ts"

/** What is kept per public key is two integers; a run has at most some tens of keys. */
const keyLimit = 256

const lookUp = <K, V>(cache: Map<K, V>, key: K, compute: () => V): V => {
  const known = cache.get(key)
  if (known !== undefined) return known
  if (cache.size >= keyLimit) cache.clear()
  const value = compute()
  cache.set(key, value)
  return value
}

/**
 * The form of the paper: a = L(h^(p'q'))·k⁻¹, m = (L(B^(p'q')) − a·L(A^(p'q')))·(p'q')⁻¹ mod N. (The paper calls the last
 * factor α⁻¹ without saying modulo what.) Slow; the reference for `CrtDecryptor`.
 */
export class MasterDecryptor {
  readonly #pp: Parameters
  readonly #inverseOfK: bigint
  readonly #inverseOfExponent: bigint
  readonly #raise: Exponentiation
  readonly #exponentOfKey = new Map<bigint, bigint>()

  /** Throws InvalidParameters where the master key does not belong to the parameters. */
  constructor(pp: Parameters, { p, q }: MasterKey) {
    if (p * q !== pp.N) throw new InvalidParameters({ why: "the master key is not that of N" })
    const exponent = half(p) * half(q)
    this.#pp = pp
    this.#inverseOfK = inverse(pp.k, pp.N)!
    this.#inverseOfExponent = inverse(exponent, pp.N)!
    this.#raise = new Exponentiation(pp.N2, exponent)
  }

  /** m of a ciphertext under `publicKey`. Throws Undecryptable (with `index`) or InvalidPublicKey. */
  decrypt(publicKey: bigint, { A, B }: Ciphertext, index = 0): bigint {
    const a = lookUp(this.#exponentOfKey, publicKey, () => {
      const logarithm = this.#logarithm(publicKey)
      if (logarithm === undefined) throw new InvalidPublicKey({ why: "it is no power of g" })
      return (logarithm * this.#inverseOfK) % this.#pp.N
    })
    const [x, y] = [this.#logarithm(A), this.#logarithm(B)]
    if (x === undefined || y === undefined) throw new Undecryptable({ index })
    return residue((y - a * x) * this.#inverseOfExponent, this.#pp.N)
  }

  /** L(x^(p'q')), or undefined where the power is not ≡ 1 modulo N: x is no square then, or no unit. */
  #logarithm(x: bigint): bigint | undefined {
    const power = this.#raise.power(x)
    return power % this.#pp.N === 1n ? (power - 1n) / this.#pp.N : undefined
  }
}

/** Everything modulo one of the two primes. */
class PrimeDecryptor {
  readonly prime: bigint
  readonly #raise: Exponentiation
  readonly #inverseOfLogarithmOfG: bigint
  readonly #scale: bigint
  readonly #exponentOfKey = new Map<bigint, bigint>()

  constructor(pp: Parameters, prime: bigint) {
    this.prime = prime
    this.#raise = new Exponentiation(prime * prime, half(prime))
    const ofG = this.#logarithm(pp.g)
    const inverseOfG = ofG === undefined ? undefined : inverse(ofG, prime)
    if (inverseOfG === undefined) throw new InvalidParameters({ why: "g has not the order N·p'·q'" })
    this.#inverseOfLogarithmOfG = inverseOfG
    this.#scale = inverse((pp.N / prime) * half(prime), prime)!
  }

  /** (L_p(B^(p')) − a_p·L_p(A^(p')))·((N/p)·p')⁻¹ mod p, or undefined for ⊥. */
  decrypt(publicKey: bigint, { A, B }: Ciphertext): bigint | undefined {
    const a = lookUp(this.#exponentOfKey, publicKey, () => {
      const logarithm = this.#logarithm(publicKey)
      if (logarithm === undefined) throw new InvalidPublicKey({ why: "it is no power of g" })
      return (logarithm * this.#inverseOfLogarithmOfG) % this.prime
    })
    const x = this.#logarithm(A)
    if (x === undefined) return undefined
    const y = this.#logarithm(B)
    if (y === undefined) return undefined
    return residue((y - a * x) * this.#scale, this.prime)
  }

  #logarithm(x: bigint): bigint | undefined {
    const power = this.#raise.power(x)
    return power % this.prime === 1n ? (power - 1n) / this.prime : undefined
  }
}

/**
 * The same by the Chinese remainder theorem: four exponentiations of a quarter the length of N² in the exponent and half of it
 * in the modulus, about six times faster. a_p and a_q are computed once a public key. A factor that A or B shares with N makes
 * a power ≢ 1, so this decides ⊥ for those too.
 */
export class CrtDecryptor {
  readonly #modP: PrimeDecryptor
  readonly #modQ: PrimeDecryptor
  readonly #inverseOfP: bigint

  /** Throws InvalidParameters where the master key does not belong to the parameters. */
  constructor(pp: Parameters, { p, q }: MasterKey) {
    if (p * q !== pp.N) throw new InvalidParameters({ why: "the master key is not that of N" })
    this.#modP = new PrimeDecryptor(pp, p)
    this.#modQ = new PrimeDecryptor(pp, q)
    this.#inverseOfP = inverse(p, q)!
  }

  /** m of a ciphertext under `publicKey`. Throws Undecryptable (with `index`) or InvalidPublicKey. */
  decrypt(publicKey: bigint, ciphertext: Ciphertext, index = 0): bigint {
    const x = this.#modP.decrypt(publicKey, ciphertext)
    const y = x === undefined ? undefined : this.#modQ.decrypt(publicKey, ciphertext)
    if (x === undefined || y === undefined) throw new Undecryptable({ index })
    return x + this.#modP.prime * residue((y - x) * this.#inverseOfP, this.#modQ.prime)
  }
}
