/**
 * Numbers as different countries write them: `1,234.5`, `1.234,5`, `1 234,5`, `1'234.5`. A file has one
 * decimal mark and at most one mark of thousands. They are found out from the numbers themselves: each number
 * with a mark rules out the readings in which it is none, and what is left must give every number one value.
 */
import {
  type DecimalMark,
  type DialectSettings,
  decimalMarks,
  type Separator,
  sayDialect,
  type ThousandsMark,
  thousandsMarks,
  thousandsName
} from "./dialect.ts"
import type { CellProblem, TableProblem } from "./table.ts"

interface Reading {
  readonly decimal: DecimalMark
  readonly thousands: ThousandsMark
  /** A number without marks of thousands: digits, perhaps a fraction, perhaps a power of ten. */
  readonly plain: RegExp
  /** A number with marks of thousands. */
  readonly grouped: RegExp
}

const nothing = /(?!)/

const readingOf = (decimal: DecimalMark, thousands: ThousandsMark): Reading => {
  const mark = `\\${decimalMarks[decimal]}`
  const between = thousandsMarks[thousands]
  return {
    decimal,
    thousands,
    plain: new RegExp(`^[+-]?(?:\\d+(?:${mark}\\d*)?|${mark}\\d+)(?:e[+-]?\\d+)?$`, "i"),
    grouped:
      between === ""
        ? nothing
        : new RegExp(`^[+-]?[1-9]\\d{0,2}([${between}])\\d{3}(?:\\1\\d{3})*(?:${mark}\\d*)?$`)
  }
}

/** All readings of a file's numbers, the likeliest first. A set of readings has bit k for the k-th. */
const readings: ReadonlyArray<Reading> = (["point", "comma"] as const).flatMap((decimal) =>
  (["none", "comma", "point", "space", "apostrophe"] as const)
    .filter((thousands) => thousands !== decimal)
    .map((thousands) => readingOf(decimal, thousands))
)

const setOf = (keep: (reading: Reading) => boolean): number =>
  readings.reduce((set, reading, at) => (keep(reading) ? set | (1 << at) : set), 0)

const withPoint = setOf(({ decimal }) => decimal === "point")
const withComma = setOf(({ decimal }) => decimal === "comma")
const thousandsPoint = setOf(({ thousands }) => thousands === "point")
const thousandsComma = setOf(({ thousands }) => thousands === "comma")

/** The readings in which a text is a number. */
const readingsOf = (text: string): number =>
  // No mark, no difference: most texts are sorted out so.
  /^[+-]?\d+$/.test(text)
    ? withPoint | withComma
    : setOf(({ grouped, plain }) => plain.test(text) || grouped.test(text))

/** Sets in which a number such as `1.234` or `1,234` has two values. */
const isTwofold = (ofText: number, set: number): boolean =>
  ((ofText & set & withPoint) !== 0 &&
    (ofText & set & thousandsPoint) !== 0 &&
    (ofText & withComma) === thousandsPoint) ||
  ((ofText & set & withComma) !== 0 &&
    (ofText & set & thousandsComma) !== 0 &&
    (ofText & withPoint) === thousandsComma)

/** Whether a text is a number in some reading. */
export const isNumberSomehow = (text: string): boolean => readingsOf(text) !== 0

interface Seen {
  count: number
  readonly line: number
  readonly column: string
}

export class NumberMarks {
  /** The readings that are left. */
  #left: number
  /** By the readings of a number, how many there are such, and where the first is. */
  readonly #seen = new Map<number, Seen>()
  /** Whether fields are parted by commas: then `1.234` is a fraction unless other numbers rule that out. */
  readonly #byCommas: boolean

  constructor({ decimal, thousands }: DialectSettings, separator: Separator) {
    this.#left = setOf(
      (reading) =>
        (decimal === undefined || reading.decimal === decimal) &&
        (thousands === undefined || reading.thousands === thousands)
    )
    this.#byCommas = separator === "comma"
  }

  /** Takes a number of the first rows into account; other texts count for nothing. */
  observe(text: string, line: number, column: string): void {
    const set = readingsOf(text)
    const seen = this.#seen.get(set)
    if (seen !== undefined) seen.count += 1
    else if (set !== 0) this.#seen.set(set, { count: 1, line, column })
  }

  /** Settles on the readings that fit what was observed; gives the problem if two of them differ. */
  settle(): TableProblem | undefined {
    const common = [...this.#seen.keys()].reduce((left, set) => left & set, this.#left)
    if (common === 0) {
      // No reading fits all numbers: those that do not fit most of them are reported one by one.
      this.#left = this.#likeliest()
      return undefined
    }
    this.#left = common
    for (const [set, { line, column }] of this.#seen)
      if (!this.#narrow(set)) return { line, column, ...twofold(set) }
    return undefined
  }

  /** Rules out the readings in which a text is no number. False if it has two values in those that are left. */
  #narrow(set: number): boolean {
    const left = this.#left & set
    const preferred = this.#byCommas && isTwofold(set, left) ? left & ~thousandsPoint : left
    if (isTwofold(set, preferred)) return false
    this.#left = preferred
    return true
  }

  #likeliest(): number {
    const fits = (reading: number) =>
      [...this.#seen].reduce((sum, [set, { count }]) => ((set & reading) === 0 ? sum : sum + count), 0)
    const allowed = readings.map((_, at) => 1 << at).filter((reading) => (reading & this.#left) !== 0)
    return allowed.reduce((best, reading) => (fits(reading) > fits(best) ? reading : best))
  }

  /** The decimal mark, once it is known. */
  get decimal(): DecimalMark | undefined {
    if ((this.#left & withComma) === 0) return "point"
    return (this.#left & withPoint) === 0 ? "comma" : undefined
  }

  /** The mark of thousands; `none` also where no number has needed any. */
  get thousands(): ThousandsMark {
    return this.#first.thousands
  }

  get #first(): Reading {
    return readings[Math.log2(this.#left & -this.#left)]!
  }

  /** The number in a text, or its fault; undefined for a text that is no number in any reading. */
  read(text: string): number | CellProblem | undefined {
    const { decimal } = this
    if (decimal !== undefined && this.#first.plain.test(text)) return plainValue(text, decimal)
    const set = readingsOf(text)
    if (set === 0) return undefined
    if ((this.#left & set) === 0) return this.#contradiction(set)
    return this.#narrow(set) ? Number(this.inPoints(text)) : twofold(set)
  }

  /** The text with a decimal point and without marks of thousands; unchanged if it is no number. */
  inPoints(text: string): string {
    return inPoints(this.#first, text)
  }

  #contradiction(set: number): CellProblem {
    const decimals = [
      ...((set & withPoint) === 0 ? [] : ["point" as const]),
      ...((set & withComma) === 0 ? [] : ["comma" as const])
    ]
    const { decimal = "point" } = this
    if (!decimals.includes(decimal)) {
      return {
        reason: `has a decimal ${decimals[0]} where the file has decimal ${decimal}s`,
        ...sayDialect("decimal", [decimals[0]!], {
          else: `write all numbers of the file with a decimal ${decimal}${decimal === "point" ? ", such as 12.5" : ", such as 12,5"}, or `
        })
      }
    }
    const marks = readings.find((_, at) => (set & (1 << at)) !== 0)!
    return {
      reason: `has separators between the thousands (${thousandsName(marks.thousands)}) where the file has ${thousandsName(this.thousands)}`,
      remedy: "write all numbers of the file alike, at best without separators, such as 1234.5"
    }
  }
}

/** Two readings of one number. */
const twofold = (set: number): CellProblem => {
  const mark = (set & withComma) === thousandsPoint ? "point" : "comma"
  const other = mark === "point" ? "comma" : "point"
  return {
    reason: `has a ${mark} here which may be a decimal mark or part the thousands, and no other number of the first rows tells which`,
    ...sayDialect("decimal", [mark, other], {
      meaning: `: with ${mark} it begins a fraction, with ${other} it parts thousands`
    })
  }
}

const plainValue = (text: string, decimal: DecimalMark): number =>
  Number(decimal === "point" ? text : text.replace(",", "."))

const inPoints = ({ decimal, grouped, plain, thousands }: Reading, text: string): string => {
  if (plain.test(text)) return decimal === "point" ? text : text.replace(",", ".")
  if (!grouped.test(text)) return text
  const whole = text.replace(new RegExp(`[${thousandsMarks[thousands]}]`, "g"), "")
  return decimal === "point" ? whole : whole.replace(",", ".")
}
