/**
 * Decryption of a ciphertext under any public key with the master key (mDec of Bresson, Catalano and
 * Pointcheval), in the plain form and modulo p² and q². Only C0 and the KGC can do it, and C0 must do it to
 * blinded or random messages only.
 */

import type { Ciphertext } from "./ciphertext.ts"
import { Undecryptable } from "./decryption.ts"
import { Exponentiation, modPow } from "./exponentiation.ts"
import { bitLength, inverse, inverses, residue } from "./integers.ts"
import { type ExponentMode, InvalidPublicKey, shortRandomizerBits, shortSecretKeyBits } from "./keys.ts"
import { half, InvalidParameters, type MasterKey, type Parameters } from "./parameters.ts"

/** A few integers are cached for each public key; a run has at most some tens of keys. */
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
 * The form of the paper: a = L(h^(p'q'))·k⁻¹, m = (L(B^(p'q')) − a·L(A^(p'q')))·(p'q')⁻¹ mod N. (The paper
 * calls the last factor α⁻¹ without saying modulo what.) Slow; the reference for `CrtDecryptor`.
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

/** Bits of the exponents by which ciphertexts with a short r are opened: five words, whatever r. */
export const openingBits = shortRandomizerBits + 64

/** Short exponents are below this; those of ciphertexts that were added together still are. */
const shortExponentBound = 2n ** BigInt(openingBits - 1)

/** Joint secret keys of the short mode, sums of those of all users, are below this. */
const shortSecretBound = 2n ** BigInt(shortSecretKeyBits + 16)

/** Below this length of p too many residues would pass for short exponents. Tests alone have such primes. */
const leastShortPrimeBits = shortRandomizerBits + 128

/** A public key h modulo the square of one of the primes. */
interface KeyModulo {
  /** a_p = L_p(h^(p'))/L_p(g^(p')). */
  readonly exponent: bigint
  readonly inverse: bigint
  /** h^(2^319), which removes the term that makes every short exponent 320 bits long. */
  readonly excess: bigint
  /** Where the exponent is short, and h is g to it modulo p²: raises to it, which is the secret key. */
  readonly raiseToSecret?: Exponentiation
}

/** Everything modulo one of the two primes. */
class PrimeDecryptor {
  readonly prime: bigint
  readonly #square: bigint
  readonly #raise: Exponentiation
  readonly #inverseOfLogarithmOfG: bigint
  readonly #cofactorInverse: bigint
  readonly #scale: bigint
  readonly #g: bigint
  readonly #excessOfG: bigint

  constructor(pp: Parameters, prime: bigint) {
    this.prime = prime
    this.#square = prime * prime
    this.#raise = new Exponentiation(this.#square, half(prime))
    const ofG = this.logarithm(pp.g)
    const inverseOfG = ofG === undefined ? undefined : inverse(ofG, prime)
    if (inverseOfG === undefined) throw new InvalidParameters({ why: "g has not the order N·p'·q'" })
    this.#inverseOfLogarithmOfG = inverseOfG
    this.#cofactorInverse = inverse(pp.N / prime, prime)!
    this.#scale = (this.#cofactorInverse * inverse(half(prime), prime)!) % prime
    this.#g = pp.g % this.#square
    this.#excessOfG = modPow(pp.g, shortExponentBound, this.#square)
  }

  /** Throws InvalidPublicKey where h is no power of g modulo p². */
  key(h: bigint): KeyModulo {
    const logarithm = this.logarithm(h)
    if (logarithm === undefined) throw new InvalidPublicKey({ why: "it is no power of g" })
    const exponent = this.exponent(logarithm)
    const isSecret =
      exponent < shortSecretBound && modPow(this.#g, exponent, this.#square) === residue(h, this.#square)
    return {
      exponent,
      // Kept for all jobs: to make one takes as long as some openings.
      ...(isSecret && { raiseToSecret: new Exponentiation(this.#square, exponent) }),
      inverse: inverse(h, this.#square)!,
      excess: modPow(h, shortExponentBound, this.#square)
    }
  }

  /** L_p(x^(p')), or undefined where the power is not ≡ 1 modulo p: x is no square then, or no unit. */
  logarithm(x: bigint): bigint | undefined {
    return this.#quotient(this.#raise.power(x))
  }

  /** r mod p of x = g^r, from L_p(x^(p')). */
  exponent(logarithm: bigint): bigint {
    return (logarithm * this.#inverseOfLogarithmOfG) % this.prime
  }

  /** (L_p(B^(p')) − a_p·L_p(A^(p')))·((N/p)·p')⁻¹ mod p, or undefined for ⊥. */
  message(key: KeyModulo, B: bigint, logarithmOfA: bigint): bigint | undefined {
    const logarithm = this.logarithm(B)
    return logarithm === undefined
      ? undefined
      : residue((logarithm - key.exponent * logarithmOfA) * this.#scale, this.prime)
  }

  /** True where A = g^r modulo p², for r = `exponent` − 2^319. */
  isPowerOfG(A: bigint, exponent: bigint): boolean {
    return ((A % this.#square) * this.#excessOfG) % this.#square === modPow(this.#g, exponent, this.#square)
  }

  /**
   * m mod p with B = h^r·(1 + mN) modulo p², for r = `exponent` − 2^319; undefined if B is not of this form.
   */
  unmask(key: KeyModulo, B: bigint, exponent: bigint): bigint | undefined {
    const masked = ((B % this.#square) * key.excess) % this.#square
    const quotient = this.#quotient((masked * modPow(key.inverse, exponent, this.#square)) % this.#square)
    return quotient === undefined ? undefined : (quotient * this.#cofactorInverse) % this.prime
  }

  /**
   * m mod p of each, with sk: where P = A^sk, B − P = P·mN modulo p². Throws Undecryptable where B and P differ modulo p.
   */
  openAll(raise: Exponentiation, ciphertexts: ReadonlyArray<Ciphertext>): ReadonlyArray<bigint> {
    const powers = ciphertexts.map(({ A }) => raise.power(A))
    const inverted = inverses(powers, this.prime)
    return ciphertexts.map(({ B }, index) => {
      const difference = residue(B - powers[index]!, this.#square)
      if (inverted === undefined || difference % this.prime !== 0n) throw new Undecryptable({ index })
      const quotient = ((difference / this.prime) * inverted[index]!) % this.prime
      return (quotient * this.#cofactorInverse) % this.prime
    })
  }

  /** L_p(x), or undefined where x is not ≡ 1 modulo p. */
  #quotient(x: bigint): bigint | undefined {
    return x % this.prime === 1n ? (x - 1n) / this.prime : undefined
  }
}

/**
 * The same by the Chinese remainder theorem: four exponentiations of a quarter the length of N² in the
 * exponent and half of it in the modulus, about six times faster. A factor that A or B shares with N makes a
 * power ≢ 1, so this decides ⊥ for those too.
 *
 * A ciphertext with a short r takes one of those four and three short ones: L_p(A^(p')) gives r mod p, which
 * is r, and B·h^(−r) = 1 + mN gives m. That A = g^r modulo q² and B·h^(−r) ≡ 1 modulo N is checked, so what
 * passes is what the long way finds, and whatever fails goes the long way. OpenSSL raises to r + 2^319, so
 * that its time does not depend on r.
 *
 * The long way gives a number for every pair of squares, also where B is not h^r·(1 + mN) for any m: a
 * logarithm that nobody without the factors of N can find. So whoever opens for another party says that r is
 * short. What fails is ⊥ then, and nothing is opened that the holder of the secret key could not open.
 */
export class CrtDecryptor {
  readonly #modP: PrimeDecryptor
  readonly #modQ: PrimeDecryptor
  readonly #inverseOfP: bigint
  readonly #tellsShort: boolean
  readonly #keys = new Map<bigint, { readonly modP: KeyModulo; readonly modQ: KeyModulo }>()

  /** Throws InvalidParameters where the master key does not belong to the parameters. */
  constructor(pp: Parameters, { p, q }: MasterKey) {
    if (p * q !== pp.N) throw new InvalidParameters({ why: "the master key is not that of N" })
    this.#modP = new PrimeDecryptor(pp, p)
    this.#modQ = new PrimeDecryptor(pp, q)
    this.#inverseOfP = inverse(p, q)!
    this.#tellsShort = bitLength(p) >= leastShortPrimeBits
  }

  /**
   * m of a ciphertext under `publicKey`. Throws Undecryptable (with `index`) or InvalidPublicKey. In `short`
   * mode r must be short, where the primes are long enough to tell.
   */
  decrypt(publicKey: bigint, { A, B }: Ciphertext, index = 0, mode: ExponentMode = "full"): bigint {
    const { modP, modQ } = this.#keyOf(publicKey)
    const bottom = () => new Undecryptable({ index })
    const logarithm = this.#modP.logarithm(A)
    if (logarithm === undefined) throw bottom()
    const r = this.#modP.exponent(logarithm)
    if (this.#tellsShort && r < shortExponentBound) {
      const exponent = r + shortExponentBound
      const x = this.#modP.unmask(modP, B, exponent)
      const y = x === undefined ? undefined : this.#modQ.unmask(modQ, B, exponent)
      if (x !== undefined && y !== undefined && this.#modQ.isPowerOfG(A, exponent)) return this.#join(x, y)
    }
    if (this.#tellsShort && mode === "short") throw bottom()
    const x = this.#modP.message(modP, B, logarithm)
    if (x === undefined) throw bottom()
    const logarithmModQ = this.#modQ.logarithm(A)
    const y = logarithmModQ === undefined ? undefined : this.#modQ.message(modQ, B, logarithmModQ)
    if (y === undefined) throw bottom()
    return this.#join(x, y)
  }

  /**
   * The plaintexts of ciphertexts under one public key, whatever their randomness. In `short` mode the secret key is shorter
   * than the primes, so it is the logarithm of h modulo either, and B/A^sk = 1 + mN takes one exponentiation modulo each.
   * Throws Undecryptable (with the index) for what is not h^r·(1 + mN), or InvalidPublicKey.
   */
  decryptAll(
    publicKey: bigint,
    ciphertexts: ReadonlyArray<Ciphertext>,
    mode: ExponentMode
  ): ReadonlyArray<bigint> {
    const { modP, modQ } = this.#keyOf(publicKey)
    const [raiseModP, raiseModQ] = [modP.raiseToSecret, modQ.raiseToSecret]
    const isSecret = raiseModP !== undefined && raiseModQ !== undefined && modP.exponent === modQ.exponent
    if (mode !== "short" || !this.#tellsShort || !isSecret)
      return ciphertexts.map((each, i) => this.decrypt(publicKey, each, i))
    const x = this.#modP.openAll(raiseModP, ciphertexts)
    const y = this.#modQ.openAll(raiseModQ, ciphertexts)
    return x.map((residue, i) => this.#join(residue, y[i]!))
  }

  #keyOf(publicKey: bigint) {
    return lookUp(this.#keys, publicKey, () => ({
      modP: this.#modP.key(publicKey),
      modQ: this.#modQ.key(publicKey)
    }))
  }

  /** The residue modulo N of its residues modulo p and q. */
  #join(x: bigint, y: bigint): bigint {
    return x + this.#modP.prime * residue((y - x) * this.#inverseOfP, this.#modQ.prime)
  }
}
