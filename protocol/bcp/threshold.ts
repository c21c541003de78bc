/**
 * The secret key of the joint key, shared among n users so that any t of them decrypt: Shamir's scheme over
 * the integers (Shoup, Practical threshold signatures, EUROCRYPT 2000; Damgård and Jurik, PKC 2001), as
 * nobody but the KGC and C0 may know the order of the group. With Δ = n!, Σ = Σ sk_i and a polynomial F of
 * degree t − 1 with integer coefficients and F(0) = Δ·Σ, user j holds the key share s_j = F(j), and all know
 * its verification key g^(s_j).
 *
 * **What t − 1 users see says nothing of Σ.** For another Σ' the polynomial F + (Σ' − Σ)·h gives them the
 * same shares, where h(x) = Δ·Π (1 − x/j) over their places j. The coefficients of h are integers, since the
 * product of different places below n + 1 divides Δ, and together, without h(0) = Δ, they are at most Δ·(Π(1
 * + 1/j) − 1) ≤ Δ·(t − 1). So two secrets give distributions that differ by at most |Σ' − Σ|·Δ·(t − 1)/2^w
 * for coefficients of w bits: `coefficientBits` makes that less than 2^−128. The verification keys of the
 * others, and their partial decryptions of a known message, follow from pk and from a polynomial that knows
 * nothing of Σ in the same way, g^F(j)·pk^h(j): they say no more.
 */

import { modPow } from "./exponentiation.ts"
import { bitLength, gcd, randomBits } from "./integers.ts"
import { type ExponentMode, secretKeyBits } from "./keys.ts"
import type { Parameters } from "./parameters.ts"

/** How many users there are, and how many of them decrypt: 2 ≤ threshold < users. */
export interface Quorum {
  readonly users: number
  readonly threshold: number
}

/** Statistical security of the shares, in bits. */
const sharingBits = 128

/** Δ = n!. */
const factorial = (n: number): bigint => (n < 2 ? 1n : BigInt(n) * factorial(n - 1))

/** Σ of so many secret keys of `keyBits` bits has fewer bits than this. */
const sumBits = (users: number, keyBits: number): number => keyBits + bitLength(BigInt(users))

/** Bits of the coefficients of F, but for F(0). */
export const coefficientBits = ({ users }: Pick<Quorum, "users">, keyBits: number): number =>
  sumBits(users, keyBits) + bitLength(factorial(users)) + bitLength(BigInt(users)) + sharingBits

/** Bits of a key share at most, for secret keys of `keyBits` bits. */
export const keyShareBits = (quorum: Quorum, keyBits: number): number => {
  const { users, threshold } = quorum
  const coefficient = 1n << BigInt(coefficientBits(quorum, keyBits))
  let most = factorial(users) << BigInt(sumBits(users, keyBits))
  for (let k = 1; k < threshold; k++) most += coefficient * BigInt(users) ** BigInt(k)
  return bitLength(most)
}

/**
 * Bits of the exponent with which a user takes part in a joint decryption: of s_j, or of sk_j where all users
 * do.
 */
export const decryptionBits = (
  pp: Pick<Parameters, "bits">,
  mode: ExponentMode,
  quorum: Quorum | undefined
): number => {
  const keyBits = secretKeyBits(pp, mode)
  return quorum === undefined ? keyBits : keyShareBits(quorum, keyBits)
}

/** Bytes of a key share. */
export const keyShareBytes = (quorum: Quorum, keyBits: number): number =>
  Math.ceil(keyShareBits(quorum, keyBits) / 8)

/** The value at a place of the polynomial with these coefficients, that of the constant first. */
export const valueAt = (coefficients: ReadonlyArray<bigint>, place: number): bigint =>
  coefficients.reduceRight((value, coefficient) => value * BigInt(place) + coefficient, 0n)

/** The key shares s_1 … s_n of the sum of the users' secret keys, which have `keyBits` bits each. KGC. */
export const shareKey = (quorum: Quorum, keyBits: number, sum: bigint): Array<bigint> => {
  const bits = coefficientBits(quorum, keyBits)
  const others = Array.from({ length: quorum.threshold - 1 }, () => randomBits(bits))
  const polynomial = [factorial(quorum.users) * sum, ...others]
  return Array.from({ length: quorum.users }, (_, i) => valueAt(polynomial, i + 1))
}

/**
 * How partial decryptions P_j give the power of A that opens a ciphertext: Π P_j^(weights_j) = A^(power·Σ).
 * Weights may be negative.
 */
export interface Combination {
  readonly weights: ReadonlyArray<bigint>
  readonly power: bigint
}

/** The combination of the powers A^(sk_j) of all users. */
export const combinationOfAll = (users: number): Combination => ({
  weights: Array.from({ length: users }, () => 1n),
  power: 1n
})

/** Weights w_j with Σ w_j·F(j) = multiple·F(x), the places j being those given, without a common factor. */
const interpolation = (users: number, places: ReadonlyArray<number>, x: number) => {
  const scale = factorial(users)
  const weights = places.map((place) => {
    let [numerator, denominator] = [scale, 1n]
    for (const other of places) {
      if (other === place) continue
      numerator *= BigInt(x - other)
      denominator *= BigInt(place - other)
    }
    return numerator / denominator
  })
  const common = weights.reduce((all, weight) => gcd(all, weight < 0n ? -weight : weight), scale)
  return { weights: weights.map((weight) => weight / common), multiple: scale / common }
}

/**
 * The combination of the powers A^(s_j) of the users at these places, from 1, of which there are as many as
 * the threshold: Lagrange's interpolation at 0, times what makes it whole. `power` has none but prime factors
 * up to the number of users.
 */
export const combinationOf = (users: number, places: ReadonlyArray<number>): Combination => {
  const { multiple, weights } = interpolation(users, places, 0)
  return { weights, power: multiple * factorial(users) }
}

/**
 * Π x_i^|w_i| of the positive and of the negative weights, mod N²: a quotient without a division.
 */
export const weightedProduct = (
  pp: Parameters,
  elements: ReadonlyArray<bigint>,
  weights: ReadonlyArray<bigint>
): { readonly positive: bigint; readonly negative: bigint } => {
  let [positive, negative] = [1n, 1n]
  for (const [i, element] of elements.entries()) {
    const weight = weights[i]!
    if (weight < 0n) negative = (negative * publicPower(pp, element, -weight)) % pp.N2
    else positive = (positive * publicPower(pp, element, weight)) % pp.N2
  }
  return { positive, negative }
}

/** element^exponent mod N²; most exponents of few users are 1. */
export const publicPower = (pp: Parameters, element: bigint, exponent: bigint): bigint =>
  exponent === 1n ? element : modPow(element, exponent, pp.N2)

/**
 * Whether the verification keys, in the order of the users' places, and pk^Δ lie on one polynomial of degree
 * t − 1 in the exponent: then any t of them give the same. The first t are extended to each other place and
 * to 0, where they must give pk^(Δ²). It shows them up to a sign, as the exponents have Δ as a factor, and a
 * joint decryption is on squares.
 */
export const sharesOneKey = (
  pp: Parameters,
  jointKey: bigint,
  verificationKeys: ReadonlyArray<bigint>,
  threshold: number
): boolean => {
  const users = verificationKeys.length
  const first = verificationKeys.slice(0, threshold)
  const places = first.map((_, i) => i + 1)
  const extends_ = (x: number, value: bigint): boolean => {
    const { multiple, weights } = interpolation(users, places, x)
    const { positive, negative } = weightedProduct(pp, first, weights)
    const [left, right] = [positive, (negative * publicPower(pp, value, multiple)) % pp.N2]
    return (left * left) % pp.N2 === (right * right) % pp.N2
  }
  return (
    extends_(0, publicPower(pp, jointKey, factorial(users))) &&
    verificationKeys.slice(threshold).every((key, i) => extends_(threshold + i + 1, key))
  )
}
