/**
 * Clouds that deal for themselves, and a KGC that deals ahead, as processes over NATS, in lanes: with the KGC's folder gone as soon
 * as it may be, and a cloud and a lane killed, the model is that of an undisturbed run in which the KGC deals.
 */
import { readdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import { layer as nodeContext } from "@effect/platform-node/NodeContext"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { runScenario } from "../../../scenarios/run/run.ts"
import { within } from "../../../scenarios/run/run-result.ts"
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

describe("a KGC that deals ahead", () => {
  it.scopedLive("is not needed in the training, in which a cloud and a lane are killed", () =>
    Effect.gen(function* () {
      const seeded = {
        ...{ seed: 5, training, validation: 0.2, reveal: ["progress", "curve"] },
        expect: { maxWeightDeviation: 0 }
      }
      const security = { ...smallScenario(splits.rows).security, dealing: "kgc-ahead" }
      const meanwhile = yield* writeScenario(splits.rows, seeded)
      yield* runInMemory(meanwhile.file, meanwhile.out)
      const ahead = yield* writeScenario(splits.rows, { ...seeded, security })
      const { bytes } = yield* runInMemory(ahead.file, ahead.out)
      expect(within(bytes.byPhase.train!, 0.02)).toBe(true)
      const { file, out } = yield* writeScenario(splits.rows, {
        ...seeded,
        security,
        placement: { lanes: 2, workers: { kgc: 1 } }
      })
      const { display, lives, onUp } = killing([
        [10, "cloud1"],
        [68, "cloud1.l-1"]
      ])
      const stored = () =>
        readdirSync(join(out, "parties", "cloud1")).filter((name) => name.startsWith("dealt-")).length
      let most = 0
      const watching = {
        ...display,
        progress: (...progress: Parameters<typeof display.progress>) => {
          if (progress[1] === "train") {
            rmSync(join(out, "parties", "kgc"), { recursive: true, force: true })
            most = Math.max(most, stored())
          }
          display.progress(...progress)
        }
      }
      const options = { file, out, transport: "nats", seed: Option.none(), display: watching, onUp } as const
      const result = yield* runScenario(options).pipe(Effect.provide(nodeContext))
      expect(result.maxWeightDeviation).toBe(0)
      for (const run of [ahead, { out }])
        expect(yield* read(run.out, "model.json")).toBe(yield* read(meanwhile.out, "model.json"))
      expect(result.kept.kgc).toEqual([])
      expect(most).toBeGreaterThan(0)
      expect(stored()).toBe(0)
      const died = lives.filter((each) => each.endsWith("Died")).sort()
      expect(died).toEqual(["cloud1 Died", "cloud1.l-1 Died"])
    })
  )
})
