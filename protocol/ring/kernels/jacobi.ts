/** The Jacobi symbol of 256-bit numbers, for the points of the private join: four words each, the lowest first. */

/** −1 to the power of what reciprocity and the factors of two that are taken out give, in bit 1. */
function factorsOfTwo(n: u64, taken: u64): u64 {
  // (2/n) is −1 for n = 3 or 5 modulo 8: where bits 1 and 2 of n differ.
  return (n ^ (n >> 1)) & (taken << 1)
}

/**
 * (a/n): 1, −1, or 0 where they have a common factor. n is odd. By the binary algorithm (Cohen, A Course in
 * Computational Algebraic Number Theory, 1.4.12): its time depends on the numbers.
 */
export function jacobi(a: usize, n: usize): i32 {
  let a0 = load<u64>(a)
  let a1 = load<u64>(a, 8)
  let a2 = load<u64>(a, 16)
  let a3 = load<u64>(a, 24)
  let n0 = load<u64>(n)
  let n1 = load<u64>(n, 8)
  let n2 = load<u64>(n, 16)
  let n3 = load<u64>(n, 24)
  let sign: u64 = 0
  while ((a0 | a1 | a2 | a3) !== 0) {
    while (a0 === 0) {
      a0 = a1
      a1 = a2
      a2 = a3
      a3 = 0
    }
    const taken = ctz(a0)
    if (taken !== 0) {
      a0 = (a0 >> taken) | (a1 << (64 - taken))
      a1 = (a1 >> taken) | (a2 << (64 - taken))
      a2 = (a2 >> taken) | (a3 << (64 - taken))
      a3 >>= taken
      sign ^= factorsOfTwo(n0, taken)
    }
    let borrow: u64 = u64(a0 < n0)
    let d0 = a0 - n0
    let d1 = a1 - n1 - borrow
    borrow = u64(a1 < n1) | (u64(a1 === n1) & borrow)
    let d2 = a2 - n2 - borrow
    borrow = u64(a2 < n2) | (u64(a2 === n2) & borrow)
    let d3 = a3 - n3 - borrow
    borrow = u64(a3 < n3) | (u64(a3 === n3) & borrow)
    if (borrow !== 0) {
      // a < n: they change places, which turns the sign where both are 3 modulo 4, and n − a goes on.
      sign ^= a0 & n0 & 2
      n0 = a0
      n1 = a1
      n2 = a2
      n3 = a3
      d0 = ~d0 + 1
      let carry: u64 = u64(d0 === 0)
      d1 = ~d1 + carry
      carry &= u64(d1 === 0)
      d2 = ~d2 + carry
      carry &= u64(d2 === 0)
      d3 = ~d3 + carry
    }
    a0 = d0
    a1 = d1
    a2 = d2
    a3 = d3
  }
  if (n0 !== 1 || (n1 | n2 | n3) !== 0) return 0
  return 1 - <i32>(sign & 2)
}
