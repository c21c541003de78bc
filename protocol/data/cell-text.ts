/**
 * Cells of text: numbers for features, ids, and the faults of cells that are neither. A reason names the kind
 * of content and never quotes it.
 */
import { isDecimal } from "./spelling.ts"
import type { CellProblem, TableProblem } from "./table.ts"

const notANumber: CellProblem = {
  reason: "is not a number",
  remedy: "write a number with a decimal point, such as 12.5 or 1e-3",
  entry: "{ values: [...] }"
}

export const empty: CellProblem = {
  reason: "is empty",
  remedy: "fill in the cell, or leave out the row"
}

export const outside = ([least, greatest]: readonly [number, number]): CellProblem => ({
  reason: `is outside the column's public range [${least}, ${greatest}]`,
  remedy: "correct the value, or have all parties agree on a wider range"
})

const missingWord = /^(n\/?a|<na>|nan|nat|null|none|nil|missing|n\.a\.|\?+|-+|–|—|\.|\*|\\n)$/i
const spreadsheetError =
  /^#(n\/a|div\/0!|value!|ref!|name\?|num!|null!|wert!|bezug!|zahl!|nv|valeur!|nombre!)$/i

/** A cell of a column of numbers that holds NaN, as programs write missing values. */
export const missingNumber: CellProblem = {
  reason: "is missing: it holds NaN, which is no number",
  remedy: "fill in the value, or leave out the row"
}

/** The fault of a cell that marks a missing value. */
export const missing = (text: string): CellProblem | undefined => {
  if (text === "") return empty
  const word = missingWord.test(text)
    ? "a word for a missing value"
    : spreadsheetError.test(text)
      ? "a spreadsheet's error"
      : undefined
  return word && { reason: `is missing: it holds ${word}`, remedy: "fill in the value, or leave out the row" }
}

/** Kinds of text found where a number belongs, and how a feature of such texts is written. */
const kinds: ReadonlyArray<readonly [RegExp, reason: string, remedy: string, entry?: string]> = [
  [
    /^[+-]?\d{1,3},\d{3}$/,
    "has a comma, which may be a decimal mark or part the thousands",
    "write numbers with a decimal point and without separators, such as 1234.5"
  ],
  [/^[+-]?\d*,\d+(e[+-]?\d+)?$/i, "has a decimal comma", "write numbers with a decimal point, such as 12.5"],
  [
    /^[+-]?\d{1,3}([.,'’ \u00a0\u202f_]\d{3})+([.,]\d+)?$/,
    "has separators between the thousands",
    "write numbers with a decimal point and without separators, such as 1234.5"
  ],
  [/^[+-]?[\d.,]+ ?[%‰]$/, "has a percent sign", "write the number alone, and the range in the same unit"],
  [/^[−–]\s?[\d.,]+$/, "has a dash for a minus sign", "write the minus sign as -"],
  [/^[+-]?(inf|infinity|∞)$/i, "is infinite", "write a number of the public range, or leave out the row"],
  [/^(true|false|yes|no)$/i, "is yes or no, not a number", "write 1 and 0", "boolean"],
  [
    /^(\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}|\d{1,2}[-. ](jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\b)/i,
    "is a date, not a number",
    "write a number, of which a spreadsheet may have made a date",
    "date"
  ],
  [/^[$€£¥]\s?[\d.,]+$|^(?!.*\de$)[+-]?[\d.,]+\s?[$€£¥\p{L}µ°²³/]+$/u, "has a unit", "write the number alone"]
]

/** The number in a cell of text, or its fault. */
export const readNumber = (text: string): number | CellProblem => {
  if (isDecimal(text)) return Number(text)
  const absent = missing(text)
  if (absent !== undefined) return absent
  const kind = kinds.find(([pattern]) => pattern.test(text))
  if (kind === undefined) return notANumber
  const [, reason, remedy, entry] = kind
  return { reason, remedy, ...(entry === undefined ? {} : { entry }) }
}

/** The fault of a text as an id. The id itself may be named. */
export const idProblem = (id: string): Pick<TableProblem, "reason" | "remedy" | "alike"> | undefined => {
  const safe = id.length > 0 && id.length < 200 && /^[!-~\p{L}\p{N} ]*$/u.test(id)
  if (safe && !/^[#<?.*\\-]|^n|^m|^[+-]?\d([.,]\d+)?E\+\d/i.test(id)) return undefined
  if (id === "") return { reason: "has no id", remedy: "give every row its id" }
  if (missing(id) !== undefined) {
    return {
      reason: "has a word for a missing value as its id",
      remedy: "give every row an id of its own, the same at all owners"
    }
  }
  if (/^[+-]?\d([.,]\d+)?E\+\d{2,3}$/.test(id)) {
    return {
      reason: "is a number as a spreadsheet shows it, rounded: other ids may have become the same",
      remedy: "export the ids anew, as text",
      alike: true
    }
  }
  if (id.includes("\ufffd")) {
    return {
      reason: "has an id with the sign for a lost character (U+FFFD): other ids may have become the same",
      remedy: "export the file anew, in the encoding that it is read in"
    }
  }
  const control = /(?![\t-\r])\p{Cc}/u.exec(id)?.[0]
  if (control === undefined) return undefined
  return control < "\x80"
    ? { reason: "has an id with control characters", remedy: "write ids as text" }
    : {
        reason: "has an id with control characters, as where Windows-1252 is read as Latin-1",
        remedy: "correct the encoding that the scenario names for the file"
      }
}

/** Whether an id is a word that stands for a missing value in some tables and for itself in others: Namibia's NA, Mr Null. */
export const mayBeMissing = (id: string): boolean => missingWord.test(id) && isWord(id)

/** Whether an id is made of letters, as names and codes of countries are. */
export const isWord = (id: string): boolean => /^[\p{L}\p{M}][\p{L}\p{M} .'’-]*$/u.test(id)
