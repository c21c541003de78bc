/**
 * Splits CSV into records, from a text that comes in pieces: separators between fields, quotes around fields
 * that hold separators, line breaks or doubled quotes, and any of the three usual line ends. A field becomes
 * a string only on demand.
 */
import {
  commentSigns,
  type DecimalMark,
  decimalMarks,
  type Layout,
  type LineEnd,
  quoteMarks,
  separators
} from "./dialect.ts"
import { trimmed } from "./spelling.ts"

/** A fault of the CSV, and its line: that of the opening quote if one is not closed. */
export class NotCsv extends Error {
  readonly line: number
  readonly kind: "open-quote" | "stray-quote" | "after-quote" | "backslash" | "too-long"

  constructor(line: number, kind: NotCsv["kind"]) {
    super(kind)
    this.line = line
    this.kind = kind
  }
}

/** Characters of the longest record. */
const longest = 1 << 26
/** Characters of the longest number that is read without a string of its own. */
const longestPlain = 24
const [space, lineFeed, carriageReturn, backslash] = [32, 10, 13, 92]
const lineEndBits = { LF: 1, CRLF: 2, CR: 4 } as const
/** 10⁰ to 10²², the powers that a double has exactly. */
const powers = Float64Array.from({ length: 23 }, (_, power) => Number(`1e${power}`))

export class CsvRecords {
  #text = ""
  #at = 0
  #starts = new Int32Array(64)
  #ends = new Int32Array(64)
  #doubled = new Uint8Array(64)
  #line = 1
  /** Line breaks within the record. */
  #breaks = 0
  #recordStart = 0
  #recordEnd = 0
  #lineEnds = 0
  readonly #separator: number
  /** −1 where nothing is a quote. */
  readonly #quote: number
  readonly #quoteText: string
  #comment: string
  #decimal = -1

  /** Fields of the record. */
  fields = 0
  /** The line where the record begins. */
  line = 1

  constructor({ comment, quote, separator }: Layout) {
    this.#separator = separators[separator].charCodeAt(0)
    this.#quoteText = quoteMarks[quote]
    this.#quote = this.#quoteText === "" ? -1 : this.#quoteText.charCodeAt(0)
    this.#comment = commentSigns[comment]
  }

  /** Skips lines that begin with this sign from the next record on. */
  set comment(sign: Layout["comment"]) {
    this.#comment = commentSigns[sign]
  }

  /** The mark that `plainNumber` takes; undefined for numbers without any. */
  set decimal(mark: DecimalMark | undefined) {
    this.#decimal = mark === undefined ? -1 : decimalMarks[mark].charCodeAt(0)
  }

  /** The kinds of line ends so far. */
  get lineEnds(): ReadonlyArray<LineEnd> {
    return (["LF", "CRLF", "CR"] as const).filter((end) => (this.#lineEnds & lineEndBits[end]) !== 0)
  }

  push(text: string): void {
    this.#text = this.#at === this.#text.length ? text : this.#text.slice(this.#at) + text
    this.#at = 0
  }

  /** The text that is not yet parsed. */
  get rest(): string {
    return this.#text.slice(this.#at)
  }

  /** Characters of the text pushed last that have been parsed. */
  get taken(): number {
    return this.#at
  }

  /** The line where `rest` begins. */
  get nextLine(): number {
    return this.#line
  }

  /**
   * Parses the next record, skipping empty lines and comments. False if the text must continue first or, once
   * it is the `last`, has ended. Throws `NotCsv`.
   */
  next(last: boolean): boolean {
    for (;;) {
      if (!this.#skipComments(last)) return false
      if (this.#at >= this.#text.length || !this.#scan(last)) return false
      this.line = this.#line
      this.#line += this.#breaks + 1
      const isEmpty = this.fields === 1 && this.#starts[0] === this.#ends[0] && this.#isBlank()
      if (!isEmpty) return true
    }
  }

  /** Skips comment lines. False if the text must continue first. */
  #skipComments(last: boolean): boolean {
    const text = this.#text
    const { length } = text
    if (this.#comment === "") return true
    for (;;) {
      let at = this.#at
      while (at < length && this.#isSpace(text.charCodeAt(at))) at++
      if (at + this.#comment.length > length) return last
      if (!text.startsWith(this.#comment, at)) return true
      while (at < length && text.charCodeAt(at) !== lineFeed && text.charCodeAt(at) !== carriageReturn) at++
      if (!this.#endRecord(at, last)) return false
      this.#line += 1
    }
  }

  /** A blank outside quotes: a space, a tab or the no-break space, where it does not separate. */
  #isSpace(code: number): boolean {
    return (code === space || code === 9 || code === 160) && code !== this.#separator
  }

  #isBlank(): boolean {
    return trimmed(this.text) === ""
  }

  /** Skips the rest of a line. */
  skipLine(): void {
    const end = this.#text.slice(this.#at).search(/[\r\n]|$/)
    this.#endRecord(this.#at + end, true)
    this.#line += 1
  }

  /** Whether the record begins with a character that begins comments. */
  get mayBeComment(): boolean {
    const code = this.#text.charCodeAt(this.#recordStart)
    return code === 35 || code === 37 || code === 47 || code <= space
  }

  /** The record as it stands in the file. */
  get text(): string {
    return this.#text.slice(this.#recordStart, this.#recordEnd)
  }

  /** A field of the record, without quotes around it and spaces at its edges. */
  field(index: number): string {
    const text = this.#text.slice(this.#starts[index], this.#ends[index])
    const mark = this.#quoteText
    return trimmed(this.#doubled[index] === 0 ? text : text.replaceAll(mark + mark, mark))
  }

  /**
   * The number in a plainly written field: digits, perhaps with a sign and the decimal mark; NaN for any other
   * field. Up to 15 digits, dividing two exact doubles gives the nearest double.
   */
  plainNumber(index: number): number {
    const text = this.#text
    const start = this.#starts[index]!
    const end = this.#ends[index]!
    const negative = text.charCodeAt(start) === 45
    if (end - start > longestPlain) return Number.NaN
    let value = 0
    let digits = 0
    let mark = -1
    for (let at = negative ? start + 1 : start; at < end; at++) {
      const code = text.charCodeAt(at)
      if (code >= 48 && code <= 57) {
        value = value * 10 + code - 48
        digits++
      } else if (code === this.#decimal && mark < 0) {
        mark = digits
      } else {
        return Number.NaN
      }
    }
    if (digits === 0) return Number.NaN
    if (digits > 15) return Number(text.slice(start, end).replace(",", "."))
    if (mark >= 0) value /= powers[digits - mark]!
    return negative ? -value : value
  }

  #scan(last: boolean): boolean {
    this.fields = 0
    this.#breaks = 0
    this.#recordStart = this.#at
    const text = this.#text
    const separator = this.#separator
    let at = separator === space ? this.#behindSpaces(this.#at) : this.#at
    for (;;) {
      const end = this.#fieldEnd(at, last)
      if (end < 0) {
        if (text.length - this.#at > longest) throw new NotCsv(this.#line, "too-long")
        return false
      }
      if (end >= text.length || text.charCodeAt(end) !== separator) return this.#endRecord(end, last)
      at = end + 1
      if (separator !== space) continue
      // A run of spaces is one separator, and none at the end of a line.
      at = this.#behindSpaces(at)
      if (at === text.length && !last) return false
      const code = text.charCodeAt(at)
      if (at === text.length || code === lineFeed || code === carriageReturn) return this.#endRecord(at, last)
    }
  }

  #behindSpaces(from: number): number {
    let at = from
    while (this.#text.charCodeAt(at) === space) at++
    return at
  }

  #endRecord(end: number, last: boolean): boolean {
    const text = this.#text
    if (end === text.length && !last) return false
    const isReturn = text.charCodeAt(end) === carriageReturn
    if (isReturn && end + 1 === text.length && !last) return false
    const isBoth = isReturn && text.charCodeAt(end + 1) === lineFeed
    if (end < text.length)
      this.#lineEnds |= isBoth ? lineEndBits.CRLF : isReturn ? lineEndBits.CR : lineEndBits.LF
    this.#recordEnd = end
    this.#at = Math.min(text.length, end + (isBoth ? 2 : 1))
    return true
  }

  /**
   * Parses a field; returns its end (at a separator, a line end or the end of the text), or −1 if it needs
   * more text.
   */
  #fieldEnd(from: number, last: boolean): number {
    const text = this.#text
    const { length } = text
    const separator = this.#separator
    const quote = this.#quote
    let at = from
    while (at < length && this.#isSpace(text.charCodeAt(at))) at++
    if (at < length && text.charCodeAt(at) === quote) return this.#quoted(at, last)
    const start = at
    for (; at < length; at++) {
      const code = text.charCodeAt(at)
      if (code === separator || code === lineFeed || code === carriageReturn) break
      if (code === quote) throw new NotCsv(this.#line + this.#breaks, "stray-quote")
    }
    if (at === length && !last) return -1
    this.#addField(start, at, 0)
    return at
  }

  #quoted(open: number, last: boolean): number {
    const text = this.#text
    let doubled = 0
    let at = open + 1
    for (;;) {
      at = text.indexOf(this.#quoteText, at)
      if (at < 0) {
        if (last || text.length - open > longest) throw new NotCsv(this.#line + this.#breaks, "open-quote")
        return -1
      }
      if (at + 1 === text.length && !last) return -1
      if (text.charCodeAt(at + 1) !== this.#quote) break
      doubled = 1
      at += 2
    }
    const close = at++
    while (at < text.length && this.#isSpace(text.charCodeAt(at))) at++
    if (at === text.length && !last) return -1
    const code = text.charCodeAt(at)
    if (at < text.length && code !== this.#separator && code !== lineFeed && code !== carriageReturn) {
      const escaped = text.charCodeAt(close - 1) === backslash
      throw new NotCsv(this.#line + this.#breaks, escaped ? "backslash" : "after-quote")
    }
    this.#addField(open + 1, close, doubled)
    this.#breaks += lineBreaks(text.slice(open, close))
    return at
  }

  #addField(start: number, end: number, doubled: number): void {
    if (this.fields === this.#starts.length) {
      this.#starts = longer(this.#starts, new Int32Array(2 * this.fields))
      this.#ends = longer(this.#ends, new Int32Array(2 * this.fields))
      this.#doubled = longer(this.#doubled, new Uint8Array(2 * this.fields))
    }
    this.#starts[this.fields] = start
    this.#ends[this.fields] = end
    this.#doubled[this.fields] = doubled
    this.fields += 1
  }
}

const longer = <A extends Int32Array | Uint8Array>(old: A, grown: A): A => {
  grown.set(old)
  return grown
}

/** Number of line ends in a text. */
export const lineBreaks = (text: string): number => {
  let count = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === lineFeed || (code === carriageReturn && text.charCodeAt(at + 1) !== lineFeed)) count++
  }
  return count
}
