/**
 * Training in lanes over NATS, each a process of its own: the model is that of one lane, byte for byte, also where lanes are killed and
 * others join in their place.
 */
import { join } from "node:path"
import { layer as nodeContext } from "@effect/platform-node/NodeContext"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { runScenario } from "../../../scenarios/run/run.ts"
import { killing } from "../../support/killing.ts"
import { allOwn, read, runInMemory, splits, writeScenario } from "../../support/small-scenario.ts"

const scenario = {
  seed: 5,
  training: { epochs: 60, batch: 8, rate: 0.25 },
  expect: { maxWeightDeviation: 0 }
}

describe("lanes - over NATS", () => {
  it.scopedLive("a lane, a main process and another lane are killed: the model is that of one lane", () =>
    Effect.gen(function* () {
      const { file, out } = yield* writeScenario(splits.rows, { ...scenario, placement: { lanes: 3 } })
      yield* runInMemory(file, join(out, "alone"))
      const { display, lives, onUp } = killing([
        [30, "cloud0.l-1"],
        [100, "cloud1"],
        [180, "cloud1.l-2"]
      ])
      const options = { file, out: join(out, "lanes"), transport: "nats", seed: Option.none() } as const
      yield* runScenario({ ...options, display, onUp }).pipe(Effect.provide(nodeContext))
      expect(yield* read(out, "lanes", "model.json")).toBe(yield* read(out, "alone", "model.json"))
      expect(lives.filter((each) => each.endsWith("Died")).sort()).toEqual([
        "cloud0.l-1 Died",
        "cloud1 Died",
        "cloud1.l-2 Died"
      ])
      // Each lane took part: the other cloud's lane of its rows has exchanged rounds with it.
      const events = yield* Effect.forEach(["cloud0.l-1", "cloud0.l-2", "cloud1.l-1"], (lane) =>
        read(out, "lanes", "parties", lane, "events.jsonl")
      )
      for (const log of events) expect(log).toContain('"lane.train"')
      yield* allOwn(join(out, "lanes"))
    })
  )

  it.scopedLive(
    "a training that ends before its time lets its lanes go, and the model is that of one lane",
    () =>
      Effect.gen(function* () {
        const { file, out } = yield* writeScenario(splits.rows, {
          ...{ ...scenario, validation: 0.25, reveal: ["curve", "progress"], placement: { lanes: 2 } },
          training: { epochs: 60, batch: 8, rate: 0.6, stop: { patience: 4 } }
        })
        const alone = yield* runInMemory(file, join(out, "alone"))
        const { display, lives, onUp } = killing([[10, "cloud1"]])
        const options = { file, out: join(out, "lanes"), transport: "nats", seed: Option.none() } as const
        const { curve } = yield* runScenario({ ...options, display, onUp }).pipe(Effect.provide(nodeContext))
        expect(curve?.stopped).toBe(true)
        expect(curve).toEqual(alone.curve)
        expect(yield* read(out, "lanes", "model.json")).toBe(yield* read(out, "alone", "model.json"))
        expect(lives.filter((each) => each.endsWith("Died"))).toEqual(["cloud1 Died"])
        yield* allOwn(join(out, "lanes"))
      })
  )
})
