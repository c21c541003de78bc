/**
 * Training with a softmax of three classes, momentum, weight decay and a schedule, in whole runs: the model is that of the
 * fixed-point reference, and what travels is as predicted; also in lanes and with a worker over NATS, where a cloud and a
 * lane are killed and resume.
 */
import { join } from "node:path"
import { layer as nodeContext } from "@effect/platform-node/NodeContext"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import type { RunResult } from "../../../scenarios/report/result.ts"
import { runScenario } from "../../../scenarios/run/run.ts"
import { killing } from "../../support/killing.ts"
import { allOwn, read, runInMemory, writeScenario } from "../../support/small-scenario.ts"
import { bySoftmax, threeKinds } from "../../support/three-kinds.ts"

const resultIn = (...path: ReadonlyArray<string>) =>
  Effect.map(read(...path, "result.json"), (text) => JSON.parse(text) as RunResult)

describe("a softmax with momentum", () => {
  it.scopedLive("in one process is the reference, and takes what is predicted", () =>
    Effect.gen(function* () {
      const { file, out } = yield* writeScenario(threeKinds, bySoftmax)
      yield* runInMemory(file, out)
      const { bytes, maxWeightDeviation, meaningless, rounds } = yield* resultIn(out)
      expect({ maxWeightDeviation, meaningless }).toEqual({ maxWeightDeviation: 0, meaningless: [] })
      expect(rounds.measured).toBe(rounds.predicted)
      expect(Math.abs(bytes.measured / bytes.predicted - 1)).toBeLessThan(0.05)
    })
  )

  it.scopedLive("in lanes with a worker, a cloud and a lane are killed: the model is the same", () =>
    Effect.gen(function* () {
      const placement = { lanes: 2, workers: { kgc: 1 } }
      const { file, out } = yield* writeScenario(threeKinds, { ...bySoftmax, placement })
      yield* runInMemory(file, join(out, "alone"))
      const { display, lives, onUp } = killing([
        [70, "cloud1"],
        [120, "cloud0.l-1"]
      ])
      const options = { file, out: join(out, "lanes"), transport: "nats", seed: Option.none() } as const
      yield* runScenario({ ...options, display, onUp }).pipe(Effect.provide(nodeContext))
      expect(yield* read(out, "lanes", "model.json")).toBe(yield* read(out, "alone", "model.json"))
      expect((yield* resultIn(out, "lanes")).maxWeightDeviation).toBe(0)
      expect(lives.filter((each) => each.endsWith("Died")).sort()).toEqual(["cloud0.l-1 Died", "cloud1 Died"])
      yield* allOwn(join(out, "lanes"))
    })
  )
})
