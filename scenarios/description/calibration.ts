/**
 * What a machine takes for the pieces that runs are made of. `npm run bench -- calibrate` measures it and
 * `forecast/prediction.ts` uses it. Such a file may come from anywhere, so each field is checked.
 */
import { Schema } from "../../protocol/schema.ts"
import { struct, value } from "./fields.ts"

/** No machine takes that long for a piece, and no sum of them is beyond what a number holds. */
const most = 1e12

const milliseconds = value(Schema.Number, (x) => x >= 0 && x <= most, "a number from 0 to 10^12", {})
/** A number of cores, which may be fractional. */
const cores = value(Schema.Number, (x) => x > 0 && x <= 1e6, "a number above 0, up to 10^6", {})

const note = value(Schema.String, () => true, "a text", {})

const pairs =
  "pairs [count, milliseconds], whole counts from 1 up and milliseconds from 0 up, none below the one before"

/**
 * Processor time of one thread without tables for a number of ciphertexts: ascending pairs [count,
 * milliseconds].
 */
const Curve = Schema.Array(Schema.Tuple(Schema.Number, Schema.Number)).pipe(
  Schema.filter(
    (curve) =>
      curve.length > 0 &&
      curve.every(([count, ms], i) => {
        const [countBefore, msBefore] = curve[i - 1] ?? [0, 0]
        return Number.isSafeInteger(count) && count > countBefore && ms >= msBefore && ms <= most
      })
  ),
  Schema.annotations({ message: () => ({ message: `must be ${pairs}`, override: true }) })
)
export type Curve = typeof Curve.Type

const BcpCalibration = struct({
  /** Processor time of finding parameters, on average: the search for safe primes takes a random time. */
  parametersMs: milliseconds,
  encrypt: Curve,
  /** With the factors of N, at C0. */
  encryptFactored: Curve,
  openMaster: Curve,
  blind: Curve,
  reencrypt: Curve,
  strip: Curve,
  partialDecrypt: Curve,
  /** A proof for so many partial decryptions, made and verified. */
  prove: Curve,
  verify: Curve,
  combine: Curve,
  /** A multiplication modulo N². */
  multiplicationMs: milliseconds,
  /** The opening of a ciphertext with long randomness, one of many, at C0. */
  openAnyMs: milliseconds
})
export type BcpCalibration = typeof BcpCalibration.Type

/**
 * A megabyte that a step opens each way or is dealt, and a round, at a cloud and at the dealer, without the
 * products; and once, what the first steps take beyond the others, for compiling.
 */
const Steps = struct({ megabyteMs: milliseconds, roundMs: milliseconds, firstMs: milliseconds })

/** All but `cores`, `waitMs` and `store` is processor time in milliseconds. */
const CalibrationFile = struct({
  machine: struct({
    processor: note,
    cores,
    node: note,
    date: note
  }),
  /** Cores that busy processes got; less than the machine has where it is shared. */
  cores,
  /** A party's process until it is ready; a worker thread until its first job. */
  startUpMs: milliseconds,
  threadMs: milliseconds,
  arithmetic: struct({
    /** A million multiplications of a matrix product. */
    millionProductsMs: milliseconds,
    cloud: Steps,
    dealer: Steps
  }),
  messages: struct({
    /**
     * A message and a megabyte at each of its two ends, and at the broker; and once what the first messages
     * take beyond the others.
     */
    end: struct({ messageMs: milliseconds, megabyteMs: milliseconds, firstMs: milliseconds }),
    broker: struct({ messageMs: milliseconds, megabyteMs: milliseconds }),
    /** What an exchange takes beyond the work for it: until processes wake. */
    waitMs: milliseconds
  }),
  /** A megabyte of a hybrid upload: at its user, who makes and seals it, and at cloud 1, who opens it. */
  words: struct({ makeMegabyteMs: milliseconds, openMegabyteMs: milliseconds }),
  /** A thousand ids of a private join: of a user's own, which become points first, and of another user. */
  join: Schema.propertySignature(
    struct({ thousandOwnMs: milliseconds, thousandOthersMs: milliseconds })
  ).annotations({
    missingMessage: () => "is missing: the file was measured before there were private joins"
  }),
  /** A megabyte that two clouds send each other to deal for themselves, both ways together: at the busier of them. */
  dealing: Schema.propertySignature(struct({ megabyteMs: milliseconds })).annotations({
    missingMessage: () => "is missing: the file was measured before clouds dealt for themselves"
  }),
  /** An entry of stable storage and a megabyte of it, on the clock, until it is synced. */
  store: struct({ entryMs: milliseconds, megabyteMs: milliseconds }),
  /** By bits of the modulus. */
  bcp: Schema.Record({ key: Schema.String, value: BcpCalibration }).annotations({
    message: () => "must hold a field for each size of the modulus, such as 2048"
  })
})
export type Calibration = typeof CalibrationFile.Type

/** Unknown keys are errors, and all problems are reported at once. */
export const decodeCalibration = Schema.decodeUnknownEither(CalibrationFile, {
  errors: "all",
  onExcessProperty: "error"
})

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
