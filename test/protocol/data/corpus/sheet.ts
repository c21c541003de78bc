/** A table as its owner thinks of it, written as a text in any dialect and any encoding. */
import type { Accepted, Encoding } from "./outcome.ts"

export interface Sheet {
  readonly header: ReadonlyArray<string>
  readonly rows: ReadonlyArray<ReadonlyArray<string>>
}

const ids = ["barley-01", "barley-02", "oat-03", "oat-04", "rye-05", "rye-06", "spelt-07", "wheat-08"]
const moistures = ["12.125", "13.375", "14.625", "11.875", "10.0625", "15.1875", "9.4375", "16.8125"]
const proteins = ["10.1875", "11.6875", "9.9375", "12.5625", "8.3125", "13.9375", "7.8125", "14.0625"]
const grades = ["feed", "mill", "feed", "mill", "feed", "mill", "mill", "feed"]

/** Eight rows of grain. Their cells are known again wherever they are quoted. */
export const grainSheet: Sheet = {
  header: ["id", "moisture", "protein", "grade"],
  rows: ids.map((id, row) => [id, moistures[row]!, proteins[row]!, grades[row]!])
}

/** The sheet with another cell; rows are counted from 0. */
export const withCell = (sheet: Sheet, row: number, column: string, cell: string): Sheet => {
  const place = sheet.header.indexOf(column)
  const rows = sheet.rows.map((cells, at) =>
    at === row ? cells.map((before, c) => (c === place ? cell : before)) : cells
  )
  return { ...sheet, rows }
}

/** The sheet with all cells of a column made anew. */
export const withColumn = (
  sheet: Sheet,
  column: string,
  make: (cell: string, row: number) => string
): Sheet => {
  const place = sheet.header.indexOf(column)
  const rows = sheet.rows.map((cells, row) => cells.map((cell, c) => (c === place ? make(cell, row) : cell)))
  return { ...sheet, rows }
}

const placeOf = new Map([
  ["feed", 0],
  ["mill", 1]
])

/** What a reader makes of a sheet of grain. */
export const cellsOf = ({ header, rows }: Sheet): Accepted => {
  const column = (name: string) => rows.map((cells) => cells[header.indexOf(name)]!.trim())
  return {
    ids: column("id"),
    columns: [
      ["moisture", column("moisture").map(Number)],
      ["protein", column("protein").map(Number)],
      ["grade", column("grade").map((grade) => placeOf.get(grade) ?? Number.NaN)]
    ]
  }
}

export interface Dialect {
  readonly separator?: string
  /** Which cells have quotes: those that need them, or all. */
  readonly quotes?: "needed" | "all"
  /** The ends of the lines, taken in turn. */
  readonly ends?: ReadonlyArray<string>
  /** Whether the last line has an end too. */
  readonly last?: boolean
  /** A line without anything after each of these lines, the header being line 0. */
  readonly blank?: ReadonlyArray<number>
  /** Spaces around each cell, outside its quotes. */
  readonly pad?: string
}

/** A sheet as a text, with the line at which each record begins: that of the names first, then that of each row. */
export const written = (
  { header, rows }: Sheet,
  { separator = ",", quotes = "needed", ends = ["\n"], last = true, blank = [], pad = "" }: Dialect = {}
): { readonly text: string; readonly lines: ReadonlyArray<number> } => {
  const cell = (value: string): string => {
    const needs = quotes === "all" || /["\r\n]/.test(value) || value.includes(separator)
    return `${pad}${needs ? `"${value.replaceAll('"', '""')}"` : value}${pad}`
  }
  const lines: Array<number> = []
  let line = 1
  let text = ""
  const records = [header, ...rows]
  records.forEach((cells, at) => {
    lines.push(line)
    const record = cells.map(cell).join(separator)
    const end = at === records.length - 1 && !last ? "" : ends[at % ends.length]!
    const gap = blank.includes(at) ? end : ""
    text += record + end + gap
    line += (`${record}${end}${gap}`.match(/\r\n|\r|\n/g) ?? []).length
  })
  return { text, lines }
}

/** Windows-1252 where it differs from Latin-1. */
const windows = new Map(
  Object.entries({
    "€": 0x80,
    "‚": 0x82,
    "„": 0x84,
    "…": 0x85,
    Š: 0x8a,
    Œ: 0x8c,
    Ž: 0x8e,
    "‘": 0x91,
    "’": 0x92
  }).concat(
    Object.entries({ "“": 0x93, "”": 0x94, "–": 0x96, "—": 0x97, "™": 0x99, š: 0x9a, œ: 0x9c, Ÿ: 0x9f })
  )
)

/** The bytes of a text; a character that the encoding lacks is a fault of the corpus. */
export const encoded = (text: string, encoding: Encoding, mark = false): Uint8Array => {
  if (encoding === "utf-8") return new TextEncoder().encode(`${mark ? "\uFEFF" : ""}${text}`)
  if (encoding === "utf-16le") return new Uint8Array(Buffer.from(`${mark ? "\uFEFF" : ""}${text}`, "utf16le"))
  if (encoding === "utf-16be") {
    return new Uint8Array(Buffer.from(`${mark ? "\uFEFF" : ""}${text}`, "utf16le").swap16())
  }
  return Uint8Array.from(text, (character) => {
    const code =
      (encoding === "windows-1252" ? windows.get(character) : undefined) ?? character.codePointAt(0)!
    if (code > 0xff) throw new Error(`${encoding} has no ${character}`)
    return code
  })
}

/** A sheet as the bytes of a file in UTF-8. */
export const plain = (sheet: Sheet, dialect: Dialect = {}): Uint8Array =>
  encoded(written(sheet, dialect).text, "utf-8")
