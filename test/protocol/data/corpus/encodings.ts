/** Texts in any encoding, declared or not; and ids and labels, which are exact texts. */
import type { DataDescription } from "../../../../protocol/data/description.ts"
import { type DataCase, type Encoding, grain, type Told } from "./outcome.ts"
import { cellsOf, encoded, grainSheet, plain, type Sheet, withCell, withColumn, written } from "./sheet.ts"

/** Rows whose ids have letters beyond ASCII. */
const umlauts = withCell(withCell(grainSheet, 2, "id", "Müller"), 3, "id", "Möller")
const typographic = withCell(umlauts, 5, "id", "O’Brien – 5 €")
const greek = withCell(withCell(umlauts, 5, "id", "Ωμέγα"), 6, "id", "穀物 🌾")

const unicode: ReadonlyArray<Encoding> = ["utf-8", "utf-16le", "utf-16be"]
const pages: ReadonlyArray<Encoding> = ["latin1", "windows-1252"]
const encodings = [...unicode, ...pages]

const declared = encodings.flatMap((encoding) =>
  [false, true].flatMap((mark): ReadonlyArray<DataCase> => {
    if (mark && pages.includes(encoding)) return []
    const sheets: ReadonlyArray<readonly [string, Sheet]> = [
      ["ASCII", grainSheet],
      ["umlauts", umlauts],
      ...(encoding === "latin1" ? [] : [["€ and ’", typographic] as const]),
      ...(unicode.includes(encoding) ? [["letters of three scripts", greek] as const] : [])
    ]
    return sheets.flatMap(([what, sheet]) =>
      (["\n", "\r\n"] as const).map((end) => ({
        name: `${encoding}${mark ? " with a mark" : ""}, declared, ${what}, ${JSON.stringify(end)}`,
        bytes: encoded(written(sheet, { ends: [end] }).text, encoding, mark),
        source: { encoding },
        expected: cellsOf(sheet)
      }))
    )
  })
)

const remedyOf: Readonly<Record<Encoding, RegExp>> = {
  "utf-8": /utf-8/i,
  "utf-16le": /utf-16le|utf-8/i,
  "utf-16be": /utf-16be|utf-8/i,
  latin1: /latin1|windows-1252/i,
  "windows-1252": /windows-1252/i
}

const undeclared: ReadonlyArray<DataCase> = [
  ...[false, true].map((mark) => ({
    name: `utf-8${mark ? " with a mark" : ""}, not declared, letters of three scripts`,
    bytes: encoded(written(greek).text, "utf-8", mark),
    expected: cellsOf(greek)
  })),
  ...pages.map((encoding) => ({
    name: `${encoding}, not declared, ASCII`,
    bytes: encoded(written(grainSheet).text, encoding),
    expected: cellsOf(grainSheet)
  })),
  ...(["utf-16le", "utf-16be"] as const).flatMap((encoding) =>
    [false, true].flatMap((mark) =>
      [grainSheet, umlauts].map((sheet) => ({
        name: `${encoding}${mark ? " with a mark" : ""}, not declared${sheet === umlauts ? ", umlauts" : ""}`,
        bytes: encoded(written(sheet).text, encoding, mark),
        expected: cellsOf(sheet)
      }))
    )
  ),
  ...pages.flatMap((encoding) =>
    [2, 5, 7].map((row) => ({
      name: `${encoding}, not declared, one umlaut in line ${row + 2}`,
      bytes: encoded(written(withCell(grainSheet, row, "id", "Jürgen")).text, encoding),
      expected: {
        problems: [{ line: row + 2, says: /UTF-8/i, remedy: remedyOf.latin1 }]
      }
    }))
  ),
  {
    name: "windows-1252, not declared, € and ’",
    bytes: encoded(written(withCell(grainSheet, 5, "id", "O’Brien – 5 €")).text, "windows-1252"),
    expected: { problems: [{ line: 7, says: /UTF-8/i, remedy: remedyOf["windows-1252"] }] }
  },
  {
    name: "latin1, not declared, in the names",
    bytes: encoded(written({ ...grainSheet, header: ["id", "moisture", "protein", "Güte"] }).text, "latin1"),
    description: { ...grain, label: { column: "Güte", values: ["feed", "mill"] } },
    expected: { problems: [{ line: 1, says: /UTF-8/i, remedy: remedyOf.latin1 }] }
  }
]

const misdeclared: ReadonlyArray<DataCase> = [
  {
    name: "latin1, declared as utf-8",
    bytes: encoded(written(umlauts).text, "latin1"),
    source: { encoding: "utf-8" },
    expected: { problems: [{ line: 4, says: /UTF-8/i, remedy: remedyOf.latin1 }], more: true }
  },
  {
    name: "utf-16le with a mark, declared as utf-16be",
    bytes: encoded(written(umlauts).text, "utf-16le", true),
    source: { encoding: "utf-16be" },
    expected: { problems: [{ says: /UTF-16/i, remedy: /utf-16le/i }] }
  },
  {
    name: "utf-16be with a mark, declared as utf-8",
    bytes: encoded(written(umlauts).text, "utf-16be", true),
    source: { encoding: "utf-8" },
    expected: { problems: [{ says: /UTF-16/i, remedy: /utf-16be|utf-8/i }] }
  },
  {
    name: "utf-16le with a mark, declared as latin1",
    bytes: encoded(written(umlauts).text, "utf-16le", true),
    source: { encoding: "latin1" },
    expected: { problems: [{ says: /UTF-16/i, remedy: /utf-16le|utf-8/i }] }
  },
  {
    name: "utf-8 with a mark, declared as windows-1252",
    bytes: encoded(written(umlauts).text, "utf-8", true),
    source: { encoding: "windows-1252" },
    expected: { problems: [{ says: /UTF-8/i, remedy: /utf-8/i }] }
  },
  {
    name: "utf-8, declared as utf-16le",
    bytes: encoded(written(grainSheet).text, "utf-8"),
    source: { encoding: "utf-16le" },
    expected: { problems: [{ says: /utf-16/i, remedy: /utf-8|encoding/i }] }
  },
  {
    name: "utf-16le of an odd number of bytes",
    bytes: encoded(written(grainSheet).text, "utf-16le").slice(0, -1),
    source: { encoding: "utf-16le" },
    expected: { problems: [{ says: /utf-16|cut short/i, remedy: /./ }], more: true }
  },
  {
    name: "utf-16le with half of a pair",
    bytes: encoded(written(withCell(grainSheet, 4, "id", "a\ud83cb")).text, "utf-16le"),
    source: { encoding: "utf-16le" },
    expected: { problems: [{ line: 6, says: /utf-16/i, remedy: /./ }] }
  },
  ...pages.map(
    (encoding): DataCase => ({
      name: `utf-8, declared as ${encoding}`,
      bytes: encoded(written(umlauts).text, "utf-8"),
      source: { encoding },
      expected: { problems: [{ says: new RegExp(`UTF-8.*${encoding}`), remedy: /encoding: utf-8/ }] }
    })
  ),
  ...(["utf-16le", "utf-16be"] as const).map((encoding, at): DataCase => {
    const named = (["utf-16be", "utf-16le"] as const)[at]!
    return {
      name: `${encoding} without a mark, declared as ${named}`,
      bytes: encoded(written(umlauts).text, encoding),
      source: { encoding: named },
      expected: {
        problems: [
          { says: new RegExp(`is in ${encoding}`, "i"), remedy: new RegExp(`encoding: ${encoding}`) }
        ]
      }
    }
  }),
  {
    name: "windows-1252, declared as latin1, ’ in an id",
    bytes: encoded(written(withCell(grainSheet, 5, "id", "O’Brien")).text, "windows-1252"),
    source: { encoding: "latin1" },
    expected: {
      problems: [{ line: 7, says: /control characters.*Windows-1252.*Latin-1/, remedy: /encoding/ }]
    }
  },
  {
    name: "utf-8 with umlauts, and one of latin1 further down",
    bytes: new Uint8Array(
      Buffer.concat([
        encoded(written(umlauts).text, "utf-8"),
        encoded("Käse,12.125,10.1875,feed\n", "latin1")
      ])
    ),
    expected: { problems: [{ line: 10, says: /^(?!.*would fit).*UTF-8/, remedy: /save it as UTF-8/ }] }
  },
  {
    name: "an umlaut of MS-DOS, which neither latin1 nor windows-1252 has",
    bytes: new Uint8Array(Buffer.from(written(withCell(grainSheet, 2, "id", "M\x81ller")).text, "latin1")),
    expected: { problems: [{ line: 4, says: /^(?!.*would fit).*UTF-8/, remedy: /name the encoding/ }] }
  },
  ...[
    ["an overlong form", [0xc0, 0xaf]],
    ["half of a pair", [0xed, 0xa0, 0x80]],
    ["a number beyond Unicode", [0xf4, 0x90, 0x80, 0x80]],
    ["a letter cut in two", [0xe2, 0x82]],
    ["a byte that continues nothing", [0x80]],
    ["a byte that is never used", [0xff]]
  ].map(([what, inside]): DataCase => {
    const [before, after] = written(grainSheet).text.split("rye-05")
    const parts = [
      Buffer.from(`${before}rye`),
      Buffer.from(inside as Array<number>),
      Buffer.from(`05${after}`)
    ]
    return {
      name: `utf-8 with ${what}`,
      bytes: new Uint8Array(Buffer.concat(parts)),
      expected: { problems: [{ line: 6, says: /UTF-8/i, remedy: /./ }] }
    }
  })
]

/** Ids that a program may take for the same; each pair has to stay two rows, in a file and between two owners. */
export const pairs: ReadonlyArray<readonly [string, string]> = [
  ["Müller", "Möller"],
  ["é", "e\u0301"],
  ["Å", "\u212b"],
  ["ﬁ", "fi"],
  ["leaf-1", "LEAF-1"],
  ["straße", "STRASSE"],
  ["ı", "i"],
  ["007", "7"],
  ["7", "7.0"],
  ["+7", "7"],
  ["1e5", "100000"],
  ["9007199254740992", "9007199254740993"],
  ["123456789012345678901234567890", "123456789012345678901234567891"],
  ["0.1", "0.10"],
  ["-0", "0"],
  ["0x10", "16"],
  ["2024-03-01 08:00:00.001", "2024-03-01 08:00:00.777"],
  ["2024-03-01T08:00:00Z", "2024-03-01T08:00:00+00:00"],
  ["true", "True"],
  ["zero", "ZERO"],
  ["__proto__", "constructor"],
  ["a b", "a  b"],
  ["a b", "a\u00a0b"],
  ["a-b", "a‐b"],
  ["l1", "lI"],
  ["a\u200bb", "ab"],
  ["'quoted'", "quoted"]
]
const exact: ReadonlyArray<DataCase> = pairs.map(([one, other]) => {
  const sheet = withCell(withCell(grainSheet, 1, "id", one), 6, "id", other)
  return { name: `CSV with the ids ${one} and ${other}`, bytes: plain(sheet), expected: cellsOf(sheet) }
})

const spreadsheet = withColumn(grainSheet, "id", () => "1.23457E+11")
const rounded: DataCase = {
  name: "CSV with ids that a spreadsheet has rounded",
  bytes: plain(spreadsheet),
  expected: {
    problems: [{ line: 2, id: "1.23457E+11", says: /spreadsheet.*rounded/i, remedy: /text/i }]
  }
}

/** Words by which programs write that a row has no id: two rows without one are not the same row. */
const idless: ReadonlyArray<DataCase> = ["NULL", "NA", "nan", "None"].map((word) => ({
  name: `CSV with the id ${word}`,
  bytes: plain(withCell(grainSheet, 2, "id", word)),
  expected: { problems: [{ line: 4, id: word, says: /missing/, remedy: /id of its own/ }] }
}))

/** Among names and codes such a word is one of them. */
const words: ReadonlyArray<DataCase> = [
  ["countries", ["AT", "BE", "DE", "NA", "NO", "FR", "ZA", "ZM"]],
  ["names", ["Smith", "O’Brien", "Null", "None", "van der Berg", "Müller", "José", "Li"]]
].map(([what, ids]) => {
  const sheet = withColumn(grainSheet, "id", (_, row) => ids![row]!)
  return { name: `CSV with ids that are ${what}`, bytes: plain(sheet), expected: cellsOf(sheet) }
})

/** Characters that nobody sees, and that steer a terminal. */
const steering: ReadonlyArray<DataCase> = ["p\x1b[31m1", "p\x7f1", "p\x921"].map((id) => ({
  name: `CSV with the id ${JSON.stringify(id)}`,
  bytes: plain(withCell(grainSheet, 2, "id", id)),
  expected: { problems: [{ line: 4, id, says: /control characters/, remedy: /./ }] }
}))

/** Labels: those of the scenario, those of the file, and what they are, or that they are none. */
const labels: ReadonlyArray<
  readonly [ReadonlyArray<string>, ReadonlyArray<string>, ReadonlyArray<number> | Told]
> = [
  [
    ["0", "1"],
    ["0", "1"],
    [0, 1]
  ],
  [
    ["0", "1"],
    ["0.0", "1.0"],
    [0, 1]
  ],
  [
    ["0", "1"],
    ["0.", "01"],
    [0, 1]
  ],
  [
    ["0", "1"],
    ["0e0", "1E+0"],
    [0, 1]
  ],
  [
    ["1", "0"],
    ["-0", "+1"],
    [1, 0]
  ],
  [
    ["0.0", "1.0"],
    ["0", "1"],
    [0, 1]
  ],
  [
    ["1", "2", "10"],
    ["10.00", "2"],
    [2, 1]
  ],
  [
    ["0.5", "1.5"],
    [".5", "1.50"],
    [0, 1]
  ],
  [["0", "1"], ["0", "2.0"], { column: "grade", says: /not one of the labels 0, 1/, remedy: /label/ }],
  [["0", "1"], ["0", "one"], { column: "grade", says: /not one of the labels 0, 1/, remedy: /label/ }],
  [
    ["0", "x"],
    ["0", "x"],
    [0, 1]
  ],
  [["0", "x"], ["x", "0.0"], { column: "grade", says: /not one of the labels 0, x/, remedy: /label/ }],
  [["07", "x"], ["x", "7"], { column: "grade", says: /not one of the labels/, remedy: /label/ }],
  [
    ["true", "false"],
    ["false", "true"],
    [1, 0]
  ],
  [
    ["True", "False"],
    ["False", "True"],
    [1, 0]
  ],
  [["true", "false"], ["true", "True"], { column: "grade", says: /not one of the labels/, remedy: /label/ }],
  [["true", "false"], ["true", "1"], { column: "grade", says: /not one of the labels/, remedy: /label/ }],
  [
    ["Weizen", "Gerste ä"],
    ["Gerste ä", "Weizen"],
    [1, 0]
  ],
  [
    ["__proto__", "constructor"],
    ["constructor", "__proto__"],
    [1, 0]
  ],
  [["a", "b"], ["a", "toString"], { column: "grade", says: /not one of the labels a, b/, remedy: /label/ }],
  [
    ["9007199254740992", "9007199254740993"],
    ["9007199254740993", "9007199254740992"],
    [1, 0]
  ],
  [
    ["a", "b"],
    ["a", "NA"],
    [0, Number.NaN]
  ],
  [
    ["NA", "EU"],
    ["EU", "NA"],
    [1, 0]
  ],
  [
    ["a", "b"],
    ["a", ""],
    [0, Number.NaN]
  ]
]
const labelled: ReadonlyArray<DataCase> = labels.map(([values, cells, outcome], at) => {
  const description: DataDescription = { ...grain, label: { column: "grade", values } }
  const sheet = withColumn(grainSheet, "grade", (_, row) => (row === 7 ? cells[1]! : cells[0]!))
  const { ids, columns } = cellsOf(grainSheet)
  const places = "length" in outcome ? ids.map((_, row) => outcome[row === 7 ? 1 : 0]!) : []
  return {
    name: `CSV with the labels ${cells.join(" and ")} for ${values.join(", ")} (${at})`,
    bytes: plain(sheet),
    description,
    expected:
      "length" in outcome
        ? { ids, columns: [columns[0]!, columns[1]!, ["grade", places] as const] }
        : { problems: [{ ...outcome, line: 9 }] }
  }
})

export const encodedTexts: ReadonlyArray<DataCase> = [
  ...declared,
  ...undeclared,
  ...misdeclared,
  ...exact,
  ...idless,
  ...words,
  ...steering,
  rounded,
  ...labelled
]
