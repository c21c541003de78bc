/**
 * All cells of a CSV file, shown to a visitor before anything is declared of the file. The dialect is found out
 * as in `csv.ts`; which columns hold numbers is found out with it.
 */
import type { Contents } from "./byte-source.ts"
import { BadBytes, decoderOf } from "./characters.ts"
import { encodingOf, refuseBytes, refuseText } from "./csv-faults.ts"
import { CsvRecords, lineBreaks, NotCsv } from "./csv-records.ts"
import { commentOf, type Dialect, ragged, separators } from "./dialect.ts"
import { type FoundLayout, findLayout, maybeComment, type SampleRecord, sampleOf } from "./dialect-layout.ts"
import { isNumberSomehow, NumberMarks } from "./number-text.ts"
import { trimmed } from "./spelling.ts"
import type { CellVisitor } from "./survey-visitor.ts"
import type { FileReading } from "./table.ts"

/** Rows that were seen, and how the file is written. */
export interface SurveyedCsv {
  readonly rows: number
  readonly dialect: Dialect
}

/** Shows a visitor the cells of a file, row by row. Rejects with `TableError`. */
export const surveyCsv = async (
  contents: Contents,
  reading: FileReading,
  visitor: CellVisitor,
  mostRows: number
): Promise<SurveyedCsv> => {
  const { encoding, mark } = encodingOf(contents.head, reading)
  const decode = decoderOf(encoding)
  const rows = new AllRows(reading, visitor, mostRows)
  try {
    let skip = mark
    for await (const { bytes } of contents.pieces()) {
      rows.read(decode(bytes.subarray(skip), false), false)
      skip = Math.max(0, skip - bytes.length)
      if (rows.count >= mostRows) break
    }
    if (rows.count < mostRows) rows.read(decode(new Uint8Array(0), true), true)
  } catch (error) {
    if (error instanceof BadBytes) refuseBytes(error, encoding, rows, reading)
    if (error instanceof NotCsv) refuseText(error, reading)
    throw error
  }
  return { rows: rows.count, dialect: { ...rows.finish(), encoding, marked: mark > 0 } }
}

/** The rows of a file, as they are read. */
class AllRows {
  readonly #reading: FileReading
  readonly #visitor: CellVisitor
  readonly #mostRows: number
  /** The text so far, until the dialect is known. */
  #beginning = ""
  #records = new CsvRecords({ separator: "comma", quote: "double", comment: "none" })
  #found: FoundLayout | undefined
  #marks = new NumberMarks({}, "comma")
  #names: ReadonlyArray<string> | undefined
  #commentIsOpen = false

  count = 0

  constructor(reading: FileReading, visitor: CellVisitor, mostRows: number) {
    this.#reading = reading
    this.#visitor = visitor
    this.#mostRows = mostRows
  }

  /** Reads the rows of a text that continues the last. Throws `TableError` and `NotCsv`. */
  read(text: string, last: boolean): void {
    if (this.#found === undefined) {
      this.#beginning += text
      if (sampleOf(this.#beginning) === undefined && !last) return
      this.#begin(last)
    } else this.#records.push(text)
    while (this.count < this.#mostRows && this.#records.next(last)) {
      if (this.#names === undefined) this.#open(this.#fields())
      else this.#readRow()
    }
  }

  /** Reads the rows of a text behind which nothing can be read. Throws `TableError` and `NotCsv`. */
  stop(text: string): void {
    this.read(text, false)
    if (this.#found !== undefined) return
    this.#begin(false)
    this.read("", false)
  }

  #begin(last: boolean): void {
    const { problems, source } = this.#reading
    const text = this.#beginning
    if (text.includes("\0"))
      problems.refuse({
        line: 1 + lineBreaks(text.slice(0, text.indexOf("\0"))),
        reason: "has zero bytes here: it is no text, or was damaged",
        remedy: "get a whole copy of the file, or export it anew as text"
      })
    const settings = source.dialect ?? {}
    const layout = findLayout(text, last, { settings, header: source.header })
    const found = "reason" in layout ? problems.refuse(layout) : layout
    this.#found = found
    this.#commentIsOpen = found.commentIsOpen
    this.#records = new CsvRecords(found.layout)
    this.#records.push(text)
    this.#beginning = ""
    if (found.hasSeparatorLine) this.#records.skipLine()
    this.#marks = new NumberMarks(settings, found.layout.separator)
    if (source.header !== undefined) this.#open(source.header)
  }

  #fields(): ReadonlyArray<string> {
    return Array.from({ length: this.#records.fields }, (_, index) => this.#records.field(index))
  }

  #open(names: ReadonlyArray<string>): void {
    const { problems, source } = this.#reading
    const { line } = this.#records
    const own = names.map(trimmed)
    const twice = own.find((name, place) => own.indexOf(name) !== place)
    if (twice !== undefined)
      problems.refuse({
        line,
        column: twice,
        reason: "occurs twice in the header",
        remedy: "rename or remove one of them"
      })
    const unnamed = own.indexOf("")
    if (unnamed !== -1 && own.length === 1)
      problems.refuse({
        line,
        reason: "has no names of columns",
        remedy: "give a line that names the columns"
      })
    this.#names = own
    const rows = this.#found!.records.slice(source.header === undefined ? 1 : 0)
    this.#settleMarks(own, rows)
    this.#visitor.open(own.map((name) => ({ name })))
  }

  /** Finds out how numbers are written, from the columns of which most cells of the first rows are some. */
  #settleMarks(names: ReadonlyArray<string>, rows: ReadonlyArray<SampleRecord>): void {
    for (const [place, name] of names.entries()) {
      const cells = rows.flatMap(({ fields, line }) => ({ text: fields[place] ?? "", line }))
      const numbers = cells.filter(({ text }) => isNumberSomehow(text))
      const filled = cells.filter(({ text }) => text !== "").length
      if (2 * numbers.length > filled)
        for (const { line, text } of numbers) this.#marks.observe(text, line, name)
    }
    const problem = this.#marks.settle()
    if (problem !== undefined) this.#reading.problems.refuse(problem)
  }

  #readRow(): void {
    const records = this.#records
    const { fields, line } = records
    const names = this.#names!
    if (this.#commentIsOpen && this.#isComment()) return
    if (fields !== names.length) {
      const { separator } = this.#found!.layout
      this.#reading.problems.add({ line, ...ragged(fields, names.length, records.field(0), separator) })
      return
    }
    this.count += 1
    for (let column = 0; column < fields; column++)
      this.#visitor.cell(column, this.#marks.inPoints(records.field(column)), line)
  }

  /** Whether a row is the first comment of the file. One that may be either is refused. */
  #isComment(): boolean {
    const sign = this.#records.mayBeComment ? commentOf(this.#records.text) : undefined
    if (sign === undefined) return false
    const { fields, line } = this.#records
    if (fields === this.#names!.length) this.#reading.problems.add({ line, ...maybeComment(sign) })
    this.#records.comment = sign
    this.#found = { ...this.#found!, layout: { ...this.#found!.layout, comment: sign } }
    this.#commentIsOpen = false
    return true
  }

  /** The line and the column where the text read so far ends, and the position of the next character. */
  end(): { readonly line: number; readonly column: string | undefined; readonly place: number } {
    const { nextLine, rest } = this.#records
    const place = rest.length - Math.max(rest.lastIndexOf("\n"), rest.lastIndexOf("\r"))
    const fields = rest
      .replace(/"[^"]*("|$)/g, "")
      .split(separators[this.#found?.layout.separator ?? "comma"])
    return { line: nextLine + lineBreaks(rest), column: this.#names?.[fields.length - 1], place }
  }

  /** Throws `TableError` if rows can't be read. */
  finish(): Omit<Dialect, "encoding" | "marked"> {
    const { problems, source } = this.#reading
    if (this.#names === undefined)
      problems.add({
        reason: "is empty",
        remedy: "give a line that names the columns, then a line for each row"
      })
    problems.finish()
    const { decimal, thousands } = this.#marks
    return {
      ...this.#found!.layout,
      decimal,
      thousands,
      header: source.header === undefined,
      lineEnds: this.#records.lineEnds
    }
  }
}
