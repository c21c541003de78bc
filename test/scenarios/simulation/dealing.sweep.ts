/** Simulated runs whose KGC does not deal beside the training: parties die while it is dealt, before the training and in it. */
import { describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { smallScenario, splits } from "../../support/small-scenario.ts"
import { survives, undisturbedOf } from "./private-join.ts"

describe("simulation - clouds that deal", () => {
  it.scopedLive("stands the death of either cloud at a message of the dealing", () =>
    Effect.gen(function* () {
      const security = { ...smallScenario(splits.rows).security, dealing: "clouds" }
      const training = { epochs: 2, batch: 8, rate: 0.25 }
      const run = yield* undisturbedOf(splits.rows, { security, training })
      for (const party of ["cloud0", "cloud1"])
        for (const nth of [1, 4, 20]) yield* survives(run, { party, tag: "deal", nth })
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
      for (const death of deaths) yield* survives(run, death)
    })
  )
})
