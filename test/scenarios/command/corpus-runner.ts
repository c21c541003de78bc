/** Tries the cases of the corpus of command lines and holds each to its outcome. */
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { layer as nodeContext } from "@effect/platform-node/NodeContext"
import { Console, Effect } from "effect"
import { expect } from "vitest"
import { commandLine, verdictOf } from "../../../scenarios/command/commands.ts"
import { command } from "../../support/in-process.ts"
import { splits, writeScenario } from "../../support/small-scenario.ts"
import type { CommandCase, ParsedCase } from "./corpus.ts"

/** What no command line may print, whatever it is. */
export const ourFault = /fault of the program|internal error|\n\s+at .*:\d+:\d+/

interface Told {
  readonly status: number
  readonly printed: string
  readonly complained: string
}

const hold = (outcome: CommandCase["outcome"], { status, printed, complained }: Told) => {
  expect(complained).not.toMatch(ourFault)
  if (outcome.status === 0) {
    expect(complained).toBe("")
    expect(printed).toMatch(outcome.prints)
  } else {
    for (const words of outcome.says) expect(complained).toMatch(words)
    expect(printed).not.toMatch(/^(setup|upload|train)\b/m)
  }
  expect(status).toBe(outcome.status)
}

/** Parses a command line; the handlers note what they are asked. */
export const tryParsed = ({ words, outcome }: ParsedCase) =>
  Effect.gen(function* () {
    const requests: Array<unknown> = []
    const printed: Array<string> = []
    const complained: Array<string> = []
    const note = (request: unknown) => Effect.sync(() => void requests.push(request))
    const program = commandLine({
      run: note,
      deal: note,
      train: note,
      archive: note,
      resume: note,
      view: note,
      report: (out) => Effect.as(note(out), { text: "", value: null }),
      simulate: note,
      check: (request) => Effect.as(note(request), { text: "", value: null }),
      tune: note,
      predict: note,
      export: note,
      inspect: note,
      inspectRun: note,
      init: note,
      audit: note,
      identity: (request) => Effect.as(note(request), { text: "", value: null }),
      nkeys: (request) => Effect.as(note(request), { text: "", value: null }),
      serve: note,
      ask: note,
      gateway: note,
      admit: (request) => Effect.as(note(request), { text: "", value: null }),
      invite: note,
      join: note,
      doctor: note,
      actor: note,
      servingActor: note,
      member: note
    })
    const exit = yield* program(words).pipe(
      Effect.provide(nodeContext),
      Effect.withConsole({
        ...(yield* Console.consoleWith(Effect.succeed)),
        log: (...said) => Effect.sync(() => void printed.push(said.join(" "))),
        error: (...said) => Effect.sync(() => void complained.push(said.join(" ")))
      }),
      Effect.exit
    )
    const { lines, status } = verdictOf(exit)
    if ("asked" in outcome) {
      expect(requests).toEqual([
        typeof outcome.asked === "string" ? outcome.asked : expect.objectContaining(shape(outcome.asked))
      ])
      return expect({ lines, status }).toEqual({ lines: [], status: 0 })
    }
    expect(requests).toEqual([])
    hold(outcome, { status, printed: printed.join("\n"), complained: [...complained, ...lines].join("\n") })
  })

/** Fields that are optional are compared by what they hold. */
const shape = (request: object): object =>
  Object.fromEntries(
    Object.entries(request).map(([key, value]) => [
      key,
      typeof value === "object" && value !== null ? expect.objectContaining(value) : value
    ])
  )

/** The variables that say where a broker is, who a party is, and where its spans go. */
const ofRuns = /^(NATS_.*|.*_IDENTITY|BICAMERAL_KEYS|CREDENTIALS_DIRECTORY|OTEL_EXPORTER_OTLP_ENDPOINT)$/

/** Sets the environment of this process until the scope ends. */
const environment = (variables: Readonly<Record<string, string>>) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const before = { ...process.env }
      for (const name of Object.keys(process.env)) if (ofRuns.test(name)) delete process.env[name]
      Object.assign(process.env, variables)
      return before
    }),
    (before) =>
      Effect.sync(() => {
        for (const name of Object.keys(variables)) delete process.env[name]
        Object.assign(process.env, before)
      })
  )

/** Does what a command line says, in a folder of its own. */
export const tryCommand = ({ words, files = {}, env = {}, outcome }: CommandCase) =>
  Effect.gen(function* () {
    const { folder } = yield* writeScenario(splits.rows)
    for (const [name, content] of Object.entries(files))
      yield* Effect.promise(() => writeFile(join(folder, name), content))
    yield* environment(env)
    hold(outcome, yield* command(...words.map((word) => word.replaceAll("{dir}", folder))))
  })
