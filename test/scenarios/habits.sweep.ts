/** What people do with the program's output, its terminal, its PATH and its processes; all with the built program. */
import { access, mkdir, readFile, symlink, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { cachedServer } from "../../runtime/broker/find.ts"
import { bicameral, processesNaming } from "../support/program.ts"
import { commandOf, shell } from "../support/shell.ts"
import { studyOf } from "./cases.ts"

const ourFault = /fault of the program|internal error|\n\s+at .*:\d+:\d+/
/** What a shell says of a program that SIGPIPE ended. */
const brokenPipe = 141

const exists = (path: string) =>
  Effect.promise(() =>
    access(path).then(
      () => true,
      () => false
    )
  )
const text = (...path: ReadonlyArray<string>) => Effect.promise(() => readFile(join(...path), "utf8"))

/** A study that runs, with its scenario and an out folder that is not there yet. */
const study = Effect.map(studyOf("baseline"), (folder) => ({
  folder,
  scenario: join(folder, "scenario.yaml"),
  out: join(folder, "out")
}))

describe("the output", () => {
  it.scopedLive("a full device fails a check, which has nothing else to give", () =>
    Effect.gen(function* () {
      const { scenario } = yield* study
      const { complained, status } = yield* shell(`$bicameral check ${scenario} > /dev/full`)
      expect(status).toBe(1)
      expect(complained).toMatch(/standard output can't be written: no space left/)
      expect(complained).not.toMatch(ourFault)
    })
  )

  it.scopedLive("a full device costs a run none of its results", () =>
    Effect.gen(function* () {
      const { out, scenario } = yield* study
      const line = `$bicameral run ${scenario} --out ${out} --transport memory > /dev/full`
      const { complained, status } = yield* shell(line)
      expect(complained).not.toMatch(ourFault)
      expect(status).toBe(1)
      expect(complained).toMatch(/standard output can't be written: no space left/)
      expect(JSON.parse(yield* text(out, "result.json"))).toMatchObject({ transport: "memory" })
    })
  )

  it.scopedLive("full devices for both outputs end a command that can't say why", () =>
    Effect.gen(function* () {
      const { scenario } = yield* study
      for (const words of [`check ${scenario}`, "check nowhere.yaml", "--help"]) {
        const { status } = yield* shell(`$bicameral ${words} > /dev/full 2> /dev/full`)
        expect(status).toBe(1)
      }
    })
  )

  it.scopedLive("a reader that goes away ends a run quietly", () =>
    Effect.gen(function* () {
      const { out, scenario } = yield* study
      const line = `$bicameral run ${scenario} --out ${out} --transport memory | head -n 1; exit \${PIPESTATUS[0]}`
      const { complained, printed, status } = yield* shell(line)
      expect(complained).toBe("")
      expect(printed.trimEnd().split("\n")).toHaveLength(1)
      expect([0, brokenPipe]).toContain(status)
    })
  )

  it.scopedLive("a reader that never was ends every command quietly", () =>
    Effect.gen(function* () {
      const { scenario } = yield* study
      for (const words of [`check ${scenario}`, "--help", "run --help", `simulate ${scenario}`]) {
        // Nobody holds the other end when the program starts.
        const line = `{ sleep 1; $bicameral ${words}; echo $? >&2; } 2> >(cat >&2) | true; wait`
        const { complained } = yield* shell(line)
        expect(complained.trim()).toMatch(/^(0|141)$/)
      }
    })
  )

  it.scopedLive("outputs that are closed are nobody's fault", () =>
    Effect.gen(function* () {
      const { scenario } = yield* study
      for (const closed of [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"]) {
        const { complained, status } = yield* shell(`$bicameral check ${scenario} ${closed}`)
        expect(complained).not.toMatch(ourFault)
        expect([0, 1]).toContain(status)
      }
    })
  )
})

const script = commandOf("script")
if (script === undefined) console.warn("SKIPPED: there is no script(1) here, so no terminal is tried")

/** Runs the baseline in a terminal of a size, as `script` makes it; gives what the terminal got. */
const inTerminal = (size: string, env: Readonly<Record<string, string>>) =>
  Effect.gen(function* () {
    const { out, scenario } = yield* study
    const inner = `stty ${size}; exec $bicameral run ${scenario} --out ${out} --transport memory`
    const { printed, status } = yield* shell(`script -qefc "${inner}" /dev/null`, env)
    expect(status).toBe(0)
    return printed.replaceAll("\r\n", "\n")
  })
const phases = ["setup", "upload", "transform", "train", "output"]
const colour = new RegExp(`${String.fromCharCode(27)}\\[`)

describe.runIf(script !== undefined)("the terminal", () => {
  it.scopedLive("of 0 columns is taken as one of 80: each phase has its line, with its time", () =>
    Effect.gen(function* () {
      const printed = yield* inTerminal("cols 0 rows 0", { TERM: "xterm" })
      for (const phase of phases) expect(printed).toMatch(new RegExp(`${phase} +[\\d.]+ (m?s|min)`))
      expect(printed).not.toMatch(/^…$/m)
    })
  )

  it.scopedLive("that is dumb gets plain lines", () =>
    Effect.gen(function* () {
      const printed = yield* inTerminal("cols 80 rows 24", { TERM: "dumb" })
      expect(printed).not.toMatch(colour)
      for (const phase of phases) expect(printed).toContain(phase)
      // A line that is redrawn in place would return to its beginning.
      expect(printed).not.toContain("\r")
    })
  )

  it.scopedLive("of a column or twelve gets no line that is wider", () =>
    Effect.gen(function* () {
      const printed = yield* inTerminal("cols 12 rows 5", { TERM: "xterm" })
      for (const phase of phases) expect(printed).toContain(phase)
    })
  )
})

describe("the PATH", () => {
  it.scopedLive("without any program on it leaves no broker behind, even of a run that is killed", () =>
    Effect.gen(function* () {
      const { folder, out, scenario } = yield* study
      const bare = join(folder, "bin")
      yield* Effect.promise(async () => {
        await mkdir(bare)
        const server = commandOf("nats-server") ?? cachedServer
        await symlink(server, join(bare, "nats-server"))
      })
      const ran = yield* bicameral(["run", scenario, "--out", out], { PATH: bare }, (printed, { signal }) => {
        if (printed.includes("setup")) signal("SIGKILL")
      })
      expect(["SIGKILL", 0]).toContain(ran.status)
      expect(ran.complained).not.toMatch(ourFault)
      yield* Effect.promise(async () => {
        while ((await processesNaming(folder)).length > 0) await new Promise((soon) => setTimeout(soon, 100))
      })
    })
  )
})

describe("the out folder", () => {
  it.scopedLive(
    "a kill between removing the old run and writing the new leaves a folder that can be used",
    () =>
      Effect.gen(function* () {
        const { out, scenario } = yield* study
        const words = ["run", scenario, "--out", out, "--transport", "memory"]
        expect((yield* bicameral(words)).status).toBe(0)
        yield* Effect.promise(() => writeFile(join(out, "notes.txt"), "mine"))

        // Ends the shell's child as soon as the old result is gone.
        const line = `$bicameral ${words.join(" ")} & child=$!
        while [ -e ${out}/result.json ] && kill -0 $child; do :; done
        kill -9 $child; wait $child`
        expect((yield* shell(line)).status).toBe(137)
        expect(yield* exists(join(out, "result.json"))).toBe(false)

        expect(yield* text(out, "notes.txt")).toBe("mine")
        const resumed = yield* bicameral(["resume", out])
        expect(resumed.status).toBe(1)
        expect(resumed.complained).toMatch(/nothing to resume/)
        const again = yield* bicameral(words)
        expect(again.complained).toBe("")
        expect(again.status).toBe(0)
        expect(yield* text(out, "notes.txt")).toBe("mine")
        expect(yield* exists(join(out, "result.json"))).toBe(true)
      })
  )

  it.scopedLive("that is the data's folder, above it or a link to it is refused, and all files stay", () =>
    Effect.gen(function* () {
      const folder = yield* studyOf("out-is-study-folder")
      const scenario = join(folder, "scenario.yaml")
      const link = join(folder, "link")
      yield* Effect.promise(() => symlink(folder, link))
      for (const out of [
        folder,
        join(folder, "parties"),
        link,
        `${folder}/.`,
        join(folder, "parties", "..")
      ]) {
        const { complained, status } = yield* bicameral([
          "run",
          scenario,
          "--out",
          out,
          "--transport",
          "memory"
        ])
        expect(status).toBe(1)
        expect(complained).toMatch(/the out folder .* (is not empty|holds|is cleared|can't be written)/)
      }
      expect(yield* text(folder, "model.json")).toContain("made by another program")
      expect(yield* text(folder, "broker", "notes.txt")).toContain("grain broker")
      for (const user of ["east", "west"]) {
        expect(yield* text(folder, "parties", `${user}.csv`)).toContain("id,moisture")
      }
    })
  )
})

describe("figures", () => {
  it.scopedLive("of a training that diverges are reported as unknown, with the status for that", () =>
    Effect.gen(function* () {
      const folder = yield* studyOf("rate-1024", "longer")
      const words = [
        "run",
        join(folder, "scenario.yaml"),
        "--out",
        join(folder, "out"),
        "--transport",
        "memory"
      ]
      const { complained, printed, status } = yield* bicameral(words)
      expect(status).toBe(2)
      expect(`${printed}${complained}`).not.toMatch(/0\.0000 plain|NaN|fault of the program/)
      expect(`${printed}${complained}`).toMatch(/diverge|not known|not meaningful|unknown/)
    })
  )
})
