/**
 * CSV files: a line of names, then one line for each row. They are read piece by piece, and only the cells
 * that are held are looked at; errors never quote a cell.
 */
import type { Contents } from "./byte-source.ts"
import {
  BadBytes,
  byteOrderMark,
  decoderOf,
  type Encoding,
  fittingEncoding,
  looksLikeUtf8,
  looksLikeUtf16
} from "./characters.ts"
import { CsvRecords, lineBreaks, NotCsv } from "./csv-records.ts"
import { foreignDialect, ragged } from "./dialect.ts"
import { findColumns, HeldCells, type HeldColumn, HeldRows } from "./held.ts"
import { trimmed } from "./spelling.ts"
import { heldColumns, type Reading, type Table } from "./table.ts"

/** Reads the held part of a file. Rejects with `TableError`. */
export const readCsv = async (contents: Contents, reading: Reading): Promise<Table> => {
  const { encoding, mark } = encodingOf(contents.head, reading)
  const decode = decoderOf(encoding)
  const rows = new CsvRows(reading)
  try {
    let skip = mark
    for await (const { bytes, share } of contents.pieces()) {
      rows.read(decode(bytes.subarray(skip), false), share, false)
      skip = Math.max(0, skip - bytes.length)
    }
    rows.read(decode(new Uint8Array(0), true), 1, true)
  } catch (error) {
    if (error instanceof BadBytes) refuseBytes(error, encoding, rows, reading)
    if (error instanceof NotCsv) refuseText(error, reading)
    throw error
  }
  return rows.finish()
}

/**
 * Separators and line ends of a table in UTF-16 contain a zero byte: bytes without any have another encoding.
 */
const seemsUtf16 = (head: Uint8Array, named: Encoding): Encoding =>
  head.length > 0 && !head.includes(0) ? "utf-8" : (looksLikeUtf16(head) ?? named)

/**
 * The encoding of a file with this beginning: the scenario's, which a byte order mark must not contradict.
 */
const encodingOf = (head: Uint8Array, { source, problems }: Reading) => {
  const named = source.encoding
  const mark = byteOrderMark(head)
  const seems =
    mark?.encoding ??
    (named?.startsWith("utf-16") ? seemsUtf16(head, named) : looksLikeUtf16(head)) ??
    (named !== undefined && looksLikeUtf8(head) ? "utf-8" : undefined)
  if (seems !== undefined && seems !== (named ?? "utf-8")) {
    const is = `is in ${seems.toUpperCase()}${mark === undefined ? ", it seems" : ", as its first bytes say"}`
    problems.refuse(
      named === undefined
        ? {
            reason: is,
            remedy: `save it as UTF-8, or say encoding: ${seems} where the scenario names the file`
          }
        : { reason: `${is}, where the scenario says ${named}`, remedy: `say encoding: ${seems} there` }
    )
  }
  return { encoding: named ?? "utf-8", mark: mark?.length ?? 0 }
}

/** Locates bytes that encode no character: the line, and the column or else the position in the line. */
const refuseBytes = (bad: BadBytes, encoding: Encoding, rows: CsvRows, reading: Reading): never => {
  rows.read(bad.before, 1, false)
  const { line, column, place } = rows.end()
  // Where characters of several bytes stand before, another encoding would make others of them.
  const fits =
    encoding === "utf-8" && Buffer.byteLength(bad.before) === bad.before.length
      ? fittingEncoding(bad.rest)
      : undefined
  return reading.problems.refuse({
    line,
    ...(column === undefined ? {} : { column }),
    reason: `has bytes that are not ${encoding.toUpperCase()}, at character ${place} of the line${fits === undefined ? "" : `; ${fits} would fit`}`,
    remedy:
      fits === undefined
        ? "name the encoding that the file has, or save it as UTF-8"
        : `save the file as UTF-8, or say encoding: ${fits} where the scenario names it`
  })
}

const notCsv = {
  "open-quote": ["has a quote here that never ends", "close it, or take it out"],
  "stray-quote": [
    "has a quote within a field that does not begin with one",
    "put the whole field into quotes, and double those within it"
  ],
  "after-quote": ["has text behind the quote that ends a field", "double the quotes within a field"],
  backslash: ["has a quote with a backslash before it", "double quotes within a field, without backslashes"],
  "too-long": ["has a row here that does not end", "give every row a line of its own"]
} as const

const refuseText = ({ line, kind }: NotCsv, { problems }: Reading): never => {
  const [reason, remedy] = notCsv[kind]
  return problems.refuse({ line, reason, remedy })
}

/** The rows of a file, as they are read. */
class CsvRows {
  readonly #reading: Reading
  readonly #records = new CsvRecords()
  /** The columns' names, once they are known. */
  #names: ReadonlyArray<string> | undefined
  #held: ReadonlyArray<HeldColumn> = []
  #id: number | undefined
  #rows: HeldRows
  #cells: HeldCells
  /** Rows read. */
  #count = 0
  #pieces = 0
  #isRagged = false

  constructor(reading: Reading) {
    this.#reading = reading
    this.#rows = new HeldRows(reading, { named: true })
    this.#cells = new HeldCells(reading, [], this.#rows)
  }

  /** Reads the rows of a text that continues the last. Throws `TableError` and `NotCsv`. */
  read(text: string, share: number, last: boolean): void {
    this.#records.push(text)
    if (text.includes("\0")) this.#refuseZeros()
    if (this.#names === undefined) this.#begin(this.#records.rest, last)
    while (this.#records.next(last)) {
      if (this.#names === undefined) this.#setNames(this.#fields(), this.#records.line)
      else this.#readRow(this.#expected(share))
    }
    this.#pieces += 1
  }

  /** Parses the first lines; takes the names from the scenario if it has them. */
  #begin(text: string, last: boolean): void {
    const { source, description, problems } = this.#reading
    const whole = last ? text : text.slice(0, Math.max(text.lastIndexOf("\n"), text.lastIndexOf("\r")))
    const held = heldColumns(source, { named: true, names: [] }, description)
    const wanted = source.ids === undefined ? [description.id, ...held] : held
    const foreign = foreignDialect(whole, { wanted, header: source.header })
    if (foreign !== undefined) problems.refuse(foreign)
    if (source.header !== undefined) this.#setNames(source.header, 1)
  }

  #refuseZeros(): never {
    const { rest, nextLine } = this.#records
    return this.#reading.problems.refuse({
      line: nextLine + lineBreaks(rest.slice(0, rest.indexOf("\0"))),
      reason: "has zero bytes here: it is no text, or was damaged",
      remedy: "get a whole copy of the file, or export it anew as text"
    })
  }

  #setNames(names: ReadonlyArray<string>, line: number): void {
    const { held, id } = findColumns(this.#reading, { names, named: true, line })
    this.#names = names.map(trimmed)
    this.#held = held
    this.#id = id
    this.#cells = new HeldCells(this.#reading, held, this.#rows)
  }

  #fields(): ReadonlyArray<string> {
    return Array.from({ length: this.#records.fields }, (_, index) => this.#records.field(index))
  }

  /** The total number of rows expected; from the first piece no more than it has, since it tells little. */
  #expected(share: number): number {
    return this.#pieces === 0 ? 2 * this.#count + 64 : Math.ceil(this.#count / Math.min(1, share))
  }

  #readRow(expected: number): void {
    const records = this.#records
    const { line, fields } = records
    const names = this.#names!
    if (fields !== names.length) {
      this.#isRagged = true
      this.#reading.problems.add({ line, ...ragged(fields, names.length, records.field(0)) })
      return
    }
    const row = this.#count++
    if (!this.#rows.inPart(row) || this.#repeatsNames(line)) return
    const id = this.#id === undefined ? "" : flat(records.field(this.#id))
    const place = this.#rows.take(row, id, line)
    if (place < 0) return
    this.#cells.requireRoom(place, Math.max(expected, row + 1))
    for (let column = 0; column < this.#held.length; column++) this.#readCell(place, column, line)
  }

  #readCell(place: number, column: number, line: number): void {
    const { place: at } = this.#held[column]!
    const plain = this.#cells.isText(column) ? Number.NaN : this.#records.plainNumber(at)
    if (Number.isNaN(plain)) this.#cells.setText(place, column, this.#records.field(at), line)
    else this.#cells.setNumber(place, column, plain, line)
  }

  /** Whether the row repeats the names of the columns. */
  #repeatsNames(line: number): boolean {
    const names = this.#names!
    if (this.#held.length === 0 || this.#records.field(this.#held[0]!.place) !== names[this.#held[0]!.place])
      return false
    if (!this.#fields().every((field, index) => field === names[index])) return false
    const { source, problems } = this.#reading
    const known = source.header !== undefined && this.#count === 1
    problems.add({
      line,
      reason: known
        ? "names its columns itself, besides the header in the scenario"
        : "has the names of the columns again here",
      remedy: known ? "take the header out of the scenario" : "take that line out",
      alike: !known
    })
    return true
  }

  /**
   * The end of the text read so far: the line, the column of its last field, the position of the next
   * character.
   */
  end(): { readonly line: number; readonly column: string | undefined; readonly place: number } {
    const { rest, nextLine } = this.#records
    const place = rest.length - Math.max(rest.lastIndexOf("\n"), rest.lastIndexOf("\r"))
    const unquoted = rest.replace(/"[^"]*("|$)/g, "")
    return {
      line: nextLine + lineBreaks(rest),
      column: this.#names?.[unquoted.split(",").length - 1],
      place
    }
  }

  finish(): Table {
    const { source, problems } = this.#reading
    if (this.#count === 0 && !this.#isRagged) {
      const isEmpty = this.#names === undefined || source.header !== undefined
      problems.add({
        reason: isEmpty ? "is empty" : "has a header but no rows",
        remedy: "give a line that names the columns, then a line for each row"
      })
    }
    this.#rows.judgeWords()
    problems.finish()
    this.#rows.finish(this.#count)
    problems.finish()
    return this.#cells.finish()
  }
}

/** A string of its own: a part of another would keep all of that in memory. */
const flat = (text: string): string =>
  text.length < 13 ? text : Buffer.from(text, "utf16le").toString("utf16le")
