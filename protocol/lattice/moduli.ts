/**
 * The seven moduli in a ring's memory: tables of their transforms, and constants by which words, transforms and
 * residues are multiplied on their way. They hold no secret.
 */
import type { Ring } from "../ring/ring.ts"
import {
  degree,
  inverse,
  modulus,
  openingPrimes,
  plainBits,
  primes,
  returnedBits,
  rootOfUnity
} from "./parameters.ts"

/** Bytes of a polynomial modulo a prime. */
export const polynomialBytes = degree * 4
/**
 * From a polynomial to the next: a cache line more, so that the same coefficient of several does not always fall into the same
 * set of the cache.
 */
export const polynomialStride = polynomialBytes + 64

const recordBytes = 64 + 4 * polynomialBytes

/** A factor of words, f·2^32 and f·2^64 modulo the prime. */
export interface WordFactor {
  readonly low: number
  readonly high: number
}

/** A factor of residues with ⌊2^32·factor/q⌋. */
interface Factor {
  readonly factor: number
  readonly shoup: number
}

export interface Modulus {
  readonly q: number
  /** Address of its record, as the kernels take it. */
  readonly at: number
  /** 2^32, for what `multiplyTransforms` shall multiply as it is. */
  readonly montgomery: Factor
  /** Words as they are. */
  readonly plain: WordFactor
  /** round(Q·m/2^64) of words Q·m mod 2^64. */
  readonly scaled: WordFactor
  /** −round(Q·m/2^64) of words Q·m mod 2^64, times (Q/q)^−1 as a result is. */
  readonly blinding: WordFactor
  /** The three words of a flood, times the same. */
  readonly flood: readonly [WordFactor, WordFactor, WordFactor]
  /** Makes residues times (Q/q)^−1. */
  readonly forSwitch: Factor
  /** The upper 64 bits of a switched coefficient. */
  readonly upper: WordFactor
  /** Ends a transform back. */
  readonly back: Factor
  /** Ends it for products of `multiplyTransforms`, and makes them times (Q/q)^−1. */
  readonly backForSwitch: Factor
  /** Ends it, and makes the result times (P/p)^−1, P the product of the opening primes. */
  readonly backForOpening: Factor
}

const constantsOf = (prime: number, index: number, at: number): Modulus => {
  const q = BigInt(prime)
  const mod = (x: bigint) => ((x % q) + q) % q
  const words = (f: bigint): WordFactor => ({
    low: Number(mod(f << 32n)),
    high: Number(mod(f << 64n))
  })
  const factor = (f: bigint): Factor => ({ factor: Number(mod(f)), shoup: Number((mod(f) << 32n) / q) })
  const rest = inverse(modulus / q, q)
  const opening = primes.slice(0, openingPrimes).reduce((product, p) => product * BigInt(p), 1n)
  const overDegree = inverse(BigInt(degree), q)
  const down = inverse(1n << BigInt(plainBits), q)
  return {
    q: prime,
    at,
    montgomery: factor(1n << 32n),
    plain: words(1n),
    // Q·m = 2^64·round(Q·m/2^64) + c with c the centred low word, and Q is 0 modulo q.
    scaled: words(-down),
    blinding: words(down * rest),
    flood: [words(rest), words(rest << 64n), words(rest << 128n)],
    forSwitch: factor(rest),
    upper: words(1n << BigInt(returnedBits - 64)),
    back: factor(overDegree),
    backForSwitch: factor(overDegree * (1n << 32n) * rest),
    backForOpening: factor(index < openingPrimes ? overDegree * inverse(opening / q, q) : overDegree)
  }
}

/** All coefficients. */
const whole = { n: degree, slots: 1 }

export class Moduli {
  readonly ring: Ring
  readonly all: ReadonlyArray<Modulus>
  /** Constants of `switchModulus` and of `openPhases`. */
  readonly #fractions: number
  readonly #opening: number

  /** Allocates 0.9 MB of the ring, which must stay. */
  constructor(ring: Ring) {
    this.ring = ring
    this.all = primes.map((prime, index) => constantsOf(prime, index, ring.allocate(recordBytes)))
    for (const { q, at } of this.all) {
      const root = rootOfUnity(BigInt(q))
      ring.kernels.transformTables(at, q, Number(root), Number(inverse(root, BigInt(q))))
    }
    this.#fractions = this.#words(switchConstants())
    this.#opening = this.#words(openingConstants())
  }

  #words(words: BigUint64Array): number {
    const at = this.ring.allocate(words.byteLength)
    this.ring.memory.set(new Uint8Array(words.buffer), at)
    return at
  }

  /** The transform of a polynomial, in place. */
  forward({ at }: Modulus, x: number): void {
    this.ring.kernels.transform(x, degree, at)
  }

  /**
   * Coefficients of a transform, in place, times what the factor says: of each `slots` runs of n the first, one after
   * another. For the others no work is done.
   */
  back({ at }: Modulus, x: number, { factor, shoup }: Factor, { n, slots } = whole): void {
    const { kernels } = this.ring
    kernels.transformBack(x, degree, 1, n, at)
    let size = degree
    for (; size > degree / slots; size /= 2) kernels.foldRuns(x, size, n, at)
    kernels.transformBack(x, size, n, size, at)
    kernels.scaleResidues(x, size, factor, shoup, at)
  }

  /** round(2^74·v/Q) of `n` numbers that `backForSwitch` left at x, a stride from prime to prime. */
  switch(high: number, low: number, x: number, stride: number, n: number): void {
    this.ring.kernels.switchModulus(high, low, x, stride, this.#fractions, primes.length, n)
  }

  /** Messages of switched c_0 and the numbers that `backForOpening` left at x. */
  open(out: number, high: number, low: number, x: number, stride: number, n: number): void {
    this.ring.kernels.openPhases(out, high, low, x, stride, this.#opening, n)
  }
}

/** ⌊2^124/q⌋ in limbs of 30, 30 and 64 bits. */
const switchConstants = (): BigUint64Array => {
  const limb = (1n << 30n) - 1n
  return BigUint64Array.from(
    primes.flatMap((q) => {
      const fraction = (1n << 124n) / BigInt(q)
      return [fraction & limb, (fraction >> 30n) & limb, fraction >> 60n]
    })
  )
}

/** 1/p as f64 and P/p in limbs of 31 bits for each opening prime; P in two words. */
const openingConstants = (): BigUint64Array => {
  const opening = primes.slice(0, openingPrimes)
  const product = opening.reduce((all, p) => all * BigInt(p), 1n)
  const limb = (1n << 31n) - 1n
  return BigUint64Array.from([
    ...opening.flatMap((p) => {
      const rest = product / BigInt(p)
      const [reciprocal] = new BigUint64Array(Float64Array.of(1 / p).buffer)
      return [reciprocal!, rest & limb, rest >> 31n]
    }),
    product & ((1n << 64n) - 1n),
    product >> 64n
  ])
}
