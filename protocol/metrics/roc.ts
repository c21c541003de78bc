/**
 * The area under the ROC curve of two classes: how often a row of the second has a greater score than one of the first.
 * Its interval is that of DeLong, DeLong and Clarke-Pearson (Biometrics 1988), found from a histogram in one pass.
 */
import { type Interval, normalQuantile } from "./intervals.ts"

export interface RocArea {
  readonly auc: number
  /** Undefined where the variance can't be estimated: of one row of a class, or where no pair is ranked wrongly. */
  readonly interval: Interval | undefined
  /** The area from the scores themselves differs by at most this: pairs that share a bin count as half. */
  readonly binning: number
}

/** From the rows of each class by bins of the score, ascending; undefined unless both classes have rows. */
export const rocArea = (first: ArrayLike<number>, second: ArrayLike<number>): RocArea | undefined => {
  const [negatives, positives] = [total(first), total(second)]
  if (negatives === 0 || positives === 0) return undefined
  let [below, above, won, tied] = [0, positives, 0, 0]
  // Sums of the squared shares of rows of the other class that a row is ranked rightly against.
  let [squares1, squares0] = [0, 0]
  for (let bin = 0; bin < first.length; bin++) {
    const [n0, n1] = [first[bin]!, second[bin]!]
    above -= n1
    won += n1 * (below + n0 / 2)
    tied += n1 * n0
    squares1 += n1 * ((below + n0 / 2) / negatives) ** 2
    squares0 += n0 * ((above + n1 / 2) / positives) ** 2
    below += n0
  }
  const pairs = negatives * positives
  const auc = won / pairs
  const variance = spread(squares1, positives, auc) + spread(squares0, negatives, auc)
  const half = normalQuantile * Math.sqrt(variance)
  const known = negatives > 1 && positives > 1 && variance > 0
  return {
    auc,
    interval: known ? [Math.max(0, auc - half), Math.min(1, auc + half)] : undefined,
    binning: tied / (2 * pairs)
  }
}

/** Rows of the first class and of the second whose score is at least a threshold. */
export type RocPoint = readonly [falsePositives: number, truePositives: number]

/** The corners of the curve, from the highest threshold, which no row reaches, to the lowest, which all reach. */
export const rocCurve = (first: ArrayLike<number>, second: ArrayLike<number>): ReadonlyArray<RocPoint> => {
  const corners: Array<RocPoint> = [[0, 0]]
  for (let bin = first.length - 1; bin >= 0; bin--) {
    const [n0, n1] = [first[bin]!, second[bin]!]
    if (n0 + n1 === 0) continue
    const [x, y] = corners.at(-1)!
    const next: RocPoint = [x + n0, y + n1]
    const before = corners.at(-2)
    // On the line from the corner before, the last one is none.
    if (before !== undefined && (x - before[0]) * n1 === (y - before[1]) * n0) corners.pop()
    corners.push(next)
  }
  return corners
}

/** The variance of a mean of `count` values, of which the sum of squares and the mean are given. */
const spread = (squares: number, count: number, mean: number): number =>
  count < 2 ? 0 : Math.max(0, squares - count * mean ** 2) / (count - 1) / count

const total = (counts: ArrayLike<number>): number => {
  let sum = 0
  for (let i = 0; i < counts.length; i++) sum += counts[i]!
  return sum
}
