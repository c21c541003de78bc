/** Simulated runs whose clouds deal for themselves: either dies while it deals, before the training and in it. */
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
