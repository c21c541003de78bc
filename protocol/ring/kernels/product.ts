/**
 * The matrix product modulo 2^64, blocked for registers and caches. WebAssembly has no fast 64-bit lane product, so a word
 * is split in halves: the sum of a·b is Σ lo(a)lo(b) in 64-bit lanes plus 2^32·Σ (lo(a)hi(b) + hi(a)lo(b)) in 32-bit lanes,
 * where only the low halves matter. The right factor is packed in panels of 4 columns with halves apart: for each row of
 * it 4 low halves, then 4 high ones. The inner kernel makes a tile of 2 × 4.
 */

/** Depth of a block: a panel (6 KiB) stays in the first-level cache. */
const DEPTH: usize = 192
/** Rows and columns of a block: rows × depth and depth × columns share the second-level cache. */
const ROWS: usize = 128
const COLS: usize = 128

/** Bytes of scratch memory that a product needs. */
export function blockedScratch(): usize {
  return (DEPTH * COLS + DEPTH * ROWS) * 8 + 64
}

/**
 * out (m × n words, rows `outRow` bytes apart) ← x·y, or added to it. Element (i, l) of x is at x + i·xRow + l·xCol, of y
 * likewise: so a stored transpose needs no copy. One of a factor's strides is 8.
 */
export function blockedProduct(
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
  const right = scratch
  const left = scratch + DEPTH * COLS * 8
  const tile = left + DEPTH * ROWS * 8
  if (k === 0 && !accumulate) {
    for (let i: usize = 0; i < m; i++) memory.fill(out + i * outRow, 0, n << 3)
  }
  for (let j0: usize = 0; j0 < n; j0 += COLS) {
    const cols = min<usize>(COLS, n - j0)
    for (let l0: usize = 0; l0 < k; l0 += DEPTH) {
      const depth = min<usize>(DEPTH, k - l0)
      packRight(right, y + l0 * yRow + j0 * yCol, yRow, yCol, depth, cols)
      for (let i0: usize = 0; i0 < m; i0 += ROWS) {
        const rows = min<usize>(ROWS, m - i0)
        let from = x + i0 * xRow + l0 * xCol
        const packed = xCol !== 8
        if (packed) {
          packLeft(left, from, xCol, rows, depth)
          from = left
        }
        const to = out + i0 * outRow + (j0 << 3)
        const add = accumulate || l0 > 0
        for (let j: usize = 0; j < cols; j += 4) {
          const panel = right + ((j * depth) << 3)
          const width = min<usize>(4, cols - j)
          let i: usize = 0
          for (; i + 2 <= rows; i += 2) {
            const a = packed ? from + ((i * depth) << 3) : from + i * xRow
            const at = to + i * outRow + (j << 3)
            if (width === 4) {
              tile2(at, outRow, a, packed ? 8 : xRow, packed ? 16 : 8, panel, depth, add)
            } else {
              tile2(tile, 32, a, packed ? 8 : xRow, packed ? 16 : 8, panel, depth, false)
              narrow(at, tile, width, add)
              narrow(at + outRow, tile + 32, width, add)
            }
          }
          if (i < rows) {
            const a = packed ? from + ((i * depth) << 3) : from + i * xRow
            tile1(tile, a, 8, panel, depth)
            narrow(to + i * outRow + (j << 3), tile, width, add)
          }
        }
      }
    }
  }
}

/** Panels of 4 columns: a row's 4 low halves, then its 4 high halves; missing columns are zero. */
function packRight(to: usize, y: usize, yRow: usize, yCol: usize, depth: usize, cols: usize): void {
  for (let j: usize = 0; j < cols; j += 4) {
    const width = cols - j
    const c0 = y + j * yCol
    const c1 = width > 1 ? c0 + yCol : c0
    const c2 = width > 2 ? c1 + yCol : c0
    const c3 = width > 3 ? c2 + yCol : c0
    const m1: u64 = width > 1 ? ~0 : 0
    const m2: u64 = width > 2 ? ~0 : 0
    const m3: u64 = width > 3 ? ~0 : 0
    const adjacent = width > 3 && yCol === 8
    for (let l: usize = 0; l < depth; l++) {
      const at = l * yRow
      let p: v128
      let q: v128
      if (adjacent) {
        p = v128.load(c0 + at)
        q = v128.load(c0 + at, 16)
      } else {
        p = i64x2.replace_lane(i64x2.splat(load<u64>(c0 + at)), 1, load<u64>(c1 + at) & m1)
        q = i64x2.replace_lane(i64x2.splat(load<u64>(c2 + at) & m2), 1, load<u64>(c3 + at) & m3)
      }
      v128.store(to, v128.shuffle<u32>(p, q, 0, 2, 4, 6))
      v128.store(to, v128.shuffle<u32>(p, q, 1, 3, 5, 7), 16)
      to += 32
    }
  }
}

/** Panels of 2 rows of a factor whose rows run through memory with stride 8; an odd last row by itself. */
function packLeft(to: usize, x: usize, xCol: usize, rows: usize, depth: usize): void {
  const pairs = rows & ~1
  const panel = depth << 4
  for (let l: usize = 0; l < depth; l++) {
    let at = to + (l << 4)
    for (let i: usize = 0; i < pairs; i += 2) {
      v128.store(at, v128.load(x + (i << 3)))
      at += panel
    }
    if (pairs !== rows) store<u64>(to + ((pairs * depth + l) << 3), load<u64>(x + (pairs << 3)))
    x += xCol
  }
}

/** Adds or copies `width` < 4 words of a tile's row; all 4 of a single row. */
function narrow(out: usize, tile: usize, width: usize, add: bool): void {
  for (let j: usize = 0; j < width << 3; j += 8) {
    store<u64>(out + j, load<u64>(tile + j) + (add ? load<u64>(out + j) : 0))
  }
}

/** Σ lo·lo of two columns and the cross terms (in the low or high half of `cross`) to words. */
function words(low: v128, cross: v128): v128 {
  return i64x2.add(low, i64x2.shl(cross, 32))
}

/** A 2 × 4 tile over the whole depth: rows `aRow` apart, consecutive elements of a row `aCol` apart. */
function tile2(
  out: usize,
  outRow: usize,
  a: usize,
  aRow: usize,
  aCol: usize,
  b: usize,
  depth: usize,
  add: bool
): void {
  let low0 = i64x2.splat(0)
  let high0 = i64x2.splat(0)
  let cross0 = i64x2.splat(0)
  let low1 = i64x2.splat(0)
  let high1 = i64x2.splat(0)
  let cross1 = i64x2.splat(0)
  const end = b + (depth << 5)
  while (b < end) {
    const bl = v128.load(b)
    const bh = v128.load(b, 16)
    const al0 = v128.load_splat<u32>(a)
    const ah0 = v128.load_splat<u32>(a, 4)
    low0 = i64x2.add(low0, i64x2.extmul_low_i32x4_u(bl, al0))
    high0 = i64x2.add(high0, i64x2.extmul_high_i32x4_u(bl, al0))
    cross0 = i32x4.add(cross0, i32x4.add(i32x4.mul(bl, ah0), i32x4.mul(bh, al0)))
    const al1 = v128.load_splat<u32>(a + aRow)
    const ah1 = v128.load_splat<u32>(a + aRow, 4)
    low1 = i64x2.add(low1, i64x2.extmul_low_i32x4_u(bl, al1))
    high1 = i64x2.add(high1, i64x2.extmul_high_i32x4_u(bl, al1))
    cross1 = i32x4.add(cross1, i32x4.add(i32x4.mul(bl, ah1), i32x4.mul(bh, al1)))
    a += aCol
    b += 32
  }
  low0 = words(low0, i64x2.extend_low_i32x4_u(cross0))
  high0 = words(high0, i64x2.extend_high_i32x4_u(cross0))
  low1 = words(low1, i64x2.extend_low_i32x4_u(cross1))
  high1 = words(high1, i64x2.extend_high_i32x4_u(cross1))
  const second = out + outRow
  if (add) {
    low0 = i64x2.add(low0, v128.load(out))
    high0 = i64x2.add(high0, v128.load(out, 16))
    low1 = i64x2.add(low1, v128.load(second))
    high1 = i64x2.add(high1, v128.load(second, 16))
  }
  v128.store(out, low0)
  v128.store(out, high0, 16)
  v128.store(second, low1)
  v128.store(second, high1, 16)
}

/** A 1 × 4 tile. */
function tile1(out: usize, a: usize, aCol: usize, b: usize, depth: usize): void {
  let low = i64x2.splat(0)
  let high = i64x2.splat(0)
  let cross = i64x2.splat(0)
  const end = b + (depth << 5)
  while (b < end) {
    const bl = v128.load(b)
    const bh = v128.load(b, 16)
    const al = v128.load_splat<u32>(a)
    const ah = v128.load_splat<u32>(a, 4)
    low = i64x2.add(low, i64x2.extmul_low_i32x4_u(bl, al))
    high = i64x2.add(high, i64x2.extmul_high_i32x4_u(bl, al))
    cross = i32x4.add(cross, i32x4.add(i32x4.mul(bl, ah), i32x4.mul(bh, al)))
    a += aCol
    b += 32
  }
  v128.store(out, words(low, i64x2.extend_low_i32x4_u(cross)))
  v128.store(out, words(high, i64x2.extend_high_i32x4_u(cross)), 16)
}
