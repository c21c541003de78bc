/**
 * A proof that P_i = ± A_i^sk for every i, for the sk of a public key h = g^sk: Chaum and Pedersen's proof of equal
 * logarithms, made non-interactive by Fiat and Shamir's transform, for all A_i together. Verifier and prover raise each
 * pair to a coefficient of 128 bits that both get from a hash of all that is proved; a product of pairs of which one is
 * wrong has unequal logarithms but for a chance of 2^-128 (the small-exponents test of Bellare, Garay and Rabin).
 *
 * The group is Z*_{N²}, whose order is not known to the parties, so that the response is an integer and its nonce 256 bits
 * longer than the secret. Where the factors of N are safe primes, as the KGC's are, −1 is the only element of small
 * order that anyone can find: all is done on squares, and what is proved is P_i² = A_i^(2·sk).
 */
import { createHash } from "node:crypto"
import { modPow } from "../bcp/exponentiation.ts"
import { bitLength, fromBytes, gcd, inverse, randomBits, toBytes } from "../bcp/integers.ts"
import type { Parameters } from "../bcp/parameters.ts"
import { CanonicalWriter } from "../canonical.ts"

/** Bits of a coefficient and of the challenge. */
const challengeBits = 128
/** How much longer the nonce is than the secret: as much as challenge and secret need to be hidden to 2^-128. */
const hidingBits = 256

/** What is proved: h = g^sk and P_i² = A_i^(2·sk). */
export interface EqualLogarithms {
  /** Binds the proof to its purpose: the run, its roster, and what the A_i are. */
  readonly context: Uint8Array
  /** h = g^sk mod N². */
  readonly publicKey: bigint
  /** The bases A_i and the powers P_i, residues modulo N². */
  readonly bases: ReadonlyArray<bigint>
  readonly powers: ReadonlyArray<bigint>
}

/** The challenge c and the response s = r + c·sk. */
export interface EqualityProof {
  readonly challenge: bigint
  readonly response: bigint
}

/** The products Π A_i^e_i and Π P_i^e_i, and the hash of all that is proved. */
const batch = (pp: Parameters, { context, publicKey, bases, powers }: EqualLogarithms) => {
  const width = Math.ceil(bitLength(pp.N2) / 8)
  const statement = createHash("sha256").update(
    new CanonicalWriter()
      .string("bicameral equal logarithms")
      .bytes(context)
      .bytes(toBytes(pp.N, width))
      .bytes(toBytes(pp.g, width))
      .bytes(toBytes(publicKey, width))
      .u32(bases.length)
      .finish()
  )
  for (const each of [...bases, ...powers]) statement.update(toBytes(each, width))
  const digest = new Uint8Array(statement.digest())
  let [base, power] = [1n, 1n]
  for (const [i, each] of bases.entries()) {
    const coefficient = hashed(new CanonicalWriter().string("coefficient").fixed(digest).u32(i).finish())
    base = (base * modPow(each, coefficient, pp.N2)) % pp.N2
    power = (power * modPow(powers[i]!, coefficient, pp.N2)) % pp.N2
  }
  const challengeOf = (commitments: ReadonlyArray<bigint>): bigint => {
    const writer = new CanonicalWriter().string("challenge").fixed(digest)
    for (const each of commitments) writer.bytes(toBytes(each, width))
    return hashed(writer.finish())
  }
  return { base, power, challengeOf }
}

const hashed = (bytes: Uint8Array): bigint =>
  fromBytes(
    createHash("sha256")
      .update(bytes)
      .digest()
      .subarray(0, challengeBits / 8)
  )

const squared = (pp: Parameters, x: bigint): bigint => (x * x) % pp.N2

/** Proves it with the secret sk, which has at most `secretBits` bits. */
export const proveEqualLogarithms = (
  pp: Parameters,
  statement: EqualLogarithms,
  secret: bigint,
  secretBits: number
): EqualityProof => {
  const { base, challengeOf } = batch(pp, statement)
  const nonce = randomBits(secretBits + hidingBits)
  const commitments = [pp.g, base].map((each) => modPow(squared(pp, each), nonce, pp.N2))
  const challenge = challengeOf(commitments)
  return { challenge, response: nonce + challenge * secret }
}

/**
 * Whether the proof holds. Everything that is no residue prime to N, and a response longer than an honest one, fails: what
 * comes from outside costs no more than an honest proof.
 */
export const verifyEqualLogarithms = (
  pp: Parameters,
  statement: EqualLogarithms,
  { challenge, response }: EqualityProof,
  secretBits: number
): boolean => {
  const { publicKey, bases, powers } = statement
  if (bases.length !== powers.length) return false
  if (challenge < 0n || bitLength(challenge) > challengeBits) return false
  if (response < 0n || bitLength(response) > secretBits + hidingBits + 1) return false
  if (![publicKey, ...bases, ...powers].every((each) => each > 0n && each < pp.N2)) return false
  const product = [publicKey, ...bases, ...powers].reduce((whole, each) => (whole * (each % pp.N)) % pp.N, 1n)
  if (gcd(product, pp.N) !== 1n) return false
  const { base, power, challengeOf } = batch(pp, statement)
  // The prover committed to g^2r = g^2s · h^-2c.
  const commitment = (of: bigint, image: bigint): bigint | undefined => {
    const denominator = inverse(modPow(squared(pp, image), challenge, pp.N2), pp.N2)
    return denominator === undefined
      ? undefined
      : (modPow(squared(pp, of), response, pp.N2) * denominator) % pp.N2
  }
  const commitments = [commitment(pp.g, publicKey), commitment(base, power)]
  return (
    commitments.every((each) => each !== undefined) && challengeOf(commitments as Array<bigint>) === challenge
  )
}
