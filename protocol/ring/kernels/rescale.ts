/**
 * Exact truncation of shares with dealt rounding (Escudero, Ghosh, Keller, Rachuri, Scholl 2020 in spirit).
 * The opened word is c = x + 2^62 + r with |x| < 2^62, so x + 2^62 never passes 2^63 and the carry out of the
 * addition of r is known from the top bits of c and r: top(r) = 1 and top(c) = 0 is the one case with a
 * carry. Where the lowest bits of both clouds' parts of c are not opened, x is taken for so much less. Hence
 * y = (c≫s) − 2^(62−s) − (r≫s) + (1−top c)·2^(64−s)·top r. Of a share of top r only the low s bits count. It
 * takes ⌈s/8⌉ bytes, side by side; a word is read at each, so at least eight bytes must lie behind the last.
 * The dealer's kernels find cloud 0's share where cloud 1's goes.
 */
import { storeLow } from "./bytes"

/** out = factor·x + r + offset: one cloud's part of c. */
export function blindRescale(out: usize, x: usize, r: usize, factor: u64, offset: u64, n: usize): void {
  const end = n << 3
  for (let i: usize = 0; i < end; i += 8) {
    store<u64>(out + i, load<u64>(x + i) * factor + load<u64>(r + i) + offset)
  }
}

/** The upper `bytes` bytes of each word, side by side. Eight bytes must be free behind the last. */
export function packTop(out: usize, x: usize, bytes: usize, n: usize): void {
  const dropped = <u64>((8 - bytes) << 3)
  const end = n << 3
  for (let i: usize = 0; i < end; i += 8) {
    store<u64>(out, load<u64>(x + i) >> dropped)
    out += bytes
  }
}

/**
 * Adds to the upper `bytes` bytes of each word at `x` what `packTop` has of another, and clears those below.
 * A word is read at each.
 */
export function addTop(x: usize, packed: usize, bytes: usize, n: usize): void {
  const dropped = <u64>((8 - bytes) << 3)
  const kept = (<u64>-1) << dropped
  const end = n << 3
  for (let i: usize = 0; i < end; i += 8) {
    store<u64>(x + i, (load<u64>(x + i) & kept) + (load<u64>(packed) << dropped))
    packed += bytes
  }
}

/** Bytes of a share of top r. */
function topBytes(shift: u32): usize {
  return (shift + 7) >> 3
}

/**
 * One cloud's share of y, from its shares of top r and r≫s. The public part is cloud 0's (`leads` = 1, else
 * 0).
 */
export function finishRescale(
  out: usize,
  c: usize,
  top: usize,
  shifted: usize,
  shift: u32,
  leads: u32,
  n: usize
): void {
  const s = <u64>shift
  const step = topBytes(shift)
  const half = (<u64>1) << (62 - s)
  const publicMask = 0 - <u64>leads
  const end = n << 3
  for (let i: usize = 0; i < end; i += 8) {
    const word = load<u64>(c + i)
    const open = ((word >> s) - half) & publicMask
    const carried = load<u64>(top) << (64 - s)
    store<u64>(out + i, open - load<u64>(shifted + i) + (carried & ((word >> 63) - 1)))
    top += step
  }
}

/**
 * One cloud's share of d·y, d the gate: from the opened b' = d ⊕ β, d·y = b'·y + (1−2b')·βy, and βy is linear
 * in the dealt β, β·top r and β(r≫s) because c is public. `bits` has a word of b' for every 64 values.
 */
export function finishGated(
  out: usize,
  c: usize,
  top: usize,
  gatedTop: usize,
  shifted: usize,
  gatedShifted: usize,
  beta: usize,
  bits: usize,
  shift: u32,
  leads: u32,
  n: usize
): void {
  const s = <u64>shift
  const step = topBytes(shift)
  const half = (<u64>1) << (62 - s)
  const publicMask = 0 - <u64>leads
  for (let v: usize = 0; v < n; v++) {
    const i = v << 3
    const word = load<u64>(c + i)
    const open = (word >> s) - half
    const carries = (word >> 63) - 1
    const y = (open & publicMask) - load<u64>(shifted + i) + ((load<u64>(top) << (64 - s)) & carries)
    const gated =
      load<u64>(beta + i) * open - load<u64>(gatedShifted + i) + ((load<u64>(gatedTop) << (64 - s)) & carries)
    const flipped = 0 - ((load<u64>(bits + ((v >> 6) << 3)) >> (v & 63)) & 1)
    // b' = 0: βy; b' = 1: y − βy.
    store<u64>(out + i, (y & flipped) + ((gated ^ flipped) - flipped))
    top += step
    gatedTop += step
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
  bits: usize,
  n: usize
): void {
  for (let v: usize = 0; v < n; v++) {
    const i = v << 3
    const gated = load<u64>(beta + i) * load<u64>(opened + i) + load<u64>(betaMask + i)
    const flipped = 0 - ((load<u64>(bits + ((v >> 6) << 3)) >> (v & 63)) & 1)
    const product = (load<u64>(labels + i) & flipped) + ((gated ^ flipped) - flipped)
    store<u64>(out + i, load<u64>(activation + i) - product)
  }
}

/** The dealer's, for a rescale by `shift` with rounding r. */
export function dealRescale(top: usize, shifted: usize, r: usize, shift: u32, n: usize): void {
  const s = <u64>shift
  const step = topBytes(shift)
  const end = n << 3
  for (let i: usize = 0; i < end; i += 8) {
    const word = load<u64>(r + i)
    storeLow(top, (word >> 63) - load<u64>(top), step)
    store<u64>(shifted + i, (word >> s) - load<u64>(shifted + i))
    top += step
  }
}

/** The dealer's: the top bits of r alone, as `dealRescale` deals them. */
export function dealTop(top: usize, r: usize, shift: u32, n: usize): void {
  const step = topBytes(shift)
  const end = n << 3
  for (let i: usize = 0; i < end; i += 8) {
    storeLow(top, (load<u64>(r + i) >> 63) - load<u64>(top), step)
    top += step
  }
}

/** Of the bits β of 64 values a word, the next one `stride` bytes on, that of value v. */
function betaOf(beta: usize, stride: usize, v: usize): u64 {
  return (load<u64>(beta + (v >> 6) * stride) >> (v & 63)) & 1
}

/** The dealer's, for a rescale: what a gate takes besides, β·top r and β(r≫s). */
export function dealUnderGate(
  gatedTop: usize,
  gatedShifted: usize,
  r: usize,
  beta: usize,
  stride: usize,
  shift: u32,
  n: usize
): void {
  const s = <u64>shift
  const step = topBytes(shift)
  for (let v: usize = 0; v < n; v++) {
    const i = v << 3
    const word = load<u64>(r + i) & (0 - betaOf(beta, stride, v))
    storeLow(gatedTop, (word >> 63) - load<u64>(gatedTop), step)
    store<u64>(gatedShifted + i, (word >> s) - load<u64>(gatedShifted + i))
    gatedTop += step
  }
}

/**
 * The dealer's, for a rescale under a gate: β is a word for every 64 values, the next one `stride` bytes on.
 */
export function dealGated(
  top: usize,
  gatedTop: usize,
  shifted: usize,
  gatedShifted: usize,
  r: usize,
  beta: usize,
  stride: usize,
  shift: u32,
  n: usize
): void {
  dealRescale(top, shifted, r, shift, n)
  dealUnderGate(gatedTop, gatedShifted, r, beta, stride, shift, n)
}

/** The dealer's: β itself, modulo 2^64. */
export function dealGate(out: usize, beta: usize, stride: usize, n: usize): void {
  for (let v: usize = 0; v < n; v++) {
    store<u64>(out + (v << 3), betaOf(beta, stride, v) - load<u64>(out + (v << 3)))
  }
}

/** The dealer's, for a gated difference: β·mask. */
export function dealGatedDifference(out: usize, mask: usize, beta: usize, stride: usize, n: usize): void {
  for (let v: usize = 0; v < n; v++) {
    const i = v << 3
    const gated = load<u64>(mask + i) & (0 - betaOf(beta, stride, v))
    store<u64>(out + i, gated - load<u64>(out + i))
  }
}
