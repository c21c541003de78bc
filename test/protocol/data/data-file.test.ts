import { gzipSync } from "node:zlib"
import { describe, expect, it } from "vitest"
import { bytesSource } from "../../../protocol/data/byte-source.ts"
import { readDataFile } from "../../../protocol/data/data-file.ts"
import type { DataDescription } from "../../../protocol/data/description.ts"
import { TableError, type TableSource } from "../../../protocol/data/table.ts"
import { features } from "./description.ts"
import { idx } from "./idx.ts"
import { parquet } from "./parquet.ts"
import { valuesOf as values } from "./values.ts"

/** Images of four points, labelled with a digit. */
const images: DataDescription = {
  id: "id",
  features: features({ point1: [0, 255], point2: [0, 255], point3: [0, 255], point4: [0, 255] }),
  label: { column: "digit", values: ["0", "1", "7"] },
  scaleTo: [0, 1]
}

const read = (bytes: Uint8Array, source: Partial<TableSource> = {}, description = images) =>
  readDataFile(bytesSource(bytes), { user: "ada", file: "data/images", ...source }, description)

const failure = async (bytes: Uint8Array, source: Partial<TableSource> = {}, description = images) => {
  const error = await read(bytes, source, description).then(
    () => new Error("the file was accepted"),
    (reason: unknown) => reason
  )
  expect(error).toBeInstanceOf(TableError)
  return (error as TableError).message
}

const points = idx(8, [3, 2, 2], [0, 1, 2, 3, 10, 11, 12, 13, 255, 254, 253, 252])

describe("data file - IDX", () => {
  it("takes the numbers of a row for the features, in their order, and numbers the rows", async () => {
    const table = await read(points)
    expect(table.ids).toEqual(["1", "2", "3"])
    expect([...table.columns.keys()]).toEqual(["point1", "point2", "point3", "point4"])
    expect(values(table, "point1")).toEqual([0, 10, 255])
    expect(values(table, "point4")).toEqual([3, 13, 252])
  })

  it("keeps bytes as bytes, and of the file no more than the part that is held", async () => {
    const table = await read(points, { part: { from: 2, to: 3 }, ids: { prefix: "train-", first: 1 } })
    expect(table.ids).toEqual(["train-2", "train-3"])
    expect(values(table, "point2")).toEqual([11, 254])
    const arrays = new Set([...table.columns.values()].map((column) => column.values))
    expect([...arrays]).toEqual([Uint8Array.of(10, 11, 12, 13, 255, 254, 253, 252)])
  })

  it("takes the numbers of a file of one dimension for labels, by their place in the public list", async () => {
    const table = await read(idx(8, [4], [7, 0, 1, 7]))
    expect(values(table, "digit")).toEqual([2, 0, 1, 2])
  })

  it("reads only the columns that are held, and takes names from the scenario", async () => {
    const header = ["point4", "other", "point1", "digit"]
    const table = await read(points, { header, columns: ["point1", "point4"], rows: ["3"] })
    expect(table.ids).toEqual(["3"])
    expect(values(table, "point1")).toEqual([253])
    expect(values(table, "point4")).toEqual([255])
  })

  it.each([
    ["signed bytes", 9, [0, -1, 127]],
    ["short integers", 11, [0, -300, 32767]],
    ["integers", 12, [0, -70000, 2147483647]],
    ["single precision", 13, [0, -0.5, 1.25]],
    ["double precision", 14, [0, -0.1, 1e300]]
  ])("reads %s", async (_, type, numbers) => {
    const wide: DataDescription = { ...images, features: features({ point1: [-1e308, 1e307] }) }
    const table = await read(idx(type, [3, 1], numbers), {}, wide)
    expect(values(table, "point1")).toEqual(numbers)
  })

  it("reads any file compressed with gzip", async () => {
    expect(await read(new Uint8Array(gzipSync(points)))).toEqual(await read(points))
  })

  it("names a value outside its column's range by column and row, and a label that there is not", async () => {
    const narrow = {
      ...images,
      features: features({ point1: [0, 255], point2: [0, 255], point3: [0, 252], point4: [0, 255] })
    }
    expect(await failure(points, {}, narrow)).toBe(
      "data/images: column point3 of row 3 (user ada) is outside the column's public range [0, 252]; correct the value, or have all parties agree on a wider range"
    )
    expect(await failure(idx(8, [2], [7, 2]))).toContain(
      "column digit of row 2 (user ada) is not one of the labels 0, 1, 7"
    )
  })

  it.each([
    ["cut short", points.slice(0, -1), "has 27 bytes where its sizes 3 × 2 × 2 take 28"],
    ["too long", Uint8Array.of(...points, 0), "has 29 bytes where its sizes 3 × 2 × 2 take 28"],
    ["cut short in its sizes", points.slice(0, 10), "is cut short in its sizes"],
    [
      "of other columns",
      idx(8, [2, 3], [1, 2, 3, 4, 5, 6]),
      "has 3 numbers a row where the scenario has 4 columns"
    ],
    ["of spoilt gzip", gzipSync(points).subarray(0, -9), "is gzip that was cut short"]
  ])("refuses a file that is %s", async (_, bytes, reason) => {
    expect(await failure(bytes)).toContain(`data/images: the file (user ada) ${reason}; `)
  })

  it("refuses a part beyond the file, and ids that are not in the part", async () => {
    expect(await failure(points, { part: { from: 2, to: 4 } })).toContain(
      "has 3 rows, of which the rows 2 to 4"
    )
    expect(await failure(points, { part: { from: 2, to: 3 }, rows: ["1"] })).toContain(
      "row 1 (user ada) is declared as held but is not in the file"
    )
  })
})

describe("data file - Parquet", () => {
  const leaves: DataDescription = {
    id: "id",
    features: features({ length: [0, 10], veins: [0, 20] }),
    label: { column: "kind", values: ["ash", "elm"] },
    scaleTo: [-1, 1]
  }

  it("reads columns by name, whatever their types", async () => {
    const table = await read(parquet, {}, leaves)
    expect(table.ids).toEqual(["leaf-1", "leaf-2", "leaf-3"])
    expect(values(table, "length")).toEqual([1.5, 2.25, 10])
    expect(values(table, "veins")).toEqual([4, 12, 20])
    expect(values(table, "kind")).toEqual([0, 1, 0])
  })

  it("checks what it reads as it does with other formats", async () => {
    const narrow = { ...leaves, features: features({ length: [0, 9], veins: [0, 19] }) }
    expect((await failure(parquet, {}, narrow)).split("\n")).toEqual([
      expect.stringContaining("column length of row leaf-3 (user ada) is outside the column's public range"),
      expect.stringContaining("column veins of row leaf-3 (user ada) is outside the column's public range")
    ])
    expect(await failure(parquet, { columns: ["width"] }, leaves)).toContain(
      "column width (user ada) is missing from the header"
    )
    expect(await failure(parquet, { header: ["id"] }, leaves)).toContain("names its columns itself")
  })

  it("refuses a file that is no Parquet but for its beginning", async () => {
    expect(await failure(parquet.slice(0, 40), {}, leaves)).toContain("is Parquet that was cut short")
    const damaged = parquet.with(30, 0xff).fill(0xff, 400, 700)
    expect(await failure(damaged, {}, leaves)).toContain(
      "begins and ends as Parquet does but can't be taken apart"
    )
  })
})
