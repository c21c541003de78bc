/** A party takes a folder that is empty or its own, and writes over nothing in any other. */
import { chmod, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { layer as tracing } from "../../../runtime/tracing.ts"
import { holdPartyFolder } from "../../../scenarios/folders/party-folder.ts"
import { temporaryFolder } from "../../support/small-scenario.ts"

const kgc = { actor: "kgc", run: "trial-1" }
const hold = (folder: string, owner = kgc) => Effect.scoped(holdPartyFolder(folder, owner))
const refusal = (folder: string, owner = kgc) =>
  Effect.map(Effect.flip(hold(folder, owner)), ({ message }) => message)

const put = (folder: string, files: Readonly<Record<string, string>>) =>
  Effect.promise(async () => {
    for (const [path, content] of Object.entries(files)) {
      await mkdir(join(folder, path, ".."), { recursive: true })
      await writeFile(join(folder, path), content)
    }
  })
const filesIn = (folder: string) => Effect.promise(() => readdir(folder))
const text = (...path: ReadonlyArray<string>) => Effect.promise(() => readFile(join(...path), "utf8"))

describe("the folder of a party", () => {
  it.scopedLive("is made, marked and known again by the same party of the same run", () =>
    Effect.gen(function* () {
      const folder = join(yield* temporaryFolder, "parties", "kgc")
      yield* hold(folder)
      expect(yield* filesIn(folder)).toEqual(["party.json"])
      yield* put(folder, { "stable/root": "sealed", "notes.txt": "mine" })
      yield* hold(folder)
      expect(yield* refusal(folder, { actor: "kgc", run: "trial-2" })).toBe(
        `the folder ${folder} has what kgc keeps of the run trial-1; nothing was changed there. Give kgc an empty folder of its own with --state`
      )
      expect(yield* refusal(folder, { actor: "user1", run: "trial-1" })).toContain(
        `the folder ${folder} is that of kgc;`
      )
      expect(yield* text(folder, "notes.txt")).toBe("mine")
    })
  )

  it.scopedLive("is closed to others, also where its user has made it open to them", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      yield* Effect.promise(() => chmod(folder, 0o755))
      yield* hold(folder)
      const modeOf = (path: string) => Effect.promise(async () => (await stat(path)).mode & 0o777)
      expect(yield* modeOf(folder)).toBe(0o700)
      expect(yield* modeOf(join(folder, "party.json"))).toBe(0o600)
    })
  )

  it.scopedLive("is refused where anything is in it and no mark, even by the names of a party's files", () =>
    Effect.gen(function* () {
      for (const [files, held] of [
        [{ "model.json": '{"epochs": 3}' }, "model.json"],
        [{ "west.csv": "id\n", "stable/horse.csv": "id\n" }, "stable, west.csv"],
        [{ "events.jsonl": '{"actor":"user1"}\n', "stable/root": "" }, "events.jsonl, stable"],
        [{ "events.jsonl": '{"event":"click"}\n', archive: "mine" }, "archive, events.jsonl"]
      ] as const) {
        const folder = yield* temporaryFolder
        yield* put(folder, files)
        const before = yield* filesIn(folder)
        expect(yield* refusal(folder)).toContain(
          `the folder ${folder} is not empty, and bicameral has not written there: it holds ${held};`
        )
        expect(yield* filesIn(folder)).toEqual(before)
        for (const [path, content] of Object.entries(files)) expect(yield* text(folder, path)).toBe(content)
      }
      const folder = yield* temporaryFolder
      for (const mark of [
        "",
        "{",
        '{"format":"bicameral party","version":2,"party":"kgc","run":"trial-1"}'
      ]) {
        yield* put(folder, { "party.json": mark })
        expect(yield* refusal(folder)).toContain("has a party.json that is not of this version of bicameral")
      }
      expect(yield* refusal("")).toContain("has no name")
    })
  )

  it.scopedLive("of version 0.1.0 is known by its event log", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      yield* put(folder, { "events.jsonl": '{"actor":"kgc","type":"span"}\n', "stable/root": "sealed" })
      yield* hold(folder)
      expect((yield* filesIn(folder)).sort()).toEqual(["events.jsonl", "party.json", "stable"])
      expect(yield* text(folder, "stable", "root")).toBe("sealed")
    })
  )
})

describe("an event log", () => {
  const write = (file: string) =>
    Effect.logInfo("begun").pipe(Effect.provide(tracing({ actor: "cloud0.w-1", file })))

  it.scopedLive("is not added to a file of another program", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const file = join(folder, "events.jsonl")
      yield* put(folder, { "events.jsonl": '{"event":"click"}\n' })
      const { message } = yield* Effect.flip(write(file))
      expect(message).toBe(
        `the event log ${file} can't be written: it is there, and no event log of bicameral; choose another folder`
      )
      expect(yield* text(file)).toBe('{"event":"click"}\n')
    })
  )

  it.scopedLive("is added to its own, also where a full disk has cut its first line", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      for (const before of ["", '{"act', '{"actor":"kgc","type":"span"}\n']) {
        yield* put(folder, { "events.jsonl": before })
        yield* write(join(folder, "events.jsonl"))
        const now = yield* text(folder, "events.jsonl")
        expect(now.startsWith(before)).toBe(true)
        expect(now).toContain("begun")
      }
      yield* Effect.promise(() => rm(join(folder, "events.jsonl")))
      yield* Effect.promise(() => symlink("/dev/null", join(folder, "events.jsonl")))
      yield* write(join(folder, "events.jsonl"))
    })
  )
})
