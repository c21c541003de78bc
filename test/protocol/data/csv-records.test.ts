import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { CsvRecords } from "../../../protocol/data/csv-records.ts"
import type { Layout } from "../../../protocol/data/dialect.ts"

const commas: Layout = { separator: "comma", quote: "double", comment: "none" }

interface Taken {
  readonly line: number
  readonly fields: ReadonlyArray<string>
}

/** The records of a text that is pushed in pieces. */
const take = (text: string, piece: number): ReadonlyArray<Taken> => {
  const records = new CsvRecords(commas)
  const taken: Array<Taken> = []
  const drain = (last: boolean) => {
    while (records.next(last)) {
      const fields = Array.from({ length: records.fields }, (_, index) => records.field(index))
      taken.push({ line: records.line, fields })
    }
  }
  for (let at = 0; at < text.length; at += piece) {
    records.push(text.slice(at, at + piece))
    drain(false)
  }
  drain(true)
  return taken
}

const cell = fc.oneof(
  fc.constantFrom("", "a", "1.5", ",", '"', '""', "a\nb", "\r\n", "\r", "x,y", 'say "x"', "é"),
  fc.string({ maxLength: 6 })
)
const row = fc.array(cell, { minLength: 2, maxLength: 5 })
const lineEnd = fc.constantFrom("\n", "\r\n", "\r")
const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`
const plain = /^[^",\r\n]+$/
const written = (text: string) => (plain.test(text) && text.trim() !== "" ? text : quoted(text))

describe("CSV records", () => {
  it("are those that were written, wherever the text is cut, at the lines where they begin", () => {
    const property = fc.property(
      fc.array(row, { minLength: 1, maxLength: 8 }),
      lineEnd,
      fc.boolean(),
      fc.integer({ min: 1, max: 40 }),
      (rows, end, ended, piece) => {
        const lines = rows.map((cells) => cells.map(written).join(","))
        const text = lines.join(end) + (ended ? end : "")
        let line = 1
        const expected = rows.map((cells, index) => {
          const at = line
          line += lines[index]!.split(/\r\n|\r|\n/).length
          return { line: at, fields: cells.map((each) => each.trim()) }
        })
        expect(take(text, piece)).toEqual(expected)
      }
    )
    fc.assert(property, { numRuns: 500 })
  })

  it("have the very doubles that JavaScript reads, of numbers written plainly", () => {
    const number = fc.oneof(
      fc.tuple(fc.integer({ min: -(10 ** 9), max: 10 ** 9 }), fc.nat(999_999)).map(([a, b]) => `${a}.${b}`),
      fc.double({ noNaN: true }).map(String),
      fc.constantFrom(
        "5.",
        ".5",
        "-.5",
        "0",
        "-0",
        "00012",
        "123456789012345",
        "1234567890.12345",
        "9007199254740993"
      )
    )
    const property = fc.property(number, (text) => {
      const records = new CsvRecords(commas)
      records.push(`${text},x\n`)
      expect(records.next(false)).toBe(true)
      const plain = records.plainNumber(0)
      if (!Number.isNaN(plain)) expect(plain).toBe(Number(text))
      expect(records.plainNumber(1)).toBeNaN()
    })
    fc.assert(property, { numRuns: 500 })
    for (const text of [".", "-", "1.2.3", "1,5", "1e5", "", " "]) {
      const records = new CsvRecords(commas)
      records.push(`"${text}",x\n`)
      records.next(true)
      expect(records.plainNumber(0)).toBeNaN()
    }
  })
})
