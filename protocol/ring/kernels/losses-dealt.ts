/**
 * What is dealt for softmax and sigmoid (`losses.ts`): the dealer's kernels, which find cloud 0's share where cloud 1's
 * goes; and what two clouds that deal for themselves take of the part of a mask that each knows.
 */
import { circle, cosine, ENTRIES, LINES, sine } from "./loss-parts"
import { exponential } from "./losses"

/** 2^bits·e^(−low digits of r/unit), rounded. */
function lowFactor(r: u64, mask: u64, unit: f64, scale: f64): u64 {
  return <u64>(<i64>nearest<f64>(scale * exponential(-(<f64>(r & mask) / unit))))
}

/**
 * The dealer's: of a mask r of which cloud 0 knows r0 and cloud 1 the rest, g(v) = [v is the sum of both high digits]·
 * E_0·E_1, E_i the rounded exponential of a cloud's low digits.
 */
export function dealExponential(
  out: usize,
  r: usize,
  r0: usize,
  low: u32,
  unit: f64,
  scale: f64,
  n: usize
): void {
  const mask = ((<u64>1) << (<u64>low)) - 1
  for (let i: usize = 0; i < n; i++) {
    const a = load<u64>(r0 + (i << 3))
    const b = load<u64>(r + (i << 3)) - a
    const factor = lowFactor(a, mask, unit, scale) * lowFactor(b, mask, unit, scale)
    const high = ((a >> <u64>low) + (b >> <u64>low)) & (ENTRIES - 1)
    for (let v: u64 = 0; v < ENTRIES; v++) {
      store<u64>(out, (v === high ? factor : 0) - load<u64>(out))
      out += 8
    }
  }
}

/** Of a part of a mask, what `dealExponential` takes of it: the high digit, and the rounded exponential of the low ones. */
export function exponentialPart(
  high: usize,
  factor: usize,
  r: usize,
  low: u32,
  unit: f64,
  scale: f64,
  n: usize
): void {
  const mask = ((<u64>1) << (<u64>low)) - 1
  for (let i: usize = 0; i < n; i++) {
    const word = load<u64>(r + (i << 3))
    store<u64>(high + (i << 3), (word >> <u64>low) & (ENTRIES - 1))
    store<u64>(factor + (i << 3), lowFactor(word, mask, unit, scale))
  }
}

/** The dealer's, for `normalise`: β of each threshold times the mask of each value. β is a bit of 64 values a word. */
export function dealNormalise(
  out: usize,
  mask: usize,
  beta: usize,
  stride: usize,
  lead: usize,
  octaves: usize,
  rows: usize,
  cols: usize
): void {
  for (let row: usize = 0; row < rows; row++) {
    for (let col: usize = 0; col < cols; col++) {
      const word = load<u64>(mask)
      mask += 8
      for (let j: usize = 0; j < octaves; j++) {
        const place = lead + row * octaves + j
        const bit = (load<u64>(beta + (place >> 6) * stride) >> (place & 63)) & 1
        store<u64>(out, (word & (0 - bit)) - load<u64>(out))
        out += 8
      }
    }
  }
}

/** The dealer's, for `lines`: r = r0 + r1. */
export function dealLines(out: usize, r0: usize, r1: usize, low: u32, fine: u32, n: usize): void {
  const mask = ((<u64>1) << (<u64>low)) - 1
  for (let i: usize = 0; i < n; i++) {
    const a = load<u64>(r0 + (i << 3))
    const b = load<u64>(r1 + (i << 3))
    const high = ((a >> <u64>low) + (b >> <u64>low)) & (LINES - 1)
    const x = ((a & mask) >> <u64>fine) + ((b & mask) >> <u64>fine)
    for (let v: u64 = 0; v < LINES; v++) {
      const at = out + ((<usize>v) << 3)
      store<u64>(at, (v === high ? 1 : 0) - load<u64>(at))
      store<u64>(at, (v === high ? x : 0) - load<u64>(at, 1024), 1024)
    }
    out += 2048
  }
}

/** The dealer's, for `waves`: of r = r0 + r1, from rounded sines and cosines of both. */
export function dealWaves(
  out: usize,
  r: usize,
  r0: usize,
  terms: usize,
  bits: u32,
  scale: f64,
  n: usize
): void {
  const mask = ((<u64>1) << (<u64>bits)) - 1
  for (let i: usize = 0; i < n; i++) {
    const word = load<u64>(r0 + (i << 3))
    circle(<f64>(word & mask) / <f64>(mask + 1))
    let s0 = sine
    let c0 = cosine
    circle(<f64>((load<u64>(r + (i << 3)) - word) & mask) / <f64>(mask + 1))
    let s1 = sine
    let c1 = cosine
    const ts0 = 2 * s0 * c0
    const tc0 = c0 * c0 - s0 * s0
    const ts1 = 2 * s1 * c1
    const tc1 = c1 * c1 - s1 * s1
    for (let k: usize = 0; k < terms; k++) {
      const a = <i64>nearest<f64>(scale * s0)
      const b = <i64>nearest<f64>(scale * c0)
      const d = <i64>nearest<f64>(scale * s1)
      const e = <i64>nearest<f64>(scale * c1)
      store<u64>(out, <u64>(b * e - a * d) - load<u64>(out))
      store<u64>(out, <u64>(a * e + b * d) - load<u64>(out, 8), 8)
      out += 16
      let next = s0 * tc0 + c0 * ts0
      c0 = c0 * tc0 - s0 * ts0
      s0 = next
      next = s1 * tc1 + c1 * ts1
      c1 = c1 * tc1 - s1 * ts1
      s1 = next
    }
  }
}

/** Of a part of a mask, what `dealWaves` takes of it: the rounded cosines of each k, then the sines. */
export function wavePart(
  cosines: usize,
  sines: usize,
  r: usize,
  terms: usize,
  bits: u32,
  scale: f64,
  n: usize
): void {
  const mask = ((<u64>1) << (<u64>bits)) - 1
  for (let i: usize = 0; i < n; i++) {
    circle(<f64>(load<u64>(r + (i << 3)) & mask) / <f64>(mask + 1))
    let s = sine
    let c = cosine
    const turnSine = 2 * s * c
    const turnCosine = c * c - s * s
    for (let k: usize = 0; k < terms; k++) {
      store<i64>(sines, <i64>nearest<f64>(scale * s))
      store<i64>(cosines, <i64>nearest<f64>(scale * c))
      sines += 8
      cosines += 8
      const next = s * turnCosine + c * turnSine
      c = c * turnCosine - s * turnSine
      s = next
    }
  }
}

/** Of a part of a mask, what `dealLines` takes of it: the high digit and the fine digits. */
export function linePart(high: usize, fine: usize, r: usize, low: u32, left: u32, n: usize): void {
  const mask = ((<u64>1) << (<u64>low)) - 1
  for (let i: usize = 0; i < n; i++) {
    const word = load<u64>(r + (i << 3))
    store<u64>(high + (i << 3), (word >> <u64>low) & (LINES - 1))
    store<u64>(fine + (i << 3), (word & mask) >> <u64>left)
  }
}
