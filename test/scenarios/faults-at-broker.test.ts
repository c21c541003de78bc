/** The same faults over a real broker, with every party a process: the model is that of an undisturbed run. */
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { layer as nodeContext } from "@effect/platform-node/NodeContext"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { runScenario } from "../../scenarios/run.ts"
import { silent, splits, writeScenario } from "./small-scenario.ts"

const short = { seed: 5, training: { epochs: 1, batch: 16, rate: 0.25 } }

const runOf = (faults: object, transport: "nats" | "memory") =>
  Effect.gen(function* () {
    const { file, out } = yield* writeScenario(splits.rows, { ...short, ...faults })
    const result = yield* runScenario({ file, out, transport, seed: Option.none(), display: silent }).pipe(
      Effect.provide(nodeContext)
    )
    return { result, model: yield* Effect.promise(() => readFile(join(out, "model.json"), "utf8")) }
  })

describe("run - faults over NATS", () => {
  it.scopedLive(
    "5 % lost, doubled and reordered, 1 % corrupted, a cloud and a user killed at a message: the same model",
    () =>
      Effect.gen(function* () {
        const { model } = yield* runOf({}, "memory")
        const faults = {
          links: [{ loss: 0.05, duplication: 0.05, reordering: 0.05, corruption: 0.01 }],
          events: [
            { event: "kill", party: "cloud1", forMs: 0, when: { step: 2 } },
            { event: "kill", party: "south", forMs: 0, when: { message: "UploadShare0" } }
          ]
        }
        const disturbed = yield* runOf({ faults }, "nats")
        expect(disturbed.model).toBe(model)
        expect(disturbed.result.faults).toMatchObject({ kill: 2 })
        for (const kind of ["loss", "duplication", "reordering"])
          expect(disturbed.result.faults?.[kind]).toBeGreaterThan(0)
        expect(disturbed.result.recoveries.map(({ party }) => party).sort()).toEqual(["cloud1", "user2"])
      }),
    180_000
  )

  it.scopedLive("faults of a run in one process are refused, and the simulation is named", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(runOf({ faults: { links: [{ loss: 0.1 }] } }, "memory"))
      expect(error.message).toMatch(/over NATS.*bicameral simulate/)
    })
  )
})
