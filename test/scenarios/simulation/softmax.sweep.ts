/** Simulated runs with a softmax and momentum: clouds die while they train, and seeds draw faults. */
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { simulateRun } from "../../../scenarios/simulation/run.ts"
import { judge, simulateSeed } from "../../../scenarios/simulation/seeds.ts"
import { slice } from "../../support/sweep.ts"
import { bySoftmax, threeKinds } from "../../support/three-kinds.ts"
import { undisturbedOf } from "./private-join.ts"

const { data, training } = bySoftmax
const undisturbed = undisturbedOf(threeKinds, { data, training: { ...training, epochs: 12 } })

const deaths = ["cloud0", "cloud1"].flatMap((party) =>
  [2, 65, 67].map((step) => ({ name: `${party} in step ${step}`, party, step }))
)
const seeds = Array.from({ length: 40 }, (_, i) => ({ name: `seed ${i + 1}`, seed: i + 1 }))

describe("simulation - a softmax with momentum", () => {
  it.scopedLive("leaves the model as it is under every death and fault", () =>
    Effect.gen(function* () {
      const { simulation, expected } = yield* undisturbed
      expect(expected.outcome?.steps).toBeGreaterThan(64)
      for (const { name, party, step } of slice(deaths, 2)) {
        const moment = { on: "step", step } as const
        const kill = {
          kind: "kill",
          party,
          moment,
          groups: [],
          forMs: 1_000,
          byMs: 0,
          returns: true
        } as const
        const plan = { seed: 1, healAfterMs: undefined, links: [], events: [kill] }
        const run = yield* Effect.promise(() =>
          simulateRun(simulation, { seed: 1, plan, livenessMs: 600_000 })
        )
        expect(judge(run, expected, plan, simulation.agreement), name).toEqual([])
        expect(run.faults.get("kill"), name).toBe(1)
      }
      for (const { seed } of slice(seeds, 2)) {
        const { problems, plan } = yield* Effect.promise(() =>
          simulateSeed(simulation, undefined, expected, seed)
        )
        expect(problems, [`seed ${seed}`, ...plan].join("\n")).toEqual([])
      }
    })
  )
})
