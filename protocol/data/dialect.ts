/**
 * The dialect of a CSV file: how its text is split into fields, and how its numbers are written. A program
 * that writes CSV says neither, so both are found out from the first rows (`dialect-layout.ts`,
 * `number-text.ts`), unless the scenario says them. Nothing is guessed where two readings give other cells.
 */
import type { Encoding } from "./characters.ts"

/** The separators of fields, the usual ones first. A run of spaces is one separator. */
export const separators = {
  comma: ",",
  semicolon: ";",
  tab: "\t",
  bar: "|",
  space: " ",
  colon: ":",
  caret: "^",
  tilde: "~",
  "broken-bar": "¦",
  "wide-comma": "，",
  "control-a": "\x01",
  "unit-separator": "\x1f"
} as const
export type Separator = keyof typeof separators

export const decimalMarks = { point: ".", comma: "," } as const
export type DecimalMark = keyof typeof decimalMarks

/** The characters that may part the thousands of a whole number; of one kind in a number. */
export const thousandsMarks = {
  none: "",
  comma: ",",
  point: ".",
  space: " \u00a0\u2009\u202f",
  apostrophe: "'’"
} as const
export type ThousandsMark = keyof typeof thousandsMarks

export const quoteMarks = { double: '"', single: "'", none: "" } as const
export type QuoteMark = keyof typeof quoteMarks

/** Signs of a comment line. */
export const commentSigns = { none: "", hash: "#", percent: "%", slashes: "//" } as const
export type CommentSign = keyof typeof commentSigns

/** The parts of a dialect that a scenario may say of a file; the others are found out. */
export interface DialectSettings {
  readonly separator?: Separator | undefined
  readonly decimal?: DecimalMark | undefined
  readonly thousands?: ThousandsMark | undefined
  readonly quote?: QuoteMark | undefined
  readonly comment?: CommentSign | undefined
  /** Whether the file names its columns; it does unless the scenario names them. */
  readonly header?: boolean | undefined
}

/** How a text is split into fields. */
export interface Layout {
  readonly separator: Separator
  readonly quote: QuoteMark
  readonly comment: CommentSign
}

export type LineEnd = "LF" | "CRLF" | "CR"

/** The dialect that a file was read in. */
export interface Dialect extends Layout {
  /** Undefined where no number of the file has a mark. */
  readonly decimal: DecimalMark | undefined
  readonly thousands: ThousandsMark
  readonly header: boolean
  readonly encoding: Encoding
  /** Whether the file begins with a byte order mark. */
  readonly marked: boolean
  /** All that occur. */
  readonly lineEnds: ReadonlyArray<LineEnd>
}

const separatorNames: Readonly<Record<Separator, string>> = {
  comma: "commas",
  semicolon: "semicolons",
  tab: "tabs",
  bar: "vertical bars",
  space: "spaces",
  colon: "colons",
  caret: "carets",
  tilde: "tildes",
  "broken-bar": "broken bars",
  "wide-comma": "commas of full width",
  "control-a": "control characters (U+0001)",
  "unit-separator": "unit separators (U+001F)"
}

/** A separator in words, such as `semicolons`. */
export const separatorName = (separator: Separator): string => separatorNames[separator]

const thousandsNames: Readonly<Record<ThousandsMark, string>> = {
  none: "no mark of thousands",
  comma: "thousands commas",
  point: "thousands points",
  space: "thousands spaces",
  apostrophe: "thousands apostrophes"
}

/** A mark of thousands in words, such as `thousands points`. */
export const thousandsName = (mark: ThousandsMark): string => thousandsNames[mark]

const encodingNames: Readonly<Record<Encoding, string>> = {
  "utf-8": "UTF-8",
  "utf-16le": "UTF-16LE",
  "utf-16be": "UTF-16BE",
  latin1: "Latin-1",
  "windows-1252": "Windows-1252"
}

/** A dialect in words, such as `semicolons, decimal comma, UTF-8 with a byte order mark, CRLF`. */
export const describeDialect = (dialect: Dialect): string => {
  const { comment, decimal, encoding, header, lineEnds, marked, quote, separator, thousands } = dialect
  return [
    separatorNames[separator],
    ...(decimal === undefined ? [] : [`decimal ${decimal}`]),
    ...(thousands === "none" ? [] : [thousandsNames[thousands]]),
    ...(quote === "double" ? [] : [quote === "none" ? "no quotes" : "single quotes"]),
    ...(comment === "none" ? [] : [`comments after ${commentSigns[comment]}`]),
    ...(header ? [] : ["no line of names"]),
    `${encodingNames[encoding]}${marked ? " with a byte order mark" : ""}`,
    ...(lineEnds.length === 0 ? [] : [lineEnds.join(" and ")])
  ].join(", ")
}

/** The contradiction between settings of a dialect, and its remedy; undefined if there is none. */
export const contradiction = (settings: DialectSettings): string | undefined => {
  const { decimal, quote, separator, thousands } = settings
  if (decimal !== undefined && decimal === thousands)
    return `has the ${decimal} both as decimal mark and between thousands; say thousands: none, or another mark`
  if (quote === "single" && thousands === "apostrophe")
    return "has the apostrophe both around fields and between thousands; say quote: double or quote: none"
  if (quote !== "none" || separator === undefined) return undefined
  const mark = separators[separator]
  if (decimal !== undefined && decimalMarks[decimal] === mark)
    return `has the ${decimal} both as separator and as decimal mark, without quotes to tell them apart; say quote: double, or another separator`
  if (thousands !== undefined && thousandsMarks[thousands].includes(mark))
    return `has the ${separator} both as separator and between thousands, without quotes to tell them apart; say quote: double, or another separator`
  return undefined
}

/** The beginning of a comment line, by any of the signs. */
export const commentOf = (line: string): Exclude<CommentSign, "none"> | undefined =>
  (["hash", "percent", "slashes"] as const).find((sign) => line.trimStart().startsWith(commentSigns[sign]))

/** A setting of a file that decides how it is read, and the values that it may have. */
export interface Decision {
  readonly setting: keyof DialectSettings | "encoding"
  readonly values: ReadonlyArray<string>
  /** What can be done besides, up to the setting: `save the file as UTF-8, or `. */
  readonly else?: string
  /** What the values mean, from the colon on. */
  readonly meaning?: string
}

/** The remedy that names the readings of a setting which is not decided by the file, as the scenario has it. */
export const sayDialect = (
  setting: keyof DialectSettings,
  values: ReadonlyArray<string>,
  more: Pick<Decision, "else" | "meaning"> = {}
) => ({
  remedy: `${more.else ?? ""}say ${values.map((value) => `dialect: { ${setting}: ${value} }`).join(" or ")} where the scenario names the file${more.meaning ?? ""}`,
  decides: { setting, values, ...more }
})

/** The fault of a row whose number of fields is not that of the columns. */
export const ragged = (fields: number, columns: number, first: string, separator: Separator) => {
  if (commentOf(first) !== undefined)
    return {
      reason: "has a comment line here, of another sign than the file's other comments",
      remedy: "take it out, or begin all comment lines alike",
      alike: true
    }
  if (first === "\x1a")
    return {
      reason: "has the sign for the end of a file here, as old systems write it",
      remedy: "take it out",
      alike: false
    }
  const mark = separator.replace("-", " ")
  const remedy =
    fields > columns
      ? `give every row one field a column, and put a cell that has a ${mark} into quotes${fields === columns + 1 ? "; the header may lack the name of a column, such as that of the row names of R" : ""}`
      : "give every row one field a column"
  return {
    reason: `has ${fields === 1 ? "1 field" : `${fields} fields`} here where the header has ${columns}`,
    remedy,
    alike: true
  }
}
