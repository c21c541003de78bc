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
  resume: nothing,
  simulate: nothing,
  check: () => Effect.succeed(""),
  tune: nothing,
  predict: nothing,
  export: nothing,
  inspect: nothing,
  inspectRun: nothing,
  init: nothing,
  audit: nothing,
  identity: () => Effect.succeed(""),
  nkeys: () => Effect.succeed(""),
  actor: nothing,
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
  "init inspect run deal resume simulate check tune predict export audit inspect-run identity nkeys actor".split(
    " "
  )

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
