/**
 * CSV files: a line of names, then one line for each row, in a dialect that is found out from the first rows.
 * They are read piece by piece, and only the cells that are held are looked at; errors never quote a cell.
 */
import type { Contents } from "./byte-source.ts"
import { readNumber } from "./cell-text.ts"
import { BadBytes, decoderOf } from "./characters.ts"
import { encodingOf, refuseBytes, refuseText } from "./csv-faults.ts"
import { CsvRecords, lineBreaks, NotCsv } from "./csv-records.ts"
import { type DataDescription, isCategory } from "./description.ts"
import { commentOf, type Dialect, ragged, separators } from "./dialect.ts"
import { type FoundLayout, findLayout, maybeComment, sampleOf } from "./dialect-layout.ts"
import { findColumns, HeldCells, type HeldColumn, HeldRows } from "./held.ts"
import { areNumbers } from "./labels.ts"
import { NumberMarks } from "./number-text.ts"
import { isDecimal, trimmed } from "./spelling.ts"
import { type CellProblem, heldColumns, type Reading, type Table } from "./table.ts"

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
  return rows.finish({ encoding, marked: mark > 0 })
}

/** The rows of a file, as they are read. */
class CsvRows {
  readonly #reading: Reading
  /** The text so far, until the dialect is known. */
  #beginning = ""
  #records = new CsvRecords({ separator: "comma", quote: "double", comment: "none" })
  #found: FoundLayout | undefined
  #commentIsOpen = false
  #marks: NumberMarks
  /** Numbers that mark a missing cell, as the description writes them: -999.0 in a file is its -999. */
  readonly #missing: ReadonlyMap<number, string>
  /** The columns whose texts are compared as numbers. */
  #numbered: ReadonlyArray<boolean> = []
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
    this.#marks = new NumberMarks({}, "comma")
    const marks = (reading.description.missing ?? []).filter(isDecimal)
    this.#missing = new Map(marks.map((text) => [Number(text), text]))
  }

  /** Reads the rows of a text that continues the last. Throws `TableError` and `NotCsv`. */
  read(text: string, share: number, last: boolean): void {
    if (this.#found === undefined) {
      this.#beginning += text
      if (sampleOf(this.#beginning) === undefined && !last) return
      this.#begin(last)
    } else this.#records.push(text)
    if (text.includes("\0")) this.#refuseZeros()
    while (this.#records.next(last)) {
      if (this.#names === undefined) this.#setNames(this.#fields(), this.#records.line)
      else this.#readRow(this.#expected(share))
    }
    this.#pieces += 1
  }

  /** Reads the rows of a text behind which nothing can be read. Throws `TableError` and `NotCsv`. */
  stop(text: string): void {
    this.read(text, 1, false)
    if (this.#found !== undefined) return
    this.#begin(false)
    this.read("", 1, false)
  }

  /** Finds out the dialect; takes the names from the scenario if it has them. */
  #begin(last: boolean): void {
    const { source } = this.#reading
    const settings = source.dialect ?? {}
    const text = this.#beginning
    this.#records.push(text)
    if (text.includes("\0")) this.#refuseZeros()
    const found = this.#layoutOf(text, last)
    this.#found = found
    this.#commentIsOpen = found.commentIsOpen
    this.#records = new CsvRecords(found.layout)
    this.#records.push(text)
    this.#beginning = ""
    if (found.hasSeparatorLine) this.#records.skipLine()
    this.#marks = new NumberMarks(settings, found.layout.separator)
    if (source.header !== undefined) {
      if (settings.header === true) this.#records.next(last)
      this.#setNames(source.header, 1)
    }
  }

  #layoutOf(text: string, last: boolean): FoundLayout {
    const { source, description, problems } = this.#reading
    const held = heldColumns(source, { named: true, names: [] }, description)
    const wanted = source.ids === undefined ? [description.id, ...held] : held
    const found = findLayout(text, last, { settings: source.dialect ?? {}, wanted, header: source.header })
    return "reason" in found ? problems.refuse(found) : found
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
    this.#numbered = held.map(({ name }) => areNumbers(listedValues(this.#reading.description, name)))
    this.#cells = new HeldCells(this.#reading, held, this.#rows, (text) => this.#toNumber(text))
    this.#settleMarks(this.#found!.records.slice(this.#firstRow))
  }

  /** Finds out from the first rows how numbers are written. */
  #settleMarks(rows: FoundLayout["records"]): void {
    const { description } = this.#reading
    const wanted = numberColumns(description)
    const numbers = this.#held.filter(({ name }) => wanted.has(name))
    const missing = new Set(description.missing)
    for (const { fields, line } of rows)
      for (const { name, place } of numbers) {
        const text = fields[place] ?? ""
        if (!missing.has(text)) this.#marks.observe(text, line, name)
      }
    const problem = this.#marks.settle()
    if (problem !== undefined) this.#reading.problems.refuse(problem)
    this.#records.decimal = this.#marks.decimal
  }

  /** How many records are names, not rows. */
  get #firstRow(): number {
    const { dialect, header } = this.#reading.source
    return header === undefined || dialect?.header === true ? 1 : 0
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
    if (this.#commentIsOpen && this.#isComment()) return
    if (fields !== names.length) {
      this.#isRagged = true
      const { separator } = this.#found!.layout
      this.#reading.problems.add({ line, ...ragged(fields, names.length, records.field(0), separator) })
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

  /** Whether a row is the first comment of the file. One that may be either is refused. */
  #isComment(): boolean {
    const sign = this.#records.mayBeComment ? commentOf(this.#records.text) : undefined
    if (sign === undefined) return false
    const { line, fields } = this.#records
    if (fields === this.#names!.length) {
      this.#reading.problems.add({ line, ...maybeComment(sign) })
    } else {
      this.#records.comment = sign
      this.#found = { ...this.#found!, layout: { ...this.#found!.layout, comment: sign } }
      this.#commentIsOpen = false
    }
    return true
  }

  #readCell(place: number, column: number, line: number): void {
    const { place: at } = this.#held[column]!
    if (this.#cells.isText(column)) {
      const text = this.#records.field(at)
      this.#cells.setText(place, column, this.#numbered[column] ? this.#marks.inPoints(text) : text, line)
      return
    }
    const plain = this.#records.plainNumber(at)
    const text = Number.isNaN(plain) ? this.#records.field(at) : this.#missing.get(plain)
    if (text === undefined) this.#cells.setNumber(place, column, plain, line)
    else this.#cells.setText(place, column, text, line)
  }

  /** Reads a number that is not written plainly. */
  #toNumber(text: string): number | CellProblem {
    const value = this.#marks.read(text)
    this.#records.decimal = this.#marks.decimal
    return value ?? readNumber(text)
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
      remedy: known
        ? "take the header out of the scenario, or say dialect: { header: true } there to replace the names"
        : "take that line out",
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
    const separator = separators[this.#found?.layout.separator ?? "comma"]
    return {
      line: nextLine + lineBreaks(rest),
      column: this.#names?.[unquoted.split(separator).length - 1],
      place
    }
  }

  finish(bytes: Pick<Dialect, "encoding" | "marked">): Table {
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
    const { decimal, thousands } = this.#marks
    const dialect: Dialect = {
      ...this.#found!.layout,
      decimal,
      thousands,
      header: this.#firstRow === 1,
      ...bytes,
      lineEnds: this.#records.lineEnds
    }
    return { ...this.#cells.finish(), dialect }
  }
}

/** The columns of plain numbers: dates have marks of their own. */
const numberColumns = ({ features, label }: DataDescription): ReadonlySet<string> =>
  new Set(
    [
      ...features.filter((feature) => feature.kind === undefined),
      ...("numbers" in label ? label.numbers : [])
    ].map(({ name }) => name)
  )

/** The classes or categories of a column; none of one of numbers. */
const listedValues = ({ features, label }: DataDescription, column: string): ReadonlyArray<string> => {
  const feature = features.find(({ name }) => name === column)
  if (feature !== undefined) return isCategory(feature) ? feature.values : []
  return "values" in label ? label.values : []
}

const room = Buffer.alloc(256)

/** A string of its own, since a part of another would keep all of that in memory; in one byte a character if it can be. */
export const flat = (text: string): string => {
  if (text.length < 13) return text
  for (let at = 0; at < text.length; at++)
    if (text.charCodeAt(at) > 0xff) return Buffer.from(text, "utf16le").toString("utf16le")
  const bytes = text.length > room.length ? Buffer.alloc(text.length) : room
  return bytes.toString("latin1", 0, bytes.write(text, 0, "latin1"))
}
