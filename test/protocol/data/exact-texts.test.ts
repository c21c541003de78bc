import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { repeatedLabel } from "../../../protocol/data/labels.ts"
import { exactNumber, nearTexts, shown, spellingDifference } from "../../../protocol/data/spelling.ts"
import { idx } from "./idx.ts"
import { type WrittenColumn, writeParquet } from "./parquet.ts"
import { readBytes, refused, small } from "./read.ts"
import { valuesOf } from "./values.ts"

type Column = Omit<WrittenColumn, "name">
const logical = (
  type: "TIMESTAMP" | "TIME",
  unit: "MILLIS" | "MICROS" | "NANOS",
  isAdjustedToUTC = true
) => ({
  logical_type: { type, unit, isAdjustedToUTC }
})

const withIds = (ids: Column) => writeParquet([{ name: "id", ...ids }, sizes(ids.cells.length)])
const sizes = (rows: number): WrittenColumn => ({
  name: "size",
  type: "DOUBLE",
  cells: Array.from({ length: rows }, (_, row) => row)
})
const parquetIds = async (ids: Column) => (await readBytes(withIds(ids), { columns: ["size"] })).ids
const csvIds = async (ids: ReadonlyArray<string>) => {
  const lines = ids.map((id, row) => `"${id.replaceAll('"', '""')}",${row}`)
  return (await readBytes(`id,size\n${lines.join("\n")}\n`, { columns: ["size"] })).ids
}

const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, "hex"))
const instant = 1_614_585_600_001n

describe("ids - of Parquet", () => {
  const int64 = "INT64" as const
  const int32 = "INT32" as const
  const cases: ReadonlyArray<readonly [string, Column, ReadonlyArray<string>]> = [
    ["texts", { type: "BYTE_ARRAY", cells: [" Müller\u00a0", "b"], converted_type: "UTF8" }, ["Müller", "b"]],
    ["bytes that are texts", { type: "BYTE_ARRAY", cells: ["a", "é"] }, ["a", "é"]],
    [
      "64-bit integers",
      { type: int64, cells: [9007199254740993n, -(2n ** 63n)] },
      ["9007199254740993", "-9223372036854775808"]
    ],
    [
      "unsigned integers",
      { type: int64, cells: [2n ** 64n - 1n], converted_type: "UINT_64" },
      ["18446744073709551615"]
    ],
    ["unsigned 32-bit integers", { type: int32, cells: [-1], converted_type: "UINT_32" }, ["4294967295"]],
    [
      "unsigned integers by their logical type",
      { type: int32, cells: [-1], logical_type: { type: "INTEGER", bitWidth: 32, isSigned: false } },
      ["4294967295"]
    ],
    [
      "decimals",
      { type: int64, cells: [1230n, -5n], converted_type: "DECIMAL", scale: 2 },
      ["12.30", "-0.05"]
    ],
    [
      "decimals in bytes",
      {
        type: "FIXED_LEN_BYTE_ARRAY",
        type_length: 2,
        cells: [bytes("ff85")],
        converted_type: "DECIMAL",
        scale: 1
      },
      ["-12.3"]
    ],
    [
      "milliseconds",
      { type: int64, cells: [instant], ...logical("TIMESTAMP", "MILLIS") },
      ["2021-03-01T08:00:00.001Z"]
    ],
    [
      "microseconds",
      { type: int64, cells: [1_614_585_600_000_777n], ...logical("TIMESTAMP", "MICROS") },
      ["2021-03-01T08:00:00.000777Z"]
    ],
    [
      "nanoseconds, before 1970 too",
      { type: int64, cells: [1_614_585_600_000_000_777n, -1n], ...logical("TIMESTAMP", "NANOS") },
      ["2021-03-01T08:00:00.000000777Z", "1969-12-31T23:59:59.999999999Z"]
    ],
    [
      "local times, without a zone",
      { type: int64, cells: [instant], ...logical("TIMESTAMP", "MILLIS", false) },
      ["2021-03-01T08:00:00.001"]
    ],
    [
      "times of old files",
      { type: int64, cells: [instant], converted_type: "TIMESTAMP_MILLIS" },
      ["2021-03-01T08:00:00.001Z"]
    ],
    [
      "times in 96 bits",
      { type: "INT96", cells: [bytes("010000000000000000000000".replace(/0{8}$/, "8c3d2500"))] },
      ["1970-01-01T00:00:00.000000001Z"]
    ],
    ["days", { type: int32, cells: [18_687, -1], converted_type: "DATE" }, ["2021-03-01", "1969-12-31"]],
    [
      "times of day",
      { type: int32, cells: [3_600_001], ...logical("TIME", "MILLIS", false) },
      ["01:00:00.001"]
    ],
    [
      "UUIDs",
      {
        type: "FIXED_LEN_BYTE_ARRAY",
        type_length: 16,
        cells: [bytes("00112233445566778899aabbccddeeff")],
        logical_type: { type: "UUID" }
      },
      ["00112233-4455-6677-8899-aabbccddeeff"]
    ],
    ["booleans", { type: "BOOLEAN", cells: [true, false] }, ["true", "false"]]
  ]

  it.each(cases)("are exact: %s", async (_, ids, texts) => {
    expect(await parquetIds(ids)).toEqual(texts)
  })

  it.each([
    [
      "doubles",
      { type: "DOUBLE" as const, cells: [1.5] },
      "floating-point numbers, which can't be ids: they are rounded"
    ],
    [
      "single floats",
      { type: "FLOAT" as const, cells: [1.5] },
      "floating-point numbers, which can't be ids: they are rounded"
    ],
    [
      "bytes of a length",
      { type: "FIXED_LEN_BYTE_ARRAY" as const, type_length: 1, cells: ["a"] },
      "holds bytes, which can't be ids"
    ],
    [
      "bytes that are no text",
      { type: "BYTE_ARRAY" as const, cells: [bytes("ff")] },
      "column id has bytes that are not UTF-8 in row 1"
    ],
    ["a null", { type: "BYTE_ARRAY" as const, cells: ["a", null] }, "has no id in row 2"]
  ])("are refused: %s", async (_, ids, reason) => {
    expect(await refused(withIds(ids), { columns: ["size"] })).toContain(reason)
  })

  it("do not depend on the time zone of the machine", async () => {
    const ids = { type: int64, cells: [instant], ...logical("TIMESTAMP", "MILLIS", false) }
    const before = process.env.TZ
    try {
      process.env.TZ = "Asia/Tokyo"
      expect(await parquetIds(ids)).toEqual(["2021-03-01T08:00:00.001"])
    } finally {
      if (before === undefined) delete process.env.TZ
      else process.env.TZ = before
    }
  })
})

describe("ids - across formats", () => {
  it("never join two values that differ, whatever their type", async () => {
    const int64 = fc.uniqueArray(fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n }), {
      minLength: 2,
      maxLength: 20
    })
    const kinds: ReadonlyArray<Omit<Column, "cells">> = [
      { type: "INT64" },
      { type: "INT64", converted_type: "UINT_64" },
      { type: "INT64", converted_type: "DECIMAL", scale: 3 },
      { type: "INT64", ...logical("TIMESTAMP", "NANOS") },
      { type: "INT64", ...logical("TIMESTAMP", "NANOS", false) }
    ]
    const property = fc.asyncProperty(int64, fc.constantFrom(...kinds), async (cells, kind) => {
      expect(new Set(await parquetIds({ ...kind, cells })).size).toBe(cells.length)
    })
    await fc.assert(property, { numRuns: 60 })
  })

  it("are the same text in CSV and in Parquet", async () => {
    // The sign for a lost character is refused in ids, whatever the format.
    const text = fc
      .string({ unit: "grapheme", minLength: 1, maxLength: 20 })
      .filter((each) => !each.includes("\ufffd"))
      .map((each) => `x${each}x`)
    const property = fc.asyncProperty(
      fc.uniqueArray(text, { minLength: 1, maxLength: 10 }),
      async (texts) => {
        const ids = await parquetIds({ type: "BYTE_ARRAY", cells: texts, converted_type: "UTF8" })
        expect(ids).toEqual(texts)
        expect(await csvIds(texts)).toEqual(ids)
      }
    )
    await fc.assert(property, { numRuns: 60 })
  })

  it.each([" ", "\t", "\u00a0", "\u3000"])(
    "lose the space %j at their edges in all formats, no other character",
    async (space) => {
      const padded = [`${space}a${space}b${space}`]
      expect(await csvIds(padded)).toEqual([`a${space}b`])
      expect(await parquetIds({ type: "BYTE_ARRAY", cells: padded })).toEqual([`a${space}b`])
      const listed = await readBytes(`id,size\na${space}b,1\n`, { columns: ["size"], rows: padded })
      expect(listed.ids).toEqual([`a${space}b`])
    }
  )

  it("keep composed and decomposed letters, cases and leading zeros apart", async () => {
    const ids = ["é", "e\u0301", "A", "a", "7", "007", "7.0"]
    expect(await csvIds(ids)).toEqual(ids)
  })

  it.each([
    [
      "of a spreadsheet that rounded them",
      "1.23457E+11",
      "row 1.23457E+11 is a number as a spreadsheet shows it, rounded"
    ],
    ["of a spreadsheet with a decimal comma", "1,5E+11", "is a number as a spreadsheet shows it, rounded"],
    ["with a lost character", "M\ufffdller", "has an id with the sign for a lost character"],
    ["with control characters", "a\u0001", "has an id with control characters"],
    ["for missing values", "NA", "has a word for a missing value as its id"],
    ["of a spreadsheet's error", "#N/A", "has a word for a missing value as its id"]
  ])("are refused: %s", async (_, id, reason) => {
    expect(await refused(`id,size\n"${id}",1\n`, { columns: ["size"] })).toContain(reason)
    expect(await refused(withIds({ type: "BYTE_ARRAY", cells: [id] }), { columns: ["size"] })).toContain(
      reason
    )
  })
})

describe("labels - compared", () => {
  const kinds = (values: ReadonlyArray<string>) => ({
    columns: ["kind"],
    description: { ...small, label: { column: "kind", values } }
  })
  const csv = (cells: ReadonlyArray<string>) =>
    `id,kind\n${cells.map((cell, row) => `r${row},${cell}`).join("\n")}\n`
  const parquet = (cells: Column) =>
    writeParquet([
      { name: "id", type: "INT32", cells: cells.cells.map((_, row) => row) },
      { name: "kind", ...cells }
    ])
  const places = async (file: string | Uint8Array, values: ReadonlyArray<string>) =>
    valuesOf(await readBytes(file, kinds(values)), "kind")

  it("are numbers where all labels are, in every format", async () => {
    const values = ["0", "1", "2.5"]
    expect(await places(csv(["0.0", "1", "25e-1", "-0", "01.00"]), values)).toEqual([0, 1, 2, 0, 1])
    expect(await places(parquet({ type: "DOUBLE", cells: [0, 1, 2.5] }), values)).toEqual([0, 1, 2])
    expect(await places(parquet({ type: "FLOAT", cells: [0, 1, 2.5] }), values)).toEqual([0, 1, 2])
    expect(await places(parquet({ type: "INT32", cells: [1, 0] }), values)).toEqual([1, 0])
    const decimals = {
      type: "INT32" as const,
      converted_type: "DECIMAL" as const,
      scale: 1,
      cells: [0, 10, 25]
    }
    expect(await places(parquet(decimals), values)).toEqual([0, 1, 2])
    const narrow = { ...kinds(["0.5", "1"]), header: ["kind"] }
    expect(valuesOf(await readBytes(idx(13, [2], [1, 0.5]), narrow), "kind")).toEqual([1, 0])
  })

  it("are exact numbers beyond what a double holds", async () => {
    const values = ["9007199254740992", "9007199254740993"]
    expect(await places(csv([...values].reverse()), values)).toEqual([1, 0])
    expect(await places(parquet({ type: "INT64", cells: values.map(BigInt) }), values)).toEqual([0, 1])
  })

  it("are texts where one of them is no number", async () => {
    const values = ["0", "1", "none"]
    expect(await places(csv(["none", "1"]), values)).toEqual([2, 1])
    expect(await refused(csv(["1.0"]), kinds(values))).toContain("is not one of the labels 0, 1, none")
    expect(await refused(parquet({ type: "DOUBLE", cells: [0] }), kinds(values))).toContain(
      "column kind holds floating-point numbers, and not all labels of the scenario are numbers"
    )
  })

  it("are true and false of booleans, and as they are written in CSV", async () => {
    const booleans = parquet({ type: "BOOLEAN", cells: [true, false] })
    expect(await places(booleans, ["false", "true"])).toEqual([1, 0])
    expect(await places(csv(["True", "False"]), ["False", "True"])).toEqual([1, 0])
    expect(await refused(booleans, kinds(["False", "True"]))).toContain(
      "it differs from one of them only in case"
    )
  })

  it("lose spaces at their edges in all formats", async () => {
    expect(await places(csv(["ash    ", '"elm    "']), ["ash", "elm"])).toEqual([0, 1])
    expect(await places(parquet({ type: "BYTE_ARRAY", cells: ["ash    ", "elm"] }), ["ash", "elm"])).toEqual([
      0, 1
    ])
    expect(await places(csv(["ash"]), [" ash ", "elm"])).toEqual([0])
  })

  it.each([
    [["Ash"], "only in case"],
    [["café", "x"], "only in Unicode normalisation"],
    [["a sh"], "only in spaces or invisible characters"]
  ])("hint at a spelling that is near: %s", async (values, hint) => {
    const cell = values.includes("x") ? "cafe\u0301" : "ash"
    expect(await refused(csv([cell]), kinds([...values, "elm"]))).toContain(hint)
  })

  it("may not be listed twice as they are compared", async () => {
    expect(repeatedLabel(["1", "2", "1.0"])).toBe(2)
    expect(repeatedLabel(["1", "1.0", "none"])).toBeUndefined()
    expect(repeatedLabel(["ash", "ash "])).toBe(1)
    expect(await refused(csv(["1"]), kinds(["1", "1.0"]))).toContain(
      "has the label 1.0 twice in the scenario"
    )
  })
})

describe("texts - spelling", () => {
  it("writes a number in one way only", () => {
    const number = fc.tuple(fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }), fc.nat(5), fc.nat(5))
    const property = fc.property(number, ([digits, zeros, power]) => {
      const shifted = `${digits}${"0".repeat(zeros)}e${power - zeros}`
      expect(exactNumber(shifted)).toBe(exactNumber(`${digits * 10n ** BigInt(power)}`))
    })
    fc.assert(property, { numRuns: 200 })
    expect([exactNumber("-0"), exactNumber("1e400"), exactNumber("x")]).toEqual(["0", "1e400", undefined])
  })

  it.each([
    ["é", "e\u0301", "Unicode normalisation"],
    ["A1", "a1", "case"],
    ["a b", "ab", "spaces or invisible characters"],
    ["a\u200bb", "ab", "spaces or invisible characters"],
    ["7", "007", "how the number is written"],
    ["p1", "\u04401", "letters of another script that look alike"],
    ["'p1", "p1", "the quotes around it"],
    ['="0012"', "0012", "the quotes around it"],
    ["“p1”", "p1", "the quotes around it"],
    ["'0012", "12", "how the number is written"],
    ["2021-03-01T08:00:00.001Z", "2021-03-01T08:00:00.001000Z", "spelling"]
  ])("says of %j and %j what they differ in", (one, other, difference) => {
    expect(spellingDifference(one, other)).toBe(difference)
    expect(nearTexts([one, "else", other], 5)).toEqual([{ one, other, difference }])
  })

  it("is shown on one line, without what steers a terminal or is not seen, and not endless", () => {
    expect(shown("Müller 穀物 🌾")).toBe("Müller 穀物 🌾")
    expect(shown("a\n\u001b[31m\u009b\u200b\u202e")).toBe(
      "a\\u{000a}\\u{001b}[31m\\u{009b}\\u{200b}\\u{202e}"
    )
    expect(shown("x".repeat(100_000))).toBe(`${"x".repeat(60)}… (of 100000 characters)`)
  })

  it("is shown so in errors", async () => {
    expect(await refused("id,size\np\u001b[31m1,1\n", { columns: ["size"] })).toContain(
      "row p\\u{001b}[31m1 has"
    )
    const long = "x".repeat(1000)
    expect(await refused(`id,size\n${long},1\n${long},1\n`, { columns: ["size"] })).toContain(
      "x… (of 1000 characters) has the id of line 2 again"
    )
  })

  it("knows nothing of texts that are different", () => {
    expect(spellingDifference("Müller", "Möller")).toBeUndefined()
    expect(nearTexts(["a", "b", "c"], 5)).toEqual([])
  })
})

describe("features - of Parquet", () => {
  const size = async (cells: Column) => {
    const file = writeParquet([
      { name: "id", type: "INT32", cells: cells.cells.map((_, row) => row) },
      { name: "size", ...cells }
    ])
    return valuesOf(await readBytes(file, { columns: ["size"] }), "size")
  }

  it("are the nearest doubles of what the file holds", async () => {
    expect(await size({ type: "INT64", cells: [2n ** 53n + 1n, -3n] })).toEqual([2 ** 53, -3])
    expect(await size({ type: "INT64", cells: [2n ** 64n - 1n], converted_type: "UINT_64" })).toEqual([
      2 ** 64
    ])
    expect(await size({ type: "INT32", cells: [3], converted_type: "DECIMAL", scale: 1 })).toEqual([0.3])
    expect(await size({ type: "FLOAT", cells: [0.5] })).toEqual([0.5])
    expect(await size({ type: "BOOLEAN", cells: [true, false] })).toEqual([1, 0])
    const half = {
      type: "FIXED_LEN_BYTE_ARRAY" as const,
      type_length: 2,
      logical_type: { type: "FLOAT16" as const }
    }
    expect(await size({ ...half, cells: [bytes("00bc"), bytes("0100")] })).toEqual([-1, 2 ** -24])
    expect(await size({ type: "BYTE_ARRAY", cells: [" 1.5", "2e3"] })).toEqual([1.5, 2000])
  })

  it.each([
    [
      "times",
      { type: "INT64" as const, cells: [1n], ...logical("TIMESTAMP", "MILLIS") },
      "holds times, which can't be numbers"
    ],
    ["nothing", { type: "DOUBLE" as const, cells: [null] }, "column size of row 0 is empty"],
    ["NaN", { type: "DOUBLE" as const, cells: [Number.NaN] }, "column size of row 0 is missing: it holds NaN"]
  ])("are refused once a column: %s", async (_, cells, reason) => {
    const file = writeParquet([
      { name: "id", type: "INT32", cells: cells.cells.map((_, row) => row) },
      { name: "size", ...cells }
    ])
    const message = await refused(file, { columns: ["size"] })
    expect(message).toContain(reason)
    expect(message.split("\n")).toHaveLength(1)
  })
})
