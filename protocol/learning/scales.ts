/**
 * The scales of fixed-point words (section 5 of docs/concepts/protocol.md): of a product, and of what lies between the
 * logits of a cross-entropy and their probabilities, with the bounds within which a logit counts. All of it is public.
 */

/** Fractional bits of a product of two values of f: it comes doubled (section 5 of docs/concepts/protocol.md). */
export const productBits = (f: number): number => 2 * f + 1

/** Bits below a result's last place that the blinded word of a product keeps, at the least. */
const guardBits = 5

/** Low bytes of the blinded word of a product that a rescale by `shift` need not open. */
export const leftOutBytes = (shift: number): number => Math.max(0, Math.floor((shift - guardBits) / 8))

/** Beyond, the words of exponentials over the classes would have too few bits. */
export const maximumClasses = 4096
/** A logit counts from this far below the mean of its row to this far above. */
export const clampOfSoftmax = { below: 7.5, above: 12 } as const
/** The exponentials there: literals, so that all parties have the same to the bit. */
const atClamp = { bottom: 0.0005530843701478336, top: 162754.79141900392 } as const
/** Entries of the exponential's one-hot words; as many units of its low digits are a value's whole range. */
export const exponentialEntries = 32
/** Fractional bits of each cloud's part of a dealt exponential. */
const exponentialBits = 15
/** Thresholds 2^1 … 2^17: the mean of the exponentials is from 1 to e^12 < 2^18. */
const octaves = 17
/** A row's sum is below this many bits more than those of one, with its sign. */
const signedOctaves = octaves + 2
/** Comparisons with thresholds leave out the low bits of a word but 32. */
const thresholdShift = 31
/** Entries of the table of reciprocals, of which a range of 15 in 16 is used, and digits of its interpolation. */
export const reciprocalEntries = 128
const reciprocalFactor = 15
const fineDigits = 9

/** The scales of a softmax. All are public. */
export interface SoftmaxScale {
  readonly classes: number
  /** Of a logit. */
  readonly shift: number
  /** What one is of a row's contrast, classes·z − Σz, as a word. */
  readonly unit: number
  /** Bounds of a contrast, as words. */
  readonly lower: bigint
  readonly upper: bigint
  /** Added to a contrast, so that it is not negative within the bounds. */
  readonly offset: number
  /** The largest it can then be. */
  readonly limit: number
  /** Bits of it below the index of the table. */
  readonly lowBits: number
  /** Fractional bits of each cloud's part of what is dealt, and of an exponential. */
  readonly partBits: number
  readonly bits: number
  /** The exponentials at the bounds, over the classes, as words. */
  readonly bottom: bigint
  readonly top: bigint
  readonly octaves: number
  /** By how much a word is shifted left, and then right, to compare it with a threshold. */
  readonly thresholdAlign: number
  readonly thresholdShift: number
  /** Fractional bits of a normalised sum, and of a reciprocal. */
  readonly sumBits: number
  readonly reciprocalBits: number
  /** A normalised sum is multiplied by `sumFactor` and `sumOffset` added for the index of the table of reciprocals. */
  readonly sumFactor: number
  readonly sumOffset: bigint
  readonly sumLowBits: number
  readonly sumFineBits: number
  /** By which the product of a numerator and a reciprocal is rescaled to a probability. */
  readonly probabilityShift: number
}

/** The scales for values of f fractional bits and 2 to `maximumClasses` classes. */
export const softmaxScale = (f: number, classes: number): SoftmaxScale => {
  const { below, above } = clampOfSoftmax
  const shift = productBits(f) - f
  const unit = classes * 2 ** productBits(f)
  // The comparison may be off by one unit of a value's last place.
  const margin = 2 ** (shift + 1)
  const limit = (below + above) * unit + 2 * margin
  // Low digits are not reduced: both clouds' add up to less than two of them.
  let lowBits = 0
  while ((exponentialEntries - 2) * 2 ** lowBits < limit) lowBits++
  // Before it is rescaled, the largest exponential over the classes is below 2^62.
  let bits = 20
  while (atClamp.top * 2 ** (bits + 2 * exponentialBits) > 0.999 * 2 ** 62 * classes) bits--
  const sumBits = bits + octaves
  const word = (x: number) => BigInt(Math.round((2 ** bits * x) / classes))
  return {
    ...{ classes, shift, unit, limit, lowBits, bits, octaves, sumBits, thresholdShift },
    lower: BigInt(-below * unit),
    upper: BigInt(above * unit),
    offset: below * unit + margin,
    partBits: exponentialBits,
    bottom: word(atClamp.bottom),
    top: word(atClamp.top),
    thresholdAlign: 64 - bits - signedOctaves,
    reciprocalBits: 60 - sumBits,
    sumFactor: reciprocalFactor,
    sumOffset: BigInt(-reciprocalFactor * (2 ** sumBits - 2 ** (sumBits - 8))),
    sumLowBits: sumBits + 4 - Math.log2(reciprocalEntries),
    sumFineBits: sumBits + 4 - Math.log2(reciprocalEntries) - fineDigits,
    probabilityShift: 61 - f
  }
}

/**
 * The table of reciprocals: 128 words a, then 128 words b. The reciprocal of a sum with the index h, and x the fine
 * digits less those of the mask, is a_h + b_h·x: the line with the least error over all that share h.
 */
export const reciprocalLines = ({
  sumBits,
  sumFactor,
  sumOffset,
  sumLowBits,
  sumFineBits,
  reciprocalBits
}: SoftmaxScale): BigInt64Array => {
  const table = new BigInt64Array(2 * reciprocalEntries)
  const sumOf = (t: number): number => (t - Number(sumOffset)) / (sumFactor * 2 ** sumBits)
  const digits = 2 ** fineDigits
  for (let h = 0; h < reciprocalEntries; h++) {
    const [from, end] = [sumOf((h - 2) * 2 ** sumLowBits), sumOf((h + 1) * 2 ** sumLowBits)]
    if (from <= 0.5) continue
    const slope = -1 / (from * end)
    const intercept = (from + end) / (2 * from * end) + 1 / Math.sqrt(from * end)
    const b = Math.round((slope * 2 ** (reciprocalBits + sumFineBits)) / (sumFactor * 2 ** sumBits))
    // The middle of x, less half of what its digits leave out.
    const middle = -digits / 2
    const at = sumOf(h * 2 ** sumLowBits + (middle - 0.5) * 2 ** sumFineBits)
    const a = Math.round((intercept + slope * at) * 2 ** reciprocalBits) - b * middle
    table[h] = BigInt(a)
    table[reciprocalEntries + h] = BigInt(b)
  }
  return table
}

/** A logit counts from this far below zero to this far above. */
export const clampOfSigmoid = 8
/** The probability there. */
const sigmoidAtClamp = 0.9996646498695336
/**
 * a_k of σ(x) ≈ ½ + Σ a_k·sin(2πkx/32), k = 1, 3 … 17: the least error for |x| ≤ 8, below 2^−15.
 */
export const sigmoidWaves: ReadonlyArray<number> = [
  0.598051433, 0.126488288, 0.0360621146, 0.010439542, 0.00306985239, 0.000873196476, 0.000272852698,
  0.0000702011823, 0.0000528731641
]
const waveBits = 18
const seriesBits = 20

export interface SigmoidScale {
  /** Whether a row is two logits of which only the difference counts. */
  readonly difference: boolean
  readonly fractionalBits: number
  /** Of a logit. */
  readonly shift: number
  readonly lower: bigint
  readonly upper: bigint
  /** Bits of a full turn, as words. */
  readonly turnBits: number
  /** Fractional bits of each cloud's part of a dealt sine, and of a coefficient. */
  readonly waveBits: number
  readonly seriesBits: number
  readonly bottom: bigint
  readonly top: bigint
}

export const sigmoidScale = (f: number, difference: boolean): SigmoidScale => {
  const bound = BigInt(clampOfSigmoid * 2 ** productBits(f))
  return {
    ...{ difference, fractionalBits: f, shift: productBits(f) - f, waveBits, seriesBits },
    lower: -bound,
    upper: bound,
    turnBits: productBits(f) + Math.log2(4 * clampOfSigmoid),
    bottom: BigInt(Math.round(2 ** f * (1 - sigmoidAtClamp))),
    top: BigInt(Math.round(2 ** f * sigmoidAtClamp))
  }
}
