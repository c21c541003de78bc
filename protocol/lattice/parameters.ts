/**
 * Parameters of the lattice encryption: the scheme of Fan and Vercauteren (2012) with plaintexts modulo 2^64.
 *
 * Security: with ternary secrets, degree 8192 bears a modulus of 218 bits for 128 bits of classical security, by the
 * table of the HomomorphicEncryption.org standard (Albrecht et al. 2018), which takes errors of σ = 3.2; log2 Q is 216.997.
 * Errors are centred binomial of 42 bits, exact and without a table: σ = √10.5 = 3.24, as in Microsoft SEAL.
 */

/** Polynomials are modulo x^degree + 1. */
export const degree = 8192

/** The greatest seven primes below 2^31 that are 1 modulo 2·degree. */
export const primes = [
  2147352577, 2147205121, 2147074049, 2146959361, 2146713601, 2146418689, 2146336769
] as const

/** Bits of a residue on the wire. */
export const residueBits = 31

/** Q, the modulus of fresh ciphertexts. */
export const modulus: bigint = primes.reduce((product, q) => product * BigInt(q), 1n)

/** t = 2^64: plaintext coefficients are words of the ring. */
export const plainBits = 64

/**
 * log2 of the power of two to which a result is switched before it goes back: beside its 64 bits, ten for the error
 * of rounding, which is a sum of about 5461 uniform numbers of ±½ (σ = 21) where 2^9 is allowed.
 */
export const returnedBits = 74

/** Uniform noise of 148 bits, about ±2^147, hides the evaluator's factors in the noise of a result. */
export const floodBits = 147

/** Variance of a coefficient of an error. */
export const errorVariance = 10.5

/** The first few primes, whose product holds c_1·s of a switched ciphertext without wrapping: 2^(73+13) < 2^92. */
export const openingPrimes = 3

/** x^e modulo q. */
export const power = (x: bigint, e: bigint, q: bigint): bigint => {
  let result = 1n
  for (let base = x % q, left = e; left > 0n; left >>= 1n, base = (base * base) % q)
    if (left & 1n) result = (result * base) % q
  return result
}

/** The inverse of x modulo a prime. */
export const inverse = (x: bigint, q: bigint): bigint => power(((x % q) + q) % q, q - 2n, q)

/** A primitive root of unity of order 2·degree modulo a prime: a power of the least number that has one. */
export const rootOfUnity = (q: bigint): bigint => {
  for (let g = 2n; ; g++) {
    const root = power(g, (q - 1n) / BigInt(2 * degree), q)
    if (power(root, BigInt(degree), q) === q - 1n) return root
  }
}
