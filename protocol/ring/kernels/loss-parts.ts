/** What the kernels of a loss and those that deal for it share. The host does not use it. */

/** Entries of the exponential's one-hot words. */
export const ENTRIES: u64 = 32

/** Entries of the table of lines. */
export const LINES: u64 = 128

const QUARTER_TURN: f64 = 1.5707963267948966

export let sine: f64 = 0
export let cosine: f64 = 0

/** Sine and cosine of an angle in turns, from 0 to 1. */
export function circle(turns: f64): void {
  const quarter = nearest<f64>(4 * turns)
  const x = (4 * turns - quarter) * QUARTER_TURN
  const square = x * x
  let s: f64 = 1
  let c: f64 = 1
  for (let i: f64 = 18; i > 0; i -= 2) {
    s = 1 - (s * square) / (i * (i + 1))
    c = 1 - (c * square) / (i * (i - 1))
  }
  s *= x
  const place = <i32>quarter & 3
  const odd = (place & 1) !== 0
  sine = odd ? c : s
  cosine = odd ? s : c
  if (place >= 2) sine = -sine
  if (place === 1 || place === 2) cosine = -cosine
}
