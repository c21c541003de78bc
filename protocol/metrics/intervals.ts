/** Intervals that hold the true value in 95 of 100 samples. */

export type Interval = readonly [number, number]

/** Of the standard normal distribution, the quantile at 0.975. */
export const normalQuantile = 1.959963984540054

/** Of a share, `part` of `whole` above 0: Wilson 1927, which never leaves 0 to 1 and is of some width at its ends. */
export const wilson = (part: number, whole: number): Interval => {
  const z2 = normalQuantile ** 2
  const share = part / whole
  const middle = share + z2 / (2 * whole)
  const half = normalQuantile * Math.sqrt((share * (1 - share)) / whole + z2 / (4 * whole ** 2))
  const scale = 1 + z2 / whole
  return [Math.max(0, (middle - half) / scale), Math.min(1, (middle + half) / scale)]
}
