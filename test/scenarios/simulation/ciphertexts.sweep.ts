/** Simulated runs on ciphertexts: either cloud dies as it trains, and a cloud that comes back trains the same model. */
import { describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { splits } from "../../support/small-scenario.ts"
import { slice } from "../../support/sweep.ts"
import { survives, undisturbedOf } from "./private-join.ts"

const deaths = ["cloud0", "cloud1"].flatMap((party) =>
  [2, 9, 40, 75, 100].map((nth) => ({ name: `${party} at ${nth}`, party, tag: "train", nth }))
)

describe("simulation - a training on ciphertexts", () => {
  it.scopedLive("stands the death of either cloud at a message of the training", () =>
    Effect.gen(function* () {
      const training = { on: "ciphertexts", epochs: 1, batch: 16, rate: 0.25 }
      const run = yield* undisturbedOf(splits.rows, { training, network: { hidden: [2] }, seed: 5 })
      for (const death of slice(deaths, 2)) yield* survives(run, death)
    })
  )
})
