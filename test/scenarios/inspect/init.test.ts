/** `bicameral init` with somebody at the terminal, without anybody, and from parts. */
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { QuitException, Terminal, type UserInput } from "@effect/platform/Terminal"
import { layer as nodeContext } from "@effect/platform-node/NodeContext"
import { describe, expect, it } from "@effect/vitest"
import { Console, Effect, Exit, Layer, Mailbox, Option } from "effect"
import type { InitRequest } from "../../../scenarios/command/commands.ts"
import { initScenario } from "../../../scenarios/command/init.ts"
import { clinics, folderOf, passengers, progression } from "./tables.ts"

const key = (name: string, input?: string): UserInput => ({
  input: Option.fromNullable(input),
  key: { name, ctrl: false, meta: false, shift: false }
})
const enter = key("enter")
const typed = (text: string) => [...Array.from(text, (letter) => key(letter, letter)), enter]

/** A terminal at which these keys are pressed, one question after another; then the person leaves. */
const terminalWith = (keys: ReadonlyArray<UserInput>) =>
  Layer.effect(
    Terminal,
    Effect.sync(() => {
      const left = [...keys]
      return Terminal.of({
        columns: Effect.succeed(80),
        rows: Effect.succeed(24),
        isTTY: Effect.succeed(true),
        display: () => Effect.void,
        readLine: Effect.fail(new QuitException()),
        readInput: Effect.gen(function* () {
          const box = yield* Mailbox.make<UserInput>()
          // A question takes keys up to its Enter, and the next one those behind.
          const end = left.findIndex(({ key: { name } }) => name === "enter")
          yield* box.offerAll(end === -1 ? left.splice(0) : left.splice(0, end + 1))
          if (end === -1) yield* box.end
          return box
        })
      })
    })
  )

const nothing: InitRequest = {
  files: [],
  encoding: undefined,
  id: Option.none(),
  label: Option.none(),
  users: Option.none(),
  owners: Option.none(),
  heldOut: Option.none(),
  name: Option.none(),
  out: Option.none(),
  yes: false,
  part: false,
  ranges: false,
  join: false
}

const given = (request: Partial<InitRequest>, keys: ReadonlyArray<UserInput> = []) =>
  Effect.gen(function* () {
    const printed: Array<string> = []
    const console: Console.Console = {
      ...(yield* Console.consoleWith(Effect.succeed)),
      log: (...said) => Effect.sync(() => void printed.push(said.join(" ")))
    }
    const exit = yield* initScenario({ ...nothing, ...request }).pipe(
      Effect.provide(Layer.merge(nodeContext, terminalWith(keys))),
      Effect.withConsole(console),
      Effect.either,
      Effect.exit
    )
    const outcome = Exit.isSuccess(exit) ? exit.value : Exit.isInterrupted(exit) ? "interrupted" : exit.cause
    return { printed: printed.join("\n"), outcome }
  })

const enters = Array.from({ length: 10 }, () => enter)

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
      expect(text).toMatch(/reveal: \[accuracy, progress\]/)
    })
  )

  it.scopedLive("drafts a study by columns, and reveals what it needs to", () =>
    Effect.gen(function* () {
      const folder = yield* folderOf(passengers)
      const { outcome, printed } = yield* given({ files: [folder], name: Option.some("ship") }, enters)
      expect(outcome).toMatchObject({ _tag: "Right" })
      const text = readFileSync(join(folder, "ship.yaml"), "utf8")
      expect(text).toMatch(/columns: \[class\][\s\S]*columns: \[sex, age, survived\]/)
      expect(text).toMatch(/reveal: \[accuracy, heldOutRows, progress, column-statistics\]/)
      expect(printed).toMatch(/revealed to all owners: .* of age: /)
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
      expect(text).toMatch(/reveal: \[progress, column-statistics\]/)
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
        `owner: ${owner}\nfile: ${owner}.csv\ncolumns:\n  - { name: id, type: id }\n  - { name: dose, type: ${type} }\n  - { name: x, type: number }\n  - { name: y, type: number }\n`
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
