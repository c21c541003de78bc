/**
 * What ciphertexts show of their randomness alone: A and B modulo N. Of Enc(m) with randomizer r these are g^r
 * and h^r mod N, whatever m is. Two ciphertexts that agree in both differ by a factor 1 + δN in B, so that one
 * decrypts to the message of the other plus δ, and whoever knows both B's knows δ. A digest of them tells
 * nothing of the messages, and a holder of the master key recognises by it which ciphertexts it is asked to
 * open, however their messages are blinded.
 */
import { createHash } from "node:crypto"
import { Data } from "effect"
import { CanonicalWriter } from "../canonical.ts"
import type { Ciphertext } from "./ciphertext.ts"
import type { Parameters } from "./parameters.ts"
import { elementBytes, encodeIntegers, plaintextBytes } from "./wire.ts"

/** Bytes of a digest. */
export const randomnessDigestBytes = 32

/** Ciphertexts are asked to be opened that have not the randomness of those which may be opened. */
export class OtherRandomness extends Data.TaggedError("OtherRandomness")<{ readonly ciphertexts: number }> {
  override get message(): string {
    return `the ${this.ciphertexts} ciphertexts have other randomness than those that may be opened here`
  }
}

/** SHA-256 of the modulus and of A and B mod N of all ciphertexts, in order. */
export const digestRandomness = (pp: Parameters, ciphertexts: ReadonlyArray<Ciphertext>): Uint8Array => {
  const elements = ciphertexts.map(({ A }) => A)
  const residues = ciphertexts.map(({ B }) => B % pp.N)
  const bytes = new CanonicalWriter()
    .string("bicameral randomness")
    .u32(1)
    .bytes(encodeIntegers([pp.N], plaintextBytes(pp)))
    .bytes(encodeIntegers(elements, elementBytes(pp)))
    .bytes(encodeIntegers(residues, plaintextBytes(pp)))
    .finish()
  return new Uint8Array(createHash("sha256").update(bytes).digest())
}
