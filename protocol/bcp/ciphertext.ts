/**
 * Ciphertexts (A, B) = (g^r, h^r·(1 + mN)) modulo N², the operations on them that need no key, and the checks
 * that every received ciphertext passes first. Without a key a ciphertext is a pair of group elements that
 * reveals nothing.
 */

import { Data } from "effect"
import { gcd, residue, timesOnePlus } from "./integers.ts"
import type { Parameters } from "./parameters.ts"

/** Two residues modulo N². */
export interface Ciphertext {
  readonly A: bigint
  readonly B: bigint
}

/** A received ciphertext that is no pair of group elements. `index` counts within the message, from 0. */
export class InvalidCiphertext extends Data.TaggedError("InvalidCiphertext")<{
  readonly index: number
  readonly why: string
}> {
  override get message(): string {
    return `ciphertext ${this.index} is invalid: ${this.why}; its sender must encrypt under the parameters of this run`
  }
}

/** Throws InvalidCiphertext unless 1 < A, B < N² and gcd(AB, N) = 1. */
export const checkCiphertext = (pp: Parameters, ciphertext: Ciphertext, index = 0): void => {
  checkRange(pp, ciphertext, index)
  if (gcd(residue(ciphertext.A * ciphertext.B, pp.N), pp.N) !== 1n)
    throw new InvalidCiphertext({ index, why: "A·B has a factor in common with N" })
}

/**
 * Checks all ciphertexts of a message. One gcd serves them all: a factor in common with N shows in the
 * product, and only then is it looked for one by one.
 */
export const checkCiphertexts = (pp: Parameters, ciphertexts: ReadonlyArray<Ciphertext>): void => {
  let product = 1n
  ciphertexts.forEach((ciphertext, index) => {
    checkRange(pp, ciphertext, index)
    product = (((product * (ciphertext.A % pp.N)) % pp.N) * (ciphertext.B % pp.N)) % pp.N
  })
  if (gcd(product, pp.N) === 1n) return
  ciphertexts.forEach((ciphertext, index) => {
    checkCiphertext(pp, ciphertext, index)
  })
}

const checkRange = (pp: Parameters, { A, B }: Ciphertext, index: number): void => {
  for (const [name, x] of [["A", A] as const, ["B", B] as const]) {
    if (x <= 1n) throw new InvalidCiphertext({ index, why: `${name} is not above 1` })
    if (x >= pp.N2) throw new InvalidCiphertext({ index, why: `${name} is not below N²` })
  }
}

/** Enc(m1 + m2) from Enc(m1) and Enc(m2) under one key. */
export const add = (pp: Parameters, x: Ciphertext, y: Ciphertext): Ciphertext => ({
  A: (x.A * y.A) % pp.N2,
  B: (x.B * y.B) % pp.N2
})

/** Enc(m1 + m) from Enc(m1) and any integer m, with the randomness of the first. */
export const addPlain = (pp: Parameters, x: Ciphertext, m: bigint): Ciphertext => ({
  A: x.A,
  B: timesOnePlus(x.B, m, pp.N, pp.N2)
})
