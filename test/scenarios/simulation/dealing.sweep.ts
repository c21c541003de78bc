/**
 * Simulated runs whose KGC does not deal beside the training: parties die while it is dealt, before the training and in it, and
 * when they have ended it while others have not.
 */
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import type { FaultPlan } from "../../../scenarios/faults-injected/plan.ts"
import { simulateRun } from "../../../scenarios/simulation/run.ts"
import { judge } from "../../../scenarios/simulation/seeds.ts"
import { smallScenario, splits } from "../../support/small-scenario.ts"
import { full } from "../../support/sweep.ts"
import { survives, undisturbedOf } from "./private-join.ts"

const security = { ...smallScenario(splits.rows).security, dealing: "clouds" }

describe("simulation - clouds that deal", () => {
  it.scopedLive("stands the death of either cloud at a message of the dealing", () =>
    Effect.gen(function* () {
      const training = { epochs: 2, batch: 8, rate: 0.25 }
      const run = yield* undisturbedOf(splits.rows, { security, training })
      for (const party of ["cloud0", "cloud1"])
        for (const nth of full ? [1, 4, 20] : [4]) yield* survives(run, { party, tag: "deal", nth })
    })
  )
})

/** A plan in which what a cloud sends the other is late, and lost where it is killed: as it says that it has ended something. */
const lostWithItsSender = (party: string, peer: string, tag: string): FaultPlan => {
  const moment = { on: "message", tag, nth: 1 } as const
  const kill = { kind: "kill", party, moment, groups: [], forMs: 1_000, byMs: 0, returns: true } as const
  const whole = { loss: 0, duplication: 0, reordering: 0, corruption: 0, truncation: 0 }
  const link = { from: party, to: peer, ...whole, delay: { fromMs: 0, toMs: 4 } }
  // From this seed the last round of all but one is under way then.
  return { seed: 1, healAfterMs: 600_000, links: [link], events: [kill] }
}

describe("simulation - clouds that deal ahead", () => {
  it.scopedLive("end what a cloud has ended whose last round was lost with it", () =>
    Effect.gen(function* () {
      const { expected, simulation } = yield* undisturbedOf(splits.rows, { security })
      const clouds = ["cloud0", "cloud1"] as const
      for (const [i, party] of clouds.entries())
        for (const tag of full ? ["DealAhead", "Train"] : [i === 0 ? "DealAhead" : "Train"]) {
          const plan = lostWithItsSender(party, clouds[1 - i]!, tag)
          const options = { seed: 1, plan, dealsFirst: true, livenessMs: 600_000 }
          const run = yield* Effect.promise(() => simulateRun(simulation, options))
          expect(judge(run, expected, plan, simulation.agreement), `${party} at ${tag}`).toEqual([])
          expect(run.faults.get("kill")).toBe(1)
        }
    })
  )
})

describe("simulation - a KGC that deals ahead", () => {
  it.scopedLive("stands deaths while it deals, as it leaves, and when it has left", () =>
    Effect.gen(function* () {
      const security = { ...smallScenario(splits.rows).security, dealing: "kgc-ahead" }
      const training = { epochs: 12, batch: 8, rate: 0.25 }
      const run = yield* undisturbedOf(splits.rows, {
        security,
        training,
        validation: 0.2,
        reveal: ["curve"]
      })
      const deaths = [
        { party: "kgc", tag: "Deal", nth: 2 },
        { party: "cloud1", tag: "Deal", nth: 3 },
        { party: "cloud1", tag: "DealAhead", nth: 1 },
        { party: "cloud0", tag: "train", nth: 40 },
        { party: "cloud1", tag: "train", nth: 90 }
      ]
      for (const death of full ? deaths : deaths.slice(1, 4)) yield* survives(run, death)
    })
  )
})
