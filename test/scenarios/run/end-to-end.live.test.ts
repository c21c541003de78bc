/** The program from the command line: a process a party over a broker of its own, and what it leaves behind. */
import { readdir, readFile } from "node:fs/promises"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Model } from "../../../protocol/learning/model.ts"
import type { RunResult } from "../../../scenarios/report/result.ts"
import { bicameral, processesNaming } from "../../support/program.ts"
import { quickly, scenarios } from "../../support/shipped.ts"
import { runInMemory, splits, temporaryFolder, writeScenario } from "../../support/small-scenario.ts"

const readJson = <A>(...path: ReadonlyArray<string>) =>
  Effect.promise(async () => JSON.parse(await readFile(join(...path), "utf8")) as A)
const remaining = (folder: string) => Effect.promise(() => processesNaming(folder))

describe("bicameral run - over NATS", () => {
  it.scopedLive("a process a party, users that leave and come back, and nothing left behind", () =>
    Effect.gen(function* () {
      const { file, folder, out } = yield* writeScenario(splits.rows, {
        seed: 5,
        placement: { usersLeaveAfterUpload: true },
        expect: { minAccuracy: 0.9, maxWeightDeviation: 0 }
      })
      const during = new Map<string, Promise<ReadonlyArray<string>>>()
      const look = (printed: string) => {
        for (const phase of ["upload", "train"]) {
          if (printed.includes(`${phase}:`) && !during.has(phase)) during.set(phase, processesNaming(folder))
        }
      }
      const { complained, printed, status } = yield* bicameral(
        ["run", file, "--out", out],
        { TMPDIR: folder },
        look
      )
      expect(complained).toBe("")
      expect(status).toBe(0)
      expect(printed).toContain("REPRODUCIBLE AND NOT PRIVATE")
      expect(printed).toContain("bit for bit those of the fixed-point reference")

      const actors = (lines: ReadonlyArray<string>) =>
        lines.flatMap((line) => /main\.js actor (\w+)/.exec(line)?.[1] ?? []).sort()
      const upload = yield* Effect.promise(() => during.get("upload")!)
      expect(actors(upload)).toEqual(["cloud0", "cloud1", "director", "kgc", "user1", "user2", "user3"])
      expect(upload.some((line) => line.includes("nats-server"))).toBe(true)
      const train = yield* Effect.promise(() => during.get("train")!)
      expect(actors(train)).toEqual(["cloud0", "cloud1", "director", "kgc"])
      expect(yield* remaining(folder)).toEqual([])

      const result = yield* readJson<RunResult>(out, "result.json")
      expect(result).toMatchObject({ transport: "nats", modulusBits: 512, seed: 5, maxWeightDeviation: 0 })
      expect(result.rounds.measured).toBe(result.rounds.predicted)
      expect(Object.keys(result.seconds).sort()).toEqual(
        ["output", "setup", "total", "train", "transform", "upload"].sort()
      )
      const { layers } = yield* readJson<Model>(out, "model.json")
      expect(layers.length).toBe(2)
      const parties = yield* Effect.promise(() => readdir(join(out, "parties")))
      expect(parties.sort()).toEqual(["cloud0", "cloud1", "director", "kgc", "user1", "user2", "user3"])
      for (const party of parties) {
        const log = yield* Effect.promise(() => readFile(join(out, "parties", party, "events.jsonl"), "utf8"))
        expect(JSON.parse(log.slice(0, log.indexOf("\n")))).toMatchObject({ actor: party })
      }
      const inspected = yield* bicameral(["inspect-run", out])
      expect(inspected.printed).toMatch(/^the run ended: .* rounds between the clouds\n/)
      for (const part of ["waits in rounds", "what took longest", "who waited", "bytes sent"])
        expect(inspected.printed).toContain(part)
      const nothing = yield* bicameral(["inspect-run", join(out, "parties", "kgc", "stable")])
      expect(nothing.status).toBe(1)
      expect(nothing.complained).toContain("has no event log")
      // The same run with all parties in one process.
      const inMemory = join(folder, "in-memory")
      yield* runInMemory(file, inMemory)
      expect((yield* readJson<Model>(inMemory, "model.json")).layers).toEqual(layers)
    })
  )

  it.scopedLive("interrupted, it ends every party and the broker", () =>
    Effect.gen(function* () {
      const { file, folder, out } = yield* writeScenario(splits.rows)
      let interrupted = false
      const { status } = yield* bicameral(
        ["run", file, "--out", out],
        { TMPDIR: folder },
        (printed, running) => {
          if (interrupted || !printed.includes("upload:")) return
          interrupted = true
          running.signal("SIGINT")
        }
      )
      // What a shell calls 130.
      expect([130, "SIGINT"]).toContain(status)
      expect(interrupted).toBe(true)
      expect(yield* remaining(folder)).toEqual([])
    })
  )

  it.scopedLive("an expectation that does not hold is exit status 1, after the report", () =>
    Effect.gen(function* () {
      const { file, out } = yield* writeScenario(splits.rows, {
        seed: 5,
        training: { epochs: 1, batch: 16, rate: 0.001 },
        expect: { minAccuracy: 1, maxWeightDeviation: 0 }
      })
      const { complained, printed, status } = yield* bicameral([
        "run",
        file,
        "--out",
        out,
        "--transport",
        "memory"
      ])
      expect(status).toBe(1)
      expect(printed).toMatch(/FAILED +accuracy at least 1/)
      expect(printed).toMatch(/ok +deviation from the fixed-point reference/)
      expect(complained).toBe("bicameral: 1 of 2 expectations did not hold: accuracy at least 1\n")
      const result = yield* readJson<RunResult>(out, "result.json")
      expect(result.expectations.map(({ held }) => held)).toEqual([false, true])
    })
  )
})

describe("bicameral run - the scenarios that come with the project", () => {
  it.scopedLive(
    "three-hospitals at 2048 bits over NATS is as good as in the clear, and patchwork is its twin",
    () =>
      Effect.gen(function* () {
        const out = yield* temporaryFolder
        const file = join(scenarios, "three-hospitals.yaml")
        const { complained, status } = yield* bicameral(["run", file, "--out", out], { TMPDIR: out })
        expect(complained).toBe("")
        expect(status).toBe(0)
        expect(yield* remaining(out)).toEqual([])
        const result = yield* readJson<RunResult>(out, "result.json")
        expect(result).toMatchObject({ transport: "nats", modulusBits: 2048, maxWeightDeviation: 0 })
        expect(result.accuracy).toBeGreaterThanOrEqual(0.95)
        expect(Math.abs(result.accuracy! - result.referenceAccuracy!)).toBeLessThanOrEqual(0.01)
        expect(result.rounds.measured).toBe(result.rounds.predicted)
        // A busy machine sends some rounds again.
        expect(result.bytes.measured / result.bytes.predicted).toBeGreaterThan(0.95)
        expect(result.bytes.measured / result.bytes.predicted).toBeLessThan(1.3)
        const { layers } = yield* readJson<Model>(out, "model.json")
        expect([layers[0]!.weights.length, layers[0]!.bias.length, layers[1]!.bias.length]).toEqual([
          30, 16, 2
        ])

        const patchwork = yield* quickly("patchwork")
        expect(patchwork.model.layers).toEqual(layers)
        expect(patchwork.result.tested).toEqual(result.tested)
        expect(patchwork.result.expectations.every(({ held }) => held)).toBe(true)
      })
  )

  it.scopedLive("two-labs, whose rows are joined by id, reaches 0.90", () =>
    Effect.gen(function* () {
      const { result } = yield* quickly("two-labs")
      expect(result.accuracy).toBeGreaterThanOrEqual(0.9)
      expect(result.maxWeightDeviation).toBe(0)
      expect(result.rounds.measured).toBe(result.rounds.predicted)
      expect(result.expectations.length).toBeGreaterThan(0)
      expect(result.expectations.every(({ held }) => held)).toBe(true)
    })
  )
})
