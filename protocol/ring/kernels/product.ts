/**
 * The matrix product modulo 2^64, blocked for registers and caches.
 *
 * WebAssembly has no fast product of 64-bit lanes and a processor makes one scalar 64-bit product a cycle, so
 * products are what a tile saves. Winograd's inner product (1968) takes one for two: (a + d)·(b + c) = a·c +
 * b·d + a·b + c·d, with a next to b in a row of x and c above d in a column of y. The a·b are the row's alone
 * and the c·d the column's alone: they are summed once, while the factors are packed, and a sum of products
 * starts from minus both.
 *
 * A tile is one row by six columns: the vector unit makes four columns and the scalar unit two, at the same
 * time. In a vector column s·t is lo(s)·lo(t) in 64-bit lanes plus 2^32·(lo(s)·hi(t) + hi(s)·lo(t)) in 32-bit
 * lanes, of which only the low halves matter. More rows or steps do not pay: V8 schedules the loads of a
 * loop's body first, and a larger body leaves too few registers for its sums.
 *
 * Rows of x are packed one after the other, columns of y in panels of 6: what each column starts from, then
 * for each two rows of y 4 words of the first, 4 of the second and both words of either other column. A last
 * panel of at most 4 columns goes without these two. An odd depth is filled up with zeros.
 */

/** Depth of a block: a panel (19 KiB) stays in the first-level cache. Even. */
const DEPTH: usize = 400
/** Rows and columns of a block: its rows stay in the second-level cache. */
const ROWS: usize = 128
const COLS: usize = 128

/** Bytes that two rows of y take in a panel of 6 and of 4 columns. */
const WIDE: usize = 96
const NARROW: usize = 64
/** Bytes before them: what the columns start from. */
const HEAD: usize = 48
const PANELS: usize = (COLS + 5) / 6
/** Below this many columns a row of x is used too seldom to be packed. */
const FEW: usize = 4

/** Bytes of scratch memory that a product needs. */
export function blockedScratch(): usize {
  return PANELS * (HEAD + DEPTH * (WIDE >> 1)) + DEPTH * ROWS * 8 + ROWS * 8 + 128
}

/**
 * out (m × n words, rows `outRow` bytes apart) ← x·y, or added to it. Element (i, l) of x is at x + i·xRow +
 * l·xCol, of y likewise: so a stored transpose needs no copy. One of a factor's strides is 8.
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
  if (k === 0) {
    if (!accumulate) for (let i: usize = 0; i < m; i++) memory.fill(out + i * outRow, 0, n << 3)
    return
  }
  if (n < FEW && xCol === 8) {
    unpacked(out, outRow, x, xRow, y, yRow, yCol, m, k, n, accumulate)
    return
  }
  const left = scratch
  const starts = left + DEPTH * ROWS * 8
  const tile = starts + ROWS * 8
  const right = tile + 64
  // Depths of equal size, so that none is left with a few rows.
  const blocks = (k + DEPTH - 1) / DEPTH
  const step = ((k + blocks - 1) / blocks + 1) & ~1
  for (let j0: usize = 0; j0 < n; j0 += COLS) {
    const cols = min<usize>(COLS, n - j0)
    for (let l0: usize = 0; l0 < k; l0 += step) {
      const depth = min<usize>(step, k - l0)
      const pairs = (depth + 1) >> 1
      packRight(right, y + l0 * yRow + j0 * yCol, yRow, yCol, depth, cols)
      const add = accumulate || l0 > 0
      for (let i0: usize = 0; i0 < m; i0 += ROWS) {
        const rows = min<usize>(ROWS, m - i0)
        packLeft(left, starts, x + i0 * xRow + l0 * xCol, xRow, xCol, rows, depth)
        let panel = right
        for (let j: usize = 0; j < cols; j += 6) {
          const width = min<usize>(6, cols - j)
          const pair = width > 4 ? WIDE : NARROW
          const end = panel + HEAD + pairs * pair
          let at = out + i0 * outRow + ((j0 + j) << 3)
          let row = left
          for (let i: usize = 0; i < rows; i++) {
            const start = load<u64>(starts + (i << 3))
            if (width === 6) tile6(at, row, panel, end, start, add)
            else {
              if (width === 5) tile6(tile, row, panel, end, start, false)
              else tile4(tile, row, panel, end, start)
              for (let c: usize = 0; c < width << 3; c += 8) {
                store<u64>(at + c, load<u64>(tile + c) + (add ? load<u64>(at + c) : 0))
              }
            }
            at += outRow
            row += pairs << 4
          }
          panel = end
        }
      }
    }
  }
}

/** A product with few columns: each word by itself. */
function unpacked(
  out: usize,
  outRow: usize,
  x: usize,
  xRow: usize,
  y: usize,
  yRow: usize,
  yCol: usize,
  m: usize,
  k: usize,
  n: usize,
  accumulate: bool
): void {
  const end = k << 3
  for (let i: usize = 0; i < m; i++) {
    for (let j: usize = 0; j < n; j++) {
      const at = out + (j << 3)
      let sum: u64 = accumulate ? load<u64>(at) : 0
      let b = y + j * yCol
      for (let l: usize = 0; l < end; l += 8) {
        sum += load<u64>(x + l) * load<u64>(b)
        b += yRow
      }
      store<u64>(at, sum)
    }
    out += outRow
    x += xRow
  }
}

/** Where the words of column j are in a panel's two rows: the second lies `second` bytes behind the first. */
function place(j: usize): usize {
  return j < 4 ? j << 3 : NARROW + ((j - 4) << 4)
}

function second(j: usize): usize {
  return j < 4 ? 32 : 8
}

/** Panels of 6 columns, the last one of 4 or 6; missing columns are zero. */
function packRight(to: usize, y: usize, yRow: usize, yCol: usize, depth: usize, cols: usize): void {
  const pairs = (depth + 1) >> 1
  for (let j: usize = 0; j < cols; j += 6) {
    const width = min<usize>(6, cols - j)
    if (width === 6) {
      if (yCol === 8) packAcross(to, y, yRow, depth)
      else packAlong(to, y, yCol, depth)
      to += HEAD + pairs * WIDE
    } else {
      const pair = width > 4 ? WIDE : NARROW
      memory.fill(to, 0, HEAD + pairs * pair)
      for (let c: usize = 0; c < width; c++) {
        let at = to + HEAD + place(c)
        let from = y + c * yCol
        let start: u64 = 0
        for (let l: usize = 0; l + 1 < depth; l += 2) {
          const p = load<u64>(from)
          const q = load<u64>(from + yRow)
          store<u64>(at, p)
          store<u64>(at + second(c), q)
          start -= p * q
          at += pair
          from += yRow << 1
        }
        if (depth & 1) store<u64>(at, load<u64>(from))
        store<u64>(to + (c << 3), start)
      }
    }
    y += 6 * yCol
  }
}

/** A panel of 6 columns that lie next to each other. */
function packAcross(to: usize, y: usize, yRow: usize, depth: usize): void {
  let s0 = i64x2.splat(0)
  let s1 = i64x2.splat(0)
  let s2 = i64x2.splat(0)
  let at = to + HEAD
  for (let l: usize = 0; l < depth; l += 2) {
    const p0 = v128.load(y)
    const p1 = v128.load(y, 16)
    const p2 = v128.load(y, 32)
    let q0 = i64x2.splat(0)
    let q1 = i64x2.splat(0)
    let q2 = i64x2.splat(0)
    if (l + 1 < depth) {
      y += yRow
      q0 = v128.load(y)
      q1 = v128.load(y, 16)
      q2 = v128.load(y, 32)
    }
    v128.store(at, p0)
    v128.store(at, p1, 16)
    v128.store(at, q0, 32)
    v128.store(at, q1, 48)
    v128.store(at, v128.shuffle<u64>(p2, q2, 0, 2), 64)
    v128.store(at, v128.shuffle<u64>(p2, q2, 1, 3), 80)
    s0 = i64x2.sub(s0, i64x2.mul(p0, q0))
    s1 = i64x2.sub(s1, i64x2.mul(p1, q1))
    s2 = i64x2.sub(s2, i64x2.mul(p2, q2))
    at += WIDE
    y += yRow
  }
  v128.store(to, s0)
  v128.store(to, s1, 16)
  v128.store(to, s2, 32)
}

/** A panel of 6 columns of a transposed factor: each runs through memory with stride 8. */
function packAlong(to: usize, y: usize, yCol: usize, depth: usize): void {
  for (let c: usize = 0; c < 6; c += 2) {
    let from = y + c * yCol
    let at = to + HEAD + place(c)
    let s = i64x2.splat(0)
    for (let l: usize = 0; l < depth; l += 2) {
      let u: v128
      let v: v128
      if (l + 1 < depth) {
        u = v128.load(from)
        v = v128.load(from + yCol)
      } else {
        u = v128.load64_zero(from)
        v = v128.load64_zero(from + yCol)
      }
      const p = v128.shuffle<u64>(u, v, 0, 2)
      const q = v128.shuffle<u64>(u, v, 1, 3)
      s = i64x2.sub(s, i64x2.mul(p, q))
      if (c < 4) {
        v128.store(at, p)
        v128.store(at, q, 32)
      } else {
        v128.store(at, u)
        v128.store(at, v, 16)
      }
      at += WIDE
      from += 16
    }
    v128.store(to + (c << 3), s)
  }
}

/** Rows of an even number of words; `starts` gets what a row's inner products start from. */
function packLeft(
  to: usize,
  starts: usize,
  x: usize,
  xRow: usize,
  xCol: usize,
  rows: usize,
  depth: usize
): void {
  const even = (depth & ~1) << 3
  const width = (depth + (depth & 1)) << 3
  if (xCol === 8) {
    for (let i: usize = 0; i < rows; i++) {
      let start: u64 = 0
      for (let l: usize = 0; l < even; l += 16) {
        v128.store(to + l, v128.load(x + l))
        start -= load<u64>(x + l) * load<u64>(x + l, 8)
      }
      if (even !== width) v128.store(to + even, v128.load64_zero(x + even))
      store<u64>(starts + (i << 3), start)
      to += width
      x += xRow
    }
  } else {
    memory.fill(starts, 0, rows << 3)
    for (let l: usize = 0; l < depth; l += 2) {
      const next = x + xCol
      const last = l + 1 === depth
      let at = to + (l << 3)
      let i: usize = 0
      for (; i + 2 <= rows; i += 2) {
        const p = v128.load(x + (i << 3))
        const q = last ? i64x2.splat(0) : v128.load(next + (i << 3))
        v128.store(at, v128.shuffle<u64>(p, q, 0, 2))
        v128.store(at + width, v128.shuffle<u64>(p, q, 1, 3))
        const s = starts + (i << 3)
        v128.store(s, i64x2.sub(v128.load(s), i64x2.mul(p, q)))
        at += width << 1
      }
      if (i < rows) {
        const p = load<u64>(x + (i << 3))
        const q: u64 = last ? 0 : load<u64>(next + (i << 3))
        store<u64>(at, p)
        store<u64>(at, q, 8)
        const s = starts + (i << 3)
        store<u64>(s, load<u64>(s) - p * q)
      }
      x = next + xCol
    }
  }
}

/** A 1 × 6 tile of a packed row and a panel, that ends at `end`. */
function tile6(out: usize, a: usize, panel: usize, end: usize, start: u64, add: bool): void {
  const first = i64x2.splat(start)
  let low = i64x2.add(first, v128.load(panel))
  let high = i64x2.add(first, v128.load(panel, 16))
  let cross = i64x2.splat(0)
  let w4 = start + load<u64>(panel, 32)
  let w5 = start + load<u64>(panel, 40)
  let b = panel + HEAD
  do {
    const x = v128.load_splat<u64>(a)
    const y = v128.load_splat<u64>(a, 8)
    const s0 = i64x2.add(x, v128.load(b, 32))
    const s1 = i64x2.add(x, v128.load(b, 48))
    const t0 = i64x2.add(y, v128.load(b))
    const t1 = i64x2.add(y, v128.load(b, 16))
    const sl = v128.shuffle<u32>(s0, s1, 0, 2, 4, 6)
    const sh = v128.shuffle<u32>(s0, s1, 1, 3, 5, 7)
    const tl = v128.shuffle<u32>(t0, t1, 0, 2, 4, 6)
    const th = v128.shuffle<u32>(t0, t1, 1, 3, 5, 7)
    low = i64x2.add(low, i64x2.extmul_low_i32x4_u(sl, tl))
    high = i64x2.add(high, i64x2.extmul_high_i32x4_u(sl, tl))
    cross = i32x4.add(i32x4.add(cross, i32x4.mul(sl, th)), i32x4.mul(sh, tl))
    const p = load<u64>(a)
    const q = load<u64>(a, 8)
    w4 += (p + load<u64>(b, 72)) * (q + load<u64>(b, 64))
    w5 += (p + load<u64>(b, 88)) * (q + load<u64>(b, 80))
    a += 16
    b += WIDE
  } while (b < end)
  low = words(low, i64x2.extend_low_i32x4_u(cross))
  high = words(high, i64x2.extend_high_i32x4_u(cross))
  if (add) {
    low = i64x2.add(low, v128.load(out))
    high = i64x2.add(high, v128.load(out, 16))
    w4 += load<u64>(out, 32)
    w5 += load<u64>(out, 40)
  }
  v128.store(out, low)
  v128.store(out, high, 16)
  store<u64>(out, w4, 32)
  store<u64>(out, w5, 40)
}

/** A 1 × 4 tile, the vector part of the other. */
function tile4(out: usize, a: usize, panel: usize, end: usize, start: u64): void {
  const first = i64x2.splat(start)
  let low = i64x2.add(first, v128.load(panel))
  let high = i64x2.add(first, v128.load(panel, 16))
  let cross = i64x2.splat(0)
  let b = panel + HEAD
  do {
    const x = v128.load_splat<u64>(a)
    const y = v128.load_splat<u64>(a, 8)
    const s0 = i64x2.add(x, v128.load(b, 32))
    const s1 = i64x2.add(x, v128.load(b, 48))
    const t0 = i64x2.add(y, v128.load(b))
    const t1 = i64x2.add(y, v128.load(b, 16))
    const sl = v128.shuffle<u32>(s0, s1, 0, 2, 4, 6)
    const sh = v128.shuffle<u32>(s0, s1, 1, 3, 5, 7)
    const tl = v128.shuffle<u32>(t0, t1, 0, 2, 4, 6)
    const th = v128.shuffle<u32>(t0, t1, 1, 3, 5, 7)
    low = i64x2.add(low, i64x2.extmul_low_i32x4_u(sl, tl))
    high = i64x2.add(high, i64x2.extmul_high_i32x4_u(sl, tl))
    cross = i32x4.add(i32x4.add(cross, i32x4.mul(sl, th)), i32x4.mul(sh, tl))
    a += 16
    b += NARROW
  } while (b < end)
  v128.store(out, words(low, i64x2.extend_low_i32x4_u(cross)))
  v128.store(out, words(high, i64x2.extend_high_i32x4_u(cross)), 16)
}

/** Σ lo·lo of two columns and the cross terms (in the low or high half of `cross`) to words. */
function words(low: v128, cross: v128): v128 {
  return i64x2.add(low, i64x2.shl(cross, 32))
}
