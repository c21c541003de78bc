/**
 * Deduces from the first lines of a text file how it deviates from the expected form: other separators than
 * commas, comment lines, names that are missing or further down.
 */
import { trimmed } from "./spelling.ts"
import type { CellProblem, TableProblem } from "./table.ts"

/** Columns that a file should name, and those that the scenario names instead. */
export interface Expected {
  readonly wanted: ReadonlyArray<string>
  readonly header: ReadonlyArray<string> | undefined
}

const separators = [
  [";", "semicolons"],
  ["\t", "tabs"],
  ["|", "vertical bars"],
  ["\x01", "control characters"],
  ["\x1f", "control characters"],
  ["^", "carets"],
  ["~", "tildes"],
  [":", "colons"],
  ["¦", "broken bars"],
  ["，", "commas of full width"],
  [" ", "spaces"]
] as const

/**
 * The one problem of a file whose first lines are not those of a table as expected; undefined if they may be.
 */
export const foreignDialect = (text: string, expected: Expected): TableProblem | undefined => {
  const lines = text.split(/\r\n|\n|\r/, 60).filter((line) => trimmed(line) !== "")
  const first = lines[0]
  if (first === undefined) return undefined
  if (/^"?sep=.?"?,*$/i.test(trimmed(first))) {
    return {
      reason: "begins with a line sep= that a spreadsheet put there",
      remedy: "take that line out, and separate by commas"
    }
  }
  return otherSeparator(lines, expected) ?? laterHeader(lines, expected) ?? noNames(first, expected)
}

const parts = (line: string, separator: string): ReadonlyArray<string> =>
  line
    .split(separator === " " ? / +/ : separator)
    .map((part) => trimmed(trimmed(part).replace(/^"(.*)"$/, "$1")))

/**
 * Expected number of columns of a line: that of the names, or of the first row if the scenario has the names.
 */
const matches = (line: string, separator: string, { wanted, header }: Expected): number => {
  const fields = parts(line, separator)
  if (header !== undefined) return fields.length === header.length ? fields.length : 0
  return wanted.filter((name) => fields.includes(trimmed(name))).length
}

const otherSeparator = (lines: ReadonlyArray<string>, expected: Expected): TableProblem | undefined => {
  const [first = "", second = ""] = lines
  if (expected.header?.length === 1) return undefined
  const byComma = matches(first, ",", expected)
  for (const [separator, name] of separators) {
    const bySeparator = matches(first, separator, expected)
    const alone = expected.header === undefined && parts(first, separator).length === 1
    if (bySeparator <= byComma || alone || (separator === " " && first.includes(","))) continue
    const cells = parts(expected.header === undefined ? second : first, separator)
    const commas = cells.some((cell) => /^[+-]?\d*,\d+$/.test(cell)) ? ", with decimal commas" : ""
    return {
      reason: `is separated by ${name}, not by commas${commas}`,
      remedy: `save it separated by commas${commas === "" ? "" : ", and numbers with a decimal point"}`
    }
  }
  return undefined
}

const laterHeader = (lines: ReadonlyArray<string>, expected: Expected): TableProblem | undefined => {
  if (expected.header !== undefined || matches(lines[0]!, ",", expected) > 0) return undefined
  const at = lines.findIndex((line) => matches(line, ",", expected) === expected.wanted.length)
  if (at < 0 || /^[#%/]/.test(lines[at]!)) return undefined
  return lines.slice(0, at).every(isComment)
    ? { reason: "begins with comment lines", remedy: "take them out: the first line must name the columns" }
    : {
        reason: `has ${at === 1 ? "a line" : `${at} lines`} before the one that names the columns`,
        remedy: "take out what stands before it"
      }
}

const noNames = (first: string, expected: Expected): TableProblem | undefined => {
  if (expected.header !== undefined || matches(first, ",", expected) > 0) return undefined
  const fields = parts(first, ",")
  if (fields.length < 2 || !fields.some((field) => /^[+-]?\d+(\.\d+)?$/.test(field))) return undefined
  // A table of years or of pixels has numbers for names, but none of the wanted columns has.
  if (expected.wanted.some((name) => /^\d/.test(name))) return undefined
  return {
    line: 1,
    reason: "has a row where the names of the columns should be",
    remedy: "give a line that names the columns, or name them as header in the scenario"
  }
}

/** Whether a line is a comment, as some programs write them. */
const isComment = (line: string): boolean => /^\s*(#|%|\/\/)/.test(line)

/** The fault of a row whose number of fields is not that of the columns. */
export const ragged = (fields: number, columns: number, first: string): CellProblem => {
  if (isComment(first))
    return { reason: "has a comment line here", remedy: "take comment lines out", alike: true }
  if (first === "\x1a")
    return {
      reason: "has the sign for the end of a file here, as old systems write it",
      remedy: "take it out"
    }
  const remedy =
    fields > columns
      ? `give every row one field a column, and put a cell that has a comma into quotes${fields === columns + 1 ? "; the header may lack the name of a column, such as that of the row names of R" : ""}`
      : "give every row one field a column"
  return {
    reason: `has ${fields === 1 ? "1 field" : `${fields} fields`} here where the header has ${columns}`,
    remedy,
    alike: true
  }
}
