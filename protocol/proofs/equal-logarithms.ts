/**
 * A proof that P_i = ± A_i^sk for every i, for the sk of a public key h = g^sk: Chaum and Pedersen's proof of equal
 * logarithms, made non-interactive by Fiat and Shamir's transform, for all A_i together. Verifier and prover raise each
 * pair to a coefficient of 128 bits that both get from a hash of all that is proved; a product of pairs of which one is
 * wrong has unequal logarithms but for a chance of 2^-128 (the small-exponents test of Bellare, Garay and Rabin).
 *
 * The group is Z*_{N²}, whose order is not known to the parties, so that the response is an integer and its nonce 256 bits
 * longer than the secret. Where the factors of N are safe primes, as the KGC's are, −1 is the only element of small
 * order that anyone can find: all is done on squares, and what is proved is P_i² = A_i^(2·sk).
 *
 * It comes in parts, so that the long one, the products, can be cut into jobs: `statementDigest`, then the products of
 * powers with `productOfPowers`, then `proveEqualLogarithms` or `verifyEqualLogarithms`.
 */
import { createHash } from "node:crypto"
import { modPow } from "../bcp/exponentiation.ts"
import { bitLength, fromBytes, gcd, inverse, randomBits, toBytes } from "../bcp/integers.ts"
import type { Parameters } from "../bcp/parameters.ts"
import { elementBytes } from "../bcp/wire.ts"
import { CanonicalWriter } from "../canonical.ts"

/** Bits of a coefficient and of the challenge. */
const challengeBits = 128
/** How much longer the nonce is than the secret: as much as challenge and secret need to be hidden to 2^-128. */
const hidingBits = 256

/** What is proved: h = g^sk and P_i² = A_i^(2·sk). Elements are fixed-width big-endian, one after the other. */
export interface EqualLogarithms {
  /** Binds the proof to its purpose: the run, what its KGC published, the prover, and what the A_i are. */
  readonly context: Uint8Array
  /** h = g^sk mod N². */
  readonly publicKey: Uint8Array
  /** The bases A_i and the powers P_i, as many. */
  readonly bases: Uint8Array
  readonly powers: Uint8Array
}

/** The challenge c and the response s = r + c·sk. */
export interface EqualityProof {
  readonly challenge: bigint
  readonly response: bigint
}

/** Bytes of a challenge, and of a response for secrets of at most so many bits. */
export const challengeBytes = challengeBits / 8
export const responseBytes = (secretBits: number): number => Math.ceil((secretBits + hidingBits + 1) / 8)

/** SHA-256 of all that is proved. */
export const statementDigest = (
  pp: Parameters,
  { context, publicKey, bases, powers }: EqualLogarithms
): Uint8Array => {
  const hash = createHash("sha256").update(
    new CanonicalWriter()
      .string("bicameral equal logarithms")
      .bytes(context)
      .bytes(toBytes(pp.N, elementBytes(pp)))
      .bytes(toBytes(pp.g, elementBytes(pp)))
      .bytes(publicKey)
      .u32(bases.length)
      .u32(powers.length)
      .finish()
  )
  return new Uint8Array(hash.update(bases).update(powers).digest())
}

/**
 * Π x_i^e_i of some of the bases or powers, from the `first`-th; the product of the products of all parts is that of the
 * whole. Undefined where one of them is no residue prime to N.
 */
export const productOfPowers = (
  pp: Parameters,
  statement: Uint8Array,
  first: number,
  elements: ReadonlyArray<bigint>
): bigint | undefined => {
  if (!areUnits(pp, elements)) return undefined
  return elements.reduce((product, element, i) => {
    const coefficient = hashed(
      new CanonicalWriter()
        .string("coefficient")
        .fixed(statement)
        .u32(first + i)
        .finish()
    )
    return (product * modPow(element, coefficient, pp.N2)) % pp.N2
  }, 1n)
}

const areUnits = (pp: Parameters, elements: ReadonlyArray<bigint>): boolean =>
  elements.every((each) => each > 0n && each < pp.N2) &&
  gcd(
    elements.reduce((product, each) => (product * (each % pp.N)) % pp.N, 1n),
    pp.N
  ) === 1n

const challengeOf = (pp: Parameters, statement: Uint8Array, commitments: ReadonlyArray<bigint>): bigint => {
  const writer = new CanonicalWriter().string("challenge").fixed(statement)
  for (const each of commitments) writer.fixed(toBytes(each, elementBytes(pp)))
  return hashed(writer.finish())
}

const hashed = (bytes: Uint8Array): bigint =>
  fromBytes(createHash("sha256").update(bytes).digest().subarray(0, challengeBytes))

const squared = (pp: Parameters, x: bigint): bigint => (x * x) % pp.N2

/**
 * Proves it with the secret sk, which has at most `secretBits` bits; `base` is the product of the bases. The nonce is
 * fresh each time: two challenges under one would give the secret away.
 */
export const proveEqualLogarithms = (
  pp: Parameters,
  { statement, base }: { readonly statement: Uint8Array; readonly base: bigint },
  secret: bigint,
  secretBits: number
): EqualityProof => {
  const nonce = randomBits(secretBits + hidingBits)
  const commitments = [pp.g, base].map((each) => modPow(squared(pp, each), nonce, pp.N2))
  const challenge = challengeOf(pp, statement, commitments)
  return { challenge, response: nonce + challenge * secret }
}

/** A statement as it is verified: its digest, the public key, and the products of bases and powers. */
export interface Batched {
  readonly statement: Uint8Array
  readonly publicKey: bigint
  readonly base: bigint
  readonly power: bigint
}

/**
 * Whether the proof holds. A public key that is no residue prime to N, and a response longer than an honest one, fails:
 * what comes from outside costs no more than an honest proof.
 */
export const verifyEqualLogarithms = (
  pp: Parameters,
  { statement, publicKey, base, power }: Batched,
  { challenge, response }: EqualityProof,
  secretBits: number
): boolean => {
  if (challenge < 0n || bitLength(challenge) > challengeBits) return false
  if (response < 0n || bitLength(response) > secretBits + hidingBits + 1) return false
  if (!areUnits(pp, [publicKey])) return false
  // The prover committed to g^2r = g^2s · h^-2c.
  const commitment = (of: bigint, image: bigint): bigint =>
    (modPow(squared(pp, of), response, pp.N2) *
      inverse(modPow(squared(pp, image), challenge, pp.N2), pp.N2)!) %
    pp.N2
  const commitments = [commitment(pp.g, publicKey), commitment(base, power)]
  return challengeOf(pp, statement, commitments) === challenge
}
