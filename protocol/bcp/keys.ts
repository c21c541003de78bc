/**
 * Secret and public keys: sk = a, pk = g^a mod N². The product of public keys is the public key of the sum of
 * the secret keys, and that is the joint key pk of the whole system. The KGC draws them; a user learns only
 * its own secret key, and the clouds none.
 */

import { Data } from "effect"
import type { ByteSource } from "../bytes.ts"
import { modPow } from "./exponentiation.ts"
import { gcd, randomBelow, randomBits } from "./integers.ts"
import type { Parameters } from "./parameters.ts"

/**
 * The length of secret exponents. `full` is the paper's: as long as the order of g, so that g^r is uniform in
 * the group. `short`, the default, is 512 bits for a secret key and 256 bits for a randomizer, twice the
 * security level of 128. It assumes that discrete logarithms of such exponents are as hard as of full ones,
 * so that g^r can't be told from a uniform element (the short-exponent assumption, as in Damgård, Jurik and
 * Nielsen's variant of Paillier). It makes encryption about 16 times cheaper at 2048 bits.
 */
export type ExponentMode = "short" | "full"

/** Bits of a secret key in `short` mode. */
export const shortSecretKeyBits = 512

/** Bits of a randomizer in `short` mode. */
export const shortRandomizerBits = 256

/** A public key that is no element of the group. */
export class InvalidPublicKey extends Data.TaggedError("InvalidPublicKey")<{ readonly why: string }> {
  override get message(): string {
    return `invalid BCP public key: ${this.why}; ask the key generation centre for the keys again`
  }
}

/** Bits of a secret key at most. */
export const secretKeyBits = (pp: Pick<Parameters, "bits">, mode: ExponentMode): number =>
  mode === "short" ? shortSecretKeyBits : 2 * pp.bits - 2

/** Bits of a randomizer at most. */
export const randomizerBits = (pp: Parameters, mode: ExponentMode): number =>
  mode === "short" ? shortRandomizerBits : 2 * pp.bits - 2

/** A randomizer r, from the operating system or from `source`. */
export const generateRandomizer = (pp: Parameters, mode: ExponentMode, source?: ByteSource): bigint =>
  mode === "short" ? randomBits(shortRandomizerBits, source) : randomBelow(pp.N2 >> 2n, source)

/**
 * A fresh secret key, from the operating system. In `full` mode it is uniform below N²/4, which is within
 * 2^(2−κ/2) of uniform modulo the order N·p'·q' that only the KGC and C0 know.
 */
export const generateSecretKey = (pp: Parameters, mode: ExponentMode): bigint =>
  mode === "short" ? randomBits(shortSecretKeyBits) : randomBelow(pp.N2 >> 2n)

/** pk = g^sk mod N². */
export const publicKey = (pp: Parameters, secretKey: bigint): bigint => modPow(pp.g, secretKey, pp.N2)

/** The secret key that belongs to the joint public key: the sum over the integers. */
export const joinSecretKeys = (secretKeys: ReadonlyArray<bigint>): bigint =>
  secretKeys.reduce((sum, key) => sum + key, 0n)

/** The joint public key: the product of the users' public keys modulo N². */
export const joinPublicKeys = (pp: Parameters, publicKeys: ReadonlyArray<bigint>): bigint =>
  publicKeys.reduce((product, key) => (product * key) % pp.N2, 1n)

/**
 * Throws InvalidPublicKey unless 1 < h < N² − 1 is a unit. (Reduced modulo N, as the paper has it, a key
 * would pass.)
 */
export const checkPublicKey = (pp: Parameters, h: bigint): void => {
  if (h <= 1n || h >= pp.N2 - 1n) throw new InvalidPublicKey({ why: "it is not between 1 and N² − 1" })
  if (gcd(h, pp.N) !== 1n) throw new InvalidPublicKey({ why: "it has a factor in common with N" })
}
