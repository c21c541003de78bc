/**
 * Trainings on ciphertexts as processes over NATS. With the KGC's folder gone since the setup, the users gone from the upload to the
 * output, and both clouds killed as they train, the model is that of the reference.
 */
import { readdir, rm } from "node:fs/promises"
import { join } from "node:path"
import { layer as nodeContext } from "@effect/platform-node/NodeContext"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { runScenario } from "../../../scenarios/run/run.ts"
import { within } from "../../../scenarios/run/run-result.ts"
import { killing } from "../../support/killing.ts"
import { quicklyBut } from "../../support/shipped.ts"
import { splits, writeScenario } from "../../support/small-scenario.ts"
import { full } from "../../support/sweep.ts"

const training = { on: "ciphertexts", epochs: 1, batch: 12, rate: 0.25 }

describe("a training on ciphertexts", () => {
  it.scopedLive("needs neither KGC nor users, and stands kills of both clouds", () =>
    Effect.gen(function* () {
      const { file, out } = yield* writeScenario(splits.columns, {
        ...{ seed: 5, training, network: { hidden: [2] } },
        placement: { usersLeaveAfterUpload: true, workers: { cloud1: 1 } },
        expect: { maxWeightDeviation: 0 }
      })
      const { display, lives, onUp } = killing([
        [1, "cloud0"],
        [2, "cloud1"]
      ])
      const stored: Array<ReadonlyArray<string>> = []
      const watching = {
        ...display,
        phase: (phase: string) => {
          if (phase === "upload") void rm(join(out, "parties", "kgc"), { recursive: true })
          if (phase === "output")
            void readdir(join(out, "parties", "cloud0", "stable")).then((names) => stored.push(names))
        }
      }
      const options = { file, out, transport: "nats", seed: Option.none(), display: watching, onUp } as const
      const result = yield* runScenario(options).pipe(Effect.provide(nodeContext))
      expect(result.maxWeightDeviation).toBe(0)
      const died = lives.filter((each) => each.endsWith("Died")).sort()
      expect(died).toEqual(["cloud0 Died", "cloud1 Died"])
      expect(stored.flat().filter((name) => name.startsWith("weights-"))).toEqual([])
    })
  )

  if (full)
    it.scopedLive("of one epoch of three-hospitals is its reference, and sends what is predicted", () =>
      Effect.gen(function* () {
        const { result } = yield* quicklyBut("three-hospitals", {
          training: { on: "ciphertexts", epochs: 1, batch: 32, rate: 0.1 },
          expect: { maxWeightDeviation: 0 }
        })
        expect(result.maxWeightDeviation).toBe(0)
        expect(result.rounds.measured).toBe(result.rounds.predicted)
        expect(within(result.bytes, 0.05)).toBe(true)
      })
    )
})
