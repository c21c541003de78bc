/**
 * Clouds that deal for themselves, as processes over NATS, in lanes: with the KGC's folder gone since the setup, and a cloud
 * and a lane killed, the model is that of an undisturbed run in which the KGC deals.
 */
import { rmSync } from "node:fs"
import { join } from "node:path"
import { layer as nodeContext } from "@effect/platform-node/NodeContext"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { runScenario } from "../../../scenarios/run/run.ts"
import { killing } from "../../support/killing.ts"
import { read, runInMemory, smallScenario, splits, writeScenario } from "../../support/small-scenario.ts"

const training = { epochs: 22, batch: 8, rate: 0.25 }

describe("clouds that deal for themselves", () => {
  it.scopedLive("go on without the KGC after kills of a cloud and of a lane", () =>
    Effect.gen(function* () {
      const seeded = {
        ...{ seed: 5, training, validation: 0.2, reveal: ["progress", "curve"] },
        expect: { maxWeightDeviation: 0 }
      }
      const dealt = yield* writeScenario(splits.rows, seeded)
      yield* runInMemory(dealt.file, dealt.out)
      const security = { ...smallScenario(splits.rows).security, dealing: "clouds" }
      const { file, out } = yield* writeScenario(splits.rows, {
        ...seeded,
        security,
        placement: { lanes: 2 }
      })
      const { display, lives, onUp } = killing([
        [10, "cloud0"],
        [68, "cloud1.l-1"]
      ])
      const watching = {
        ...display,
        phase: (phase: string) => {
          if (phase === "upload") rmSync(join(out, "parties", "kgc"), { recursive: true })
        }
      }
      const options = { file, out, transport: "nats", seed: Option.none(), display: watching, onUp } as const
      const result = yield* runScenario(options).pipe(Effect.provide(nodeContext))
      expect(result.maxWeightDeviation).toBe(0)
      expect(yield* read(out, "model.json")).toBe(yield* read(dealt.out, "model.json"))
      const died = lives.filter((each) => each.endsWith("Died")).sort()
      expect(died).toEqual(["cloud0 Died", "cloud1.l-1 Died"])
    })
  )
})
