/**
 * Seven products for eight: Winograd's form of Strassen's recursion (1971) over the blocked product. The ring
 * has exact subtraction, so nothing is lost by it. It pays while the factors' halves still fill the blocks.
 */
import { blockedProduct, blockedScratch } from "./product"

/** A dimension below this is not halved. */
const LEAST: usize = 96

function halves(m: usize, k: usize, n: usize): bool {
  return m >= LEAST && k >= LEAST && n >= LEAST
}

/** Bytes of scratch memory that a product of m × k and k × n needs. */
export function productScratch(m: usize, k: usize, n: usize): usize {
  let bytes = blockedScratch()
  while (halves(m, k, n)) {
    m >>= 1
    k >>= 1
    n >>= 1
    bytes += (m * k + k * n + 2 * m * n) * 8 + 64
  }
  return bytes
}

/** out = x + y or x − y on blocks of rows × cols words whose rows are a stride apart. `out` may be x or y. */
function combine(
  out: usize,
  outRow: usize,
  x: usize,
  xRow: usize,
  y: usize,
  yRow: usize,
  rows: usize,
  cols: usize,
  minus: bool
): void {
  const pairs = (cols & ~1) << 3
  for (let r: usize = 0; r < rows; r++) {
    if (minus) {
      for (let i: usize = 0; i < pairs; i += 16) {
        v128.store(out + i, i64x2.sub(v128.load(x + i), v128.load(y + i)))
      }
      if (cols & 1) store<u64>(out + pairs, load<u64>(x + pairs) - load<u64>(y + pairs))
    } else {
      for (let i: usize = 0; i < pairs; i += 16) {
        v128.store(out + i, i64x2.add(v128.load(x + i), v128.load(y + i)))
      }
      if (cols & 1) store<u64>(out + pairs, load<u64>(x + pairs) + load<u64>(y + pairs))
    }
    out += outRow
    x += xRow
    y += yRow
  }
}

/** The product as `blockedProduct` takes it, with `productScratch` bytes of scratch. */
export function product(
  out: usize,
  outRow: usize,
  x: usize,
  xRow: usize,
  xCol: usize,
  y: usize,
  yRow: usize,
  yCol: usize,
  m: usize,
  k: usize,
  n: usize,
  accumulate: bool,
  scratch: usize
): void {
  if (!halves(m, k, n)) {
    blockedProduct(out, outRow, x, xRow, xCol, y, yRow, yCol, m, k, n, accumulate, scratch)
    return
  }
  if (!accumulate) for (let i: usize = 0; i < m; i++) memory.fill(out + i * outRow, 0, n << 3)
  halved(out, outRow, x, xRow, xCol, y, yRow, yCol, m >> 1, k >> 1, n >> 1, scratch)
  // What an odd dimension leaves over: the last column of x with the last row of y, the last row, the last
  // column.
  const even = m & ~1
  const across = n & ~1
  if (k & 1) {
    const l = k - 1
    blockedProduct(
      out,
      outRow,
      x + l * xCol,
      xRow,
      xCol,
      y + l * yRow,
      yRow,
      yCol,
      even,
      1,
      across,
      true,
      scratch
    )
  }
  if (m & 1) {
    blockedProduct(
      out + even * outRow,
      outRow,
      x + even * xRow,
      xRow,
      xCol,
      y,
      yRow,
      yCol,
      1,
      k,
      n,
      true,
      scratch
    )
  }
  if (n & 1) {
    const at = out + (across << 3)
    blockedProduct(at, outRow, x, xRow, xCol, y + across * yCol, yRow, yCol, even, k, 1, true, scratch)
  }
}

/** out += x·y for 2m × 2k and 2k × 2n, in quarters. */
function halved(
  out: usize,
  outRow: usize,
  x: usize,
  xRow: usize,
  xCol: usize,
  y: usize,
  yRow: usize,
  yCol: usize,
  m: usize,
  k: usize,
  n: usize,
  scratch: usize
): void {
  const x12 = x + k * xCol
  const x21 = x + m * xRow
  const x22 = x21 + k * xCol
  const y12 = y + n * yCol
  const y21 = y + k * yRow
  const y22 = y21 + n * yCol
  const out12 = out + (n << 3)
  const out21 = out + m * outRow
  const out22 = out21 + (n << 3)
  // Sums keep the orientation of their factor: rows as stored, xs (ys) bytes apart there, sRow and sCol in
  // the sum.
  const xAcross = xCol === 8
  const yAcross = yCol === 8
  const xs = xAcross ? xRow : xCol
  const ys = yAcross ? yRow : yCol
  const sRows = xAcross ? m : k
  const sCols = xAcross ? k : m
  const tRows = yAcross ? k : n
  const tCols = yAcross ? n : k
  const s1: usize = sCols << 3
  const t1: usize = tCols << 3
  const sRow: usize = xAcross ? s1 : 8
  const sCol: usize = xAcross ? 8 : s1
  const tRow: usize = yAcross ? t1 : 8
  const tCol: usize = yAcross ? 8 : t1
  const u1 = n << 3
  const s = scratch
  const t = s + ((m * k) << 3)
  const u = t + ((k * n) << 3)
  const w = u + ((m * n) << 3)
  const rest = (w + ((m * n) << 3) + 63) & ~63

  // U = x11·y11
  product(u, u1, x, xRow, xCol, y, yRow, yCol, m, k, n, false, rest)
  combine(out, outRow, out, outRow, u, u1, m, n, false)
  product(out, outRow, x12, xRow, xCol, y21, yRow, yCol, m, k, n, true, rest)
  // W = (x21 + x22)·(y12 − y11)
  combine(s, s1, x21, xs, x22, xs, sRows, sCols, false)
  combine(t, t1, y12, ys, y, ys, tRows, tCols, true)
  product(w, u1, s, sRow, sCol, t, tRow, tCol, m, k, n, false, rest)
  combine(out22, outRow, out22, outRow, w, u1, m, n, false)
  // U += (x21 + x22 − x11)·(y22 − y12 + y11)
  combine(s, s1, s, s1, x, xs, sRows, sCols, true)
  combine(t, t1, y22, ys, t, t1, tRows, tCols, true)
  product(u, u1, s, sRow, sCol, t, tRow, tCol, m, k, n, true, rest)
  combine(w, u1, w, u1, u, u1, m, n, false)
  combine(out12, outRow, out12, outRow, w, u1, m, n, false)
  // out12 += (x12 − S)·y22, out21 += x22·(y21 − T)
  combine(s, s1, x12, xs, s, s1, sRows, sCols, true)
  product(out12, outRow, s, sRow, sCol, y22, yRow, yCol, m, k, n, true, rest)
  combine(t, t1, y21, ys, t, t1, tRows, tCols, true)
  product(out21, outRow, x22, xRow, xCol, t, tRow, tCol, m, k, n, true, rest)
  // U += (x11 − x21)·(y22 − y12)
  combine(s, s1, x, xs, x21, xs, sRows, sCols, true)
  combine(t, t1, y22, ys, y12, ys, tRows, tCols, true)
  product(u, u1, s, sRow, sCol, t, tRow, tCol, m, k, n, true, rest)
  combine(out21, outRow, out21, outRow, u, u1, m, n, false)
  combine(out22, outRow, out22, outRow, u, u1, m, n, false)
}
