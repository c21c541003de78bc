/** Parquet files of DuckDB and of other writers have the cells that DuckDB reads in them (`fixtures/parquet/README.md`). */
import { readdirSync, readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { bytesSource } from "../../../protocol/data/byte-source.ts"
import { readDataFile } from "../../../protocol/data/data-file.ts"
import type { DataDescription, Feature } from "../../../protocol/data/description.ts"
import { TableError } from "../../../protocol/data/table.ts"
import { valuesOf } from "./values.ts"

const folder = new URL("fixtures/parquet/", import.meta.url)
const bytesOf = (file: string) => new Uint8Array(readFileSync(new URL(`${file}.parquet`, folder)))

type Texts = ReadonlyArray<string | null>
type Printed = Texts | { readonly runs: ReadonlyArray<readonly [length: number, cell: string | null]> }

/** What DuckDB printed of a column; without a text if it holds none. */
interface Expected {
  readonly type: string
  readonly text?: Printed
  readonly number?: Printed
  readonly days?: Printed
}
type File = { readonly as: string } | { readonly rows: number; readonly columns: Record<string, Expected> }

const { duckdb, ...files } = JSON.parse(readFileSync(new URL("expected.json", folder), "utf8")) as Record<
  string,
  File
> & { readonly duckdb: string }

const expectedOf = (file: string) => {
  const found = files[file]!
  return "as" in found ? (files[found.as] as Exclude<File, { as: string }>) : found
}
const columnsOf = (file: string) => Object.entries(expectedOf(file).columns)

const cellsOf = (printed: Printed): Texts =>
  "runs" in printed ? printed.runs.flatMap(([length, cell]) => new Array(length).fill(cell)) : printed

const numberOf = (text: string | null): number => {
  if (text === null) return Number.NaN
  return text === "true" ? 1 : text === "false" ? 0 : Number(text)
}

/** The first rows of a file, where not all can be read. */
const readableRows = new Map([["other-int96-spark", 5]])

/** Numbers of a file's columns, read as these features. */
const read = (file: string, features: ReadonlyArray<Feature>, rows = readableRows.get(file)) => {
  const description: DataDescription = {
    id: "no column",
    features,
    label: { column: "nor this", values: ["a", "b"] },
    scaleTo: [-1, 1],
    missing: []
  }
  const columns = features.map(({ name }) => name)
  const ids = { prefix: "row ", first: 1 }
  const part = rows === undefined ? undefined : { from: 1, to: rows }
  const source = { user: "ada", file: `${file}.parquet`, columns, ids, part }
  return readDataFile(bytesSource(bytesOf(file)), source, description)
}

const anyNumber = {
  range: [-Number.MAX_VALUE, Number.MAX_VALUE] as const,
  fill: { value: 0 }
}

const isNumeric = /^(U?(TINY|SMALL|BIG)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL.*|BOOLEAN)$/

describe(`Parquet has the cells that DuckDB ${duckdb} reads`, () => {
  const names = Object.keys(files)
  const printed = (file: string, cells: Printed) => cellsOf(cells).slice(0, readableRows.get(file))

  it("in every file of the folder", () => {
    const there = readdirSync(folder).filter((file) => file.endsWith(".parquet"))
    expect(there.map((file) => file.replace(".parquet", "")).sort()).toEqual(
      [...Object.keys(files), "other-corrupt-checksum"].sort()
    )
  })

  it.each(names)("as texts: %s", async (file) => {
    const columns = columnsOf(file).flatMap(([name, { type, text }]) => {
      // Floating-point numbers have no exact text.
      if (text === undefined || /^(FLOAT|DOUBLE)$/.test(type)) return []
      const cells = printed(file, text).map((cell) => cell?.trim() ?? null)
      // A value that is no number has all compared as texts.
      return [{ name, cells, values: [...new Set(cells.filter((cell) => cell !== null)), "no number"] }]
    })
    const features = columns.map(({ name, values }): Feature => {
      return { name, kind: "category", values, fill: { value: values[0]! } }
    })
    const table = await read(file, features)
    expect(table.ids).toHaveLength(readableRows.get(file) ?? expectedOf(file).rows)
    for (const { name, values, cells } of columns) {
      const found = valuesOf(table, name).map((place) => (Number.isNaN(place) ? null : values[place]))
      expect(found, name).toEqual(cells)
    }
  })

  it.each(names)("as numbers: %s", async (file) => {
    const columns = columnsOf(file).filter(([, { type }]) => isNumeric.test(type))
    const table = await read(
      file,
      columns.map(([name]) => ({ name, ...anyNumber }))
    )
    for (const [name, { text, number }] of columns) {
      expect(valuesOf(table, name), name).toEqual(printed(file, (number ?? text)!).map(numberOf))
    }
  })

  it.each(names.filter((file) => columnsOf(file).some(([, { days }]) => days)))(
    "as days: %s",
    async (file) => {
      const columns = columnsOf(file).filter(([, { days }]) => days !== undefined)
      const features = columns.map(([name]): Feature => ({ name, kind: "date", ...anyNumber }))
      const table = await read(file, features)
      for (const [name, { type, days }] of columns) {
        const expected = printed(file, days!).map(numberOf)
        // DuckDB rounds nanoseconds before it divides them.
        const most = type === "TIMESTAMP_NS" ? 1e-15 : 0
        const far = valuesOf(table, name).filter((found, row) => {
          const wanted = expected[row]!
          return (
            Number.isNaN(found) !== Number.isNaN(wanted) || Math.abs(found - wanted) > most * Math.abs(wanted)
          )
        })
        expect(far, name).toEqual([])
      }
    }
  )
})

describe("Parquet is refused, with the column and its type,", () => {
  const refusal = async (file: string, feature: Feature, rows?: number): Promise<string> => {
    const error = await read(file, [feature], rows).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(TableError)
    return (error as TableError).message
  }

  it.each([
    ["list", "lists"],
    ["deep", "lists"],
    ["record", "records"],
    ["map", "maps"],
    ["span", "intervals"]
  ])("where a column that is held is a %s", async (name, what) => {
    const values = { kind: "category", values: ["a"], other: true } as const
    expect(await refusal("nested", { name, ...values })).toContain(
      `column ${name} (user ada) holds ${what}, which can't be categories; write categories as texts or integers`
    )
    expect(await refusal("nested", { name, ...anyNumber })).toContain(`holds ${what}, which can't be numbers`)
    expect(await refusal("nested", { name, kind: "date", ...anyNumber })).toContain(
      `holds ${what}, which can't be dates`
    )
  })

  it("where bytes are not UTF-8", async () => {
    const feature = { name: "bytes", kind: "category", values: ["a"], other: true } as const
    expect(await refusal("nested", feature)).toContain(
      "column bytes of row row 1 (user ada) has bytes that are not UTF-8"
    )
  })

  it("where dates are wanted, and it has numbers or times of day", async () => {
    expect(await refusal("dates", { name: "id", kind: "date", ...anyNumber })).toContain(
      "holds integers, which can't be dates; write dates, or texts such as 2021-03-01"
    )
    expect(await refusal("dates", { name: "clock", kind: "date", ...anyNumber })).toContain(
      "holds times of day"
    )
  })

  it("where a time is one of a year beyond 9999", async () => {
    const row = "column a of row row 6 (user ada) is beyond the years 0 to 9999"
    const category = {
      name: "a",
      kind: "category",
      values: ["a"],
      other: true,
      fill: { value: "a" }
    } as const
    expect(await refusal("other-int96-spark", category, 6)).toContain(row)
    const date = { name: "a", kind: "date", fill: { value: 0 } } as const
    expect((await refusal("other-int96-spark", date, 6)).split("\n")).toEqual([expect.stringContaining(row)])
  })

  it("where the checksum of a page is another", async () => {
    expect(await refusal("other-corrupt-checksum", { name: "long_field", ...anyNumber })).toContain(
      "column long_field (user ada) has a page whose checksum is another; get a whole copy of the file"
    )
  })
})
