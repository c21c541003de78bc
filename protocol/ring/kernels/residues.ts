/**
 * Arithmetic on four residues at a time, u32 below a prime q, 2^30 < q < 2^31. 2q < 2^32 < 3q, so every sum is reduced: by
 * the minimum of x and x − q, where a difference below zero wraps.
 */

export function reduced(x: v128, q: v128): v128 {
  return i32x4.min_u(x, i32x4.sub(x, q))
}

export function sum(x: v128, y: v128, q: v128): v128 {
  return reduced(i32x4.add(x, y), q)
}

export function difference(x: v128, y: v128, q: v128): v128 {
  const d = i32x4.sub(x, y)
  return i32x4.min_u(d, i32x4.add(d, q))
}

/** x·w mod q, x any u32, `shoup` = ⌊2^32·w/q⌋. */
export function times(x: v128, w: v128, shoup: v128, q: v128): v128 {
  const low = i64x2.extmul_low_i32x4_u(x, shoup)
  const high = i64x2.extmul_high_i32x4_u(x, shoup)
  const quotient = v128.shuffle<u32>(low, high, 1, 3, 5, 7)
  return reduced(i32x4.sub(i32x4.mul(x, w), i32x4.mul(quotient, q)), q)
}

/** ⌊m·q/2^32⌋ for m with m·q = p mod 2^32. */
function quotient(low: v128, high: v128, q: v128, inverse: v128): v128 {
  const m = i32x4.mul(v128.shuffle<u32>(low, high, 0, 2, 4, 6), inverse)
  return v128.shuffle<u32>(i64x2.extmul_low_i32x4_u(m, q), i64x2.extmul_high_i32x4_u(m, q), 1, 3, 5, 7)
}

/** p·2^−32 mod q of the u64 lanes p below q·2^32. */
export function montgomery(low: v128, high: v128, q: v128, inverse: v128): v128 {
  return difference(v128.shuffle<u32>(low, high, 1, 3, 5, 7), quotient(low, high, q, inverse), q)
}

/** The same for all u64 below 2q·2^32. */
export function montgomeryOfSum(low: v128, high: v128, q: v128, inverse: v128): v128 {
  const upper = reduced(v128.shuffle<u32>(low, high, 1, 3, 5, 7), q)
  return difference(upper, quotient(low, high, q, inverse), q)
}
