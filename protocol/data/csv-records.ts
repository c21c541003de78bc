/**
 * Splits CSV into records, from a text that comes in pieces: commas between fields, quotes around fields that
 * hold commas, line breaks or doubled quotes, and any of the three usual line ends. A field becomes a string
 * only on demand.
 */
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
const [quote, comma, lineFeed, carriageReturn, backslash] = [34, 44, 10, 13, 92]
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

  /** Fields of the record. */
  fields = 0
  /** The line where the record begins. */
  line = 1

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
   * Parses the next record, skipping empty lines. False if the text must continue first or, once it is the
   * `last`, has ended. Throws `NotCsv`.
   */
  next(last: boolean): boolean {
    for (;;) {
      if (this.#at >= this.#text.length || !this.#scan(last)) return false
      this.line = this.#line
      this.#line += this.#breaks + 1
      const isEmpty = this.fields === 1 && this.#starts[0] === this.#ends[0] && this.#isBlank()
      if (!isEmpty) return true
    }
  }

  #isBlank(): boolean {
    return trimmed(this.#text.slice(this.#recordStart, this.#recordEnd)) === ""
  }

  /** A field of the record, without quotes around it and spaces at its edges. */
  field(index: number): string {
    const text = this.#text.slice(this.#starts[index], this.#ends[index])
    return trimmed(this.#doubled[index] === 0 ? text : text.replaceAll('""', '"'))
  }

  /**
   * The number in a plainly written field with at most 15 digits, for which dividing two exact doubles gives
   * the nearest double; NaN for any other field.
   */
  plainNumber(index: number): number {
    const text = this.#text
    let at = this.#starts[index]!
    const end = this.#ends[index]!
    const negative = text.charCodeAt(at) === 45
    if (negative) at++
    if (end - at > 16 || at >= end) return Number.NaN
    let value = 0
    let digits = 0
    let point = -1
    for (; at < end; at++) {
      const code = text.charCodeAt(at)
      if (code >= 48 && code <= 57) {
        value = value * 10 + code - 48
        digits++
      } else if (code === 46 && point < 0) {
        point = digits
      } else {
        return Number.NaN
      }
    }
    if (digits === 0 || digits > 15) return Number.NaN
    if (point >= 0) value /= powers[digits - point]!
    return negative ? -value : value
  }

  #scan(last: boolean): boolean {
    this.fields = 0
    this.#breaks = 0
    this.#recordStart = this.#at
    let at = this.#at
    for (;;) {
      const end = this.#fieldEnd(at, last)
      if (end < 0) {
        if (this.#text.length - this.#at > longest) throw new NotCsv(this.#line, "too-long")
        return false
      }
      if (end < this.#text.length && this.#text.charCodeAt(end) === comma) {
        at = end + 1
        continue
      }
      return this.#endRecord(end, last)
    }
  }

  #endRecord(end: number, last: boolean): boolean {
    const text = this.#text
    if (end === text.length && !last) return false
    const isReturn = text.charCodeAt(end) === carriageReturn
    if (isReturn && end + 1 === text.length && !last) return false
    this.#recordEnd = end
    this.#at = Math.min(text.length, end + (isReturn && text.charCodeAt(end + 1) === lineFeed ? 2 : 1))
    return true
  }

  /**
   * Parses a field; returns its end (at a comma, a line end or the end of the text), or −1 if it needs more
   * text.
   */
  #fieldEnd(from: number, last: boolean): number {
    const text = this.#text
    const { length } = text
    let at = from
    while (at < length && isBlank(text.charCodeAt(at))) at++
    if (at < length && text.charCodeAt(at) === quote) return this.#quoted(at, last)
    const start = at
    for (; at < length; at++) {
      const code = text.charCodeAt(at)
      if (code === comma || code === lineFeed || code === carriageReturn) break
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
      at = text.indexOf('"', at)
      if (at < 0) {
        if (last || text.length - open > longest) throw new NotCsv(this.#line + this.#breaks, "open-quote")
        return -1
      }
      if (at + 1 === text.length && !last) return -1
      if (text.charCodeAt(at + 1) !== quote) break
      doubled = 1
      at += 2
    }
    const close = at++
    while (at < text.length && isBlank(text.charCodeAt(at))) at++
    if (at === text.length && !last) return -1
    const code = text.charCodeAt(at)
    if (at < text.length && code !== comma && code !== lineFeed && code !== carriageReturn) {
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

/** A space or tab, or the no-break space, outside quotes. */
const isBlank = (code: number): boolean => code === 32 || code === 9 || code === 160

/** Number of line ends in a text. */
export const lineBreaks = (text: string): number => {
  let count = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === lineFeed || (code === carriageReturn && text.charCodeAt(at + 1) !== lineFeed)) count++
  }
  return count
}
