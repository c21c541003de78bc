/** Parquet: ids, numbers and labels of every type, and files that are damaged. */
import { gzipSync } from "node:zlib"
import { type Accepted, type DataCase, grain, type Told } from "./outcome.ts"
import { type ColumnType, type ParquetColumn, parquetFile } from "./parquet-file.ts"
import { cellsOf, grainSheet } from "./sheet.ts"

const { ids, columns } = cellsOf(grainSheet)
const cells = (name: string) => grainSheet.rows.map((row) => row[grainSheet.header.indexOf(name)]!)
const idColumn: ParquetColumn = { name: "id", type: "text", values: ids }
const moisture: ParquetColumn = { name: "moisture", type: "double", values: columns[0]![1] }
const protein: ParquetColumn = { name: "protein", type: "float", values: columns[1]![1] }
const grade: ParquetColumn = { name: "grade", type: "text", values: cells("grade") }
const table = [idColumn, moisture, protein, grade]
const whole = parquetFile(table)

const replaced = (column: ParquetColumn) =>
  parquetFile(table.map((each) => (each.name === column.name ? column : each)))
const refusal = (name: string, bytes: Uint8Array, ...problems: ReadonlyArray<Told>): DataCase => ({
  name,
  bytes,
  expected: { problems }
})

const layouts: ReadonlyArray<DataCase> = [
  { name: "Parquet", bytes: whole, expected: { ids, columns } },
  { name: "Parquet with pages in gzip", bytes: parquetFile(table, "gzip"), expected: { ids, columns } },
  { name: "Parquet, compressed", bytes: gzipSync(whole), expected: { ids, columns } },
  { name: "Parquet in another order", bytes: parquetFile(table.toReversed()), expected: { ids, columns } },
  {
    name: "Parquet with columns that nobody holds",
    bytes: parquetFile([
      { name: "__proto__", type: "textBytes", values: ids.map(() => Uint8Array.of(0xff)) },
      { name: "note", type: "double", values: ids.map(() => Number.NaN) },
      ...table
    ]),
    expected: { ids, columns }
  }
]

/** Ids by type: the values of the first rows, and the ids that they are. */
const exact: ReadonlyArray<readonly [ColumnType, ParquetColumn["values"], ReadonlyArray<string>]> = [
  ["text", ["Müller", "e\u0301", "é", "007"], ["Müller", "e\u0301", "é", "007"]],
  ["text", ["1e5", "100000", "a b", "A B"], ["1e5", "100000", "a b", "A B"]],
  ["int8", [-128, 127], ["-128", "127"]],
  ["int16", [-32768, 32767], ["-32768", "32767"]],
  ["int32", [-2147483648, 2147483647], ["-2147483648", "2147483647"]],
  ["uint32", [4294967295, 2147483648], ["4294967295", "2147483648"]],
  ["int64", [9007199254740992n, 9007199254740993n], ["9007199254740992", "9007199254740993"]],
  ["int64", [-9223372036854775808n, 9223372036854775807n], ["-9223372036854775808", "9223372036854775807"]],
  ["uint64", [18446744073709551615n, 9223372036854775808n], ["18446744073709551615", "9223372036854775808"]],
  [
    "uuid",
    ["00112233-4455-6677-8899-aabbccddeeff", "00112233-4455-6677-8899-aabbccddeefe"],
    ["00112233-4455-6677-8899-aabbccddeeff", "00112233-4455-6677-8899-aabbccddeefe"]
  ],
  ["date", [19783, -1], ["2024-03-01", "1969-12-31"]],
  ...(["milliseconds", "convertedMilliseconds"] as const).map(
    (type) =>
      [
        type,
        [1709280000001n, 1709280000777n, 1709280000000n, -1n],
        [
          "2024-03-01T08:00:00.001Z",
          "2024-03-01T08:00:00.777Z",
          "2024-03-01T08:00:00.000Z",
          "1969-12-31T23:59:59.999Z"
        ]
      ] as const
  ),
  ...(["microseconds", "convertedMicroseconds"] as const).map(
    (type) =>
      [
        type,
        [1709280000000001n, 1709280000000002n, 1709280000000000n, -1n],
        [
          "2024-03-01T08:00:00.000001Z",
          "2024-03-01T08:00:00.000002Z",
          "2024-03-01T08:00:00.000000Z",
          "1969-12-31T23:59:59.999999Z"
        ]
      ] as const
  ),
  [
    "nanoseconds",
    [1709280000000000001n, 1709280000000000002n, -1n],
    ["2024-03-01T08:00:00.000000001Z", "2024-03-01T08:00:00.000000002Z", "1969-12-31T23:59:59.999999999Z"]
  ]
]
const shown = (values: ReadonlyArray<string>) => values.join(", ")
const identified: ReadonlyArray<DataCase> = exact.map(([type, values, expected]) => ({
  name: `Parquet with ids of type ${type}: ${shown(expected)}`,
  bytes: parquetFile(
    [{ name: "id", type, values }, moisture, protein, grade].map((column) => ({
      ...column,
      values: column.values.slice(0, values.length)
    })) as ReadonlyArray<ParquetColumn>
  ),
  expected: {
    ids: expected,
    columns: columns.map(([name, all]) => [name, all.slice(0, values.length)] as const)
  }
}))

const noIds: ReadonlyArray<DataCase> = [
  ...(["double", "float"] as const).map((type) =>
    refusal(
      `Parquet with ids of type ${type}`,
      replaced({ name: "id", type, values: ids.map((_, row) => row + 1) }),
      { column: "id", says: /double|float|floating|rounded|decimal/i, remedy: /integer|text/i }
    )
  ),
  refusal(
    "Parquet with ids that are text, but no UTF-8",
    replaced({
      name: "id",
      type: "textBytes",
      values: ids.map((id, row) => (row === 2 ? Uint8Array.of(0x4d, 0xfc, 0x6c) : Buffer.from(id)))
    }),
    { says: /UTF-8/i, remedy: /./ }
  ),
  refusal("Parquet with a row without an id", replaced({ ...idColumn, values: ids.with(3, null as never) }), {
    says: /no id in row 4|without an id/,
    remedy: /id/
  }),
  refusal("Parquet with an id twice", replaced({ ...idColumn, values: ids.with(5, ids[1]!) }), {
    id: ids[1]!,
    says: /has the id of row 2 again/,
    remedy: /id of its own/
  }),
  refusal("Parquet without the id column", parquetFile([moisture, protein, grade]), {
    column: "id",
    says: /missing/,
    remedy: /column/
  })
]

/** Numbers by type, in the column moisture. */
const typed: ReadonlyArray<readonly [ColumnType, ReadonlyArray<number | bigint>]> = [
  ["int8", [5, 6, 7, 8, 9, 10, 11, 25]],
  ["int16", [5, 6, 7, 8, 9, 10, 11, 25]],
  ["int32", [5, 6, 7, 8, 9, 10, 11, 25]],
  ["uint32", [5, 6, 7, 8, 9, 10, 11, 25]],
  ["int64", [5n, 6n, 7n, 8n, 9n, 10n, 11n, 25n]],
  ["uint64", [5n, 6n, 7n, 8n, 9n, 10n, 11n, 25n]],
  ["float", [5.5, 6.25, 7.125, 8, 9, 10, 11, 25]],
  ["double", [5.1, 6.2, 7.3, 8, 9, 10, 11, 25]]
]
const numbered: ReadonlyArray<DataCase> = typed.map(([type, values]) => ({
  name: `Parquet with numbers of type ${type}`,
  bytes: replaced({ name: "moisture", type, values }),
  expected: { ids, columns: [["moisture", values.map(Number)] as const, columns[1]!, columns[2]!] }
}))
const atRow = { column: "moisture", id: ids[4]! }
const noNumbers: ReadonlyArray<DataCase> = [
  refusal(
    "Parquet with a number that is missing",
    replaced({ ...moisture, values: moisture.values.with(4, null) }),
    {
      ...atRow,
      says: /empty|missing/i,
      remedy: /leave out|fill in/i
    }
  ),
  refusal(
    "Parquet with a number that is NaN",
    replaced({ ...moisture, values: moisture.values.with(4, Number.NaN) }),
    {
      ...atRow,
      says: /missing/i,
      remedy: /leave out|fill in/i
    }
  ),
  refusal(
    "Parquet with a number without an end",
    replaced({ ...moisture, values: moisture.values.with(4, Number.NEGATIVE_INFINITY) }),
    { ...atRow, says: /outside|not finite|not a number/i, remedy: /./ }
  ),
  refusal(
    "Parquet with a number that is out of range",
    replaced({ ...moisture, values: moisture.values.with(4, 25.5) }),
    {
      ...atRow,
      says: /outside.*\[5, 25\]/,
      remedy: /correct|wider/
    }
  ),
  {
    name: "Parquet with numbers written as texts",
    bytes: replaced({ name: "moisture", type: "text", values: cells("moisture").map((cell) => ` ${cell} `) }),
    expected: { ids, columns }
  },
  refusal(
    "Parquet with a text among numbers written as texts",
    replaced({ name: "moisture", type: "text", values: cells("moisture").with(4, "12,5") }),
    { ...atRow, says: /decimal comma|not a number/i, remedy: /decimal point/i }
  ),
  {
    name: "Parquet with flags for numbers, which are 0 and 1",
    bytes: replaced({ name: "moisture", type: "boolean", values: ids.map((_, row) => row % 2 === 0) }),
    expected: {
      problems: [{ column: "moisture", says: /outside.*\[5, 25\]/, remedy: /./ }],
      more: true
    }
  }
]

/** Labels by type: those of the scenario, what is in the column, and what that is, or that it is none. */
const labels: ReadonlyArray<
  readonly [
    ReadonlyArray<string>,
    ColumnType,
    ReadonlyArray<ParquetColumn["values"][number]>,
    ReadonlyArray<number> | Told
  ]
> = [
  [["0", "1"], "double", [0, 1], [0, 1]],
  [["0", "1"], "float", [1, 0], [1, 0]],
  [["0.0", "1.0"], "double", [1, 0], [1, 0]],
  [["0.0", "1.0"], "int32", [1, 0], [1, 0]],
  [["0", "1"], "int64", [1n, 0n], [1, 0]],
  [["0", "1"], "text", ["0.0", "1.0"], [0, 1]],
  [["0", "1"], "double", [0, 0.5], { column: "grade", says: /not one of the labels 0, 1/, remedy: /label/ }],
  [
    ["feed", "mill"],
    "double",
    [0, 1],
    { column: "grade", says: /floating-point.*labels|not one of the labels feed, mill/, remedy: /label/ }
  ],
  [["true", "false"], "boolean", [false, true], [1, 0]],
  [["feed", "mill"], "text", ["feed    ", "  mill"], [0, 1]],
  [["feed", "mill"], "text", ["\tmill", "feed"], [1, 0]],
  [["feed", "mill"], "text", ["mill", null], [1, Number.NaN]],
  [
    ["feed", "mill"],
    "text",
    ["mill", "Mill"],
    { column: "grade", says: /not one of the labels/, remedy: /./ }
  ],
  [["9007199254740992", "9007199254740993"], "int64", [9007199254740992n, 9007199254740993n], [0, 1]]
]
const labelled: ReadonlyArray<DataCase> = labels.map(([values, type, [usual, last], outcome]) => {
  const expected: Accepted | undefined =
    "length" in outcome
      ? {
          ids,
          columns: [
            columns[0]!,
            columns[1]!,
            ["grade", ids.map((_, row) => outcome[row === 7 ? 1 : 0]!)] as const
          ]
        }
      : undefined
  return {
    name: `Parquet with the labels ${JSON.stringify([usual, last].map(String))} of type ${type} for ${shown(values)}`,
    description: { ...grain, label: { column: "grade", values } },
    bytes: replaced({ name: "grade", type, values: ids.map((_, row) => (row === 7 ? last! : usual!)) }),
    expected:
      expected ??
      (values[0] === "feed" && type === "double"
        ? { problems: [outcome as Told] }
        : { problems: [{ ...(outcome as Told), id: ids[7]! }] })
  }
})

/** Files that are damaged: cut anywhere, or with another format in their pages. */
const cuts = [
  4,
  5,
  8,
  12,
  60,
  whole.length >> 1,
  whole.length - 9,
  whole.length - 8,
  whole.length - 4,
  whole.length - 1
]
const damaged: ReadonlyArray<DataCase> = [
  ...cuts.map((at) =>
    refusal(`Parquet that ends after ${at} bytes`, whole.slice(0, at), {
      says: /Parquet.*(cut short|not whole|incomplete|footer|end)|cut short/i,
      remedy: /copy|write it anew/i
    })
  ),
  refusal("Parquet whose footer is longer than the file", whole.with(whole.length - 6, 0xff), {
    says: /Parquet|cut short/i,
    remedy: /copy|anew/i
  }),
  refusal("Parquet with a footer of zeros", whole.slice().fill(0, whole.length - 100, whole.length - 8), {
    says: /Parquet/i,
    remedy: /copy|anew/i
  }),
  refusal("Parquet with pages that are not compressed as it says", parquetFile(table, "zstd"), {
    column: "id",
    says: /taken apart after 0 of the 8 rows/,
    remedy: /copy|anew/i
  }),
  refusal("Parquet that is encrypted", joined(whole), { says: /encrypted/i, remedy: /./ }),
  refusal("Parquet without rows", parquetFile(table.map((column) => ({ ...column, values: [] }))), {
    says: /no rows/,
    remedy: /row/
  })
]
/** The marks of a file whose footer is encrypted. */
function joined(bytes: Uint8Array): Uint8Array {
  const mark = Buffer.from("PARE")
  const copy = bytes.slice()
  copy.set(mark, 0)
  copy.set(mark, copy.length - 4)
  return copy
}

export const parquets: ReadonlyArray<DataCase> = [
  ...layouts,
  ...identified,
  ...noIds,
  ...numbered,
  ...noNumbers,
  ...labelled,
  ...damaged
]
