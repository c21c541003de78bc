/**
 * Proofs of partial decryptions as jobs of a worker pool: pure over bytes and fresh randomness. The products that a proof is
 * about are made in parts of any size, and joined by the job that proves or verifies.
 */

import { fromBytes, toBytes } from "../bcp/integers.ts"
import type { Parameters } from "../bcp/parameters.ts"
import { decodeIntegers, elementBytes } from "../bcp/wire.ts"
import {
  challengeBytes,
  productOfPowers,
  proveEqualLogarithms,
  responseBytes,
  verifyEqualLogarithms
} from "./equal-logarithms.ts"

/** The challenge and the response of a proof, fixed-width big-endian. */
export interface ProofBytes {
  readonly challenge: Uint8Array
  readonly response: Uint8Array
}

/**
 * The part of a proof's product that some first components or partial decryptions contribute, from the
 * `first`-th; no product where one of them is no group element. User.
 */
const productOfProof = (input: {
  readonly parameters: Parameters
  readonly statement: Uint8Array
  readonly first: number
  readonly elements: Uint8Array
}): { readonly product?: Uint8Array } => {
  const { parameters: pp, statement, first } = input
  const elements = decodeIntegers(input.elements, elementBytes(pp), "group elements")
  const product = productOfPowers(pp, statement, first, elements)
  return product === undefined ? {} : { product: toBytes(product, elementBytes(pp)) }
}

/** The product of the products of all parts. */
const joined = (pp: Parameters, products: Uint8Array): bigint =>
  decodeIntegers(products, elementBytes(pp), "products").reduce((all, each) => (all * each) % pp.N2, 1n)

/** Proves partial decryptions, from the products of the first components. User. */
const provePartialDecryptions = (input: {
  readonly parameters: Parameters
  /** Bits of the secret exponent at most. */
  readonly secretBits: number
  readonly statement: Uint8Array
  readonly bases: Uint8Array
  readonly secretKey: Uint8Array
}): ProofBytes => {
  const { parameters: pp, statement } = input
  const base = joined(pp, input.bases)
  const proof = proveEqualLogarithms(pp, { statement, base }, fromBytes(input.secretKey), input.secretBits)
  return {
    challenge: toBytes(proof.challenge, challengeBytes),
    response: toBytes(proof.response, responseBytes(input.secretBits))
  }
}

/** Verifies a proof of another user, from the products of first components and partial decryptions. User. */
const verifyPartialDecryptions = (input: {
  readonly parameters: Parameters
  /** Bits of the secret exponent at most. */
  readonly secretBits: number
  readonly statement: Uint8Array
  readonly publicKey: Uint8Array
  readonly bases: Uint8Array
  readonly powers: Uint8Array
  readonly proof: ProofBytes
}): { readonly holds: boolean } => {
  const { parameters: pp, statement } = input
  const batched = {
    statement,
    publicKey: fromBytes(input.publicKey),
    base: joined(pp, input.bases),
    power: joined(pp, input.powers)
  }
  const proof = {
    challenge: fromBytes(input.proof.challenge),
    response: fromBytes(input.proof.response)
  }
  return { holds: verifyEqualLogarithms(pp, batched, proof, input.secretBits) }
}

/** The jobs of this module, for a worker pool. */
export const jobs = {
  productOfProof,
  provePartials: provePartialDecryptions,
  verifyPartials: verifyPartialDecryptions
}
