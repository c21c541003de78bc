/** The whole corpus of command lines, and the built program where it is used in unusual ways. */
import { execFileSync } from "node:child_process"
import { existsSync } from "node:fs"
import { open } from "node:fs/promises"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { drawIdentities, keysOf, usersOf } from "../../../actors/party/identities.ts"
import { operator, startOwnBroker } from "../../../runtime/broker/start.ts"
import { keysText, keysVariable } from "../../../scenarios/run/identities.ts"
import { bicameral, program, type Running, ran } from "../../support/program.ts"
import { read, splits, temporaryFolder, writeScenario } from "../../support/small-scenario.ts"
import { slice } from "../../support/sweep.ts"
import { commandCases, parsedCases } from "./corpus.ts"
import { ourFault, tryCommand, tryParsed } from "./corpus-runner.ts"

describe("the words of a command line", () => {
  for (const each of slice(parsedCases, parsedCases.length)) it.effect(each.name, () => tryParsed(each))
})

describe("a command", () => {
  for (const each of slice(commandCases, 80)) it.scopedLive(each.name, () => tryCommand(each))

  it.scopedLive("names a file that is a pipe, and does not wait for who writes to it", () =>
    Effect.gen(function* () {
      const pipe = join(yield* temporaryFolder, "pipe")
      execFileSync("mkfifo", [pipe])
      yield* tryCommand({
        name: "check of a pipe",
        words: ["check", pipe],
        outcome: { status: 1, says: [/pipe: is a pipe; save what comes from it to a file first/] }
      })
    })
  )
})

const leaveAt =
  (words: string) =>
  (printed: string, { leave }: Running) => {
    if (printed.includes(words)) leave()
  }

/** For a run that is begun and one that goes on, each of nine processes. */
const twoRunsMs = 180_000

describe("a reader that goes away", () => {
  it.scopedLive(
    "ends a run, which goes on where it was",
    () =>
      Effect.gen(function* () {
        const { file, out } = yield* writeScenario(splits.rows, { seed: 3 })
        const ended = yield* bicameral(["run", file, "--out", out], {}, leaveAt("transform:"))
        expect(ended).toMatchObject({ status: 141, complained: "" })
        const { complained, status } = yield* bicameral(["resume", out])
        expect({ complained, status }).toEqual({ complained: "", status: 0 })
        expect(JSON.parse(yield* read(out, "result.json"))).toMatchObject({ scenario: "leaves" })
      }),
    twoRunsMs
  )

  it.scopedLive("ends a simulation, its processes too", () =>
    Effect.gen(function* () {
      const { file } = yield* writeScenario(splits.rows)
      const ended = yield* bicameral(["simulate", file, "--seeds", "1..1000"], {}, leaveAt("seeds"))
      expect(ended).toMatchObject({ status: 141, complained: "" })
    })
  )

  it.scopedLive("ends a party", () =>
    Effect.gen(function* () {
      const { file, folder } = yield* writeScenario(splits.rows)
      const identities = drawIdentities(operator)
      const { url } = yield* startOwnBroker({ credentials: usersOf(identities) })
      const ended = yield* bicameral(
        ["actor", "kgc", "--scenario", file, "--run", "r", "--state", join(folder, "kgc")],
        {
          ...{ NATS_URL: url, KGC_IDENTITY: Redacted.value(identities.kgc!) },
          [keysVariable]: keysText(keysOf(identities))
        },
        leaveAt("")
      )
      expect(ended).toEqual({ status: 141, printed: "", complained: "" })
    })
  )
})

const lost = /^bicameral: standard output can't be written: .*; make room or print elsewhere .*\n$/

/** A full device where there is one, else a file that may not be written. */
const full = Effect.acquireRelease(
  Effect.promise(() => (existsSync("/dev/full") ? open("/dev/full", "w") : open("/dev/null", "r"))),
  (opened) => Effect.promise(() => opened.close())
)

describe("an output that is full", () => {
  it.scopedLive("costs a run none of its results, and is an error after it", () =>
    Effect.gen(function* () {
      const { file, out } = yield* writeScenario(splits.rows)
      const { fd } = yield* full
      const { complained, status } = yield* bicameral(
        ["run", file, "--out", out, "--transport", "memory"],
        {},
        undefined,
        fd
      )
      expect(complained).toMatch(lost)
      expect(status).toBe(1)
      expect(JSON.parse(yield* read(out, "result.json"))).toMatchObject({ scenario: "leaves" })
      expect(existsSync(join(out, "model.json"))).toBe(true)
    })
  )

  it.scopedLive("ends a simulation at once, which gives nothing else", () =>
    Effect.gen(function* () {
      const { file } = yield* writeScenario(splits.rows)
      const { fd } = yield* full
      const words = ["simulate", file, "--seeds", "1..100000"]
      const { complained, status } = yield* bicameral(words, {}, undefined, fd)
      expect(complained).toMatch(lost)
      expect(status).toBe(1)
    })
  )

  it.scopedLive("does not hide the error of a command", () =>
    Effect.gen(function* () {
      const { fd } = yield* full
      const { complained, status } = yield* bicameral(["check", "none.yaml"], {}, undefined, fd)
      expect(complained).toMatch(/there is no such file/)
      expect(status).toBe(1)
    })
  )
})

describe("outputs that are closed", () => {
  it.scopedLive("are nobody's fault", () =>
    Effect.gen(function* () {
      const { file } = yield* writeScenario(splits.rows)
      const closed = (redirection: string, words: ReadonlyArray<string>) =>
        ran("/bin/sh", ["-c", `"$@" ${redirection}`, "sh", process.execPath, program, ...words])
      expect((yield* closed(">&- 2>&- <&-", ["check", file])).status).toBe(0)
      expect((yield* closed("2>&-", ["check", "none.yaml"])).status).toBe(1)
      const { printed, status } = yield* closed("2>&-", ["check", file])
      expect(printed).toMatch(/^leaves:/)
      expect(status).toBe(0)
    })
  )
})

describe("the environment", () => {
  it.scopedLive("of no variables, and another language, changes nothing of what is printed", () =>
    Effect.gen(function* () {
      const { file } = yield* writeScenario(splits.rows, { seed: 3 })
      const usual = yield* bicameral(["check", file])
      const bare = ["-i", "LC_ALL=tr_TR.ISO-8859-9", "TMPDIR=/nowhere", "PATH="]
      const other = yield* ran("/usr/bin/env", [...bare, process.execPath, program, "check", file])
      expect(usual.printed).toContain("→")
      expect(other).toEqual(usual)
    })
  )

  it.scopedLive("of no variables is enough for a run", () =>
    Effect.gen(function* () {
      const { file, out } = yield* writeScenario(splits.rows)
      const { complained, status } = yield* ran("/usr/bin/env", [
        ...["-i", "TMPDIR=/nowhere", process.execPath, program],
        ...["run", file, "--out", out, "--transport", "memory"]
      ])
      expect(complained).toBe("")
      expect(status).toBe(0)
    })
  )

  it.scopedLive("that names no collector is found out before a run is begun", () =>
    Effect.gen(function* () {
      const { file, out } = yield* writeScenario(splits.rows)
      const { complained, status } = yield* bicameral(["run", file, "--out", out], {
        OTEL_EXPORTER_OTLP_ENDPOINT: "localhost"
      })
      expect(complained).toMatch(/OTEL_EXPORTER_OTLP_ENDPOINT is no address of an OpenTelemetry collector/)
      expect(complained).not.toMatch(ourFault)
      expect(status).toBe(1)
      expect(existsSync(out)).toBe(false)
    })
  )

  it.live("that is no terminal gets help without colours", () =>
    Effect.gen(function* () {
      const { printed, status } = yield* bicameral(["--help"], { TERM: "xterm-256color" })
      expect(printed).toMatch(/^bicameral\n/)
      expect(printed).not.toContain("\u001b")
      expect(status).toBe(0)
    })
  )
})
