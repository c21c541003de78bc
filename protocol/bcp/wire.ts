/**
 * The external form of everything in this folder: fixed-width big-endian integers, and consecutive
 * ciphertexts in one `Uint8Array`. Only lengths are checked here; what comes from another party is checked by
 * `ciphertext.ts` next.
 */

import { Data } from "effect"
import type { Ciphertext } from "./ciphertext.ts"
import { fromDigits, toDigits } from "./digits.ts"
import { fromBytes, toBytes } from "./integers.ts"
import type { MasterKey, Parameters } from "./parameters.ts"

/** Bytes that are no whole number of the things they should hold. */
export class MalformedBytes extends Data.TaggedError("MalformedBytes")<{
  readonly what: string
  readonly bytes: number
  readonly unitBytes: number
}> {
  override get message(): string {
    return `${this.bytes} bytes of ${this.what} are no multiple of ${this.unitBytes}: the message was cut short or made for a modulus of another length`
  }
}

/** Integers one after the other, `width` bytes each. Throws RangeError where one does not fit. */
export const encodeIntegers = (values: ReadonlyArray<bigint>, width: number): Uint8Array =>
  reverse(toDigits([...values].reverse(), width))

/** The integers of `bytes`, `width` bytes each. Throws MalformedBytes, naming `what`. */
export const decodeIntegers = (bytes: Uint8Array, width: number, what: string): Array<bigint> => {
  if (bytes.length % width !== 0) throw new MalformedBytes({ what, bytes: bytes.length, unitBytes: width })
  return fromDigits(reverse(new Uint8Array(bytes)), width).reverse()
}

/**
 * Reverses the bytes of a whole buffer, in place: by words if its length allows, as bytes take five times as
 * long.
 */
const reverse = (bytes: Uint8Array): Uint8Array => {
  if (bytes.length % 8 !== 0 || bytes.byteOffset !== 0) return bytes.reverse()
  Buffer.from(bytes.buffer, 0, bytes.length).swap64()
  new BigUint64Array(bytes.buffer, 0, bytes.length / 8).reverse()
  return bytes
}

/** Bytes of a plaintext: a residue modulo N. */
export const plaintextBytes = (pp: Pick<Parameters, "bits">): number => pp.bits / 8

/** Bytes of a public key, a partial decryption or half a ciphertext: a residue modulo N². */
export const elementBytes = (pp: Pick<Parameters, "bits">): number => pp.bits / 4

/** Bytes of a ciphertext. */
export const ciphertextBytes = (pp: Pick<Parameters, "bits">): number => pp.bits / 2

/** Bytes of a secret key of either mode: what a sum of up to 2^16 of them needs, too. */
export const secretKeyBytes = (pp: Pick<Parameters, "bits">): number => pp.bits / 4 + 2

/** A, B, A, B, … of all ciphertexts. */
export const encodeCiphertexts = (
  pp: Pick<Parameters, "bits">,
  ciphertexts: ReadonlyArray<Ciphertext>
): Uint8Array =>
  encodeIntegers(
    ciphertexts.flatMap(({ A, B }) => [A, B]),
    elementBytes(pp)
  )

/** The ciphertexts of a message, not yet checked for anything but its length (MalformedBytes). */
export const decodeCiphertexts = (pp: Pick<Parameters, "bits">, bytes: Uint8Array): Array<Ciphertext> => {
  const unitBytes = ciphertextBytes(pp)
  if (bytes.length % unitBytes !== 0)
    throw new MalformedBytes({ what: "ciphertexts", bytes: bytes.length, unitBytes })
  const elements = decodeIntegers(bytes, elementBytes(pp), "ciphertexts")
  return Array.from({ length: elements.length / 2 }, (_, i) => ({
    A: elements[2 * i]!,
    B: elements[2 * i + 1]!
  }))
}

/** A, A, … of the ciphertexts of a message: what is raised to decrypt them. Checked for nothing but its length. */
export const firstComponents = (pp: Pick<Parameters, "bits">, ciphertexts: Uint8Array): Uint8Array => {
  const [bytesEach, width] = [ciphertextBytes(pp), elementBytes(pp)]
  if (ciphertexts.length % bytesEach !== 0)
    throw new MalformedBytes({ what: "ciphertexts", bytes: ciphertexts.length, unitBytes: bytesEach })
  const firsts = new Uint8Array(ciphertexts.length / 2)
  for (let at = 0; at < ciphertexts.length; at += bytesEach)
    firsts.set(ciphertexts.subarray(at, at + width), at / 2)
  return firsts
}

/** Parameters in their outer form: N and k as long as a plaintext, g as an element. */
export interface ParameterBytes {
  readonly bits: number
  readonly N: Uint8Array
  readonly k: Uint8Array
  readonly g: Uint8Array
}

export const encodeParameters = (pp: Parameters): ParameterBytes => ({
  bits: pp.bits,
  N: toBytes(pp.N, plaintextBytes(pp)),
  k: toBytes(pp.k, plaintextBytes(pp)),
  g: toBytes(pp.g, elementBytes(pp))
})

/** Received parameters; the receiver calls `checkParameters` next. */
export const decodeParameters = ({ bits, N, k, g }: ParameterBytes): Parameters => {
  const modulus = fromBytes(N)
  return { bits, N: modulus, N2: modulus * modulus, k: fromBytes(k), g: fromBytes(g) }
}

/** The master key in its outer form: each prime half as long as a plaintext. */
export interface MasterKeyBytes {
  readonly p: Uint8Array
  readonly q: Uint8Array
}

export const encodeMasterKey = (pp: Pick<Parameters, "bits">, { p, q }: MasterKey): MasterKeyBytes => ({
  p: toBytes(p, pp.bits / 16),
  q: toBytes(q, pp.bits / 16)
})

export const decodeMasterKey = ({ p, q }: MasterKeyBytes): MasterKey => ({
  p: fromBytes(p),
  q: fromBytes(q)
})
