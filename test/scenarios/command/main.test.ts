import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { layer as nodeContext } from "@effect/platform-node/NodeContext"
import { describe, expect, it } from "@effect/vitest"
import { Cause, Console, Data, Effect, Exit, FiberId, Option } from "effect"
import { afterAll } from "vitest"
import { stringify } from "yaml"
import { AuditFailed } from "../../../scenarios/command/audit.ts"
import { checkScenario } from "../../../scenarios/command/check.ts"
import {
  type ArchiveRequest,
  type AuditRequest,
  type CheckRequest,
  commandLine,
  type DealRequest,
  type DoctorRequest,
  type ExportRequest,
  type IdentityRequest,
  type InitRequest,
  type InspectRequest,
  type InviteRequest,
  type JoinRequest,
  type PredictRequest,
  type ResumeRequest,
  type RunRequest,
  type ServeRequest,
  type SimulateRequest,
  type TrainRequest,
  type TuneRequest,
  type ViewRequest,
  verdictOf
} from "../../../scenarios/command/commands.ts"
import { runAndReport } from "../../../scenarios/command/run.ts"
import type { AdmitRequest, AskRequest, GatewayRequest } from "../../../scenarios/command/serving-commands.ts"
import type { RunResult } from "../../../scenarios/report/result.ts"
import type { MemberOptions } from "../../../scenarios/run/helper-process.ts"
import type { ActorOptions } from "../../../scenarios/run/party-process.ts"
import type { RunOptions } from "../../../scenarios/run/run.ts"
import type { ServingOptions } from "../../../scenarios/run/serving-process.ts"
import { plainScenario } from "../../support/plain-scenario.ts"

class Broken extends Data.TaggedError("Broken")<{ readonly message: string }> {}

/** Collects what is printed. */
const recorder = () => {
  const printed: Array<string> = []
  const complained: Array<string> = []
  const log = (...words: ReadonlyArray<unknown>) => void printed.push(words.join(" "))
  const console: Console.Console = {
    ...Effect.runSync(Console.consoleWith(Effect.succeed)),
    log: (...words) => Effect.sync(() => log(...words)),
    error: (...words) => Effect.sync(() => complained.push(words.join(" "))),
    unsafe: { ...globalThis.console, log }
  }
  return { printed, complained, console }
}

type Asked =
  | AdmitRequest
  | ArchiveRequest
  | AskRequest
  | GatewayRequest
  | AuditRequest
  | RunRequest
  | CheckRequest
  | DealRequest
  | DoctorRequest
  | ExportRequest
  | IdentityRequest
  | InitRequest
  | InspectRequest
  | InviteRequest
  | JoinRequest
  | PredictRequest
  | ResumeRequest
  | ActorOptions
  | MemberOptions
  | ServeRequest
  | ServingOptions
  | SimulateRequest
  | TrainRequest
  | TuneRequest
  | ViewRequest
  | string

/** Gives the words to the program and tells what it was asked to do, what it printed and how it ended. */
const given = (...words: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const asked: Array<Asked> = []
    const note = (what: Asked) => Effect.sync(() => void asked.push(what))
    const { printed, complained, console } = recorder()
    const program = commandLine({
      run: note,
      deal: note,
      train: note,
      archive: note,
      resume: note,
      view: note,
      report: (out) => Effect.as(note(out), { text: `report of ${out}`, value: null }),
      simulate: note,
      check: (request) => Effect.as(note(request), { text: `checked ${request.file}`, value: null }),
      tune: note,
      predict: note,
      export: note,
      inspect: note,
      inspectRun: note,
      init: note,
      audit: note,
      identity: (request) => Effect.as(note(request), { text: `identity of ${request.file}`, value: null }),
      nkeys: (file) => Effect.as(note(file), { text: `NKEYs of ${file}`, value: null }),
      serve: note,
      ask: note,
      gateway: note,
      admit: (request) => Effect.as(note(request), { text: `admission in ${request.file}`, value: null }),
      invite: note,
      join: note,
      doctor: note,
      actor: note,
      servingActor: note,
      member: note
    })
    const exit = yield* program(words).pipe(
      Effect.provide(nodeContext),
      Effect.withConsole(console),
      Effect.exit
    )
    return { asked, printed, complained: complained.join("\n"), verdict: verdictOf(exit) }
  })

describe("bicameral serve", () => {
  it.effect("takes an out folder, and how many askers may ask how much", () =>
    Effect.gen(function* () {
      expect((yield* given("serve", "o")).asked).toMatchObject([{ out: "o", askers: 1, quota: 100_000 }])
      expect((yield* given("serve", "o", "--askers", "3", "--quota", "50")).asked).toMatchObject([
        { out: "o", askers: 3, quota: 50 }
      ])
      for (const words of [
        ["--askers", "9"],
        ["--quota", "0"],
        ["--gateway", "x"]
      ])
        expect((yield* given("serve", "o", ...words)).asked).toEqual([])
    })
  )

  it.effect("of one party goes by its folder and admissions, and has no workers and lanes", () =>
    Effect.gen(function* () {
      const party = ["actor", "cloud0", "--scenario", "a.yaml", "--run", "r", "--state", "s"]
      const { asked } = yield* given(...party, "--serve", "--admissions", "in")
      expect(asked).toMatchObject([{ role: "cloud0", state: "s", admissions: Option.some("in") }])
      const lane = yield* given(...party, "--serve", "--lane")
      expect(lane.asked).toEqual([])
      expect(lane.verdict.lines.join()).toContain("a served model has no workers and lanes")
      const alone = yield* given(...party, "--admissions", "in")
      expect(alone.verdict.lines.join()).toContain("--admissions is for a party that serves a model")
    })
  )
})

describe("bicameral deal", () => {
  it.effect(
    "takes a scenario, an out folder and a seed, and no transport: what is dealt is to be resumed from",
    () =>
      Effect.gen(function* () {
        expect((yield* given("deal", "a.yaml", "--out", "o", "--seed", "7")).asked).toEqual([
          { file: "a.yaml", out: Option.some("o"), seed: Option.some(7) }
        ])
        const { asked, verdict } = yield* given("deal", "a.yaml", "--transport", "memory")
        expect(asked).toEqual([])
        expect(verdict.lines.join()).toContain("--transport")
      })
  )
})

describe("bicameral train and archive", () => {
  it.effect("take the folder of a run, and what is to be done with it", () =>
    Effect.gen(function* () {
      expect((yield* given("train", "o", "--scenario", "b.yaml", "--seed", "7")).asked).toEqual([
        { from: "o", scenario: Option.some("b.yaml"), out: Option.none(), seed: Option.some(7) }
      ])
      expect((yield* given("archive", "forget", "o", "--user", "north")).asked).toEqual([
        { action: "forget", folder: "o", user: Option.some("north") }
      ])
      for (const words of [
        ["archive", "burn", "o"],
        ["archive", "show", "o", "--user", "north"],
        ["archive", "o"],
        ["train"]
      ]) {
        const { asked, verdict } = yield* given(...words)
        expect(asked).toEqual([])
        expect(verdict.status).not.toBe(0)
      }
    })
  )
})

describe("bicameral audit", () => {
  it.effect("takes a scenario or a folder, and the size of the trial", () =>
    Effect.gen(function* () {
      const left = { out: Option.none(), modulus: Option.none(), rows: Option.none(), epochs: Option.none() }
      expect((yield* given("audit", "a.yaml")).asked).toEqual([{ target: "a.yaml", ...left }])
      const sized = ["--modulus", "1024", "--rows", "64", "--epochs", "1", "--out", "o"]
      expect((yield* given("audit", ...sized, "kept")).asked).toEqual([
        {
          target: "kept",
          out: Option.some("o"),
          modulus: Option.some(1024),
          rows: Option.some(64),
          epochs: Option.some(1)
        }
      ])
      const { asked, complained } = yield* given("audit", "a.yaml", "--modulus", "768")
      expect(asked).toEqual([])
      expect(complained).toContain("--modulus must be 512, 1024, 2048 or 3072")
    })
  )

  it("ends with a status of its own where there are findings", () => {
    const { status, lines } = verdictOf(Exit.fail(new AuditFailed({ findings: 2 })))
    expect(status).toBe(3)
    expect(lines.join("\n")).toContain("the audit found 2 things beyond what SECURITY.md claims")
  })
})

describe("bicameral run", () => {
  it.effect("runs over NATS, in a folder and with a seed of the scenario, unless told otherwise", () =>
    Effect.gen(function* () {
      const { asked, verdict } = yield* given("run", "a.yaml")
      expect(asked).toEqual([
        {
          file: "a.yaml",
          out: Option.none(),
          transport: "nats",
          seed: Option.none(),
          faults: Option.none(),
          compare: false,
          view: false
        }
      ])
      expect(verdict).toEqual({ status: 0, lines: [] })
    })
  )

  it.effect("takes its options before and after the file", () =>
    Effect.gen(function* () {
      const expected = {
        file: "a.yaml",
        out: Option.some("o"),
        transport: "memory",
        seed: Option.some(0),
        faults: Option.some("f.yaml"),
        compare: true,
        view: true
      }
      const options = [
        "--view",
        "--out",
        "o",
        "--transport",
        "memory",
        "--seed",
        "0",
        "--faults",
        "f.yaml",
        "--compare"
      ]
      expect((yield* given("run", "a.yaml", ...options)).asked).toEqual([expected])
      expect((yield* given("run", ...options, "a.yaml")).asked).toEqual([expected])
    })
  )

  it.effect("refuses a command that it does not have, says so and does nothing", () =>
    Effect.gen(function* () {
      const { asked, verdict } = yield* given("ran", "a.yaml")
      expect(verdict).toEqual({
        status: 1,
        lines: [
          'bicameral: "ran" is no command (did you mean run?); choose one of init, inspect, run, deal, train, archive, resume, view, report, simulate, check, tune, predict, export, serve, ask, gateway, audit, inspect-run, identity, nkeys, admit, invite, join, doctor, actor; see bicameral --help'
        ]
      })
      expect(asked).toEqual([])
    })
  )
})

describe("bicameral simulate", () => {
  it.effect("takes one seed or a range of them", () =>
    Effect.gen(function* () {
      const others = { faults: Option.none(), processes: Option.none() }
      for (const [words, seeds] of [
        [[], { from: 1, to: 100 }],
        [["--seeds", "17"], { from: 17, to: 17 }],
        [["--seeds", "1..2000"], { from: 1, to: 2_000 }]
      ] as const) {
        const { asked } = yield* given("simulate", "a.yaml", ...words)
        expect(asked).toEqual([{ file: "a.yaml", seeds, ...others }])
      }
    })
  )
})

describe("bicameral check and actor", () => {
  it.effect("check prints what it finds", () =>
    Effect.gen(function* () {
      const { asked, printed } = yield* given("check", "a.yaml")
      expect(asked).toEqual([{ file: "a.yaml", hosts: Option.none(), calibration: Option.none() }])
      expect(printed).toEqual(["checked a.yaml"])
    })
  )

  it.effect("check takes hosts, and what their machines take", () =>
    Effect.gen(function* () {
      const { asked } = yield* given("check", "a.yaml", "--hosts", "h.yaml", "--calibration", "c.json")
      expect(asked).toEqual([
        { file: "a.yaml", hosts: Option.some("h.yaml"), calibration: Option.some("c.json") }
      ])
    })
  )

  it.effect("identity and nkeys print what they find, for a file each", () =>
    Effect.gen(function* () {
      const shown = yield* given("identity", "me")
      expect(shown.asked).toEqual([{ file: "me", nkey: Option.none() }])
      expect(shown.printed).toEqual(["identity of me"])
      const written = yield* given("identity", "me", "--nkey", "seed")
      expect(written.asked).toEqual([{ file: "me", nkey: Option.some("seed") }])
      const nkeys = yield* given("nkeys", "a.yaml")
      expect(nkeys.asked).toEqual(["a.yaml"])
      expect(nkeys.printed).toEqual(["NKEYs of a.yaml"])
    })
  )

  it.effect("actor takes all that a party needs to know", () =>
    Effect.gen(function* () {
      const options = [
        "--scenario",
        "a.yaml",
        "--run",
        "r1",
        "--identity",
        "me",
        "--state",
        "s",
        "--seed",
        "3"
      ]
      expect((yield* given("actor", "cloud1", ...options)).asked).toEqual([
        {
          role: "cloud1",
          scenario: "a.yaml",
          run: "r1",
          identity: Option.some("me"),
          state: "s",
          stateKey: Option.none(),
          seed: Option.some(3),
          faults: Option.none(),
          onlyDeal: false,
          reopens: Option.none(),
          from: Option.none(),
          fromKey: Option.none()
        }
      ])
    })
  )

  it.effect("actor needs a scenario and a folder, a worker or a lane neither", () =>
    Effect.gen(function* () {
      const member = {
        role: "cloud0",
        run: "r1",
        identity: Option.none(),
        threads: Option.some(3),
        state: Option.none()
      }
      for (const [kind, join] of [
        ["worker", "--worker"],
        ["worker", "--join"],
        ["lane", "--lane"]
      ]) {
        const { asked } = yield* given("actor", "cloud0", join!, "--run", "r1", "--threads", "3")
        expect(asked).toEqual([{ kind, ...member }])
      }
      for (const [missing, ...words] of [
        ["--scenario", "--state", "s"],
        ["--state", "--scenario", "a.yaml"]
      ] as const) {
        const { asked, verdict } = yield* given("actor", "kgc", "--run", "r1", ...words)
        expect(asked).toEqual([])
        expect(verdict.lines.join()).toContain(`kgc needs ${missing}`)
      }
    })
  )

  it.effect("actor names what is missing", () =>
    Effect.gen(function* () {
      const { verdict } = yield* given("actor", "kgc", "--scenario", "a.yaml", "--state", "s")
      expect(verdict).toEqual({
        status: 1,
        lines: ["bicameral: actor needs --run ID; see bicameral actor --help"]
      })
    })
  )
})

describe("verdict", () => {
  it("tells an error by its message alone, further lines indented", () => {
    const exit = Exit.fail(new Broken({ message: "two problems\none\ntwo" }))
    expect(verdictOf(exit)).toEqual({ status: 1, lines: ["bicameral: two problems", "  one", "  two"] })
  })

  it("ends with the status that an error carries, and with 1 where it carries none", () => {
    for (const [carried, status] of [
      [2, 2],
      [255, 255],
      [undefined, 1],
      [0, 1],
      [256, 1],
      [1.5, 1],
      ["2", 1]
    ] as const) {
      const exit = Exit.fail({ message: "not meaningful", exitStatus: carried })
      expect(verdictOf(exit)).toEqual({ status, lines: ["bicameral: not meaningful"] })
    }
    expect(verdictOf(Exit.fail(new Broken({ message: "gone" }))).status).toBe(1)
  })

  it("tells a defect as a fault of the program, without a stack trace, where to look, and by a status of its own", () => {
    const { status, lines } = verdictOf(Exit.die(new TypeError("x is not a function")))
    expect(status).toBe(70)
    expect(lines[0]).toBe("bicameral: internal error: x is not a function")
    expect(lines.join("\n")).toContain("events.jsonl")
    expect(lines.join("\n")).not.toContain("    at ")
  })

  it("gives an interruption the status that shells expect", () => {
    expect(verdictOf(Exit.interrupt(FiberId.none))).toEqual({
      status: 130,
      lines: ["bicameral: interrupted"]
    })
  })

  it("tells the error of a run that failed while others were being interrupted", () => {
    const cause = Cause.parallel(Cause.interrupt(FiberId.none), Cause.fail(new Broken({ message: "gone" })))
    expect(verdictOf(Exit.failCause(cause))).toEqual({ status: 1, lines: ["bicameral: gone"] })
  })
})

describe("run and report", () => {
  const folder = mkdtempSync(join(tmpdir(), "bicameral-main-"))
  const file = join(folder, "plain.yaml")
  writeFileSync(file, stringify({ ...plainScenario, reveal: ["accuracy"] }))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  const result = (held: boolean, meaningless: ReadonlyArray<string> = []): RunResult => ({
    scenario: "plain",
    run: "r",
    transport: "memory",
    modulusBits: 2048,
    seed: null,
    accuracy: 1,
    tested: { correct: 2, total: 2 },
    referenceAccuracy: 1,
    maxWeightDeviation: null,
    reasons: { maxWeightDeviation: "only a run with a seed can be replayed" },
    meaningless,
    warnings: [],
    rows: { training: 8, heldOut: 2 },
    steps: 1,
    rounds: { predicted: 1, measured: 1 },
    bytes: { predicted: 1, measured: 1, byPhase: {} },
    peakMemoryBytes: null,
    seconds: { setup: 0, upload: 0, transform: 0, train: 0, output: 0, total: 0 },
    kept: {},
    recoveries: [],
    faults: null,
    expectations: [
      { what: "accuracy at least 0.9", held: true },
      { what: "difference at most 0.01", held }
    ]
  })

  const reported = (
    held: boolean,
    out: Option.Option<string> = Option.none(),
    compare = false,
    meaningless: ReadonlyArray<string> = [],
    scenario = file
  ) =>
    Effect.gen(function* () {
      const asked: Array<RunOptions> = []
      const { printed, console } = recorder()
      const run = (options: RunOptions) => {
        asked.push(options)
        return Effect.succeed(result(held, meaningless))
      }
      const exit = yield* runAndReport(run, {
        file: scenario,
        out,
        transport: "memory",
        seed: Option.some(7),
        faults: Option.none(),
        compare,
        view: false
      }).pipe(Effect.provide(nodeContext), Effect.withConsole(console), Effect.exit)
      return { asked, printed: printed.join("\n"), verdict: verdictOf(exit) }
    })

  it.effect("says of workers and lanes that they have no effect in one process", () =>
    Effect.gen(function* () {
      const note = "note: --transport memory runs everything in one process"
      expect((yield* reported(true)).printed).not.toContain(note)
      for (const placement of [{ lanes: 2 }, { workers: { cloud0: 1 } }]) {
        const withMembers = join(folder, "members.yaml")
        writeFileSync(withMembers, stringify({ ...plainScenario, reveal: ["accuracy"], placement }))
        expect((yield* reported(true, Option.none(), false, [], withMembers)).printed).toContain(note)
      }
    })
  )

  it.effect("succeeds when all expectations held, and prints the report", () =>
    Effect.gen(function* () {
      const { asked, printed, verdict } = yield* reported(true)
      expect(verdict.status).toBe(0)
      expect(printed).toContain("how many held-out rows the model got right")
      expect(asked[0]).toMatchObject({ file, out: join("out", plainScenario.name), seed: Option.some(7) })
    })
  )

  it.effect("compares only where there are faults to compare with, and runs nothing otherwise", () =>
    Effect.gen(function* () {
      const { asked, verdict } = yield* reported(true, Option.none(), true)
      expect(asked).toEqual([])
      expect(verdict.lines[0]).toContain("give a plan with --faults or in a section faults")
    })
  )

  it.effect("ends with status 2 when the result is not meaningful, whatever was expected of it", () =>
    Effect.gen(function* () {
      for (const held of [true, false]) {
        const { printed, verdict } = yield* reported(held, Option.none(), false, ["it left the range"])
        expect(printed).toContain("NOT MEANINGFUL\n  it left the range")
        expect(printed).toContain("model.json")
        expect(verdict).toEqual({
          status: 2,
          lines: ["bicameral: the run ended, but its result is not meaningful: it left the range"]
        })
      }
    })
  )

  it.effect("fails when one expectation did not, after the report, and names it", () =>
    Effect.gen(function* () {
      const { printed, verdict } = yield* reported(false, Option.some("elsewhere"))
      expect(printed).toContain("FAILED  difference at most 0.01")
      expect(printed).toContain(join("elsewhere", "model.json"))
      expect(verdict).toEqual({
        status: 1,
        lines: ["bicameral: 1 of 2 expectations did not hold: difference at most 0.01"]
      })
    })
  )

  it.effect("does not begin to run a scenario that can't be read", () =>
    Effect.gen(function* () {
      const request = {
        file: join(folder, "absent.yaml"),
        out: Option.none(),
        transport: "memory",
        seed: Option.none(),
        faults: Option.none(),
        compare: false,
        view: false
      } as const
      const exit = yield* runAndReport(() => Effect.die("ran"), request).pipe(
        Effect.provide(nodeContext),
        Effect.exit
      )
      expect(verdictOf(exit).lines.join()).toContain("there is no such file")
    })
  )
})

describe("check", () => {
  it.effect("tells who holds what, the plan, the cost, what is revealed and whether the run is private", () =>
    Effect.gen(function* () {
      const { text } = yield* checkScenario({
        file: "scenarios/two-labs.yaml",
        hosts: Option.none(),
        calibration: Option.none()
      }).pipe(Effect.provide(nodeContext))
      expect(text).toContain("sepals (user1)")
      expect(text).toContain("150 rows × 3 columns (2 features and the label) of data/two-labs/petals.csv")
      expect(text).toContain("4 inputs → 8 relu → 3 identity")
      expect(text).toMatch(/as \d+\/2\^\d+ /)
      expect(text).toContain("BCP modulus of 2048 bits, short exponents")
      expect(text).toContain("the held-out cells of the other users")
      expect(text).toContain("REPRODUCIBLE AND NOT PRIVATE")
      expect(text).toMatch(/^ {2}train +[\d,]+ +[\d,]+ +[\d.]+ MB +0$/m)
    })
  )

  it.effect("tells how files are written, what the users find out together, and what becomes of cells", () =>
    Effect.gen(function* () {
      const { text } = yield* checkScenario({
        file: "scenarios/three-clinics.yaml",
        hosts: Option.none(),
        calibration: Option.none()
      }).pipe(Effect.provide(nodeContext))
      expect(text).toContain("hill.csv: semicolons, decimal comma, UTF-8, CRLF")
      expect(text).toContain("valley.tsv: tabs, decimal point, UTF-8 with a byte order mark, CRLF")
      expect(text).toContain(
        "  the users find mean and deviation of 8 columns together, of cells that all of them hold\n  no other party learns any"
      )
      expect(text).toMatch(/^ {4}missing cells, filled: .*insulin \d+/m)
      expect(text).toContain("10 inputs → 32 relu → 2 identity")
    })
  )

  it.effect("tells of a column that one user holds that all learn its mean", () =>
    Effect.gen(function* () {
      const { text } = yield* checkScenario({
        file: "scenarios/passengers.yaml",
        hosts: Option.none(),
        calibration: Option.none()
      }).pipe(Effect.provide(nodeContext))
      expect(text).toContain(
        "  the users learn mean and deviation of 1 column, of cells that registry alone holds\n"
      )
    })
  )

  it.effect("tells the time on hosts, what binds each phase, and that of the run", () =>
    Effect.gen(function* () {
      const { text } = yield* checkScenario({
        file: "scenarios/two-labs.yaml",
        hosts: Option.some("docs/deployment/hosts.yaml"),
        calibration: Option.none()
      }).pipe(Effect.provide(nodeContext))
      expect(text).toMatch(/^ {2}phase +time +work +waiting +links +bound by$/m)
      expect(text).toMatch(/^ {2}train .* the delay of 11 rounds a step$/m)
      expect(text).toMatch(/^ {2}total .* in train$/m)
    })
  )

  it.effect("names what a file of hosts or a calibration lacks", () =>
    Effect.gen(function* () {
      const failed = (hosts: string, calibration?: string) =>
        Effect.flip(
          checkScenario({
            file: "scenarios/two-labs.yaml",
            hosts: Option.some(hosts),
            calibration: Option.fromNullable(calibration)
          })
        ).pipe(Effect.provide(nodeContext))
      expect((yield* failed("nowhere.yaml")).message).toContain(
        "there is no such file; give the path of a file of hosts"
      )
      expect((yield* failed("scenarios/two-labs.yaml")).message).toContain("is a scenario; give the path")
      expect((yield* failed("scenarios/faults/none.yaml")).message).toContain("hosts: is missing; add it")
      const hosts = "docs/deployment/hosts.yaml"
      expect((yield* failed(hosts, "nowhere.json")).message).toContain("npm run bench -- calibrate")
      const foreign = (yield* failed(hosts, "package.json")).message.split("\n")
      expect(foreign[0]).toMatch(/^package\.json:2: name: is not known here/)
      expect(foreign.slice(-2)).toEqual([
        expect.stringMatching(/^and \d+ more problems like these$/),
        "npm run bench -- calibrate measures this machine and writes a calibration"
      ])
    })
  )
})
