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
 * m = L((B / Π A^(sk_j))²)/2 from the partial decryptions of all users, in any order. Squares, because what users
 * prove of their partial decryptions is all but the sign. Throws Undecryptable.
 */
export const combinePartials = (
  pp: Parameters,
  ciphertext: Ciphertext,
  partials: ReadonlyArray<bigint>
): bigint => combineAll(pp, [ciphertext], [partials])[0]!

/**
 * Joint decryption of many ciphertexts, `partials[i]` being those of ciphertext i; one inversion serves all
 * of them. With P their product, B² is P²·(1 + 2mN). Throws Undecryptable with the index of the first that can't be decrypted.
 */
export const combineAll = (
  pp: Parameters,
  ciphertexts: ReadonlyArray<Ciphertext>,
  partials: ReadonlyArray<ReadonlyArray<bigint>>
): Array<bigint> => {
  const masks = partials.map(([first = 1n, ...others]) =>
    others.reduce((product, share) => (product * share) % pp.N2, first)
  )
  const residues = masks.map((mask) => mask % pp.N)
  const inverted = inverses(residues, pp.N)
  if (inverted === undefined)
    throw new Undecryptable({ index: residues.findIndex((mask) => inverse(mask, pp.N) === undefined) })
  const half = (pp.N + 1n) / 2n
  return ciphertexts.map(({ B }, i) => {
    const inverseOfSquare = (inverted[i]! * inverted[i]!) % pp.N
    const doubled = unmask(pp, squared(pp, B), squared(pp, masks[i]!), inverseOfSquare, i)
    return (doubled * half) % pp.N
  })
}
