/** Files of many writers, against the cells that pandas reads from them (`fixtures/expected.py`). */
import { readdirSync, readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { classesOf } from "../../../protocol/data/description.ts"
import { describeDialect } from "../../../protocol/data/dialect.ts"
import type { TableSource } from "../../../protocol/data/table.ts"
import { columnOf, readBytes, small } from "./read.ts"

interface Expected {
  readonly source: Partial<TableSource> & { readonly missing?: ReadonlyArray<string> }
  readonly cells: {
    readonly id: ReadonlyArray<string>
    /** Null for a missing cell. */
    readonly length: ReadonlyArray<number | null>
    readonly width: ReadonlyArray<number | null>
    readonly kind: ReadonlyArray<string>
  }
}

const folder = new URL("fixtures/", import.meta.url)
const all: Readonly<Record<string, Expected>> = JSON.parse(
  readFileSync(new URL("expected.json", folder), "utf8")
)
const files = readdirSync(folder).filter((file) => /\.(csv|tsv|txt)$/.test(file))
const range: readonly [number, number] = [-Number.MAX_VALUE, Number.MAX_VALUE]
const number = { range, fill: { value: 0 } }
const description = {
  ...small,
  features: [
    { name: "length", ...number },
    { name: "width", ...number }
  ]
}
const read = (file: string) => {
  const { missing, ...source } = all[file]!.source
  const bytes = new Uint8Array(readFileSync(new URL(file, folder)))
  return readBytes(bytes, { description: missing ? { ...description, missing } : description, ...source })
}
const numbers = (cells: ReadonlyArray<number | null>) => cells.map((cell) => cell ?? Number.NaN)

describe("files of many writers", () => {
  it("are all there, and few bytes", () => {
    expect(files.sort()).toEqual(Object.keys(all).sort())
    expect(files.length).toBeGreaterThan(30)
  })

  it.each(files)("%s has the cells that pandas reads", async (file) => {
    const { cells } = all[file]!
    const table = await read(file)
    expect(table.ids).toEqual(cells.id)
    // Bit for bit: toEqual tells 0 from -0.
    expect(columnOf(table, "length")).toEqual(numbers(cells.length))
    expect(columnOf(table, "width")).toEqual(numbers(cells.width))
    expect(columnOf(table, "kind").map((place) => classesOf(small)![place])).toEqual(cells.kind)
  })

  it("are in at least ten dialects", async () => {
    const dialects = await Promise.all(
      files.map(async (file) => describeDialect((await read(file)).dialect!))
    )
    expect(new Set(dialects).size).toBeGreaterThan(25)
  })
})
