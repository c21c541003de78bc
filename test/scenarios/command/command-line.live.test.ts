/**
 * Command lines, each with its outcome: a fast part of the corpus, of which `command-corpus.sweep.ts` tries all; and what the
 * built program does when nobody reads what it prints, or it can't be written.
 */
import { existsSync } from "node:fs"
import { open } from "node:fs/promises"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { mostColumns } from "../../../scenarios/command/help.ts"
import { bicameral, program, ran } from "../../support/program.ts"
import { splits, writeScenario } from "../../support/small-scenario.ts"
import { slice } from "../../support/sweep.ts"
import { commandCases, parsedCases } from "./corpus.ts"
import { tryCommand, tryParsed } from "./corpus-runner.ts"

describe("the words of a command line", () => {
  for (const each of parsedCases) it.effect(each.name, () => tryParsed(each))
})

const namesOfRuns = commandCases.filter(({ name }) => name.startsWith("actor --run"))
const others = commandCases.filter(({ name }) => !name.startsWith("actor --run"))

describe("a command", () => {
  for (const each of [...namesOfRuns, ...slice(others, 10)]) it.scopedLive(each.name, () => tryCommand(each))
})

/** A file that is open, but not for writing. */
const unwritable = (file: string) =>
  Effect.acquireRelease(
    Effect.promise(() => open(file, "r")),
    (opened) => Effect.promise(() => opened.close())
  )

describe("the program", () => {
  it.scopedLive("ends without a word, as by SIGPIPE, when nobody reads what it prints", () =>
    Effect.gen(function* () {
      const { file } = yield* writeScenario(splits.rows)
      const ended = yield* bicameral(["check", file], {}, (_, { leave }) => leave())
      expect(ended).toEqual({ status: 141, printed: "", complained: "" })
    })
  )

  it.scopedLive("gives up a run whose reader has had enough, and removes nothing that it has", () =>
    Effect.gen(function* () {
      const { file, out } = yield* writeScenario(splits.rows)
      const { status, complained } = yield* bicameral(
        ["run", file, "--out", out, "--transport", "memory"],
        {},
        (printed, { leave }) => {
          if (printed.includes("setup:")) leave()
        }
      )
      expect({ status, complained }).toEqual({ status: 141, complained: "" })
      expect(existsSync(join(out, "parties", "kgc"))).toBe(true)
      expect(existsSync(join(out, "result.json"))).toBe(false)
    })
  )

  it.scopedLive("does not call a check a success whose output is lost", () =>
    Effect.gen(function* () {
      const { file } = yield* writeScenario(splits.rows)
      const { fd } = yield* unwritable(file)
      const { complained, status } = yield* bicameral(["check", file], {}, undefined, fd)
      expect(complained).toMatch(
        /^bicameral: standard output can't be written: .*\(EBADF\); make room or print elsewhere .*\n$/
      )
      expect(status).toBe(1)
    })
  )

  it.scopedLive("says that its folder is gone, but for what it says of itself", () =>
    Effect.gen(function* () {
      const { file, folder } = yield* writeScenario(splits.rows)
      const gone = 'mkdir "$0" && cd "$0" && rmdir "$0" && exec "$@"'
      const started = (...words: ReadonlyArray<string>) =>
        ran("/bin/sh", ["-c", gone, join(folder, "gone"), process.execPath, program, ...words])
      const { complained, status } = yield* started("check", file)
      expect(complained).toMatch(/bicameral: the current folder is gone, .*; change to another folder/)
      expect(status).toBe(1)
      const help = yield* started("init", "--help")
      expect(help).toMatchObject({ complained: "", status: 0 })
      // Its usage alone is longer.
      expect(Math.max(...help.printed.split("\n").map(({ length }) => length))).toBeLessThanOrEqual(
        mostColumns
      )
    })
  )
})
