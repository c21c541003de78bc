/** What `bicameral inspect` says of a file, in any format. */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { layer as nodeContext } from "@effect/platform-node/NodeContext"
import { describe, expect, it } from "@effect/vitest"
import { Console, Effect } from "effect"
import type { InspectRequest } from "../../../scenarios/command/commands.ts"
import { inspectFiles } from "../../../scenarios/command/inspect.ts"
import { profileOf } from "../../../scenarios/inspect/file-profile.ts"
import { profileJson, shownProfile } from "../../../scenarios/inspect/show.ts"
import { clinics, folderOf, passengers, patientsOf } from "./tables.ts"

const profiled = (name: string, content: string | Uint8Array, mostRows?: number) =>
  Effect.gen(function* () {
    const folder = yield* folderOf(new Map())
    writeFileSync(join(folder, name), content)
    return yield* profileOf({ file: join(folder, name) }, mostRows === undefined ? {} : { mostRows })
  }).pipe(Effect.provide(nodeContext))

const pixels = (rows: number, columns: number) => {
  const bytes = new Uint8Array(16 + rows * columns)
  const view = new DataView(bytes.buffer)
  for (const [place, word] of [0x803, rows, columns / 4, 4].entries()) view.setUint32(4 * place, word)
  for (let at = 16; at < bytes.length; at++) bytes[at] = (at * 89) % 256
  return bytes
}

describe("bicameral inspect", () => {
  it.scoped("shows dialect, types, missing cells, and the columns of a scenario", () =>
    Effect.gen(function* () {
      const shown = shownProfile(yield* profiled("hill.csv", clinics.get("hill.csv")!), false)
      const [head = "", ...lines] = shown.split("\n")
      expect(head).toMatch(/hill\.csv: CSV \(semicolons, decimal comma, UTF-8, CRLF\), 40 rows, 4 columns$/)
      expect(lines.slice(1, 6).map((line) => line.trim().split(/ {2,}/))).toEqual([
        ["column", "type", "missing", "values"],
        ["id", "id", "no value twice"],
        ["glucose", "whole number", "80 to 169, mean 124.25"],
        ["mass", "number", "6 (NA)", "30 to 39.3, mean 34.709"],
        ["diabetes", "category", "neg 20, pos 20"]
      ])
      expect(shown).toMatch(
        /data:\n {2}id: id\n {2}features:\n {4}glucose: standard {2}# or \[80, 170\], which tells of the data\n/
      )
      expect(shown).toMatch(
        /label:\n {4}column: diabetes\n {4}values: \[neg, pos\] # the second is the positive class$/
      )
    })
  )

  it.scoped("notes what may be a mistake, with the line and without the cell's neighbours", () =>
    Effect.gen(function* () {
      const habits = {
        id: (i: number) => `P${i === 7 ? 3 : i}`,
        age: (i: number) => (i % 20 === 3 ? "unknown" : String(20 + ((i * 37) % 55))),
        ill: (i: number) => ["Neg", "Pos", "pos"][i % 3]!
      }
      const shown = shownProfile(yield* profiled("b.csv", patientsOf(60, 0, habits)), false)
      const notes = shown.split("\n").filter((line) => line.startsWith("note: "))
      expect(notes).toEqual([
        expect.stringMatching(/b\.csv, id: an id occurs twice, on lines 5 and 9; take out/),
        expect.stringMatching(
          /b\.csv, age: 57 numbers and 3 cells that are none, the first on line 5; .*: unknown$/
        ),
        expect.stringMatching(/^note: ill: "Pos" and "pos" differ only in case/)
      ])
    })
  )

  it.scoped("puts no before yes in other languages, as the second class is the positive one", () =>
    Effect.gen(function* () {
      const ill = (i: number) => (i % 3 === 0 ? "ja" : "nein")
      const shown = shownProfile(yield* profiled("k.csv", patientsOf(30, 0, { ill })), false)
      expect(shown).toMatch(/ill +boolean +ja 10, nein 20/)
      expect(shown).toMatch(/values: \[nein, ja\] # the second is the positive class$/)
    })
  )

  it.scoped("proposes the only column as a feature, and no empty section", () =>
    Effect.gen(function* () {
      const line = shownProfile(yield* profiled("line.csv", passengers.get("line.csv")!), false)
      expect(line).toMatch(
        /features:\n {4}class: \{ values: .* \}\n {2}# label: none besides the only column$/
      )
      const none = shownProfile(yield* profiled("ids.csv", "id,code\na,x\nb,y\n"), false)
      expect(none).toMatch(/# features: no column can be one\n[\s\S]*# label/)
      expect(none).not.toMatch(/^ *features:/m)
    })
  )

  it.scoped("draws shapes on a terminal only", () =>
    Effect.gen(function* () {
      const profile = yield* profiled("harbour.csv", clinics.get("harbour.csv")!)
      expect(shownProfile(profile, true)).toMatch(/[▁▂▃▄▅▆▇█]{3}/)
      expect(shownProfile(profile, false)).not.toMatch(/[▁▂▃▄▅▆▇█]/)
    })
  )

  it.scoped("takes the bytes of IDX for pixels of one range", () =>
    Effect.gen(function* () {
      const profile = yield* profiled("images-idx3-ubyte", pixels(30, 32))
      expect(profile).toMatchObject({ format: "IDX", rows: 30 })
      expect(shownProfile(profile, false)).toMatch(/pixel: \{ count: 31, range: \[0, 255\] \}\n/)
    })
  )

  it.effect("reads Parquet by its types", () =>
    Effect.gen(function* () {
      const fixture = (name: string) =>
        fileURLToPath(new URL(`../../protocol/data/fixtures/parquet/${name}.parquet`, import.meta.url))
      const profile = yield* profileOf({ file: fixture("v2-zstd") })
      expect(profile).toMatchObject({ format: "Parquet", rows: 40 })
      expect(profile.columns.map(({ kind, missing, name }) => [name, kind, missing])).toEqual([
        ["id", "id", 0],
        ["square", "whole number", 0],
        ["eighth", "number", 0],
        ["kind", "category", 0],
        ["note", "text", 4],
        ["wave", "number", 0],
        ["flag", "boolean", 0],
        ["day", "date", 0]
      ])
      const { columns } = yield* profileOf({ file: fixture("nested") })
      expect(columns.filter(({ kind }) => kind === "unreadable").map(({ holds }) => holds)).toContain("lists")
      expect((yield* profileOf({ file: fixture("v2-zstd") }, { mostRows: 5 })).columns[1]).toMatchObject({
        rows: 5
      })
    }).pipe(Effect.provide(nodeContext))
  )

  it.scoped("gives as JSON what it shows, and no ids", () =>
    Effect.gen(function* () {
      const json = JSON.stringify(profileJson(yield* profiled("hill.csv", clinics.get("hill.csv")!)))
      expect(JSON.parse(json)).toMatchObject({
        format: "CSV",
        rows: 40,
        columns: [{ type: "id" }, {}, {}, { type: "category" }]
      })
      expect(json).not.toMatch(/P200/)
    })
  )

  it.scoped("looks at no more rows than it is asked to", () =>
    Effect.gen(function* () {
      expect(yield* profiled("hill.csv", clinics.get("hill.csv")!, 7)).toMatchObject({
        rows: 7,
        columns: [{ rows: 7 }, {}, {}, {}]
      })
      expect(yield* profiled("images-idx3-ubyte", pixels(30, 32), 7)).toMatchObject({ rows: 7 })
    })
  )

  it.scoped("shows the other files where one can't be read, with an option for that file alone", () =>
    Effect.gen(function* () {
      const folder = yield* folderOf(
        new Map([["b.csv", patientsOf(20, 0, { ill: (i) => ["né", "mé"][i % 2]! })]])
      )
      for (const name of ["k.csv", "m.csv"])
        writeFileSync(join(folder, name), Buffer.from("id,x\na,\xe9\n", "latin1"))
      const printed: Array<string> = []
      const console = {
        ...(yield* Console.consoleWith(Effect.succeed)),
        log: (text: string) => Effect.sync(() => void printed.push(text))
      }
      const inspected = (written: InspectRequest["written"]) =>
        inspectFiles({ files: [folder], written }).pipe(Effect.withConsole(console), Effect.flip)
      const remedy = (name: string) => `k\\.csv:2: .*; .*give --encoding ${name}\\.csv=windows-1252`
      const { message } = yield* inspected({})
      expect(message).toMatch(new RegExp(`${remedy("k")}\n.*${remedy("m").replace("k\\.", "m\\.")}`))
      expect(printed.join()).toMatch(/b\.csv: CSV .* 20 rows/)
      const all = yield* inspected({ encoding: { all: "windows-1252", named: new Map() } })
      expect(all.message).toMatch(
        /b\.csv: the file is in UTF-8, it seems, and not in windows-1252, as is said of it; give --encoding b\.csv=utf-8/
      )
    }).pipe(Effect.provide(nodeContext))
  )

  const faults: ReadonlyArray<readonly [string, string, RegExp]> = [
    [
      "a number that may be two",
      'id,x\na,"1,234"\n',
      /column x has a comma here which may be a decimal mark or part the thousands.*; give --decimal comma or --decimal point/
    ],
    [
      "a row of another width",
      "id,x,y\na,1,2\nb,1\n",
      /:3: the file has 2 fields here where the header has 3/
    ],
    ["a column that is there twice", "id,x,x\na,1,2\n", /column x occurs twice in the header/],
    ["zero bytes", "id,x\na,\0\n", /zero bytes/],
    [
      "bytes that are no UTF-8",
      "id,x\na,\x80\n",
      /:2: column x has bytes that are not UTF-8.*windows-1252 would fit; save the file as UTF-8, or give --encoding windows-1252/
    ]
  ]
  for (const [what, text, says] of faults)
    it.scoped(`says where a file has ${what}`, () =>
      Effect.gen(function* () {
        const result = yield* Effect.either(profiled("x.csv", Buffer.from(text, "latin1")))
        expect(result).toMatchObject({ left: { message: expect.stringMatching(says) } })
      })
    )
})
