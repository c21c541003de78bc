/**
 * Softmax and sigmoid on shares (section 5 of docs/concepts/protocol.md): public functions of a masked word, by what is
 * dealt of its mask. With t = c − r for an opened c, e^t is e^c·e^−r, sin t follows from the sines and cosines of c and
 * r, and a line of a table is picked by a one-hot word. The parts of the mask that the two clouds know, r_0 + r_1, are
 * rounded one by one, so that two clouds can make what is dealt without adding them up.
 *
 * All floating point is +, −, ×, ÷ and rounding, which WebAssembly defines to the bit: both clouds get the same words.
 * The dealer's kernels find cloud 0's share where cloud 1's goes.
 */

const LOG2E: f64 = Math.LOG2E
const LN2_HIGH: f64 = 0.6931471803691238
const LN2_LOW: f64 = 1.9082149292705877e-10
const QUARTER_TURN: f64 = 1.5707963267948966

/** e^x for |x| < 700. */
export function exponential(x: f64): f64 {
  const n = nearest<f64>(x * LOG2E)
  const r = x - n * LN2_HIGH - n * LN2_LOW
  let sum: f64 = 1
  for (let i: f64 = 14; i > 0; i--) sum = 1 + (sum * r) / i
  return sum * reinterpret<f64>((<i64>n + 1023) << 52)
}

let sine: f64 = 0
let cosine: f64 = 0

/** Sine and cosine of an angle in turns, from 0 to 1. */
function circle(turns: f64): void {
  const quarter = nearest<f64>(4 * turns)
  const x = (4 * turns - quarter) * QUARTER_TURN
  const square = x * x
  let s: f64 = 1
  let c: f64 = 1
  for (let i: f64 = 18; i > 0; i -= 2) {
    s = 1 - (s * square) / (i * (i + 1))
    c = 1 - (c * square) / (i * (i - 1))
  }
  s *= x
  const place = <i32>quarter & 3
  const odd = (place & 1) !== 0
  sine = odd ? c : s
  cosine = odd ? s : c
  if (place >= 2) sine = -sine
  if (place === 1 || place === 2) cosine = -cosine
}

/** Row by row cols·x less the sum of the row. */
export function contrasts(out: usize, x: usize, rows: usize, cols: usize): void {
  const width = cols << 3
  for (let row: usize = 0; row < rows; row++) {
    let sum: u64 = 0
    for (let i: usize = 0; i < width; i += 8) sum += load<u64>(x + i)
    for (let i: usize = 0; i < width; i += 8) store<u64>(out + i, load<u64>(x + i) * <u64>cols - sum)
    x += width
    out += width
  }
}

/** The second of two columns less the first. */
export function differences(out: usize, x: usize, rows: usize): void {
  for (let row: usize = 0; row < rows; row++) {
    store<u64>(out + (row << 3), load<u64>(x + (row << 4), 8) - load<u64>(x + (row << 4)))
  }
}

/** Two columns: one − p, and p. */
export function bothClasses(out: usize, p: usize, one: u64, rows: usize): void {
  for (let row: usize = 0; row < rows; row++) {
    const word = load<u64>(p + (row << 3))
    store<u64>(out + (row << 4), one - word)
    store<u64>(out + (row << 4), word, 8)
  }
}

/** out = x + constant. */
export function addConstant(out: usize, x: usize, constant: u64, n: usize): void {
  const end = n << 3
  for (let i: usize = 0; i < end; i += 8) store<u64>(out + i, load<u64>(x + i) + constant)
}

/** Row by row the sum of the row. */
export function rowSums(out: usize, x: usize, rows: usize, cols: usize): void {
  for (let row: usize = 0; row < rows; row++) {
    let sum: u64 = 0
    for (let i: usize = 0; i < cols; i++) {
      sum += load<u64>(x)
      x += 8
    }
    store<u64>(out + (row << 3), sum)
  }
}

/** Each row of x times the word of that row. */
export function scaleRows(out: usize, x: usize, factors: usize, rows: usize, cols: usize): void {
  for (let row: usize = 0; row < rows; row++) {
    const factor = load<u64>(factors + (row << 3))
    for (let i: usize = 0; i < cols; i++) {
      store<u64>(out, load<u64>(x) * factor)
      x += 8
      out += 8
    }
  }
}

/** Each of n elements of `bytes` bytes `times` times. */
export function repeated(out: usize, x: usize, bytes: usize, times: usize, n: usize): void {
  for (let i: usize = 0; i < n; i++) {
    for (let time: usize = 0; time < times; time++) {
      memory.copy(out, x, bytes)
      out += bytes
    }
    x += bytes
  }
}

/** In the clear: 1 where c − 2^62 is not below r, both without their low `shift` bits. */
export function atLeast(out: usize, c: usize, r: usize, shift: u32, n: usize): void {
  const s = <u64>shift
  const end = n << 3
  for (let i: usize = 0; i < end; i += 8) {
    const y = ((load<u64>(c + i) - ((<u64>1) << 62)) >> s) - (load<u64>(r + i) >> s)
    store<u64>(out + i, ((y << s) >> 63) ^ 1)
  }
}

/** Of 64 values a word: their lowest bits. */
export function packBits(out: usize, x: usize, n: usize): void {
  for (let first: usize = 0; first < n; first += 64) {
    const count = min<usize>(64, n - first)
    let bits: u64 = 0
    for (let v: usize = 0; v < count; v++) bits |= (load<u64>(x + ((first + v) << 3)) & 1) << v
    store<u64>(out + ((first >> 6) << 3), bits)
  }
}

/**
 * One cloud's share of the clamped value: `bottom` below the lower bound, `top` from the upper one on, y between. Of
 * y gated by each bound, and of the gates b' = d ⊕ β with β as words.
 */
export function clampGated(
  out: usize,
  lower: usize,
  upper: usize,
  lowerBeta: usize,
  upperBeta: usize,
  lowerBits: usize,
  upperBits: usize,
  bottom: u64,
  top: u64,
  leads: u32,
  n: usize
): void {
  const all = 0 - <u64>leads
  for (let v: usize = 0; v < n; v++) {
    const i = v << 3
    const word = (v >> 6) << 3
    const a = gateShare(load<u64>(lowerBeta + i), load<u64>(lowerBits + word) >> (v & 63), all)
    const b = gateShare(load<u64>(upperBeta + i), load<u64>(upperBits + word) >> (v & 63), all)
    store<u64>(out + i, load<u64>(lower + i) - load<u64>(upper + i) + b * top - a * bottom + (all & bottom))
  }
}

/** This cloud's share of d from b' = d ⊕ β in the lowest bit and its share of β. */
function gateShare(beta: u64, bit: u64, all: u64): u64 {
  const flipped = 0 - (bit & 1)
  return (all & flipped & 1) + ((beta ^ flipped) - flipped)
}

/** Entries of the exponential's one-hot words. */
const ENTRIES: u64 = 32

/** f64 at `out`, 32 of them: scale·e^((2^low·i − offset)/unit), and 0 above `limit`. */
export function exponentialTable(out: usize, low: u32, offset: f64, unit: f64, limit: f64, scale: f64): void {
  for (let i: u64 = 0; i < ENTRIES; i++) {
    const t = <f64>(i << (<u64>low))
    store<f64>(out + ((<usize>i) << 3), t > limit ? 0 : scale * exponential((t - offset) / unit))
  }
}

/**
 * One cloud's share of e^(t/unit), t = c − r: Σ_v table[high digit of c less v]·e^(low digits of c)·g(v), with g dealt
 * by `dealExponential`, 32 words a value.
 */
export function exponentials(
  out: usize,
  c: usize,
  g: usize,
  table: usize,
  low: u32,
  unit: f64,
  n: usize
): void {
  const mask = ((<u64>1) << (<u64>low)) - 1
  for (let i: usize = 0; i < n; i++) {
    const word = load<u64>(c + (i << 3))
    const high = word >> <u64>low
    const fine = exponential(<f64>(word & mask) / unit)
    let sum: u64 = 0
    for (let v: u64 = 0; v < ENTRIES; v++) {
      const entry = load<f64>(table + ((<usize>((high - v) & (ENTRIES - 1))) << 3))
      sum += <u64>(<i64>nearest<f64>(entry * fine)) * load<u64>(g)
      g += 8
    }
    store<u64>(out + (i << 3), sum)
  }
}

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

/**
 * One cloud's share of e·2^octaves / 2^j, j the number of thresholds that the row's sum reaches: from e, from what was
 * opened of it, c = e − mask, from β of each threshold and row, β times the mask of each value, and the bits b' = d ⊕
 * β, the first of them at bit `lead`.
 */
export function normalise(
  out: usize,
  e: usize,
  c: usize,
  beta: usize,
  masked: usize,
  bits: usize,
  lead: usize,
  octaves: usize,
  rows: usize,
  cols: usize
): void {
  for (let row: usize = 0; row < rows; row++) {
    for (let col: usize = 0; col < cols; col++) {
      const own = load<u64>(e)
      const opened = load<u64>(c)
      let sum = own << (<u64>octaves)
      for (let j: usize = 0; j < octaves; j++) {
        const place = lead + row * octaves + j
        const flipped = 0 - ((load<u64>(bits + ((place >> 6) << 3)) >> (place & 63)) & 1)
        const gated = load<u64>(beta + (j << 3)) * opened + load<u64>(masked)
        sum -= ((own & flipped) + ((gated ^ flipped) - flipped)) << (<u64>(octaves - 1 - j))
        masked += 8
      }
      store<u64>(out, sum)
      out += 8
      e += 8
      c += 8
    }
    beta += octaves << 3
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

/** Entries of the table of lines. */
const LINES: u64 = 128

/**
 * One cloud's share of the line at t = c − r: Σ_v (a + b·x)·[v is r's high digit], x the fine digits of c less those of
 * r. `dealt` has 128 one-hot words a value, then 128 of them times r's fine digits; `lines` 128 words a, then 128 b.
 */
export function lines(out: usize, c: usize, dealt: usize, table: usize, low: u32, fine: u32, n: usize): void {
  const mask = ((<u64>1) << (<u64>low)) - 1
  for (let i: usize = 0; i < n; i++) {
    const word = load<u64>(c + (i << 3))
    const high = word >> <u64>low
    const x = (word & mask) >> <u64>fine
    let sum: u64 = 0
    for (let v: u64 = 0; v < LINES; v++) {
      const entry = table + ((<usize>((high - v) & (LINES - 1))) << 3)
      const slope = load<u64>(entry, 1024)
      sum += (load<u64>(entry) + slope * x) * load<u64>(dealt) - slope * load<u64>(dealt, 1024)
      dealt += 8
    }
    dealt += 1024
    store<u64>(out + (i << 3), sum)
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

/**
 * One cloud's share of half + Σ_k a_k·sin(kθ), k odd, θ = c − r in turns of 2^bits: a_k sin kθ = a_k sin kc·cos kr − a_k
 * cos kc·sin kr. `dealt` has the cosine and the sine of each k of a value side by side, `series` the f64 a_k.
 */
export function waves(
  out: usize,
  c: usize,
  dealt: usize,
  series: usize,
  terms: usize,
  bits: u32,
  half: u64,
  n: usize
): void {
  const mask = ((<u64>1) << (<u64>bits)) - 1
  for (let i: usize = 0; i < n; i++) {
    circle(<f64>(load<u64>(c + (i << 3)) & mask) / <f64>(mask + 1))
    let s = sine
    let q = cosine
    const turnSine = 2 * s * q
    const turnCosine = q * q - s * s
    let sum = half
    for (let k: usize = 0; k < terms; k++) {
      const a = load<f64>(series + (k << 3))
      sum += <u64>(<i64>nearest<f64>(a * s)) * load<u64>(dealt)
      sum -= <u64>(<i64>nearest<f64>(a * q)) * load<u64>(dealt, 8)
      dealt += 16
      const next = s * turnCosine + q * turnSine
      q = q * turnCosine - s * turnSine
      s = next
    }
    store<u64>(out + (i << 3), sum)
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
