/**
 * The matrix product modulo 2^64.
 */
export function product(
  out: usize,
  x: usize,
  y: usize,
  m: usize,
  k: usize,
  n: usize,
  xRow: usize,
  xCol: usize,
  yRow: usize,
  yCol: usize,
  accumulate: bool
): void {
  for (let i: usize = 0; i < m; i++)
    for (let j: usize = 0; j < n; j++) {
      let sum: u64 = accumulate ? load<u64>(out + ((i * n + j) << 3)) : 0
      for (let l: usize = 0; l < k; l++)
        sum += load<u64>(x + i * xRow + l * xCol) * load<u64>(y + l * yRow + j * yCol)
      store<u64>(out + ((i * n + j) << 3), sum)
    }
}
