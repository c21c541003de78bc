/**
 * Modular exponentiation by OpenSSL's constant-time Montgomery arithmetic with fixed windows, reached through
 * the only access that node:crypto offers: a Diffie–Hellman secret with "prime" n, private key e and peer key
 * b is b^e mod n for any odd n. Every exponentiation with a secret exponent and a variable base goes through
 * here; it is also several times faster than square-and-multiply over `bigint`.
 */

import { createDiffieHellman, type DiffieHellman } from "node:crypto"
import { bitLength, byteLength, fromBytes, residue, toBytes } from "./integers.ts"

/** OpenSSL's lower limit for a Diffie–Hellman modulus, in bits. */
const leastModulusBits = 512

/**
 * b ↦ b^e mod n for one odd modulus n of at least 512 bits and one exponent e ≥ 0, kept inside OpenSSL
 * between calls.
 */
export class Exponentiation {
  readonly modulus: bigint
  readonly #exponent: bigint
  readonly #width: number
  readonly #context: DiffieHellman

  constructor(modulus: bigint, exponent: bigint, context?: DiffieHellman) {
    if (exponent < 0n) throw new RangeError("an exponent must not be negative: take the inverse of the power")
    this.modulus = modulus
    this.#exponent = exponent
    this.#width = byteLength(modulus)
    this.#context = context ?? contextOf(modulus)
    this.#context.setPrivateKey(toBytes(exponent, Math.max(1, byteLength(exponent))))
  }

  power(base: bigint): bigint {
    const reduced = residue(base, this.modulus)
    if (this.#exponent === 0n) return 1n
    if (reduced <= 1n) return reduced
    if (reduced === this.modulus - 1n) return this.#exponent % 2n === 0n ? 1n : reduced
    try {
      return fromBytes(this.#context.computeSecret(toBytes(reduced, this.#width)))
    } catch (error) {
      // OpenSSL refuses the results 0, 1 and −1 as weak secrets. An honest element gives one of them with
      // negligible probability, so this slow path carries no secret that matters.
      if (!isRefusal(error)) throw error
      return squareAndMultiply(reduced, this.#exponent, this.modulus)
    }
  }
}

/** base^exponent mod `modulus`, for an odd modulus of at least 512 bits and an exponent ≥ 0. */
export const modPow = (base: bigint, exponent: bigint, modulus: bigint): bigint => {
  let context = contexts.get(modulus)
  if (context === undefined) {
    if (contexts.size >= contextLimit) contexts.clear()
    context = contextOf(modulus)
    contexts.set(modulus, context)
  }
  return new Exponentiation(modulus, exponent, context).power(base)
}

/**
 * Contexts cost a primality test of their modulus, and a process meets few moduli: N² and, for C0, p² and q².
 */
const contexts = new Map<bigint, DiffieHellman>()
const contextLimit = 16

const contextOf = (modulus: bigint): DiffieHellman => {
  if (modulus % 2n === 0n || bitLength(modulus) < leastModulusBits)
    throw new RangeError(`exponentiation needs an odd modulus of at least ${leastModulusBits} bits`)
  return createDiffieHellman(toBytes(modulus, byteLength(modulus)), 2)
}

const isRefusal = (error: unknown): boolean =>
  error instanceof Error && "code" in error && error.code === "ERR_CRYPTO_INVALID_KEYTYPE"

/** base^exponent mod `modulus` over `bigint`: for the shortest of exponents. */
export const squareAndMultiply = (base: bigint, exponent: bigint, modulus: bigint): bigint => {
  let result = 1n
  for (const bit of exponent.toString(2)) {
    result = (result * result) % modulus
    if (bit === "1") result = (result * base) % modulus
  }
  return result
}
