/**
 * Everything of the lattice encryption that is no transform: coefficients placed and read, words to residues, samples,
 * and numbers of odd widths packed. Moduli and polynomials are as in `transforms.ts`.
 */
import { difference, montgomery, sum } from "./residues"

const LENGTH: usize = 8192

/**
 * Writes elements (i, j) of a factor in the clear to words i·spread − slot − j; one below 0 counts from `size`, and changes the
 * sign. `down` and `across` are bytes from an element to the next.
 */
export function placeClear(
  out: usize,
  x: usize,
  down: usize,
  across: usize,
  rows: usize,
  cols: usize,
  spread: isize,
  slot: isize,
  size: isize
): void {
  for (let i: usize = 0; i < rows; i++) {
    let place = <isize>i * spread - slot
    let from = x + i * down
    for (let j: usize = 0; j < cols; j++) {
      const word = load<u64>(from)
      if (place >= 0) store<u64>(out + (place << 3), word)
      else store<u64>(out + ((place + size) << 3), 0 - word)
      place--
      from += across
    }
  }
}

/** Writes elements (j, l) of a factor that is encrypted to words j·n + l. */
export function placeEncrypted(
  out: usize,
  y: usize,
  down: usize,
  across: usize,
  rows: usize,
  cols: usize,
  n: usize
): void {
  for (let j: usize = 0; j < rows; j++) {
    let to = out + ((j * n) << 3)
    let from = y + j * down
    for (let l: usize = 0; l < cols; l++) {
      store<u64>(to, load<u64>(from))
      to += 8
      from += across
    }
  }
}

/**
 * out += word·f mod q of `n` signed words; `low` = f·2^32 and `high` = f·2^64 modulo q. `n` is a multiple of four.
 */
export function addWords(out: usize, x: usize, low: u32, high: u32, n: usize, modulus: usize): void {
  const q = i32x4.splat(load<u32>(modulus))
  const inverse = i32x4.splat(load<u32>(modulus, 4))
  const lows = i32x4.splat(low)
  const highs = i32x4.splat(high)
  for (let i: usize = 0; i < n << 2; i += 16) {
    const a = v128.load(x + (i << 1))
    const b = v128.load(x + (i << 1), 16)
    const l = v128.shuffle<u32>(a, b, 0, 2, 4, 6)
    const h = v128.shuffle<u32>(a, b, 1, 3, 5, 7)
    const r = montgomery(i64x2.extmul_low_i32x4_u(l, lows), i64x2.extmul_high_i32x4_u(l, lows), q, inverse)
    let s = montgomery(i64x2.extmul_low_i32x4_u(h, highs), i64x2.extmul_high_i32x4_u(h, highs), q, inverse)
    // A negative word is its bits less 2^64.
    s = difference(s, v128.and(highs, i32x4.shr_s(h, 31)), q)
    v128.store(out + i, sum(sum(r, s, q), v128.load(out + i), q))
  }
}

/** The upper `bits` of `n` words, with their sign. */
export function signedTop(x: usize, bits: u32, n: usize): void {
  const shift = <i64>(64 - bits)
  for (let i: usize = 0; i < n << 3; i += 8) store<i64>(x + i, load<i64>(x + i) >> shift)
}

/** out += x mod q of 8192 numbers (i32) of magnitude below q. */
export function addSmall(out: usize, x: usize, modulus: usize): void {
  const q = i32x4.splat(load<u32>(modulus))
  for (let i: usize = 0; i < LENGTH << 2; i += 16) {
    const e = v128.load(x + i)
    v128.store(out + i, sum(v128.load(out + i), i32x4.add(e, v128.and(q, i32x4.shr_s(e, 31))), q))
  }
}

/** out ← y − x mod q of 8192 residues. `out` may be either. */
export function subtractResidues(out: usize, y: usize, x: usize, modulus: usize): void {
  const q = i32x4.splat(load<u32>(modulus))
  for (let i: usize = 0; i < LENGTH << 2; i += 16) {
    v128.store(out + i, difference(v128.load(y + i), v128.load(x + i), q))
  }
}

/** Those of `n` random u32 whose low 31 bits are below q, as many as fit up to `end`: the first address not written. */
export function uniformResidues(out: usize, end: usize, random: usize, n: usize, q: u32): usize {
  for (let i: usize = 0; i < n && out < end; i++) {
    const r = load<u32>(random + (i << 2)) & 0x7fffffff
    store<u32>(out, r)
    out += r < q ? 4 : 0
  }
  return out
}

/** Numbers −1, 0 or 1 (i32) from those of `n` random bytes that are below 255: the first address not written. */
export function ternary(out: usize, end: usize, random: usize, n: usize): usize {
  for (let i: usize = 0; i < n && out < end; i++) {
    const r = <u32>load<u8>(random + i)
    store<i32>(out, <i32>(r % 3) - 1)
    out += r < 255 ? 4 : 0
  }
  return out
}

/** Centred binomial numbers (i32) of 42 bits, from as many random words: variance 10.5. `out` may be `random`. */
export function binomial(out: usize, random: usize, n: usize): void {
  const mask: u64 = (1 << 21) - 1
  for (let i: usize = 0; i < n; i++) {
    const r = load<u64>(random + (i << 3))
    store<i32>(out + (i << 2), <i32>popcnt(r & mask) - <i32>popcnt((r >> 21) & mask))
  }
}

/** The greatest of `n` u32. */
export function greatest(x: usize, n: usize): u32 {
  let most: u32 = 0
  for (let i: usize = 0; i < n << 2; i += 4) most = max(most, load<u32>(x + i))
  return most
}

/** The low `bits` ≤ 32 bits of `n` u32 one after another: ⌈n·bits/8⌉ bytes, and up to 7 more that are zeros. */
export function packFields(out: usize, x: usize, bits: u32, n: usize): void {
  const mask: u64 = ((<u64>1) << bits) - 1
  let held: u64 = 0
  let count: u32 = 0
  for (let i: usize = 0; i < n << 2; i += 4) {
    held |= (<u64>load<u32>(x + i) & mask) << count
    count += bits
    if (count >= 32) {
      store<u32>(out, <u32>held)
      out += 4
      held >>= 32
      count -= 32
    }
  }
  store<u64>(out, held)
}

/** The reverse: reads up to 8 bytes more than there are. */
export function unpackFields(out: usize, x: usize, bits: u32, n: usize): void {
  const mask: u64 = ((<u64>1) << bits) - 1
  let at: usize = 0
  for (let i: usize = 0; i < n << 2; i += 4) {
    store<u32>(out + i, <u32>((load<u64>(x + (at >> 3)) >> (at & 7)) & mask))
    at += bits
  }
}

/**
 * round(2^74·v/Q) modulo 2^74 of `n` numbers v, given as x_i = v·(Q/q_i)^−1 mod q_i for 7 primes, `stride` bytes
 * apart: v/Q = Σ x_i/q_i. `fractions`: of each prime ⌊2^124/q_i⌋ in limbs of 30, 30 and 64 bits, as u64. The upper 64
 * bits of a result to `high`, the lower 10 as u32 to `low`.
 */
export function switchModulus(
  high: usize,
  low: usize,
  x: usize,
  stride: usize,
  fractions: usize,
  primes: usize,
  n: usize
): void {
  for (let i: usize = 0; i < n; i++) {
    let a: u64 = 0
    let b: u64 = 0
    let c: u64 = 0
    let from = x + (i << 2)
    let f = fractions
    for (let p: usize = 0; p < primes; p++) {
      const r = <u64>load<u32>(from)
      a += r * load<u64>(f)
      b += r * load<u64>(f, 8)
      c += r * load<u64>(f, 16)
      from += stride
      f += 24
    }
    b += a >> 30
    // 94 bits of the fraction: 64 in c, 30 in b. Half a unit of the 74th more.
    c += b >> 30
    b = (b & 0x3fffffff) + (1 << 19)
    c += b >> 30
    store<u64>(high + (i << 3), c)
    store<u32>(low + (i << 2), (<u32>b & 0x3fffffff) >> 20)
  }
}

/**
 * The messages of `n` phases c_0 + v modulo 2^74: ⌊(c_0 + v + 2^9)/2^10⌋ modulo 2^64. c_0 in `high` and `low` as from
 * `switchModulus`; v a signed number far below P = p_0·p_1·p_2, given as x_i = v·(P/p_i)^−1 mod p_i. `constants`: of each
 * prime 1/p_i as f64 and P/p_i in limbs of 31 bits; then P in two words.
 */
export function openPhases(
  out: usize,
  high: usize,
  low: usize,
  x: usize,
  stride: usize,
  constants: usize,
  n: usize
): void {
  const pLow = load<u64>(constants, 72)
  const pHigh = load<u64>(constants, 80)
  for (let i: usize = 0; i < n; i++) {
    let s0: u64 = 0
    let s1: u64 = 0
    let share: f64 = 0
    for (let p: usize = 0; p < 3; p++) {
      const r = load<u32>(x + p * stride + (i << 2))
      const c = constants + p * 24
      share += <f64>r * load<f64>(c)
      s0 += <u64>r * load<u64>(c, 8)
      s1 += <u64>r * load<u64>(c, 16)
    }
    const times = <u64>nearest(share)
    // v + c_0 + 2^9 in 128 bits, of which 74 matter.
    let l = s0 + (s1 << 31)
    let h = (s1 >> 33) + u64(l < s0)
    for (let k: u64 = 0; k < times; k++) {
      h -= pHigh + u64(l < pLow)
      l -= pLow
    }
    const c0 = load<u64>(high + (i << 3))
    const addend = (c0 << 10) | <u64>load<u32>(low + (i << 2))
    l += addend
    h += (c0 >> 54) + u64(l < addend)
    l += 512
    h += u64(l < 512)
    store<u64>(out + (i << 3), (l >> 10) | (h << 54))
  }
}
