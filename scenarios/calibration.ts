/** What a machine takes for the pieces that runs are made of: measured by `npm run bench -- calibrate`, used by `prediction.ts`. */

/** Milliseconds of processor time for so many ciphertexts by one thread that has made no tables yet: [count, ms], ascending. */
export type Curve = ReadonlyArray<readonly [count: number, ms: number]>

export interface BcpCalibration {
  /** Processor time of finding parameters, on average: the search for safe primes takes a random time. */
  readonly parametersMs: number
  readonly encrypt: Curve
  /** With the factors of N, at C0. */
  readonly encryptFactored: Curve
  readonly openMaster: Curve
  readonly blind: Curve
  readonly reencrypt: Curve
  readonly strip: Curve
  readonly partialDecrypt: Curve
  readonly combine: Curve
}

/** All but `cores`, `waitMs` and `store` is processor time in milliseconds. */
export interface Calibration {
  readonly machine: {
    readonly processor: string
    readonly cores: number
    readonly node: string
    readonly date: string
  }
  /** Cores that busy processes got; less than the machine has where it is shared. */
  readonly cores: number
  /** A party's process until it is ready; a worker thread until its first job. */
  readonly startUpMs: number
  readonly threadMs: number
  readonly arithmetic: {
    /** A million multiplications of a matrix product. */
    readonly millionProductsMs: number
    /**
     * A megabyte that a step opens each way or is dealt, and a round, at a cloud and at the dealer, without the products; and
     * once, what the first steps take beyond the others, for compiling.
     */
    readonly cloud: { readonly megabyteMs: number; readonly roundMs: number; readonly firstMs: number }
    readonly dealer: { readonly megabyteMs: number; readonly roundMs: number; readonly firstMs: number }
  }
  readonly messages: {
    /** A message and a megabyte at each of its two ends, and at the broker; and once what the first messages take beyond the others. */
    readonly end: { readonly messageMs: number; readonly megabyteMs: number; readonly firstMs: number }
    readonly broker: { readonly messageMs: number; readonly megabyteMs: number }
    /** What an exchange takes beyond the work for it: until processes wake. */
    readonly waitMs: number
  }
  /** A megabyte of a hybrid upload: at its user, who makes and seals it, and at cloud 1, who opens it. */
  readonly words: { readonly makeMegabyteMs: number; readonly openMegabyteMs: number }
  /** An entry of stable storage and a megabyte of it, on the clock, until it is synced. */
  readonly store: { readonly entryMs: number; readonly megabyteMs: number }
  /** By bits of the modulus. */
  readonly bcp: Readonly<Record<string, BcpCalibration>>
}

/** Milliseconds for a count: between the points as on a line, beyond the last as between the last two. */
export const onCurve = (curve: Curve, count: number): number => {
  const points: Curve = [[0, 0], ...curve]
  const after = points.findIndex(([at]) => at >= count)
  const [[x0, y0], [x1, y1]] =
    after === -1
      ? [points.at(-2)!, points.at(-1)!]
      : after === 0
        ? [points[0]!, points[1]!]
        : [points[after - 1]!, points[after]!]
  return y0 + ((count - x0) * (y1 - y0)) / (x1 - x0)
}
