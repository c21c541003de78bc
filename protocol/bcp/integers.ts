/**
 * Integers of any size: fixed-width big-endian bytes, gcd, inverses, uniform draws. The arithmetic of `bigint` is not
 * constant time: what must not leak through timing goes through `exponentiation.ts`, and the rest relies on an
 * adversary who, as the semi-honest model has it, sees messages and not the clock of a party.
 */

import { randomBytes } from "node:crypto"

/** The integer that big-endian `bytes` stand for; no bytes stand for 0. */
export const fromBytes = (bytes: Uint8Array): bigint =>
  bytes.length === 0
    ? 0n
    : BigInt(`0x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex")}`)

/** Writes 0 ≤ x < 256^width big-endian into `target` at `offset`. Throws RangeError where it does not fit. */
export const writeBytes = (target: Uint8Array, offset: number, x: bigint, width: number): void => {
  if (x < 0n) throw new RangeError("a negative integer has no fixed-width form")
  const digits = x.toString(16)
  if (digits.length > 2 * width) throw new RangeError(`an integer does not fit ${width} bytes`)
  if (offset + width > target.length)
    throw new RangeError(`${width} bytes at ${offset} pass the end of the target`)
  const view = Buffer.from(target.buffer, target.byteOffset, target.byteLength)
  view.write(digits.padStart(2 * width, "0"), offset, width, "hex")
}

/** x as `width` big-endian bytes of its own. Throws RangeError where it does not fit. */
export const toBytes = (x: bigint, width: number): Uint8Array => {
  const bytes = new Uint8Array(width)
  writeBytes(bytes, 0, x, width)
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
 * x·(1 + mn) modulo n², for 0 ≤ x < n² and any integer m. It is x + n·(mx mod n), which spares a product of full length.
 * `square` is n².
 */
export const timesOnePlus = (x: bigint, m: bigint, n: bigint, square: bigint): bigint => {
  const sum = x + n * residue(m * (x % n), n)
  return sum < square ? sum : sum - square
}

/** Greatest common divisor of two non-negative integers. */
export const gcd = (x: bigint, y: bigint): bigint => {
  let [a, b] = [x, y]
  while (b !== 0n) [a, b] = [b, a % b]
  return a
}

/** x⁻¹ modulo `modulus`, or undefined where gcd(x, modulus) ≠ 1. */
export const inverse = (x: bigint, modulus: bigint): bigint | undefined => {
  let [r0, r1] = [modulus, residue(x, modulus)]
  let [t0, t1] = [0n, 1n]
  while (r1 !== 0n) {
    const quotient = r0 / r1
    ;[r0, r1] = [r1, r0 - quotient * r1]
    ;[t0, t1] = [t1, t0 - quotient * t1]
  }
  return r0 === 1n ? residue(t0, modulus) : undefined
}

/**
 * The inverses of all values for the price of one and three products a value (Montgomery's trick); undefined where one of
 * them has no inverse.
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

/** Uniform in [0, 2^bits), from the operating system. */
export const randomBits = (bits: number): bigint =>
  fromBytes(randomBytes(Math.ceil(bits / 8))) >> BigInt(-bits & 7)

/** Uniform in [0, bound), by rejection, from the operating system. */
export const randomBelow = (bound: bigint): bigint => {
  const bits = bitLength(bound - 1n)
  for (;;) {
    const x = randomBits(bits)
    if (x < bound) return x
  }
}
