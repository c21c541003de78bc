/**
 * Integers of any size: fixed-width big-endian bytes, gcd, inverses, uniform draws. The arithmetic of
 * `bigint` is not constant time. Secret exponents go through `exponentiation.ts`; the rest relies on the
 * semi-honest model, in which an adversary sees messages and not the clock of a party.
 */

import { createCipheriv, randomBytes } from "node:crypto"
import { type ByteSource, plainBytes } from "../bytes.ts"

/** The integer that big-endian `bytes` stand for; no bytes stand for 0. */
export const fromBytes = (bytes: Uint8Array): bigint =>
  bytes.length === 0
    ? 0n
    : BigInt(`0x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex")}`)

/** 0 ≤ x < 256^width as `width` big-endian bytes. Throws RangeError if it does not fit. */
export const toBytes = (x: bigint, width: number): Uint8Array => {
  if (x < 0n) throw new RangeError("a negative integer has no fixed-width form")
  const digits = x.toString(16)
  if (digits.length > 2 * width) throw new RangeError(`an integer does not fit ${width} bytes`)
  const bytes = new Uint8Array(width)
  Buffer.from(bytes.buffer).write(digits.padStart(2 * width, "0"), "hex")
  return bytes
}

/** Bits of x > 0 without leading zeros; 0 for 0. */
export const bitLength = (x: bigint): number => {
  if (x === 0n) return 0
  const digits = x.toString(16)
  return 4 * digits.length - Math.clz32(Number.parseInt(digits[0]!, 16)) + 28
}

/** Bytes that hold any residue modulo `modulus`. */
export const byteLength = (modulus: bigint): number => Math.ceil(bitLength(modulus) / 8)

/** The least non-negative residue of x. */
export const residue = (x: bigint, modulus: bigint): bigint => {
  const remainder = x % modulus
  return remainder < 0n ? remainder + modulus : remainder
}

/**
 * x·(1 + mn) modulo n², for 0 ≤ x < n² and any integer m. It is x + n·(mx mod n), which spares a product of
 * full length. `square` is n².
 */
export const timesOnePlus = (x: bigint, m: bigint, n: bigint, square: bigint): bigint => {
  const sum = x + n * residue(m * (x % n), n)
  return sum < square ? sum : sum - square
}

/** Bits of two integers that decide many quotients of Euclid's algorithm; sums of such numbers are exact. */
const leadingBits = 50

/**
 * The matrix (p q; r s) of the steps of Euclid's algorithm that any two integers beginning with x ≥ y have in
 * common, as far as x and y show (Knuth, The Art of Computer Programming 4.5.2, algorithm L); q = 0 where
 * they show none.
 */
const commonSteps = (x: number, y: number): readonly [p: number, q: number, r: number, s: number] => {
  let [a, b] = [x, y]
  let [p, q, r, s] = [1, 0, 0, 1]
  while (b + r !== 0 && b + s !== 0) {
    const quotient = Math.floor((a + p) / (b + r))
    if (quotient !== Math.floor((a + q) / (b + s))) break
    ;[a, b] = [b, a - quotient * b]
    ;[p, r] = [r, p - quotient * r]
    ;[q, s] = [s, q - quotient * s]
  }
  return [p, q, r, s]
}

/**
 * Euclid's algorithm in Lehmer's form for x ≥ y ≥ 0, which finds some twenty quotients at a time from the
 * leading bits: the greatest common divisor d, and `factor`·t with ty ≡ d modulo x.
 */
const euclid = (
  x: bigint,
  y: bigint,
  factor: bigint
): { readonly divisor: bigint; readonly cofactor: bigint } => {
  let [a, b] = [x, y]
  let [t, u] = [0n, factor]
  let shift = bitLength(a)
  while (b !== 0n) {
    const leading = Number(a >> BigInt(shift))
    const missing = leadingBits - Math.ceil(Math.log2(leading + 1))
    shift = Math.max(0, shift - missing)
    const [p, q, r, s] = commonSteps(Number(a >> BigInt(shift)), Number(b >> BigInt(shift)))
    if (q === 0) {
      const quotient = a / b
      ;[a, b] = [b, a - quotient * b]
      ;[t, u] = [u, t - quotient * u]
    } else {
      const [P, Q, R, S] = [BigInt(p), BigInt(q), BigInt(r), BigInt(s)]
      ;[a, b] = [P * a + Q * b, R * a + S * b]
      ;[t, u] = [P * t + Q * u, R * t + S * u]
    }
  }
  return { divisor: a, cofactor: t }
}

/** Greatest common divisor of two non-negative integers. */
export const gcd = (x: bigint, y: bigint): bigint =>
  // The factor 0 keeps the unused cofactors at 0.
  (x < y ? euclid(y, x, 0n) : euclid(x, y, 0n)).divisor

/** x⁻¹ modulo `modulus`, or undefined where gcd(x, modulus) ≠ 1. */
export const inverse = (x: bigint, modulus: bigint): bigint | undefined => {
  const { divisor, cofactor } = euclid(modulus, residue(x, modulus), 1n)
  return divisor === 1n ? residue(cofactor, modulus) : undefined
}

/**
 * The inverses of all values for the price of one and three products a value (Montgomery's trick); undefined
 * where one of them has no inverse.
 */
export const inverses = (values: ReadonlyArray<bigint>, modulus: bigint): Array<bigint> | undefined => {
  const prefixes: Array<bigint> = []
  let product = 1n
  for (const value of values) {
    prefixes.push(product)
    product = (product * value) % modulus
  }
  let suffix = inverse(product, modulus)
  if (suffix === undefined) return undefined
  const result = new Array<bigint>(values.length)
  for (let i = values.length - 1; i >= 0; i--) {
    result[i] = (suffix * prefixes[i]!) % modulus
    suffix = (suffix * values[i]!) % modulus
  }
  return result
}

/** The bytes that follow from a key of 16 bytes: AES-128-CTR, from the same beginning for each source. */
export const bytesFrom = (key: Uint8Array): ByteSource => {
  const cipher = createCipheriv("aes-128-ctr", key, new Uint8Array(16))
  return (length) => plainBytes(cipher.update(new Uint8Array(length)))
}

/** Uniform in [0, 2^bits), from the operating system or from `source`. */
export const randomBits = (bits: number, source: ByteSource = randomBytes): bigint =>
  fromBytes(source(Math.ceil(bits / 8))) >> BigInt(-bits & 7)

/** Uniform in [0, bound), by rejection, from the operating system or from `source`. */
export const randomBelow = (bound: bigint, source: ByteSource = randomBytes): bigint => {
  const bits = bitLength(bound - 1n)
  for (;;) {
    const x = randomBits(bits, source)
    if (x < bound) return x
  }
}
