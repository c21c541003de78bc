/** Stretches of time, half-closed: their union, difference and length. Pure. */

export interface Interval {
  readonly startMs: number
  readonly endMs: number
}

/** The union, in order, without overlaps. Empty stretches are left out. */
export const merged = (intervals: ReadonlyArray<Interval>): ReadonlyArray<Interval> => {
  const union: Array<{ startMs: number; endMs: number }> = []
  for (const { startMs, endMs } of intervals.toSorted((a, b) => a.startMs - b.startMs)) {
    const last = union.at(-1)
    if (endMs <= startMs) continue
    if (last !== undefined && startMs <= last.endMs) last.endMs = Math.max(last.endMs, endMs)
    else union.push({ startMs, endMs })
  }
  return union
}

/** What of a stretch none of the others covers. */
export const without = (whole: Interval, others: ReadonlyArray<Interval>): ReadonlyArray<Interval> => {
  const left: Array<Interval> = []
  let at = whole.startMs
  for (const { startMs, endMs } of merged(others)) {
    if (startMs > at) left.push({ startMs: at, endMs: Math.min(startMs, whole.endMs) })
    at = Math.max(at, endMs)
    if (at >= whole.endMs) break
  }
  if (at < whole.endMs) left.push({ startMs: at, endMs: whole.endMs })
  return left.filter(({ startMs, endMs }) => startMs < endMs)
}

/** Those of stretches, in order and without overlaps, that have something in common with a stretch. */
export const overlapping = (whole: Interval, others: ReadonlyArray<Interval>): ReadonlyArray<Interval> => {
  let [from, to] = [0, others.length]
  while (from < to) {
    const middle = (from + to) >> 1
    if (others[middle]!.endMs <= whole.startMs) from = middle + 1
    else to = middle
  }
  const found: Array<Interval> = []
  for (let at = from; at < others.length && others[at]!.startMs < whole.endMs; at++) found.push(others[at]!)
  return found
}

/** The length of stretches that do not overlap. */
export const durationOf = (intervals: ReadonlyArray<Interval>): number =>
  intervals.reduce((total, { startMs, endMs }) => total + endMs - startMs, 0)

/** How much of a stretch is covered by others that do not overlap. */
export const coveredMs = ({ startMs, endMs }: Interval, others: ReadonlyArray<Interval>): number =>
  overlapping({ startMs, endMs }, others).reduce(
    (total, other) => total + Math.max(0, Math.min(endMs, other.endMs) - Math.max(startMs, other.startMs)),
    0
  )
