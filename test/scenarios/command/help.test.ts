import { execFileSync } from "node:child_process"
import { stripVTControlCharacters } from "node:util"
import { layer as nodeContext } from "@effect/platform-node/NodeContext"
import { describe, expect, it } from "@effect/vitest"
import { Console, Effect } from "effect"
import { commandLine } from "../../../scenarios/command/commands.ts"
import { inShortLines, mostColumns, withShortLines } from "../../../scenarios/command/help.ts"

const nothing = () => Effect.void

const program = commandLine({
  run: nothing,
  deal: nothing,
  train: nothing,
  archive: nothing,
  resume: nothing,
  view: nothing,
  report: () => Effect.succeed({ text: "", value: null }),
  simulate: nothing,
  check: () => Effect.succeed({ text: "", value: null }),
  tune: nothing,
  predict: nothing,
  export: nothing,
  inspect: nothing,
  inspectRun: nothing,
  init: nothing,
  audit: nothing,
  identity: () => Effect.succeed({ text: "", value: null }),
  nkeys: () => Effect.succeed({ text: "", value: null }),
  serve: nothing,
  ask: nothing,
  gateway: nothing,
  admit: () => Effect.succeed({ text: "", value: null }),
  invite: nothing,
  join: nothing,
  doctor: nothing,
  actor: nothing,
  servingActor: nothing,
  member: nothing
})

/** What the program prints for these words. */
const printed = (words: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const lines: Array<string> = []
    const log = (...parts: ReadonlyArray<unknown>) => void lines.push(parts.join(" "))
    const console: Console.Console = {
      ...(yield* Console.consoleWith(Effect.succeed)),
      log: (...parts) => Effect.sync(() => log(...parts)),
      unsafe: { ...globalThis.console, log }
    }
    yield* withShortLines(program(words)).pipe(Effect.provide(nodeContext), Effect.withConsole(console))
    return stripVTControlCharacters(lines.join("\n")).split("\n")
  })

const commands =
  "init inspect run deal train archive resume view report simulate check tune predict export serve ask gateway audit inspect-run identity nkeys admit invite join doctor actor".split(
    " "
  )

/** What bash offers for the last of these words, with the script that the program prints. */
const completed = (script: string, ...words: ReadonlyArray<string>): ReadonlyArray<string> => {
  const last = words.length - 1
  const asked = `COMP_WORDS=(${words.join(" ")}); COMP_CWORD=${last}
name=$(complete -p bicameral | sed 's/.*-F \\([^ ]*\\).*/\\1/')
"$name" bicameral '${words[last]}' '${words[last - 1]}'; printf '%s\\n' "\${COMPREPLY[@]}"`
  const said = execFileSync("bash", ["--norc", "-c", `${script}\n${asked}`], { encoding: "utf8" })
  return said.split("\n").filter((line) => line !== "")
}

describe("the completion of bash", () => {
  it.effect("offers commands, options and, behind --out, files", () =>
    Effect.gen(function* () {
      const script = (yield* printed(["--completions", "bash"])).join("\n")
      expect(completed(script, "bicameral", "exp")).toEqual(["export"])
      expect(completed(script, "bicameral", "run", "--tr")).toEqual(["--transport"])
      expect(completed(script, "bicameral", "run", "--out", "scena")).toEqual(["scenarios"])
      expect(completed(script, "bicameral", "frobnicate", "--tr")).toEqual([])
      // A scenario is a word that is no option: there bash offers files by itself.
      expect(script).toMatch(/^complete -F \w+ .*-o default bicameral$/m)
    })
  )

  it.effect("is printed for zsh and fish, too", () =>
    Effect.gen(function* () {
      expect((yield* printed(["--completions", "zsh"]))[0]).toBe("#compdef bicameral")
      expect((yield* printed(["--completions", "fish"]))[0]).toMatch(/^complete -c bicameral /)
    })
  )
})

describe("the help", () => {
  it.effect.each([[], ...commands.map((command) => [command])])(
    "has lines that fit a terminal: %s",
    (words) =>
      Effect.gen(function* () {
        const lines = yield* printed([...words, "--help"])
        expect(lines.length).toBeGreaterThan(10)
        expect(lines.filter(({ length }) => length > mostColumns)).toEqual([])
      })
  )

  it.effect("lists every command, and what it does below it", () =>
    Effect.gen(function* () {
      const lines = yield* printed(["--help"])
      for (const command of commands) {
        const at = lines.findIndex((line) => line.startsWith(`  - ${command} `))
        expect(
          lines.slice(at + 1).find((line) => /^ {6}[A-Z]/.test(line)),
          command
        ).toMatch(/^ {6}[A-Z][a-z]+s /)
      }
    })
  )

  it("keeps short lines as they are, and breaks others between words, none of which is lost", () => {
    const words = Array.from({ length: 60 }, (_, i) => `word${i}`)
    const text = `short  line\n  ${words.join(" ")}\n\n  [${"a b".repeat(50)}] end`
    const lines = inShortLines(text).split("\n")
    expect(lines[0]).toBe("short  line")
    expect(lines.filter((line) => line.startsWith("  word")).length).toBeGreaterThan(3)
    expect(lines.join(" ").split(/\s+/)).toEqual(text.split(/\s+/))
    expect(lines).toContain(`  [${"a b".repeat(50)}]`)
  })
})
