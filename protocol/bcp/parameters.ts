/**
 * Public parameters (N, k, g) and master key of the BCP cryptosystem (Bresson, Catalano, Pointcheval,
 * ASIACRYPT 2003): safe primes p = 2p'+1 and q = 2q'+1, N = pq, and g a square modulo N² of order N·p'·q'.
 * (The paper that this project follows gives g the order pp'qq', which no square has.) The KGC generates
 * both; everyone may see the parameters, but only C0 gets p and q.
 */

import { checkPrimeSync, generatePrime } from "node:crypto"
import { setImmediate } from "node:timers/promises"
import { Data } from "effect"
import { modPow } from "./exponentiation.ts"
import { bitLength, gcd, inverse, randomBelow, residue } from "./integers.ts"

/** pp = (N, k, g) with `bits` the exact length of N; N2 = N². */
export interface Parameters {
  readonly bits: number
  readonly N: bigint
  readonly N2: bigint
  readonly k: bigint
  readonly g: bigint
}

/** msk: the safe primes. p' and q' follow from them. */
export interface MasterKey {
  readonly p: bigint
  readonly q: bigint
}

/** Lengths of N that resist factoring today, in bits. */
const secureModulusBits: ReadonlyArray<number> = [2048, 3072]

/** Lengths for tests, in bits: offered only behind a flag that says what they are. */
const insecureModulusBits: ReadonlyArray<number> = [512, 1024]

/** A modulus of a length that is not offered, or that is offered for tests only. */
export class InsecureModulus extends Data.TaggedError("InsecureModulus")<{ readonly bits: number }> {
  override get message(): string {
    return `a modulus of ${this.bits} bits: use ${secureModulusBits.join(" or ")} bits${
      insecureModulusBits.includes(this.bits) ? ", or mark the scenario as insecure for a test" : ""
    }`
  }
}

/** Parameters or a master key that are not what they claim to be. */
export class InvalidParameters extends Data.TaggedError("InvalidParameters")<{ readonly why: string }> {
  override get message(): string {
    return `invalid BCP parameters: ${this.why}; have the key generation centre generate them again`
  }
}

/** Throws InsecureModulus unless `bits` is offered. */
export const requireModulusBits = (bits: number, options: { readonly insecure?: boolean } = {}): void => {
  const offered =
    secureModulusBits.includes(bits) || (options.insecure === true && insecureModulusBits.includes(bits))
  if (!offered) throw new InsecureModulus({ bits })
}

/**
 * New parameters, with the two primes found at the same time on threads of their own. Seconds to a minute.
 */
export const generateParameters = async (
  bits: number,
  options: { readonly insecure?: boolean } = {}
): Promise<{ readonly parameters: Parameters; readonly masterKey: MasterKey }> => {
  requireModulusBits(bits, options)
  for (;;) {
    const [p, q] = await Promise.all([safePrime(bits / 2), safePrime(bits / 2)])
    if (p === q || bitLength(p * q) !== bits) continue
    const masterKey = { p, q }
    for (;;) {
      const g = randomSquare(p * q)
      const modP = logarithm(g, p)
      // Each half takes some ten milliseconds, and the event loop gets its turn in between.
      await setImmediate()
      const parameters = parametersOf(masterKey, g, modP, logarithm(g, q))
      if (parameters !== undefined) return { parameters, masterKey }
    }
  }
}

/**
 * The parameters that belong to two given safe primes, with a random g or the given one. Throws
 * InvalidParameters where the primes are equal, not safe, or of unequal length, or g has not the full order.
 * Checks primality: hundreds of milliseconds.
 */
export const parametersFromPrimes = (
  p: bigint,
  q: bigint,
  g?: bigint
): { readonly parameters: Parameters; readonly masterKey: MasterKey } => {
  if (p === q) throw new InvalidParameters({ why: "p and q are equal" })
  if (bitLength(p) !== bitLength(q)) throw new InvalidParameters({ why: "p and q differ in length" })
  if (bitLength(p * q) !== 2 * bitLength(p))
    throw new InvalidParameters({ why: "N is shorter than its factors allow" })
  for (const [name, prime] of [["p", p] as const, ["q", q] as const])
    if (!checkPrimeSync(prime) || !checkPrimeSync(half(prime)))
      throw new InvalidParameters({ why: `${name} is not a safe prime` })
  const masterKey = { p, q }
  for (;;) {
    const generator = g ?? randomSquare(p * q)
    const parameters = parametersOf(masterKey, generator, logarithm(generator, p), logarithm(generator, q))
    if (parameters !== undefined) return { parameters, masterKey }
    if (g !== undefined) throw new InvalidParameters({ why: "g has not the order N·p'·q'" })
  }
}

/**
 * Refuses received parameters that are not those of the master key: N not the product of two different safe primes of half
 * its length, g not of the full order, k not its logarithm. Throws InvalidParameters. Takes as long as
 * `parametersFromPrimes`.
 */
export const checkMasterKey = (pp: Parameters, { p, q }: MasterKey): void => {
  if (p * q !== pp.N) throw new InvalidParameters({ why: "N is not the product of p and q" })
  if (parametersFromPrimes(p, q, pp.g).parameters.k !== pp.k)
    throw new InvalidParameters({ why: "k is not the logarithm of g" })
}

/**
 * True where g has order N·p'·q' modulo N²: g^(N·p'·q') = 1 and g^(N·p'·q'/f) ≠ 1 for each f of p, q, p', q'.
 * The group is the product of those modulo p² and q², and each f divides the order in one of them only, so
 * what remains to test is that g^(p') modulo p² is ≡ 1 modulo p but not 1, and that g^p is not 1; the same
 * for q.
 */
export const hasFullOrder = (g: bigint, { p, q }: MasterKey): boolean =>
  logarithm(g, p) !== undefined && logarithm(g, q) !== undefined

/** L_p(g^(p') mod p²) where g has order p·p' modulo p², undefined otherwise. */
const logarithm = (g: bigint, prime: bigint): bigint | undefined => {
  const square = prime * prime
  const power = modPow(g, half(prime), square)
  const full = power !== 1n && power % prime === 1n && modPow(g, prime, square) !== 1n
  return full ? (power - 1n) / prime : undefined
}

/**
 * k = L(g^(p'q') mod N²) from the logarithms of g: modulo p, 1 + kN is 1 + p·(kq) and equals (1 +
 * p·l_p)^(q'), so k ≡ l_p·q'/q; the same modulo q.
 */
const generatorLogarithm = ({ p, q }: MasterKey, modP: bigint, modQ: bigint): bigint => {
  const x = residue(modP * half(q) * inverse(q, p)!, p)
  const y = residue(modQ * half(p) * inverse(p, q)!, q)
  return x + p * residue((y - x) * inverse(p, q)!, q)
}

/**
 * Refuses received parameters whose lengths or residues are wrong. That N has two safe factors and g its
 * order only the holder of the master key can tell. Throws InsecureModulus or InvalidParameters.
 */
export const checkParameters = (pp: Parameters, options: { readonly insecure?: boolean } = {}): void => {
  requireModulusBits(pp.bits, options)
  const refuse = (why: string) => {
    throw new InvalidParameters({ why })
  }
  if (bitLength(pp.N) !== pp.bits) refuse(`N has ${bitLength(pp.N)} bits, not ${pp.bits}`)
  if (pp.N % 2n === 0n) refuse("N is even")
  if (pp.N2 !== pp.N * pp.N) refuse("N2 is not the square of N")
  if (pp.g <= 1n || pp.g >= pp.N2 - 1n || gcd(pp.g, pp.N) !== 1n)
    refuse("g is no unit modulo N² other than ±1")
  if (pp.k <= 0n || pp.k >= pp.N || gcd(pp.k, pp.N) !== 1n) refuse("k is no unit modulo N")
}

/** (prime − 1)/2: p' of p. */
export const half = (prime: bigint): bigint => (prime - 1n) / 2n

/** The parameters with a generator, or undefined if it is unsuitable. */
const parametersOf = (
  masterKey: MasterKey,
  g: bigint,
  modP?: bigint,
  modQ?: bigint
): Parameters | undefined => {
  if (modP === undefined || modQ === undefined) return undefined
  const N = masterKey.p * masterKey.q
  const k = generatorLogarithm(masterKey, modP, modQ)
  return gcd(k, N) === 1n ? { bits: bitLength(N), N, N2: N * N, k, g } : undefined
}

const randomSquare = (N: bigint): bigint => {
  const root = randomBelow(N * N)
  return gcd(root % N, N) === 1n ? (root * root) % (N * N) : randomSquare(N)
}

const safePrime = (bits: number): Promise<bigint> =>
  new Promise((resolve, reject) => {
    generatePrime(bits, { safe: true, bigint: true }, (error, prime) => {
      if (error) reject(error)
      else resolve(prime)
    })
  })
