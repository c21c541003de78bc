import { mkdir, readdir, readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { layer as nodeContext } from "@effect/platform-node/NodeContext"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { rawCells } from "../../protocol/data/encoding.ts"
import { loadScenario, readUserTables } from "../../scenarios/description/load.ts"
import { command } from "../support/in-process.ts"
import { studyOf } from "./cases.ts"

/** No word of a layer below reaches a user. */
const foreign =
  /Encoded side|CSV_|INVALID_|CsvError|YAML\.parse|\bat .*\.js:\d+|fault of the program|undefined/

/** What `check` prints of a study that can be run. */
const accepted = (name: string, base: "baseline" | "longer" = "baseline", file = "scenario.yaml") =>
  Effect.gen(function* () {
    const folder = yield* studyOf(name, base)
    const { complained, printed, status } = yield* command("check", join(folder, file))
    expect(complained).toBe("")
    expect(status).toBe(0)
    return printed
  })

/** The lines that `check` complains with of a study that can't, with paths below the study's folder. */
const refused = (name: string, base: "baseline" | "longer" = "baseline") =>
  Effect.gen(function* () {
    const folder = yield* studyOf(name, base)
    const { complained, status } = yield* command("check", join(folder, "scenario.yaml"))
    expect(status).toBe(1)
    expect(complained).not.toMatch(foreign)
    return complained.replaceAll(`${folder}/`, "").split("\n")
  })

const below = async (folder: string): Promise<ReadonlyArray<string>> =>
  (await readdir(folder, { recursive: true })).sort()

describe("files as people bring them", () => {
  it.scopedLive("semicolons and decimal commas are read as that", () =>
    Effect.gen(function* () {
      expect(yield* accepted("semicolon-decimal-comma")).toMatch(/together 80 rows/)
    })
  )

  it.scopedLive("semicolons and commas before three digits: one line a file names both readings", () =>
    Effect.gen(function* () {
      const lines = yield* refused("semicolon-ambiguous")
      expect(lines).toHaveLength(2)
      for (const [at, file] of ["east.csv:2", "west.csv:2"].entries()) {
        expect(lines[at]).toContain(`${file}: column moisture`)
        expect(lines[at]).toMatch(/decimal mark or part the thousands.*decimal: comma.*decimal: point/)
      }
      const folder = yield* studyOf("semicolon-ambiguous")
      const file = join(folder, "scenario.yaml")
      yield* Effect.promise(async () => {
        const text = await readFile(file, "utf8")
        await writeFile(file, text.replace(/( +)- file: .*/g, "$&\n$1  dialect: { decimal: comma }"))
      })
      const { complained, status } = yield* command("check", file)
      expect(complained).toBe("")
      expect(status).toBe(0)
    })
  )

  it.scopedLive("a spreadsheet's line sep= and an instrument's comments are not rows", () =>
    Effect.gen(function* () {
      expect(yield* accepted("spreadsheet-and-instrument")).toMatch(/together 80 rows/)
    })
  )

  it.scopedLive("line ends in quotes: a wrong cell is named with the line at which its record begins", () =>
    Effect.gen(function* () {
      const lines = yield* refused("quoted-newline")
      expect(lines).toHaveLength(1)
      expect(lines[0]).toMatch(/west\.csv:42: column moisture of row L0061 \(user west\) is not a number; ./)
    })
  )

  it.scopedLive("words for missing values: each is reported as missing, with a remedy for it", () =>
    Effect.gen(function* () {
      const lines = yield* refused("missing-values")
      const told = lines.filter((line) => /east\.csv:\d+: column protein of row L00/.test(line))
      // One line for words, one for nothing, one for a spreadsheet's error.
      expect(told).toHaveLength(3)
      const more = told.map((line) => Number(/ \(and so (\d+) more times, in lines \d+, \d+/.exec(line)![1]))
      expect(more.map((times) => times + 1)).toEqual([24, 3, 3])
      for (const line of told) {
        expect(line).toMatch(/missing|empty/)
        expect(line).not.toMatch(/decimal point|NULL|None|DIV/)
      }
    })
  )

  it.scopedLive("two names in Latin-1 are no UTF-8: the line is named, and nothing is joined", () =>
    Effect.gen(function* () {
      const lines = yield* refused("latin1-false-join")
      for (const file of ["left.csv:41", "right.csv:41"]) {
        expect(lines.find((line) => line.includes(file))).toMatch(/UTF-8.*(latin1|windows-1252)/)
      }
    })
  )

  it.scopedLive("two names in Latin-1, which the scenario says: a gap in two rows", () =>
    Effect.gen(function* () {
      const folder = yield* studyOf("latin1-false-join")
      const file = join(folder, "scenario.yaml")
      yield* Effect.promise(async () => {
        const text = await readFile(file, "utf8")
        await writeFile(file, text.replace(/( +)- file: .*/g, "$&\n$1  encoding: latin1"))
      })
      const { complained, status } = yield* command("check", file)
      expect(status).toBe(1)
      expect(complained).toMatch(/4 cells are held by nobody/)
      expect(complained).toMatch(/row Müller: mass, grade/)
      expect(complained).toMatch(/row Möller: moisture, protein/)
    })
  )

  it.scopedLive("two names in UTF-8: a gap in two rows", () =>
    Effect.gen(function* () {
      const said = (yield* refused("utf8-true-gap")).join("\n")
      expect(said).toMatch(/4 cells are held by nobody/)
      expect(said).toMatch(/row Müller: mass, grade/)
      expect(said).toMatch(/row Möller: moisture, protein/)
    })
  )

  it.scopedLive("UTF-16 is read as what its first bytes say", () =>
    Effect.gen(function* () {
      expect(yield* accepted("utf16")).toMatch(/together 80 rows/)
    })
  )

  it.scopedLive("ids that a spreadsheet has rounded are named as that, or as doubles", () =>
    Effect.gen(function* () {
      const lines = yield* refused("excel-mangled-ids")
      expect(lines[0]).toMatch(/left\.csv.*(spreadsheet|has the id of line 2 again)/)
    })
  )

  it.scopedLive("Parquet with dictionaries, row groups and Snappy has the cells of its CSV twin", () =>
    Effect.gen(function* () {
      expect(yield* accepted("parquet-snappy-dict")).toMatch(/together 40 rows/)
      const cells = (name: string) =>
        Effect.gen(function* () {
          const loaded = yield* loadScenario(join(yield* studyOf(name), "scenario.yaml"))
          const [table] = yield* readUserTables(loaded, 1)
          const { ids } = table!
          const cells = rawCells(table!)
          return ids.map((id, row) => {
            const values = new Float64Array(cells.width)
            cells.readRow(row, values, 0)
            return [id, ...values]
          })
        }).pipe(Effect.provide(nodeContext))
      expect(yield* cells("parquet-snappy-dict")).toEqual(yield* cells("csv-float-label"))
    })
  )

  it.scopedLive("timestamps that differ by milliseconds are other ids: a gap in every row", () =>
    Effect.gen(function* () {
      const said = (yield* refused("parquet-timestamp-false-join")).join("\n")
      expect(said).toMatch(/160 cells are held by nobody/)
      expect(said).toContain("row 2021-03-01T08:00:00.001000: ")
    })
  )

  it.scopedLive("labels 0.0 and 1.0 of a CSV are the labels 0 and 1", () =>
    Effect.gen(function* () {
      expect(yield* accepted("csv-float-label")).toMatch(/together 40 rows/)
    })
  )

  it.scopedLive("labels that a database has padded are taken as in a CSV", () =>
    Effect.gen(function* () {
      expect(yield* accepted("parquet-padded-strings")).toMatch(/together 40 rows/)
    })
  )

  it.scopedLive("gzip that is cut short is reported as that", () =>
    Effect.gen(function* () {
      const lines = yield* refused("gzip-truncated")
      expect(lines).toHaveLength(1)
      expect(lines[0]).toMatch(/east\.csv\.gz.*(cut short|not whole|not valid gzip).*copy/)
    })
  )

  it.scopedLive("bzip2 is named as what it is", () =>
    Effect.gen(function* () {
      const lines = yield* refused("bzip2")
      expect(lines).toHaveLength(1)
      expect(lines[0]).toMatch(/east\.csv\.bz2.*bzip2/)
    })
  )

  it.scopedLive("IDX columns named by numbers are those of the scenario's order", () =>
    Effect.gen(function* () {
      // Only the third number of a row is at most 10, which the scenario says of the column that it lists last.
      expect(yield* accepted("idx-numeric-feature-names")).toMatch(/together 60 rows/)
      const folder = yield* studyOf("idx-numeric-feature-names")
      const loaded = yield* loadScenario(join(folder, "silent.yaml")).pipe(Effect.provide(nodeContext))
      expect(loaded.scenario.data.features.map(({ name }) => name)).toEqual(["950", "850", "750"])
      const [bands] = yield* readUserTables(loaded, 0).pipe(Effect.provide(nodeContext))
      const first = new Float64Array(3)
      rawCells(bands!).readRow(0, first, 0)
      const bytes = yield* Effect.promise(() => readFile(join(folder, "bands.idx")))
      expect([...first]).toEqual([12, 13, 14].map((at) => bytes[at]!))
    })
  )
})

describe("scenarios as people write them", () => {
  it.scopedLive("nothing is left to test on: told before anything runs", () =>
    Effect.gen(function* () {
      const said = (yield* refused("one-row-each")).join("\n")
      expect(said).toMatch(/scenario\.yaml:\d+: heldOut: .*(no row|0 rows|nothing)/)
    })
  )

  it.scopedLive("a label without a list: that it lacks its classes, or the range of a number", () =>
    Effect.gen(function* () {
      const said = (yield* refused("regression-labels", "longer")).join("\n")
      expect(said).toMatch(/scenario\.yaml:\d+: data\.label: has no values; list the labels/)
      expect(said).toMatch(/to predict a number, give its range/)
    })
  )

  it.scopedLive("labels True and False without quotes: taken, or told to be quoted", () =>
    Effect.gen(function* () {
      const folder = yield* studyOf("labels-bool-unquoted")
      const { complained, printed, status } = yield* command("check", join(folder, "scenario.yaml"))
      if (status === 0) expect(printed).toMatch(/together 240 rows/)
      else expect(complained).toMatch(/scenario\.yaml:\d+: data\.label\.values.*quotes.*(true|True)/)
    })
  )

  it.scopedLive("a scale beyond what the numbers hold is reported", () =>
    Effect.gen(function* () {
      const folder = yield* studyOf("scaleTo-large", "longer")
      const { complained, printed } = yield* command("check", join(folder, "scenario.yaml"))
      expect(`${printed}\n${complained}`).toMatch(/data\.scaleTo/)
    })
  )

  it.scopedLive("an absolute path of data is taken where it is in the study's folder, and nowhere else", () =>
    Effect.gen(function* () {
      const lines = yield* refused("absolute-data-path")
      expect(lines[0]).toMatch(/(^|[^.\w])\/srv\/data\/east\.csv is outside of /)
      expect(lines.join("\n")).toMatch(/allow its folder with BICAMERAL_DATA_ROOT=DIR/)

      const folder = yield* studyOf("absolute-data-path")
      const file = join(folder, "scenario.yaml")
      yield* Effect.promise(async () => {
        const text = await readFile(file, "utf8")
        await writeFile(file, text.replace("/srv/data/east.csv", join(folder, "east.csv")))
      })
      const { complained, status } = yield* command("check", file)
      expect(complained).toBe("")
      expect(status).toBe(0)
    })
  )

  it.scopedLive("two documents are named as two", () =>
    Effect.gen(function* () {
      const said = (yield* refused("yaml-two-documents")).join("\n")
      expect(said).toMatch(/scenario\.yaml:\d+.*(two|several|more than one|second) .*document/)
    })
  )

  it.scopedLive("a scenario in UTF-16 is named as no UTF-8, without its text", () =>
    Effect.gen(function* () {
      const lines = yield* refused("yaml-utf16")
      expect(lines).toHaveLength(1)
      expect(lines[0]).toMatch(/scenario\.yaml.*UTF-16.*UTF-8/)
      expect(lines[0]!.length).toBeLessThan(300)
    })
  )

  it.scopedLive("a rate that is too small is reported by the field's name, with its line", () =>
    Effect.gen(function* () {
      const lines = yield* refused("rate-tiny")
      expect(lines).toHaveLength(1)
      expect(lines[0]).toMatch(/scenario\.yaml:24: training\.rate: .*too small/)
      expect(lines[0]).not.toContain("learningRate")
    })
  )

  it.scopedLive("a list that is taken up 119 times is an ordinary scenario", () =>
    Effect.gen(function* () {
      const folder = yield* studyOf("baseline")
      const days = Array.from({ length: 60 }, (_, day) => String(day + 1).padStart(2, "0"))
      const users = ["east", "west"].flatMap((user) => [
        `  - name: ${user}`,
        "    holds:",
        ...days.flatMap((day) => {
          const columns = user === "east" && day === "01" ? "&c [moisture, protein, mass, grade]" : "*c"
          return [`      - file: ${user}/day-${day}.csv`, `        columns: ${columns}`]
        })
      ])
      const file = join(folder, "scenario.yaml")
      yield* Effect.promise(async () => {
        const text = await readFile(file, "utf8")
        await writeFile(file, text.replace(/users:\n.*(?=heldOut)/s, `users:\n${users.join("\n")}\n`))
        for (const user of ["east", "west"]) {
          await mkdir(join(folder, user))
          for (const day of days) {
            const rows = `id,moisture,protein,mass,grade\n${user}-${day},12.5,10.5,40,mill\n`
            await writeFile(join(folder, user, `day-${day}.csv`), rows)
          }
        }
      })
      const { complained, printed, status } = yield* command("check", file)
      expect(complained).toBe("")
      expect(status).toBe(0)
      expect(printed).toMatch(/together 120 rows/)
    })
  )
})

describe("runs as people start them", () => {
  it.scopedLive("an out folder that is the study's own is refused, and keeps every file", () =>
    Effect.gen(function* () {
      const folder = yield* studyOf("out-is-study-folder")
      const file = join(folder, "scenario.yaml")
      const before = yield* Effect.promise(() => below(folder))
      const ran = yield* command("run", file, "--out", folder, "--transport", "memory")
      expect(ran.status).toBe(1)
      expect(ran.complained).toMatch(/out folder.*not empty|--out/)
      expect(yield* Effect.promise(() => below(folder))).toEqual(before)
      const model = yield* Effect.promise(() => readFile(join(folder, "model.json"), "utf8"))
      expect(model).toContain("made by another program")
    })
  )

  it.scopedLive("a run's name that can't be one is an error of --run, before anything is connected", () =>
    Effect.gen(function* () {
      const folder = yield* studyOf("baseline")
      const file = join(folder, "scenario.yaml")
      for (const name of ["trial 1", "trial_1", "2024.05", "Übung"]) {
        const words = ["actor", "kgc", "--scenario", file, "--run", name, "--state", join(folder, "kgc")]
        const { complained, status } = yield* command(...words)
        expect(status).toBe(1)
        expect(complained).toContain("--run")
        expect(complained).toContain(name)
      }
      expect(yield* Effect.promise(() => below(folder))).not.toContain("kgc")
    })
  )
})
