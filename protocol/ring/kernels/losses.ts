/**
 * Softmax and sigmoid on shares (section 5 of docs/concepts/protocol.md): public functions of a masked word, by what is
 * dealt of its mask. With t = c − r for an opened c, e^t is e^c·e^−r, sin t follows from the sines and cosines of c and
 * r, and a line of a table is picked by a one-hot word. The parts of the mask that the two clouds know, r_0 + r_1, are
 * rounded one by one, so that two clouds can make what is dealt without adding them up.
 *
 * All floating point is +, −, ×, ÷ and rounding, which WebAssembly defines to the bit: both clouds get the same words.
 */
import { circle, cosine, ENTRIES, LINES, sine } from "./loss-parts"

const LOG2E: f64 = Math.LOG2E
const LN2_HIGH: f64 = 0.6931471803691238
const LN2_LOW: f64 = 1.9082149292705877e-10

/** e^x for |x| < 700. */
export function exponential(x: f64): f64 {
  const n = nearest<f64>(x * LOG2E)
  const r = x - n * LN2_HIGH - n * LN2_LOW
  let sum: f64 = 1
  for (let i: f64 = 14; i > 0; i--) sum = 1 + (sum * r) / i
  return sum * reinterpret<f64>((<i64>n + 1023) << 52)
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
