/**
 * Exact truncation of shares with dealt rounding (Escudero, Ghosh, Keller, Rachuri, Scholl 2020 in spirit). The opened
 * word is c = x + 2^62 + r with |x| < 2^62, so x + 2^62 never passes 2^63 and the carry out of the addition of r is
 * known from the top bits of c and r: top(r) = 1 and top(c) = 0 is the one case with a carry. Hence
 *   y = (c≫s) − 2^(62−s) − (r≫s) + (1−top c)·2^(64−s)·top r.
 * A cloud's dealt words lie side by side: (r≫s), top r, and for a gated value also β(r≫s), β·top r, β.
 */

/** out = factor·x + r + offset: one cloud's part of c. */
export function blindRescale(out: usize, x: usize, r: usize, factor: u64, offset: u64, n: usize): void {
  const end = n << 3
  for (let i: usize = 0; i < end; i += 8) {
    store<u64>(out + i, load<u64>(x + i) * factor + load<u64>(r + i) + offset)
  }
}

/** One cloud's share of y. The public part is cloud 0's (`leads` = 1, else 0). */
export function finishRescale(out: usize, c: usize, dealt: usize, shift: u32, leads: u32, n: usize): void {
  const s = <u64>shift
  const half = (<u64>1) << (62 - s)
  const publicMask = 0 - <u64>leads
  for (let i: usize = 0; i < n; i++) {
    const word = load<u64>(c + (i << 3))
    const open = ((word >> s) - half) & publicMask
    const carried = load<u64>(dealt + (i << 4), 8) << (64 - s)
    store<u64>(out + (i << 3), open - load<u64>(dealt + (i << 4)) + (carried & ((word >> 63) - 1)))
  }
}

/**
 * One cloud's share of d·y, d the gate: from the opened b' = d ⊕ β, d·y = b'·y + (1−2b')·βy, and βy is linear in the
 * dealt words because c is public. `dealt` has `stride` bytes a value, `beta` the share of β with `betaStride` bytes
 * a value, `bits` a word of b' for every 64 values.
 */
export function finishGated(
  out: usize,
  c: usize,
  dealt: usize,
  stride: usize,
  beta: usize,
  betaStride: usize,
  bits: usize,
  shift: u32,
  leads: u32,
  n: usize
): void {
  const s = <u64>shift
  const half = (<u64>1) << (62 - s)
  const publicMask = 0 - <u64>leads
  for (let i: usize = 0; i < n; i++) {
    const word = load<u64>(c + (i << 3))
    const open = (word >> s) - half
    const carries = (word >> 63) - 1
    const y = (open & publicMask) - load<u64>(dealt) + ((load<u64>(dealt, 8) << (64 - s)) & carries)
    const gated =
      load<u64>(beta) * open - load<u64>(dealt, 16) + ((load<u64>(dealt, 24) << (64 - s)) & carries)
    const flipped = 0 - ((load<u64>(bits + ((i >> 6) << 3)) >> (i & 63)) & 1)
    // b' = 0: βy; b' = 1: y − βy.
    store<u64>(out + (i << 3), (y & flipped) + ((gated ^ flipped) - flipped))
    dealt += stride
    beta += betaStride
  }
}

/** One cloud's share of activation − d·labels for labels opened under a mask M: [βY] = [β]·E + [βM]. */
export function gatedDifference(
  out: usize,
  activation: usize,
  labels: usize,
  opened: usize,
  betaMask: usize,
  beta: usize,
  betaStride: usize,
  bits: usize,
  n: usize
): void {
  for (let i: usize = 0; i < n; i++) {
    const at = i << 3
    const gated = load<u64>(beta) * load<u64>(opened + at) + load<u64>(betaMask + at)
    const flipped = 0 - ((load<u64>(bits + ((i >> 6) << 3)) >> (i & 63)) & 1)
    const product = (load<u64>(labels + at) & flipped) + ((gated ^ flipped) - flipped)
    store<u64>(out + at, load<u64>(activation + at) - product)
    beta += betaStride
  }
}

/** The dealer's: what cloud 1 adds to `share0` for a plain rescale by `shift` with rounding r. Two words a value. */
export function dealRescale(out: usize, r: usize, share0: usize, shift: u32, n: usize): void {
  const s = <u64>shift
  for (let i: usize = 0; i < n; i++) {
    const word = load<u64>(r + (i << 3))
    const at = i << 4
    store<u64>(out + at, (word >> s) - load<u64>(share0 + at))
    store<u64>(out + at, (word >> 63) - load<u64>(share0 + at, 8), 8)
  }
}

/**
 * The dealer's, for a gated rescale: four words a value, and β as a fifth if `stride` is 40. The bit β of 64 values is a
 * word at `beta`, the next one `betaStride` bytes on.
 */
export function dealGated(
  out: usize,
  r: usize,
  beta: usize,
  betaStride: usize,
  share0: usize,
  stride: usize,
  shift: u32,
  n: usize
): void {
  const s = <u64>shift
  for (let i: usize = 0; i < n; i++) {
    const word = load<u64>(r + (i << 3))
    const bit = (load<u64>(beta + (i >> 6) * betaStride) >> (i & 63)) & 1
    const chosen = 0 - bit
    const shifted = word >> s
    const top = word >> 63
    store<u64>(out, shifted - load<u64>(share0))
    store<u64>(out, top - load<u64>(share0, 8), 8)
    store<u64>(out, (shifted & chosen) - load<u64>(share0, 16), 16)
    store<u64>(out, (top & chosen) - load<u64>(share0, 24), 24)
    if (stride === 40) store<u64>(out, bit - load<u64>(share0, 32), 32)
    out += stride
    share0 += stride
  }
}

/** The dealer's, for a gated difference: β·mask − share0. */
export function dealGatedDifference(
  out: usize,
  mask: usize,
  beta: usize,
  betaStride: usize,
  share0: usize,
  n: usize
): void {
  for (let i: usize = 0; i < n; i++) {
    const bit = (load<u64>(beta + (i >> 6) * betaStride) >> (i & 63)) & 1
    store<u64>(out + (i << 3), (load<u64>(mask + (i << 3)) & (0 - bit)) - load<u64>(share0 + (i << 3)))
  }
}
