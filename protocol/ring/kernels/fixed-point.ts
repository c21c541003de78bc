/**
 * Between float64 and fixed point: x ↦ round(x·2^f) mod 2^64, a word read as two's complement on the way
 * back.
 */

/**
 * Encodes `n` floats at `x` as words at `out` (which may be `x`). Rounds to the nearest, ties to even.
 * Returns the index of the first value whose scaled magnitude is not below `limit` (NaN included), or -1 if
 * all are.
 */
export function encode(out: usize, x: usize, scale: f64, limit: f64, n: usize): isize {
  for (let i: usize = 0; i < n; i++) {
    const scaled = nearest<f64>(load<f64>(x + (i << 3)) * scale)
    if (!(abs<f64>(scaled) < limit)) return <isize>i
    store<i64>(out + (i << 3), <i64>scaled)
  }
  return -1
}

export function decode(out: usize, x: usize, scale: f64, n: usize): void {
  for (let i: usize = 0; i < n; i++) {
    store<f64>(out + (i << 3), <f64>load<i64>(x + (i << 3)) * scale)
  }
}
