/** `bicameral init` with somebody at the terminal, without anybody, and from parts. */
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { enter, enters, given, key, typed } from "./at-terminal.ts"
import {
  clinics,
  folderOf,
  passengers,
  patientsOf,
  progression,
  shipped,
  withAnIdTwice,
  withAUnit,
  withMarks
} from "./tables.ts"

describe("bicameral init with Enter only", () => {
  it.scopedLive("drafts a study by rows that passes check, from three dialects", () =>
    Effect.gen(function* () {
      const folder = yield* folderOf(clinics)
      const { outcome, printed } = yield* given({ files: [folder] }, enters)
      expect(outcome).toMatchObject({ _tag: "Right" })
      expect(printed).toMatch(/3 owners with other rows each; 120 rows; diabetes, one of 2 classes/)
      expect(printed).toMatch(/It passes bicameral check/)
      const [, file = ""] = /wrote (\S+):/.exec(printed) ?? []
      const text = readFileSync(file, "utf8")
      expect(text).toMatch(/ {4}glucose: standard\n {4}mass: \{ fill: mean \}\n/)
      expect(text).toMatch(/column: diabetes\n {4}values: \[neg, pos\]/)
      expect(text).toMatch(/name: harbour[\s\S]*name: hill[\s\S]*name: valley/)
      expect(text).toMatch(/reveal: \[metrics, progress\]/)
    })
  )

  it.scopedLive("drafts a study by columns, and reveals what it needs to", () =>
    Effect.gen(function* () {
      const folder = yield* folderOf(passengers)
      const { outcome, printed } = yield* given({ files: [folder], name: Option.some("ship") }, enters)
      expect(outcome).toMatchObject({ _tag: "Right" })
      const text = readFileSync(join(folder, "ship.yaml"), "utf8")
      expect(text).toMatch(/columns: \[class\][\s\S]*columns: \[sex, age, survived\]/)
      expect(text).toMatch(/reveal: \[metrics, heldOutRows, progress, column-statistics\]/)
      expect(printed).toMatch(/revealed to all owners: .* of age: /)
    })
  )

  for (const [name, summary] of [
    ["two-labs", /2 owners with other columns each, joined by id; 150 rows; species, one of 3 classes/],
    ["three-hospitals", /3 owners with other rows each; 569 rows; diagnosis, one of 2 classes/]
  ] as const)
    it.scopedLive(`drafts ${name} as it is shipped, which passes check`, () =>
      Effect.gen(function* () {
        const folder = yield* folderOf(shipped(name))
        const { outcome, printed } = yield* given({ files: [folder] }, enters)
        expect(outcome).toMatchObject({ _tag: "Right" })
        expect(printed).toMatch(summary)
      })
    )

  it.scopedLive("deals a single file with a number to predict", () =>
    Effect.gen(function* () {
      const folder = yield* folderOf(progression)
      const { outcome } = yield* given({ files: [folder] }, enters)
      expect(outcome).toMatchObject({ _tag: "Right" })
      const text = readFileSync(join(folder, "progression.yaml"), "utf8")
      expect(text).toMatch(/column: target\n {4}scale: standard/)
      expect(text).toMatch(/part: \{ from: 1, to: 30 \}[\s\S]*part: \{ from: 31, to: 60 \}/)
      expect(text).toMatch(/reveal: \[metrics, progress, column-statistics\]/)
    })
  )
})

describe("bicameral init with a column in doubt", () => {
  const some = Option.some

  it.scopedLive("stops where an id occurs twice, and numbers rows only if it is told to", () =>
    Effect.gen(function* () {
      const folder = yield* folderOf(withAnIdTwice)
      const { outcome } = yield* given({ files: [folder], yes: true })
      expect(outcome).toMatchObject({
        left: {
          message: expect.stringMatching(/b\.csv, id: an id occurs twice, on lines 5 and 9; .*--number-rows/)
        }
      })
      const asked = yield* given({ files: [folder] }, enters)
      expect(asked.outcome).toMatchObject({ left: { _tag: "ColumnsInDoubt" } })
      const out = join(folder, "numbered.yaml")
      const numbered = yield* given({ files: [folder], numberRows: true, yes: true, out: some(out) })
      expect(numbered.outcome).toMatchObject({ _tag: "Right" })
      expect(numbered.printed).toMatch(/note: rows are numbered, as was said/)
      expect(readFileSync(out, "utf8")).toMatch(/ids: \{ prefix: b-, first: 1 \}/)
    })
  )

  it.scopedLive("stops where owners of the same columns have the same ids", () =>
    Effect.gen(function* () {
      const folder = yield* folderOf(
        new Map([
          ["north.csv", patientsOf(40, 100)],
          ["south.csv", patientsOf(40, 130)]
        ])
      )
      const message = /10 ids in the column id are in both north\.csv and south\.csv.*--number-rows/
      const said = { left: { _tag: "SharedIds", message: expect.stringMatching(message) } }
      expect((yield* given({ files: [folder], yes: true })).outcome).toMatchObject(said)
      expect((yield* given({ files: [folder], yes: true, id: some("id") })).outcome).toMatchObject(said)
      expect((yield* given({ files: [folder] }, enters)).outcome).toMatchObject(said)
      const { outcome } = yield* given({ files: [folder] }, [enter, key("down"), ...enters])
      expect(outcome).toMatchObject({ _tag: "Right" })
    })
  )

  it.scopedLive(
    "says where a cell is no number, without it, and leaves the column out if it is told to",
    () =>
      Effect.gen(function* () {
        const folder = yield* folderOf(withAUnit)
        const { outcome } = yield* given({ files: [folder], yes: true })
        const message = /b\.csv, age: 59 numbers and one cell that is none, on line 17; .*--leave-out age/
        expect(outcome).toMatchObject({ left: { message: expect.stringMatching(message) } })
        expect(JSON.stringify(outcome)).not.toMatch(/45 y/)
        expect((yield* given({ files: [folder] }, enters)).outcome).toMatchObject({ _tag: "Left" })
        const out = join(folder, "without.yaml")
        const without = yield* given({ files: [folder], leaveOut: some("age"), yes: true, out: some(out) })
        expect(without.outcome).toMatchObject({ _tag: "Right" })
        expect(readFileSync(out, "utf8")).not.toMatch(/age/)
        const none = yield* given({ files: [folder], leaveOut: some("height"), yes: true })
        expect(none.outcome).toMatchObject({ left: { _tag: "NoSuchColumn" } })
      })
  )

  it.scopedLive(
    "takes a text that comes again among numbers for a missing cell if Enter or an option says so",
    () =>
      Effect.gen(function* () {
        const folder = yield* folderOf(withMarks)
        const { outcome } = yield* given({ files: [folder], yes: true })
        expect(outcome).toMatchObject({
          left: { message: expect.stringMatching(/57 numbers and 3 cells.*--missing/) }
        })
        const name = (text: string) => ({ name: some(text), files: [folder] })
        expect((yield* given(name("asked"), enters)).outcome).toMatchObject({ _tag: "Right" })
        const told = yield* given({ ...name("told"), missing: some("unknown"), yes: true })
        expect(told.outcome).toMatchObject({ _tag: "Right" })
        // It marks cells of every column: what it hits is said.
        expect(told.printed).toMatch(/note: .*unknown.* marks missing cells in all columns: 3 of age in /)
        for (const each of ["asked", "told"])
          expect(readFileSync(join(folder, `${each}.yaml`), "utf8")).toMatch(
            /missing: \["", unknown\]\n {2}features:\n {4}age: \{ fill: mean \}/
          )
      })
  )
})

describe("bicameral init with owners of other habits", () => {
  it.scopedLive("makes one label of words for yes and no", () =>
    Effect.gen(function* () {
      const folder = yield* folderOf(
        new Map([
          ["a.csv", patientsOf(40, 100)],
          ["b.csv", patientsOf(40, 200, { ill: (i) => String(i % 2) })],
          ["c.csv", patientsOf(40, 300, { ill: (i) => (i % 2 === 0 ? "N" : "Y") })]
        ])
      )
      const { outcome, printed } = yield* given({ files: [folder], yes: true, name: Option.some("mixed") })
      expect(outcome).toMatchObject({ _tag: "Right" })
      expect(printed).toMatch(/120 rows; ill, one of 2 classes[\s\S]*owners have other words for yes and no/)
      expect(readFileSync(join(folder, "mixed.yaml"), "utf8")).toMatch(/column: ill\n {4}type: boolean/)
    })
  )

  it.scopedLive("reads names of columns that differ in case as those of the first file", () =>
    Effect.gen(function* () {
      const folder = yield* folderOf(
        new Map([
          ["a.csv", patientsOf(40, 100)],
          ["b.csv", patientsOf(40, 200).replace("id,age", "ID,Age")]
        ])
      )
      const { outcome, printed } = yield* given({ files: [folder], yes: true, name: Option.some("named") })
      expect(outcome).toMatchObject({ _tag: "Right" })
      expect(printed).toMatch(
        /note: Age of b\.csv and age of a\.csv differ only in case: both are read as age/
      )
      expect(readFileSync(join(folder, "named.yaml"), "utf8")).toMatch(
        /dialect: \{ header: true \}\n {8}header: \[id, age, pressure, ill\]/
      )
    })
  )

  it.scopedLive("takes the dialect of an ambiguous file from an option, into scenario and part", () =>
    Effect.gen(function* () {
      const table = (prefix: string) =>
        `id;x;ill\n${Array.from({ length: 30 }, (_, i) => `${prefix}${i};1,${100 + ((i * 37) % 900)};${i % 2 === 0 ? "a" : "b"}\n`).join("")}`
      const folder = yield* folderOf(
        new Map([
          ["a.csv", table("P")],
          ["b.csv", table("Q")]
        ])
      )
      const { outcome } = yield* given({ files: [folder], yes: true })
      const remedy = /; give --decimal comma or --decimal point: with comma it begins a fraction/
      expect(outcome).toMatchObject({ left: { message: expect.stringMatching(remedy) } })
      const written = { decimal: { all: "comma" as const, named: new Map([["b.csv", "point" as const]]) } }
      const told = yield* given({ files: [folder], yes: true, written, name: Option.some("told") })
      expect(told.outcome).toMatchObject({ _tag: "Right" })
      expect(readFileSync(join(folder, "told.yaml"), "utf8")).toMatch(
        /a\.csv\n {8}dialect: \{ decimal: comma \}[\s\S]*b\.csv\n {8}dialect: \{ decimal: point \}/
      )
      const out = join(folder, "a.part.yaml")
      yield* given({
        files: [join(folder, "a.csv")],
        part: true,
        written: { decimal: { all: "comma", named: new Map() } },
        out: Option.some(out)
      })
      expect(readFileSync(out, "utf8")).toMatch(/dialect: \{ decimal: comma \}\ncolumns/)
      const unknown = { decimal: { named: new Map([["c.csv", "comma" as const]]) } }
      expect((yield* given({ files: [folder], yes: true, written: unknown })).outcome).toMatchObject({
        left: { _tag: "NotAmongFiles" }
      })
    })
  )
})

describe("bicameral init with answers", () => {
  it.scopedLive("takes the typed names, the chosen label and the typed share", () =>
    Effect.gen(function* () {
      const folder = yield* folderOf(passengers)
      const keys = [...typed("west, east"), key("down"), enter, ...typed("0.5"), ...typed("other")]
      const { outcome } = yield* given({ files: [folder] }, keys)
      expect(outcome).toMatchObject({ _tag: "Right" })
      const text = readFileSync(join(folder, "other.yaml"), "utf8")
      expect(text).toMatch(/name: west[\s\S]*name: east/)
      expect(text).toMatch(/column: class\n {4}values: \["1st", "2nd", "3rd"\]/)
      expect(text).toMatch(/heldOut: 0.5/)
    })
  )

  it.scopedLive("asks which of several tables is meant", () =>
    Effect.gen(function* () {
      const folder = yield* folderOf(new Map([...progression, ...passengers]))
      const { outcome } = yield* given({ files: [folder], name: Option.some("ship") }, enters)
      expect(outcome).toMatchObject({ _tag: "Right" })
      expect(readFileSync(join(folder, "ship.yaml"), "utf8")).toMatch(/line\.csv[\s\S]*registry\.csv/)
    })
  )

  it.scopedLive("ends, and writes nothing, when the person leaves", () =>
    Effect.gen(function* () {
      const folder = yield* folderOf(progression)
      const { outcome } = yield* given({ files: [folder] }, [enter, key("x", "x")])
      expect(outcome).toBe("interrupted")
      expect(existsSync(join(folder, "progression.yaml"))).toBe(false)
    })
  )
})

describe("bicameral init without questions", () => {
  it.scopedLive("overwrites no file", () =>
    Effect.gen(function* () {
      const folder = yield* folderOf(progression)
      const out = join(folder, "mine.yaml")
      writeFileSync(out, "mine")
      const { outcome } = yield* given({ files: [folder], yes: true, out: Option.some(out) })
      expect(outcome).toMatchObject({ left: { _tag: "FileIsThere" } })
      expect(readFileSync(out, "utf8")).toBe("mine")
    })
  )

  it.scopedLive("numbers the rows of owners who all count from one", () =>
    Effect.gen(function* () {
      const table = `nr,x,kind\n${Array.from({ length: 40 }, (_, i) => `${i + 1},${i * 1.5},${i % 2 === 0 ? "a" : "b"}\n`).join("")}`
      const folder = yield* folderOf(
        new Map([
          ["one.csv", table],
          ["two.csv", table],
          ["three.csv", table]
        ])
      )
      const { outcome } = yield* given({ files: [folder], yes: true, name: Option.some("numbered") })
      expect(outcome).toMatchObject({ _tag: "Right" })
      const text = readFileSync(join(folder, "numbered.yaml"), "utf8")
      expect(text).toMatch(/ids: \{ prefix: one-, first: 1 \}/)
      expect(text).not.toMatch(/nr/)
    })
  )

  it.scopedLive("says that the scenario is there where its own check finds fault with it", () =>
    Effect.gen(function* () {
      const few = (from: number) =>
        patientsOf(40, from, { ill: (i) => (from === 100 && i === 39 ? "yes" : "no") })
      const folder = yield* folderOf(
        new Map([
          ["a.csv", few(100)],
          ["b.csv", few(200)]
        ])
      )
      const out = join(folder, "s.yaml")
      const given0 = { files: [folder], yes: true, heldOut: Option.some(0.001), out: Option.some(out) }
      const { outcome } = yield* given(given0)
      const message =
        /s\.yaml was written and does not pass check:\n.*is no row[\s\S]*remove it, and begin anew/
      expect(outcome).toMatchObject({ left: { message: expect.stringMatching(message) } })
      expect(existsSync(out)).toBe(true)
    })
  )

  it.scopedLive("writes nothing where no column is left for a feature", () =>
    Effect.gen(function* () {
      const table = `id,note,ill\n${Array.from({ length: 30 }, (_, i) => `P${i},n ${i},${i % 2 === 0 ? "a" : "b"}\n`).join("")}`
      const folder = yield* folderOf(new Map([["only.csv", table]]))
      const { outcome } = yield* given({ files: [folder], yes: true })
      expect(outcome).toMatchObject({
        left: { message: expect.stringMatching(/no column is left to predict ill from: note differs/) }
      })
      expect(existsSync(join(folder, "only.yaml"))).toBe(false)
    })
  )

  it.scopedLive("says why files are no one table, and what can't be a label", () =>
    Effect.gen(function* () {
      const folder = yield* folderOf(new Map([...progression, ...passengers]))
      const all = yield* given({ files: [folder], yes: true })
      expect(all.outcome).toMatchObject({ left: { _tag: "FilesDoNotFit" } })
      const files = [join(folder, "progression.csv")]
      const { outcome } = yield* given({ files, yes: true, label: Option.some("height") })
      expect(outcome).toMatchObject({
        left: { message: expect.stringMatching(/height can't be the label: it is not a column/) }
      })
    })
  )
})

describe("parts", () => {
  it.scopedLive("say their markers of missing cells, and are refused while a column is in doubt", () =>
    Effect.gen(function* () {
      const age = (i: number) => (i % 20 === 3 ? "unknown" : String(20 + ((i * 37) % 55)))
      const folder = yield* folderOf(
        new Map([
          ["a.csv", patientsOf(60, 100)],
          ["b.csv", patientsOf(60, 200, { age }).replace("id,age", "ID,Age")]
        ])
      )
      const part = (name: string) => ({ files: [join(folder, `${name}.csv`)], part: true })
      expect((yield* given(part("b"))).outcome).toMatchObject({ left: { _tag: "ColumnsInDoubt" } })
      yield* given(part("a"))
      yield* given({ ...part("b"), missing: Option.some("unknown") })
      const files = ["a", "b"].map((name) => join(folder, `${name}.part.yaml`))
      const { outcome, printed } = yield* given({ files, join: true, name: Option.some("joined") })
      expect(outcome).toMatchObject({ _tag: "Right" })
      expect(printed).toMatch(/Age of b\.csv and age of a\.csv differ only in case: both are read as age/)
      const text = readFileSync(join(folder, "joined.yaml"), "utf8")
      expect(text).toMatch(/missing: \[[^\]]*NA[^\]]*unknown\][\s\S]*header: \[id, age, pressure, ill\]/)
    })
  )

  it.scopedLive("tell types and values, no number of the data; together they make a scenario", () =>
    Effect.gen(function* () {
      const folder = yield* folderOf(clinics)
      for (const name of clinics.keys()) {
        const { outcome } = yield* given({ files: [join(folder, name)], part: true })
        expect(outcome).toMatchObject({ _tag: "Right" })
      }
      const parts = ["harbour", "hill", "valley"].map((name) => join(folder, `${name}.part.yaml`))
      const part = readFileSync(parts[1]!, "utf8")
      expect(part.replace(/^#.*\n/gm, "")).toBe(
        [
          "owner: hill",
          "file: hill.csv",
          "columns:",
          "  - { name: id, type: id }",
          "  - { name: glucose, type: whole number }",
          "  - { name: mass, type: number, missing: true }",
          "  - { name: diabetes, type: category, values: [neg, pos] }",
          ""
        ].join("\n")
      )
      const out = join(folder, "joined.yaml")
      const { outcome, printed } = yield* given({ files: parts, join: true, out: Option.some(out) })
      expect(outcome).toMatchObject({ _tag: "Right" })
      expect(printed).toMatch(/with 3 owners/)
      expect(readFileSync(out, "utf8")).toMatch(/glucose: standard\n {4}mass: \{ fill: mean \}/)
    })
  )

  it.scopedLive("that contradict each other are told with the column and both owners", () =>
    Effect.gen(function* () {
      const part = (owner: string, type: string) =>
        `owner: ${owner}\nfile: ${owner}.csv\ncolumns:\n  - { name: id, type: id }\n  - { name: dose, type: ${type} }\n  - { name: x, type: number }\n  - { name: outcome, type: number }\n`
      const folder = yield* folderOf(
        new Map([
          ["a.part.yaml", part("east", "number")],
          ["b.part.yaml", part("west", "text")]
        ])
      )
      const files = ["a.part.yaml", "b.part.yaml"].map((name) => join(folder, name))
      const { printed } = yield* given({ files, join: true, out: Option.some(join(folder, "s.yaml")) })
      expect(printed).toMatch(/left out: dose is a number in the file of east and a text in the file of west/)
    })
  )
})
