/**
 * Sums of real numbers without rounding: each number is an integer in units of 2^−256, and integers add up to the same
 * in any order and in any parts. So the users' sums are the sum of the joint column to the bit, however its rows are
 * split among them. The mantissas of numbers with the same exponent are added as floating-point numbers, in halves
 * that leave room for two million of them; what comes of the exponents is put together at the end.
 */

/** A number counts in units of 2^−fractionBits; what it has below them is cut off. */
export const fractionBits = 256
/** The magnitudes of the numbers, which are added up, are below this; that of a squared difference is below 2^258. */
export const magnitudeLimit = 2 ** 128

const unitsOfOne = 2 ** fractionBits
/** Below this magnitude, a number may have bits below the unit: mantissas have 53 bits. */
const finest = 2 ** (52 - fractionBits)

const exponents = 2 ** 11
/** Of a number with this biased exponent, the mantissa is in units. */
const exponentOfUnits = 1023 + 52 - fractionBits
/** The lower half of a mantissa is below 2^32, and sums of integers below 2^53 are exact. */
const mostPending = 2 ** 21 - 1

const number = new Float64Array(1)
const halves = new Uint32Array(number.buffer)

export class ExactSum {
  readonly #lower = new Float64Array(exponents)
  readonly #upper = new Float64Array(exponents)
  #pending = 0
  #units = 0n

  /** Adds a finite number. */
  add(x: number): void {
    number[0] = Math.abs(x) < finest ? Math.trunc(x * unitsOfOne) / unitsOfOne : x
    const [low, high] = [halves[0]!, halves[1]!]
    const exponent = (high >>> 20) & 0x7ff
    if (exponent === 0) return
    const sign = high >>> 31 === 0 ? 1 : -1
    this.#lower[exponent]! += sign * low
    this.#upper[exponent]! += sign * ((high & 0xf_ffff) | 0x10_0000)
    if (++this.#pending === mostPending) this.#carry()
  }

  /** The sum of what was added since the beginning, in units. */
  get units(): bigint {
    this.#carry()
    return this.#units
  }

  #carry(): void {
    for (let exponent = 0; exponent < exponents; exponent++) {
      const [lower, upper] = [this.#lower[exponent]!, this.#upper[exponent]!]
      if (lower === 0 && upper === 0) continue
      const mantissas = (BigInt(upper) << 32n) + BigInt(lower)
      // To the right nothing is lost: bits below the unit were cut off.
      this.#units += mantissas << BigInt(exponent - exponentOfUnits)
    }
    this.#lower.fill(0)
    this.#upper.fill(0)
    this.#pending = 0
  }
}
