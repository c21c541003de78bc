/**
 * CSV files drawn from all axes at once: columns in any order among columns that nobody holds, ids and numbers as programs
 * write them, dialects, encodings, compression, and one flaw or none. What must become of a file follows from how it was made.
 */
import { gzipSync } from "node:zlib"
import { randomOf } from "../../../support/sweep.ts"
import type { Accepted, DataCase, Encoding, Refused, Told } from "./outcome.ts"
import { encoded, type Sheet, withColumn, written } from "./sheet.ts"

type Random = ReturnType<typeof randomOf>

/** Ids by the encodings that have their letters. */
const idStyles: ReadonlyArray<readonly [encodings: ReadonlyArray<Encoding>, make: (row: number) => string]> =
  [
    [["utf-8", "utf-16le", "utf-16be", "latin1", "windows-1252"], (row) => `leaf-${row}`],
    [["utf-8", "utf-16le", "utf-16be", "latin1", "windows-1252"], (row) => String(row).padStart(6, "0")],
    [["utf-8", "utf-16le", "utf-16be", "latin1", "windows-1252"], (row) => `${row + 1}e5`],
    [
      ["utf-8", "utf-16le", "utf-16be", "latin1", "windows-1252"],
      (row) => String(9007199254740993n + BigInt(row))
    ],
    [
      ["utf-8", "utf-16le", "utf-16be", "latin1", "windows-1252"],
      (row) => `2024-03-01 08:00:00.${100 + row}`
    ],
    [["utf-8", "utf-16le", "utf-16be", "latin1", "windows-1252"], (row) => `row, "${row}"`],
    [["utf-8", "utf-16le", "utf-16be", "latin1", "windows-1252"], (row) => `M${"äöüéñ"[row % 5]}ller ${row}`],
    [["utf-8", "utf-16le", "utf-16be", "windows-1252"], (row) => `O’Brien – ${row} €`],
    [["utf-8", "utf-16le", "utf-16be"], (row) => `${row % 2 === 0 ? "\u00e9" : "e\u0301"}${row >> 1}`],
    [["utf-8", "utf-16le", "utf-16be"], (row) => `穀物 🌾 ${row}`]
  ]

/** How a program writes a number of the range [5, 25]. */
const numberStyles: ReadonlyArray<(value: number) => string> = [
  String,
  (value) => value.toFixed(9),
  (value) => value.toExponential(12),
  (value) => `+${value}`,
  (value) => `00${value}`,
  (value) => value.toExponential(12).replace("e+", "E")
]

const garbage = [
  "",
  "NA",
  '"',
  "first,\nsecond",
  "a\r\nb\r\n\r\nc",
  "1,5",
  "Infinity",
  "[object Object]",
  "-",
  "a;b\tc"
]

interface Drawn {
  readonly sheet: Sheet
  readonly expected: Accepted
}

const drawSheet = (random: Random, encoding: Encoding): Drawn => {
  const count = 2 + random.below(9)
  const [, id] = random.pick(idStyles.filter(([encodings]) => encodings.includes(encoding)))
  const write = random.pick(numberStyles)
  const ids = Array.from({ length: count }, (_, row) => id(row))
  const numbers = (low: number, high: number) =>
    ids.map(() => Math.round((low + (high - low) * random.next()) * 2 ** 8) / 2 ** 8)
  const moisture = numbers(5, 25)
  const protein = numbers(6, 18)
  const grade = ids.map(() => random.below(2))
  const held = [
    ["id", ids],
    ["moisture", moisture.map(write)],
    ["protein", protein.map(write)],
    ["grade", grade.map((place) => ["feed", "mill"][place]!)]
  ] as const
  const extra = Array.from({ length: random.below(4) }, (_, column) => {
    const name = ["__proto__", "1", "note"][column]!
    return [name, ids.map(() => random.pick(garbage))] as const
  })
  const all = random.shuffled<readonly [string, ReadonlyArray<string>]>([...held, ...extra])
  return {
    sheet: {
      header: all.map(([name]) => name),
      rows: ids.map((_, row) => all.map(([, cells]) => cells[row]!))
    },
    expected: {
      ids,
      columns: [
        ["moisture", moisture],
        ["protein", protein],
        ["grade", grade]
      ]
    }
  }
}

/** A sheet with a flaw, and what has to be reported of it at the line at which the row begins. */
interface Flawed {
  readonly sheet: Sheet
  readonly row: number
  readonly told: Told
}

const flaws: Readonly<Record<string, (drawn: Drawn, random: Random) => Flawed>> = {
  missing: (drawn, random) =>
    changed(
      drawn,
      random,
      random.pick(["moisture", "protein"]),
      random.pick(["NA", "?", "NULL", "None", "nan"]),
      { says: /missing/i, remedy: /leave out|fill in/i }
    ),
  text: (drawn, random) =>
    changed(drawn, random, "protein", "lots", { says: /is not a number/, remedy: /number/ }),
  outside: (drawn, random) =>
    changed(drawn, random, "moisture", "25.5", { says: /outside.*\[5, 25\]/, remedy: /./ }),
  label: (drawn, random) =>
    changed(drawn, random, "grade", "malt", { says: /not one of the labels/, remedy: /label/ }),
  idless: (drawn, random) => {
    const { row, sheet } = changed(drawn, random, "id", "", { says: /./, remedy: /./ })
    return { sheet, row, told: { says: /without an id/, remedy: /id/ } }
  },
  twice: ({ sheet, expected }, random) => {
    const row = 1 + random.below(sheet.rows.length - 1)
    const id = expected.ids[random.below(row)]!
    return {
      sheet: replaced(sheet, row, "id", id),
      row,
      told: { id, says: /again/, remedy: /id of its own/ }
    }
  },
  surplus: ({ sheet }, random) => {
    const row = random.below(sheet.rows.length)
    const width = sheet.header.length
    const rows = sheet.rows.map((cells, at) => (at === row ? [...cells, "x"] : cells))
    const says = new RegExp(`${width + 1} (fields?|cells).* ${width}`)
    return { sheet: { ...sheet, rows }, row, told: { says, remedy: /a column/ } }
  },
  lack: ({ sheet }, random) => {
    const row = random.below(sheet.rows.length)
    const width = sheet.header.length
    const rows = sheet.rows.map((cells, at) => (at === row ? cells.slice(0, -1) : cells))
    const says = new RegExp(`${width - 1} (fields?|cells).* ${width}`)
    return { sheet: { ...sheet, rows }, row, told: { says, remedy: /a column/ } }
  },
  unnamed: ({ sheet }, random) => {
    const column = random.pick(["id", "moisture", "grade"])
    const header = sheet.header.map((name) => (name === column ? "other" : name))
    return {
      sheet: { ...sheet, header },
      row: -1,
      told: { column, says: /missing from the header/, remedy: /./ }
    }
  },
  renamed: ({ sheet }, random) => {
    const column = random.pick(["id", "moisture", "grade"])
    const rows = sheet.rows.map((cells) => [...cells, "7"])
    return {
      sheet: { header: [...sheet.header, column], rows },
      row: -1,
      told: { column, says: /twice/, remedy: /rename|remove/ }
    }
  }
}

/** The sheet with its numbers as other countries write them. */
const withDecimalCommas = (sheet: Sheet): Sheet =>
  ["moisture", "protein"].reduce(
    (before, column) => withColumn(before, column, (cell) => cell.replace(".", ",")),
    sheet
  )

const replaced = (sheet: Sheet, row: number, column: string, cell: string): Sheet => {
  const place = sheet.header.indexOf(column)
  return { ...sheet, rows: sheet.rows.map((cells, at) => (at === row ? cells.with(place, cell) : cells)) }
}

const changed = (
  { sheet, expected }: Drawn,
  random: Random,
  column: string,
  cell: string,
  told: Pick<Told, "says" | "remedy">
): Flawed => {
  const row = random.below(sheet.rows.length)
  return { sheet: replaced(sheet, row, column, cell), row, told: { ...told, column, id: expected.ids[row]! } }
}

const lineOf = (text: string, at: number): number => (text.slice(0, at).match(/\r\n|\r|\n/g) ?? []).length + 1

/** A file in another encoding than is known: which has to be reported, whatever else is wrong. */
const unknown = (encoding: Encoding, text: string): Refused | undefined => {
  if (encoding.startsWith("utf")) return undefined
  const first = text.search(/[^\0-\x7f]/)
  if (first < 0) return undefined
  const told = { line: lineOf(text, first), says: /UTF-8/i, remedy: /latin1|windows-1252/i }
  return { problems: [told], more: true }
}

const encodings: ReadonlyArray<Encoding> = [
  "utf-8",
  "utf-8",
  "utf-16le",
  "utf-16be",
  "latin1",
  "windows-1252"
]

/** The file of a seed. */
export const composed = (start: number): DataCase => {
  const random = randomOf(start)
  const encoding = random.pick(encodings)
  const declared = random.below(4) > 0
  const mark = encoding.startsWith("utf") && random.below(2) === 0
  const drawn = drawSheet(random, encoding)
  const flaw = random.below(2) === 0 ? undefined : random.pick(Object.keys(flaws))
  const flawed = flaw === undefined ? undefined : flaws[flaw]!(drawn, random)
  const inPoints = flawed?.sheet ?? drawn.sheet
  const decimal = random.pick([".", ","])
  const sheet = decimal === "." ? inPoints : withDecimalCommas(inPoints)
  const dialect = {
    separator: random.pick([",", ";", "\t", "|"]),
    quotes: random.pick(["needed", "all"] as const),
    ends: random.pick([["\n"], ["\r\n"], ["\r"], ["\n", "\r\n"], ["\r\n", "\n"]]),
    last: random.below(2) === 0,
    blank: random.below(2) === 0 ? [] : [random.below(sheet.rows.length), 1],
    pad: random.pick(["", "", " "])
  }
  const { text, lines } = written(sheet, dialect)
  const raw = encoded(text, encoding, mark)
  const middle = random.below(raw.length)
  const packing = random.below(4)
  const packed = [
    raw,
    raw,
    gzipSync(raw),
    new Uint8Array(Buffer.concat([gzipSync(raw.slice(0, middle)), gzipSync(raw.slice(middle))]))
  ][packing]!
  const told = flawed && { ...flawed.told, line: lines[flawed.row + 1]! }
  // The names are looked at before the rows.
  const named = flawed?.row === -1
  const undeclared = declared || named ? undefined : unknown(encoding, text)
  const axes = [
    `${encoding}${mark ? " with a mark" : ""}${declared ? "" : " not declared"}`,
    `separator ${JSON.stringify(dialect.separator)}, decimal ${decimal}`,
    `quotes ${dialect.quotes}`,
    `ends ${JSON.stringify(dialect.ends)}`,
    `pad ${JSON.stringify(dialect.pad)}`,
    ["plain", "plain", "gzip", "gzip of two members"][packing],
    flaw ?? "no flaw"
  ]
  return {
    name: `composed ${start}: ${axes.join(", ")}`,
    bytes: packed,
    source: declared ? { encoding } : {},
    expected: undeclared ?? (told === undefined ? drawn.expected : { problems: [told] })
  }
}
