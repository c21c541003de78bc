/**
 * Number-theoretic transforms of polynomials modulo x^8192 + 1 and a prime q = 1 mod 16384, 2^30 < q < 2^31 (Longa and
 * Naehrig, CANS 2016: values in order, transforms in bit-reversed order). A polynomial is 8192 residues, u32 below q.
 *
 * The record of a modulus: q and q^−1 mod 2^32, and from byte 64 on four tables of 8192 u32: powers of a 16384th
 * root of unity in bit-reversed order and ⌊2^32·power/q⌋ of each (Shoup), then the same of its inverse. Entry h + i of
 * a table is the factor of group i of the h groups of a layer.
 */
import { difference, montgomery, montgomeryOfSum, sum, times } from "./residues"

const LENGTH: usize = 8192
const LOGARITHM: i32 = 13
const TABLES: usize = 64
const TABLE: usize = LENGTH << 2

function timesOne(x: u32, w: u32, shoup: u32, q: u32): u32 {
  const quotient = <u32>((<u64>x * <u64>shoup) >> 32)
  const product = x * w - quotient * q
  return min<u32>(product, product - q)
}

function reversed(i: u32): u32 {
  let r: u32 = 0
  for (let b = 0; b < LOGARITHM; b++) r |= ((i >> b) & 1) << (LOGARITHM - 1 - b)
  return r
}

/** Writes the record of a modulus; `root` is a primitive 16384th root of unity, `back` its inverse. */
export function transformTables(modulus: usize, q: u32, root: u32, back: u32): void {
  let inverse: u32 = q
  for (let i = 0; i < 4; i++) inverse *= 2 - q * inverse
  store<u32>(modulus, q)
  store<u32>(modulus, inverse, 4)
  let forth: u64 = 1
  let backwards: u64 = 1
  for (let i: u32 = 0; i < <u32>LENGTH; i++) {
    const at = modulus + TABLES + ((<usize>reversed(i)) << 2)
    store<u32>(at, <u32>forth)
    store<u32>(at + TABLE, <u32>((forth << 32) / q))
    store<u32>(at + 2 * TABLE, <u32>backwards)
    store<u32>(at + 3 * TABLE, <u32>((backwards << 32) / q))
    forth = (forth * root) % q
    backwards = (backwards * back) % q
  }
}

/** The forward transform of `size` residues. */
export function transform(x: usize, size: usize, modulus: usize): void {
  const q = load<u32>(modulus)
  const qs = i32x4.splat(q)
  for (let t = size >> 1; t > 0; t >>= 1) {
    const groups = size / (t << 1)
    const w = modulus + TABLES + (groups << 2)
    if (t >= 4) for (let i: usize = 0; i < groups; i++) wideForward(x + ((i * t) << 3), t, w + (i << 2), qs)
    else if (size < 8) {
      for (let i: usize = 0; i < groups; i++) narrowForward(x + ((i * t) << 3), t, w + (i << 2), q)
    } else if (t === 2) pairsForward(x, size, w, qs)
    else singlesForward(x, size, w, qs)
  }
}

function wideForward(x: usize, t: usize, w: usize, q: v128): void {
  const factor = v128.load32_splat(w)
  const shoup = v128.load32_splat(w + TABLE)
  const width = t << 2
  for (let end = x + width; x < end; x += 16) {
    const u = v128.load(x)
    const v = times(v128.load(x + width), factor, shoup, q)
    v128.store(x, sum(u, v, q))
    v128.store(x + width, difference(u, v, q))
  }
}

function narrowForward(x: usize, t: usize, w: usize, q: u32): void {
  const width = t << 2
  for (let end = x + width; x < end; x += 4) {
    const u = load<u32>(x)
    const v = timesOne(load<u32>(x + width), load<u32>(w), load<u32>(w + TABLE), q)
    const s = u + v
    const d = u - v
    store<u32>(x, min<u32>(s, s - q))
    store<u32>(x + width, min<u32>(d, d + q))
  }
}

function pairsForward(x: usize, size: usize, w: usize, q: v128): void {
  for (let end = x + (size << 2); x < end; x += 32) {
    const a = v128.load(x)
    const b = v128.load(x, 16)
    const f = v128.load64_zero(w)
    const s = v128.load64_zero(w + TABLE)
    const u = v128.shuffle<u32>(a, b, 0, 1, 4, 5)
    const v = times(
      v128.shuffle<u32>(a, b, 2, 3, 6, 7),
      v128.shuffle<u32>(f, f, 0, 0, 1, 1),
      v128.shuffle<u32>(s, s, 0, 0, 1, 1),
      q
    )
    const p = sum(u, v, q)
    const m = difference(u, v, q)
    v128.store(x, v128.shuffle<u32>(p, m, 0, 1, 4, 5))
    v128.store(x, v128.shuffle<u32>(p, m, 2, 3, 6, 7), 16)
    w += 8
  }
}

function singlesForward(x: usize, size: usize, w: usize, q: v128): void {
  for (let end = x + (size << 2); x < end; x += 32) {
    const a = v128.load(x)
    const b = v128.load(x, 16)
    const u = v128.shuffle<u32>(a, b, 0, 2, 4, 6)
    const v = times(v128.shuffle<u32>(a, b, 1, 3, 5, 7), v128.load(w), v128.load(w + TABLE), q)
    const p = sum(u, v, q)
    const m = difference(u, v, q)
    v128.store(x, v128.shuffle<u32>(p, m, 0, 4, 1, 5))
    v128.store(x, v128.shuffle<u32>(p, m, 2, 6, 3, 7), 16)
    w += 16
  }
}

/** Layers of the inverse transform of `size` residues, from butterflies `first` residues wide to those below `end`. */
export function transformBack(x: usize, size: usize, first: usize, end: usize, modulus: usize): void {
  const q = load<u32>(modulus)
  const qs = i32x4.splat(q)
  for (let t = first; t < end; t <<= 1) {
    const groups = size / (t << 1)
    const w = modulus + TABLES + 2 * TABLE + (groups << 2)
    if (t >= 4) for (let i: usize = 0; i < groups; i++) wideBack(x + ((i * t) << 3), t, w + (i << 2), qs)
    else if (size < 8) {
      for (let i: usize = 0; i < groups; i++) narrowBack(x + ((i * t) << 3), t, w + (i << 2), q)
    } else if (t === 2) pairsBack(x, size, w, qs)
    else singlesBack(x, size, w, qs)
  }
}

/** x ← x·factor mod q of `size` residues, `shoup` = ⌊2^32·factor/q⌋. */
export function scaleResidues(x: usize, size: usize, factor: u32, shoup: u32, modulus: usize): void {
  const q = load<u32>(modulus)
  const qs = i32x4.splat(q)
  const fs = i32x4.splat(factor)
  const ss = i32x4.splat(shoup)
  const wide = (size & ~3) << 2
  for (let i: usize = 0; i < wide; i += 16) v128.store(x + i, times(v128.load(x + i), fs, ss, qs))
  for (let i = wide; i < size << 2; i += 4) store<u32>(x + i, timesOne(load<u32>(x + i), factor, shoup, q))
}

function wideBack(x: usize, t: usize, w: usize, q: v128): void {
  const factor = v128.load32_splat(w)
  const shoup = v128.load32_splat(w + TABLE)
  const width = t << 2
  for (let end = x + width; x < end; x += 16) {
    const u = v128.load(x)
    const v = v128.load(x + width)
    v128.store(x, sum(u, v, q))
    v128.store(x + width, times(i32x4.add(i32x4.sub(u, v), q), factor, shoup, q))
  }
}

function narrowBack(x: usize, t: usize, w: usize, q: u32): void {
  const width = t << 2
  for (let end = x + width; x < end; x += 4) {
    const u = load<u32>(x)
    const v = load<u32>(x + width)
    const s = u + v
    store<u32>(x, min<u32>(s, s - q))
    store<u32>(x + width, timesOne(u - v + q, load<u32>(w), load<u32>(w + TABLE), q))
  }
}

function pairsBack(x: usize, size: usize, w: usize, q: v128): void {
  for (let end = x + (size << 2); x < end; x += 32) {
    const a = v128.load(x)
    const b = v128.load(x, 16)
    const f = v128.load64_zero(w)
    const s = v128.load64_zero(w + TABLE)
    const u = v128.shuffle<u32>(a, b, 0, 1, 4, 5)
    const v = v128.shuffle<u32>(a, b, 2, 3, 6, 7)
    const p = sum(u, v, q)
    const m = times(
      i32x4.add(i32x4.sub(u, v), q),
      v128.shuffle<u32>(f, f, 0, 0, 1, 1),
      v128.shuffle<u32>(s, s, 0, 0, 1, 1),
      q
    )
    v128.store(x, v128.shuffle<u32>(p, m, 0, 1, 4, 5))
    v128.store(x, v128.shuffle<u32>(p, m, 2, 3, 6, 7), 16)
    w += 8
  }
}

function singlesBack(x: usize, size: usize, w: usize, q: v128): void {
  for (let end = x + (size << 2); x < end; x += 32) {
    const a = v128.load(x)
    const b = v128.load(x, 16)
    const u = v128.shuffle<u32>(a, b, 0, 2, 4, 6)
    const v = v128.shuffle<u32>(a, b, 1, 3, 5, 7)
    const p = sum(u, v, q)
    const m = times(i32x4.add(i32x4.sub(u, v), q), v128.load(w), v128.load(w + TABLE), q)
    v128.store(x, v128.shuffle<u32>(p, m, 0, 4, 1, 5))
    v128.store(x, v128.shuffle<u32>(p, m, 2, 6, 3, 7), 16)
    w += 16
  }
}

/** Each of the `size` residues of x, `times` times over. `out` apart from x. */
export function repeatResidues(out: usize, x: usize, repeats: usize, size: usize): void {
  for (const end = x + (size << 2); x < end; x += 4) {
    const r = load<u32>(x)
    for (let i: usize = 0; i < repeats; i++) store<u32>(out + (i << 2), r)
    out += repeats << 2
  }
}

/** The sum of each two neighbouring runs of `run` of the `size` residues of x, one after another, in place. */
export function foldRuns(x: usize, size: usize, run: usize, modulus: usize): void {
  const q = load<u32>(modulus)
  const qs = i32x4.splat(q)
  const bytes = run << 2
  let to = x
  for (const end = x + (size << 2); x < end; x += 2 * bytes) {
    if (run >= 4) {
      for (let i: usize = 0; i < bytes; i += 16)
        v128.store(to + i, sum(v128.load(x + i), v128.load(x + bytes + i), qs))
    } else {
      for (let i: usize = 0; i < bytes; i += 4) {
        const s = load<u32>(x + i) + load<u32>(x + bytes + i)
        store<u32>(to + i, min<u32>(s, s - q))
      }
    }
    to += bytes
  }
}

/** out ← x·y·2^−32 of two transforms. */
export function multiplyTransforms(out: usize, x: usize, y: usize, modulus: usize): void {
  const q = i32x4.splat(load<u32>(modulus))
  const inverse = i32x4.splat(load<u32>(modulus, 4))
  for (let i: usize = 0; i < TABLE; i += 16) {
    const u = v128.load(x + i)
    const v = v128.load(y + i)
    v128.store(
      out + i,
      montgomery(i64x2.extmul_low_i32x4_u(u, v), i64x2.extmul_high_i32x4_u(u, v), q, inverse)
    )
  }
}

/**
 * out ← (or +=) Σ x_j·y_j·2^−32 for residues `from` up to `end` of ciphertexts' transforms y_j and plaintexts' x_j, of
 * which each residue counts for `run` of them: 1, or at least 4. `terms` pairs, which lie `xStride` and `yStride` bytes apart.
 * The other half of a ciphertext is `half` bytes on, and so is that of the sum.
 */
export function multiplyCiphertexts(
  out: usize,
  x: usize,
  xStride: usize,
  run: usize,
  y: usize,
  yStride: usize,
  half: usize,
  terms: usize,
  from: usize,
  end: usize,
  accumulate: bool,
  modulus: usize
): void {
  const q = i32x4.splat(load<u32>(modulus))
  const inverse = i32x4.splat(load<u32>(modulus, 4))
  const one = run === 1
  const shift = <usize>ctz(run)
  for (let i = from; i < end; i += 4) {
    const to = out + (i << 2)
    let total0 = accumulate ? v128.load(to) : i32x4.splat(0)
    let total1 = accumulate ? v128.load(to + half) : i32x4.splat(0)
    let a = x + ((i >> shift) << 2)
    let b = y + (i << 2)
    for (let left = terms; left > 0; ) {
      // Four products below 2^62.
      const now = min<usize>(left, 4)
      let low0 = i64x2.splat(0)
      let high0 = i64x2.splat(0)
      let low1 = i64x2.splat(0)
      let high1 = i64x2.splat(0)
      for (let j: usize = 0; j < now; j++) {
        const u = one ? v128.load(a) : v128.load32_splat(a)
        const v0 = v128.load(b)
        const v1 = v128.load(b + half)
        low0 = i64x2.add(low0, i64x2.extmul_low_i32x4_u(u, v0))
        high0 = i64x2.add(high0, i64x2.extmul_high_i32x4_u(u, v0))
        low1 = i64x2.add(low1, i64x2.extmul_low_i32x4_u(u, v1))
        high1 = i64x2.add(high1, i64x2.extmul_high_i32x4_u(u, v1))
        a += xStride
        b += yStride
      }
      total0 = sum(total0, montgomeryOfSum(low0, high0, q, inverse), q)
      total1 = sum(total1, montgomeryOfSum(low1, high1, q, inverse), q)
      left -= now
    }
    v128.store(to, total0)
    v128.store(to + half, total1)
  }
}
