/** Simulated runs with joint statistics: each user dies at each message by which they are found, and seeds draw faults. */
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { simulateSeed } from "../../../scenarios/simulation/seeds.ts"
import { slice } from "../../support/sweep.ts"
import { survives } from "./private-join.ts"
import { deaths, undisturbed } from "./statistics.ts"

const seeds = Array.from({ length: 60 }, (_, i) => ({ name: `seed ${i + 1}`, seed: i + 1 }))
const named = deaths.map((death) => ({ name: `${death.party} at ${death.tag} ${death.nth}`, death }))

describe("simulation - joint statistics", () => {
  it.scopedLive("leaves the model as it is under every death and fault", () =>
    Effect.gen(function* () {
      const run = yield* undisturbed
      for (const { death } of slice(named, 8)) yield* survives(run, death)
      for (const { seed } of slice(seeds, 6)) {
        const { problems, plan } = yield* Effect.promise(() =>
          simulateSeed(run.simulation, undefined, run.expected, seed)
        )
        expect(problems, [`seed ${seed}`, ...plan].join("\n")).toEqual([])
      }
    })
  )
})
