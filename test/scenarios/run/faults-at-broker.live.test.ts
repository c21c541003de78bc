/** The same faults over a real broker, with every party a process: the model is that of an undisturbed run. */
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import type { RunResult } from "../../../scenarios/report/result.ts"
import { duration } from "../../../scenarios/text/units.ts"
import { bicameral } from "../../support/program.ts"
import { allOwn, read, runInMemory, splits, writeScenario } from "../../support/small-scenario.ts"

const short = { seed: 5, training: { epochs: 1, batch: 16, rate: 0.25 } }

describe("run - faults over NATS", () => {
  it.scopedLive(
    "5 % lost, doubled and reordered, 1 % corrupted, a cloud and a user killed at a message: the same model",
    () =>
      Effect.gen(function* () {
        const faults = {
          links: [{ loss: 0.05, duplication: 0.05, reordering: 0.05, corruption: 0.01 }],
          events: [
            { event: "kill", party: "cloud1", forMs: 0, when: { step: 2 } },
            { event: "kill", party: "south", forMs: 0, when: { message: "UploadShare0" } }
          ]
        }
        const { file, out } = yield* writeScenario(splits.rows, { ...short, faults })
        const { complained, printed, status } = yield* bicameral(["run", file, "--out", out, "--compare"])
        expect(complained).toBe("")
        expect(status).toBe(0)
        const results = yield* Effect.forEach([["undisturbed"], []], (path) =>
          Effect.map(read(out, ...path, "result.json"), (text) => JSON.parse(text) as RunResult)
        )
        const [undisturbed, disturbed] = results as [RunResult, RunResult]
        const [without, withThem] = results.map(({ seconds }) => duration(seconds.total))
        expect(printed).toMatch(new RegExp(`total +${without} +${withThem} +\\d+\\.\\d ×`))
        expect(printed).toContain("with and without faults the same, byte for byte")
        console.log(
          printed
            .split("\n")
            .filter((line) => line.includes(" × ") || line.endsWith(" ×"))
            .join("\n")
        )
        expect(yield* read(out, "model.json")).toBe(yield* read(out, "undisturbed", "model.json"))
        expect(undisturbed.faults).toEqual({})
        for (const { maxWeightDeviation } of results) expect(maxWeightDeviation).toBe(0)
        expect(disturbed.faults).toMatchObject({ kill: 2 })
        for (const kind of ["loss", "duplication", "reordering"])
          expect(disturbed.faults?.[kind]).toBeGreaterThan(0)
        expect(disturbed.recoveries.map(({ party }) => party).sort()).toEqual(["cloud1", "user2"])
        yield* allOwn(out)
      })
  )

  it.scopedLive("faults of a run in one process are refused, and the simulation is named", () =>
    Effect.gen(function* () {
      const faults = { links: [{ loss: 0.1 }] }
      const { file, out } = yield* writeScenario(splits.rows, { ...short, faults })
      const error = yield* Effect.flip(runInMemory(file, out))
      expect(error.message).toMatch(/over NATS.*bicameral simulate/)
    })
  )
})
