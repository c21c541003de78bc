/** CSV files: dialects, cells that are no numbers, quotes, rows and headers that are wrong, and files cut short. */
import type { DataDescription } from "../../../../protocol/data/description.ts"
import type { DataCase, Told } from "./outcome.ts"
import { grain } from "./outcome.ts"
import { cellsOf, type Dialect, grainSheet, plain, withCell, withColumn, written } from "./sheet.ts"

const refusal = (name: string, bytes: Uint8Array, ...problems: ReadonlyArray<Told>): DataCase => ({
  name,
  bytes,
  expected: { problems }
})
const asIs = (name: string, dialect: Dialect): DataCase => ({
  name,
  bytes: plain(grainSheet, dialect),
  expected: cellsOf(grainSheet)
})
const bytes = (text: string) => new TextEncoder().encode(text)
const { text: grainText } = written(grainSheet)

const dialects: ReadonlyArray<DataCase> = [
  asIs("CSV as it should be", {}),
  asIs("CSV with Windows line ends", { ends: ["\r\n"] }),
  asIs("CSV with line ends of the old Macintosh", { ends: ["\r"] }),
  asIs("CSV with line ends of two systems, LF first", { ends: ["\n", "\r\n"] }),
  asIs("CSV with line ends of two systems, CRLF first", { ends: ["\r\n", "\n"] }),
  asIs("CSV whose last line has no end", { last: false }),
  asIs("CSV with empty lines", { blank: [0, 3, 8] }),
  asIs("CSV with all cells in quotes", { quotes: "all" }),
  asIs("CSV with spaces around the commas", { pad: " " }),
  asIs("CSV with spaces around quotes", { pad: "  ", quotes: "all" }),
  {
    name: "CSV with a comma at the end of every line",
    bytes: plain({ header: [...grainSheet.header, ""], rows: grainSheet.rows.map((row) => [...row, ""]) }),
    expected: cellsOf(grainSheet)
  }
]

const separators = [
  ["commas", ","],
  ["semicolons", ";"],
  ["tabs", "\t"],
  ["vertical bars", "|"],
  ["carets", "^"],
  ["control characters", "\x01"]
] as const

/** The sheet with its numbers written anew. */
const numbersAs = (make: (cell: string) => string) =>
  withColumn(withColumn(grainSheet, "moisture", make), "protein", make)
const decimalCommas = numbersAs((cell) => cell.replace(".", ","))

const otherDialects: ReadonlyArray<DataCase> = separators.flatMap(([name, separator]) =>
  (["needed", "all"] as const).flatMap((quotes) =>
    (["\n", "\r\n"] as const).flatMap((end) => {
      const how = `${quotes === "all" ? ", in quotes" : ""}${end === "\n" ? "" : ", CRLF"}`
      const dialect = { separator, quotes, ends: [end] }
      return [
        { name: `${name}${how}`, sheet: grainSheet },
        { name: `${name} and decimal commas${how}`, sheet: decimalCommas }
      ].map(({ name, sheet }) => ({
        name: `CSV with ${name}`,
        bytes: plain(sheet, dialect),
        expected: cellsOf(grainSheet)
      }))
    })
  )
)

/** All numbers could be whole ones, with their thousands parted, or have three decimal places. */
const ambiguous: ReadonlyArray<DataCase> = ["point", "comma"].flatMap((mark) =>
  [";", "\t", "|"].map((separator) => {
    const sign = mark === "point" ? "." : ","
    const sheet = numbersAs((cell) => Number(cell).toFixed(3).replace(".", sign))
    return refusal(
      `CSV separated by ${separator} with nothing but 1${sign}234`,
      plain(sheet, { separator }),
      {
        line: 2,
        column: "moisture",
        says: new RegExp(`${mark} here which may be a decimal mark or part the thousands`),
        remedy: /decimal: point.*decimal: comma|decimal: comma.*decimal: point/
      }
    )
  })
)

/** A cell of the numbers that is none: what is said of it, and what is to be done. */
const notNumbers: ReadonlyArray<readonly [cell: string, says: RegExp, remedy: RegExp]> = [
  ...[
    "NA",
    "N/A",
    "n/a",
    "NaN",
    "nan",
    "NULL",
    "null",
    "None",
    "?",
    "-",
    "--",
    ".",
    "#N/A",
    "#DIV/0!",
    "NaT",
    "<NA>"
  ].map((word) => [word, /missing/i, /leave out|fill in/i] as const),
  ["", /is empty|missing/i, /leave out|fill in/i],
  ["12,5", /decimal comma/i, /decimal point/i],
  ["7,3125", /decimal comma/i, /decimal point/i],
  ["1.234,5", /decimal comma|thousands/i, /decimal point|separator/i],
  ["1,234.5", /outside/i, /correct|wider/],
  ["1'234.5", /outside/i, /correct|wider/],
  ["1_234.5", /thousands|not a number/i, /./],
  ["1 234.5", /outside/i, /correct|wider/],
  ["1\u00a0234.5", /outside/i, /correct|wider/],
  ["1\u202f234.5", /outside/i, /correct|wider/],
  ["1,23,456.5", /not a number/i, /number/i],
  ["twelve", /is not a number/i, /number/i],
  ["12.5 %", /not a number|per cent|percent|unit/i, /./],
  ["12.5kg", /not a number|unit/i, /./],
  ["0x0C", /is not a number/i, /number/i],
  ["12.5.1", /not a number/i, /number/i],
  ["1e", /is not a number/i, /number/i],
  ["--12", /is not a number/i, /number/i],
  ["Infinity", /not a number|not finite|infinit/i, /./],
  ["-inf", /not a number|not finite|infinit/i, /./],
  ["true", /not a number/i, /number|1 and 0/i],
  ["2024-01-31", /is not a number|date/i, /./],
  ["４２", /is not a number/i, /number/i],
  ["1e400", /outside|not a number|not finite/i, /./],
  ["99.5", /outside.*\[5, 25\]/, /correct|wider/],
  ["-12.5", /outside.*\[5, 25\]/, /correct|wider/],
  ["4.9999999", /outside.*\[5, 25\]/, /correct|wider/]
]

const cells: ReadonlyArray<DataCase> = notNumbers.map(([cell, says, remedy], at) => {
  const row = at % 8
  const { text, lines } = written(withCell(grainSheet, row, "moisture", cell))
  return refusal(`CSV with the number ${JSON.stringify(cell)}`, bytes(text), {
    line: lines[row + 1]!,
    column: "moisture",
    id: grainSheet.rows[row]![0]!,
    says,
    remedy
  })
})

/** Numbers as programs write them. */
const numbers: ReadonlyArray<readonly [cell: string, value: number]> = [
  ["12", 12],
  ["12.", 12],
  ["+12.5", 12.5],
  ["1.25e1", 12.5],
  ["1.25E+1", 12.5],
  ["125e-1", 12.5],
  ["0012.5", 12.5],
  ["12.500000000000000000000001", 12.5],
  ["5", 5],
  ["25.0", 25]
]
const readable: ReadonlyArray<DataCase> = numbers.flatMap(([cell, value]) =>
  (["needed", "all"] as const).map((quotes) => {
    const expected = cellsOf(withCell(grainSheet, 2, "moisture", String(value)))
    const file = plain(withCell(grainSheet, 2, "moisture", cell), { quotes })
    return {
      name: `CSV with the number ${cell}${quotes === "all" ? " in quotes" : ""}`,
      bytes: file,
      expected
    }
  })
)

const edges: ReadonlyArray<DataCase> = [" ", "   ", "\t", "\u00a0"].flatMap((space) =>
  ["moisture", "grade"].map((column) => ({
    name: `CSV with ${JSON.stringify(space)} at the edges of ${column}`,
    bytes: plain(withColumn(grainSheet, column, (cell) => `${space}${cell}${space}`)),
    expected: cellsOf(grainSheet)
  }))
)

const quotes = ((): ReadonlyArray<DataCase> => {
  const cut = grainText.split("\n")
  const open = (line: number, at: number): string =>
    cut.map((record, i) => (i === line ? record.split(",").with(at, '"12.5').join(",") : record)).join("\n")
  const unended = [1, 4, 8].map((line) =>
    refusal(`CSV with a quote that never ends, from line ${line + 1}`, bytes(open(line, 1)), {
      line: line + 1,
      says: /quote.*(never|not) (ends?|closed|ended)|never (closed|ended)|does not end/i,
      remedy: /quote|close/i
    })
  )
  const notes = {
    header: ["note", ...grainSheet.header],
    rows: grainSheet.rows.map((row, i) => [`first, "second"\n${"more\n".repeat(i)}end`, ...row])
  }
  const wrong = written(withCell(notes, 5, "protein", "lots"))
  return [
    ...unended,
    { name: "CSV with line ends in quotes", bytes: plain(notes), expected: cellsOf(notes) },
    {
      name: "CSV with line ends in quotes, CRLF",
      bytes: plain(notes, { ends: ["\r\n"] }),
      expected: cellsOf(notes)
    },
    refusal("CSV with a wrong cell behind line ends in quotes", bytes(wrong.text), {
      line: wrong.lines[6]!,
      column: "protein",
      id: "rye-06",
      says: /is not a number/,
      remedy: /number/
    }),
    refusal("CSV with a quote in the middle of a cell", bytes(grainText.replace("13.375", '13.3"75')), {
      line: 3,
      says: /quote|not a number/i,
      remedy: /quote|number/i
    }),
    refusal("CSV with letters after a quote", bytes(grainText.replace("13.375", '"13.375"x')), {
      line: 3,
      says: /quote/i,
      remedy: /quote/i
    })
  ]
})()

const rows = ((): ReadonlyArray<DataCase> => {
  const record = (line: number, make: (cells: ReadonlyArray<string>) => ReadonlyArray<string>) =>
    plain({ ...grainSheet, rows: grainSheet.rows.map((row, i) => (i === line - 2 ? make(row) : row)) })
  const lines = [2, 5, 9]
  return [
    ...lines.flatMap((line) => [
      refusal(
        `CSV with a cell too many in line ${line}`,
        record(line, (row) => [...row, "x"]),
        {
          line,
          says: /5 (fields?|cells).*4/,
          remedy: /one (field|cell) a column|quote/
        }
      ),
      refusal(
        `CSV with a cell too few in line ${line}`,
        record(line, (row) => row.slice(0, 3)),
        {
          line,
          says: /3 (fields?|cells).*4/,
          remedy: /one (field|cell) a column/
        }
      ),
      refusal(
        `CSV with an unknown label in line ${line}`,
        record(line, (row) => row.with(3, "malt")),
        {
          line,
          column: "grade",
          says: /not one of the labels feed, mill/,
          remedy: /label/
        }
      ),
      refusal(
        `CSV with a label in capitals in line ${line}`,
        record(line, (row) => row.with(3, "Feed")),
        {
          line,
          column: "grade",
          says: /not one of the labels feed, mill/,
          remedy: /label|capital|case/
        }
      ),
      refusal(
        `CSV without an id in line ${line}`,
        record(line, (row) => row.with(0, "")),
        {
          line,
          says: /without an id/,
          remedy: /id/
        }
      ),
      refusal(
        `CSV with an id of spaces in line ${line}`,
        record(line, (row) => row.with(0, "  ")),
        {
          line,
          says: /without an id/,
          remedy: /id/
        }
      )
    ]),
    refusal(
      "CSV with an id twice",
      record(7, (row) => row.with(0, "oat-03")),
      {
        line: 7,
        id: "oat-03",
        says: /has the id of line 4 again/,
        remedy: /id of its own/
      }
    ),
    ...["#", "%", "//"].flatMap((sign) => [
      {
        name: `CSV with comments after ${sign} before the names`,
        bytes: bytes(`${sign} grain of 2024, "by hand\n${sign}\n${grainText}`),
        expected: cellsOf(grainSheet)
      },
      {
        name: `CSV with a comment after ${sign} between rows`,
        bytes: bytes(grainText.replace("\noat-03", `\n${sign} oats\noat-03`)),
        expected: cellsOf(grainSheet)
      },
      refusal(
        `CSV with a row after ${sign} that may be one or a comment`,
        bytes(grainText.replace("\noat-03", `\n${sign}oat-03`)),
        { line: 4, says: /may be a comment/, remedy: /comment: \w+.*comment: none/ }
      )
    ]),
    refusal("CSV with a title above the names", bytes(`Grain 2024\n\n${grainText}`), {
      says: /names the columns|missing from the header/,
      remedy: /./
    }),
    refusal(
      "CSV with the names again in the middle",
      bytes(grainText.replace("\nrye-05", "\nid,moisture,protein,grade\nrye-05")),
      {
        line: 6,
        says: /header|names|not a number/i,
        remedy: /./
      }
    )
  ].map((data, at, all) =>
    /comment before|title above|names again/.test(all[at]!.name)
      ? { ...data, expected: { ...(data.expected as { problems: ReadonlyArray<Told> }), more: true } }
      : data
  )
})()

const headers: ReadonlyArray<DataCase> = [
  ...["moisture", "protein", "grade", "id"].map((column) => {
    const place = grainSheet.header.indexOf(column)
    return refusal(
      `CSV whose header lacks ${column}`,
      plain({ ...grainSheet, header: grainSheet.header.with(place, "other") }),
      { line: 1, column, says: /missing from the header/, remedy: /column/ }
    )
  }),
  ...["moisture", "grade", "id"].map((column) =>
    refusal(
      `CSV whose header has ${column} twice`,
      plain({ header: [...grainSheet.header, column], rows: grainSheet.rows.map((row) => [...row, "7"]) }),
      { line: 1, column, says: /twice/, remedy: /rename|remove/ }
    )
  ),
  {
    name: "CSV whose header has a column twice that nobody holds",
    bytes: plain({
      header: ["x", ...grainSheet.header, "x"],
      rows: grainSheet.rows.map((row) => ["?", ...row, "NULL"])
    }),
    expected: cellsOf(grainSheet)
  },
  refusal(
    "CSV with names in capitals",
    plain({ ...grainSheet, header: ["id", "Moisture", "protein", "grade"] }),
    {
      line: 1,
      column: "moisture",
      says: /missing from the header/,
      remedy: /column/
    }
  ),
  refusal("an empty file", new Uint8Array(0), { says: /is empty/, remedy: /line/ }),
  ...["\n", "\r\n\r\n", "   \n", "\uFEFF", "\uFEFF\n"].map((text) =>
    refusal(`a file of nothing but ${JSON.stringify(text)}`, bytes(text), { says: /empty/, remedy: /line/ })
  ),
  ...["\n", "\r\n", ""].map((end) =>
    refusal(`CSV of names only, ended by ${JSON.stringify(end)}`, bytes(`id,moisture,protein,grade${end}`), {
      says: /no rows/,
      remedy: /row/
    })
  )
]

/** Names that are more than names to a program, in another order than that of the scenario. */
const names: ReadonlyArray<DataCase> = [
  ["__proto__", "constructor"],
  ["toString", "hasOwnProperty"],
  ["950", "850"],
  ["2", "1"],
  ["1e3", "0x10"],
  ["längste Welle", "π"],
  ["a,b", 'say "x"'],
  ["length", "size"]
].map(([first, second]) => {
  const description: DataDescription = {
    ...grain,
    features: [
      { name: first!, range: [5, 25] },
      { name: second!, range: [6, 18] }
    ]
  }
  const expected = cellsOf(grainSheet)
  const [moisture, protein, grade] = expected.columns
  const shuffled = [2, 0, 3, 1]
  const header = ["id", first!, second!, "grade"]
  return {
    name: `CSV with the columns ${first} and ${second}`,
    description,
    bytes: plain({
      header: shuffled.map((c) => header[c]!),
      rows: grainSheet.rows.map((row) => shuffled.map((c) => row[c]!))
    }),
    expected: {
      ids: expected.ids,
      columns: [[first!, moisture![1]] as const, [second!, protein![1]] as const, grade!]
    }
  }
})

/** Bytes of 0 are in no text. */
const zeros: ReadonlyArray<DataCase> = [
  ["in a number", grainText.replace("14.625", "14.\u0000625"), 4],
  ["in an id", grainText.replace("oat-04", "oat\u0000-04"), 5],
  ["in a label", grainText.replace("mill\nrye", "mill\u0000\nrye"), 5],
  ["in the names", grainText.replace("protein", "prot\u0000ein"), 1]
].map(([where, text, line]) => ({
  name: `CSV with a zero byte ${where}`,
  bytes: bytes(text as string),
  expected: {
    problems: [
      { line: line as number, says: /zero byte|NUL|byte of 0|null character|U\+0000|binary/i, remedy: /./ }
    ],
    more: true
  }
}))

/** The file up to every byte of its last two lines: what is whole is read, what is cut in two is not. */
const cuts: ReadonlyArray<DataCase> = Array.from(
  { length: grainText.length - grainText.indexOf("spelt-07") },
  (_, back) => {
    const text = grainText.slice(0, grainText.length - back)
    const lines = text.split("\n").filter((line) => line !== "")
    const last = lines.at(-1)!.split(",")
    const whole = grainSheet.rows.slice(0, lines.length - 2)
    const name = `CSV that ends after ${text.length} bytes`
    const place = { line: lines.length }
    if (last.length < 4) {
      return refusal(name, bytes(text), { ...place, says: /(fields?|cells).*4/, remedy: /./ })
    }
    const grade = last[3]!
    // A row without its label is left out later, and counted.
    if (grade === "feed" || grade === "mill" || grade === "") {
      return { name, bytes: bytes(text), expected: cellsOf({ ...grainSheet, rows: [...whole, last] }) }
    }
    const column = "grade"
    return refusal(name, bytes(text), { ...place, column, says: /empty|missing|not one of/, remedy: /./ })
  }
)

export const texts: ReadonlyArray<DataCase> = [
  ...dialects,
  ...otherDialects,
  ...ambiguous,
  ...cells,
  ...readable,
  ...edges,
  ...quotes,
  ...rows,
  ...headers,
  ...names,
  ...zeros,
  ...cuts
]
