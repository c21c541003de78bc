/** Frequency statistics for what a party sees: Pearson's chi-square against uniform, and between two samples. */

/** Counts of each value of 0…buckets−1. */
export const histogram = (values: Iterable<number>, buckets: number): ReadonlyArray<number> => {
  const counts = new Array<number>(buckets).fill(0)
  for (const value of values) counts[value]!++
  return counts
}

/** χ² of counts against uniform, with counts.length − 1 degrees of freedom. */
export const againstUniform = (counts: ReadonlyArray<number>): number => {
  const expected = counts.reduce((a, b) => a + b, 0) / counts.length
  return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)
}

/** χ² of two samples of equal size being of one distribution, with counts.length − 1 degrees of freedom. */
export const betweenSamples = (one: ReadonlyArray<number>, two: ReadonlyArray<number>): number =>
  one.reduce((sum, count, i) => {
    const other = two[i]!
    return count + other === 0 ? sum : sum + (count - other) ** 2 / (count + other)
  }, 0)

/**
 * What χ² stays below with probability of about 1 − 10^−9 where the hypothesis holds: six standard deviations of the normal
 * that its cube root follows closely (Wilson and Hilferty).
 */
export const hardlyAbove = (degreesOfFreedom: number): number => {
  const variance = 2 / (9 * degreesOfFreedom)
  return degreesOfFreedom * (1 - variance + 6 * Math.sqrt(variance)) ** 3
}
