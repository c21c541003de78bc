/**
 * Decryption with a secret key: by its only holder, or jointly by users that hold a summand each and exchange
 * only A^(sk_j). A partial decryption is meant for the other users; with all of them anyone opens that
 * ciphertext.
 */

import { Data } from "effect"
import type { Ciphertext } from "./ciphertext.ts"
import { modPow } from "./exponentiation.ts"
import { inverse, inverses, residue } from "./integers.ts"
import type { Parameters } from "./parameters.ts"
import { type Combination, combinationOfAll, publicPower, weightedProduct } from "./threshold.ts"

/** ⊥: the ciphertext was not made under this key, or something in it was changed. `index` counts from 0. */
export class Undecryptable extends Data.TaggedError("Undecryptable")<{ readonly index: number }> {
  override get message(): string {
    return `ciphertext ${this.index} can't be decrypted: it is under another key or was changed on the way; have it sent again`
  }
}

/**
 * m from the mask P = A^a and B = P·(1 + mN): since B − P = PmN modulo N², N must divide B − P (⊥ otherwise,
 * the same test as B·P⁻¹ ≡ 1), and m is the quotient times P⁻¹ modulo N. The paper's uDec lacks the division
 * by N.
 */
const unmask = (pp: Parameters, B: bigint, P: bigint, inverseOfP: bigint, index: number): bigint => {
  const difference = residue(B - P, pp.N2)
  if (difference % pp.N !== 0n) throw new Undecryptable({ index })
  return ((difference / pp.N) * inverseOfP) % pp.N
}

/** uDec: the message of one ciphertext under the key that belongs to `secretKey`. Throws Undecryptable. */
export const decrypt = (pp: Parameters, secretKey: bigint, { A, B }: Ciphertext): bigint => {
  const mask = modPow(A, secretKey, pp.N2)
  const inverseOfMask = inverse(mask, pp.N)
  if (inverseOfMask === undefined) throw new Undecryptable({ index: 0 })
  return unmask(pp, B, mask, inverseOfMask, 0)
}

const squared = (pp: Parameters, x: bigint): bigint => (x * x) % pp.N2

/** The contribution of the holder of `secretKey` to the joint decryption of a ciphertext: A^(sk_j) mod N². */
export const partialDecrypt = (pp: Parameters, secretKey: bigint, A: bigint): bigint =>
  modPow(A, secretKey, pp.N2)

/**
 * m = L((B / Π A^(sk_j))²)/2 from the partial decryptions of all users, in any order; from those of some of
 * them with another `combination` (`threshold.ts`). Squares, because what users prove of their partial
 * decryptions is all but the sign. Throws Undecryptable.
 */
export const combinePartials = (
  pp: Parameters,
  ciphertext: Ciphertext,
  partials: ReadonlyArray<bigint>,
  combination?: Combination
): bigint => combineAll(pp, [ciphertext], [partials], combination)[0]!

/**
 * Joint decryption of many ciphertexts, `partials[i]` being those of ciphertext i; one inversion serves all
 * of them. With P the product of the powers with positive weights and Q that of the others, (B^power·Q)² is
 * P²·(1 + 2·power·m·N). Throws Undecryptable with the index of the first that can't be decrypted.
 */
export const combineAll = (
  pp: Parameters,
  ciphertexts: ReadonlyArray<Ciphertext>,
  partials: ReadonlyArray<ReadonlyArray<bigint>>,
  { power, weights }: Combination = combinationOfAll(partials[0]?.length ?? 0)
): Array<bigint> => {
  const products = partials.map((each) => weightedProduct(pp, each, weights))
  const residues = products.map(({ positive }) => positive % pp.N)
  const inverted = inverses(residues, pp.N)
  if (inverted === undefined)
    throw new Undecryptable({ index: residues.findIndex((each) => inverse(each, pp.N) === undefined) })
  // The power has small prime factors only, and those of N are large.
  const unit = inverse(2n * power, pp.N)!
  return ciphertexts.map(({ B }, i) => {
    const { positive, negative } = products[i]!
    const inverseOfSquare = (inverted[i]! * inverted[i]!) % pp.N
    const masked = (publicPower(pp, B, power) * negative) % pp.N2
    const multiple = unmask(pp, squared(pp, masked), squared(pp, positive), inverseOfSquare, i)
    return (multiple * unit) % pp.N
  })
}
