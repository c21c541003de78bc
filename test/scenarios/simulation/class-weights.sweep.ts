/** Simulated runs with balanced classes, a softmax and validation: parties die, and seeds draw faults. */
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { simulateSeed } from "../../../scenarios/simulation/seeds.ts"
import { slice } from "../../support/sweep.ts"
import { bySoftmax, threeKinds } from "../../support/three-kinds.ts"
import { survives, undisturbedOf } from "./private-join.ts"

const { data, training } = bySoftmax
const undisturbed = undisturbedOf(threeKinds, {
  data,
  validation: 0.2,
  reveal: ["curve"],
  training: { ...training, epochs: 2, classWeights: "balanced" }
})

const deaths = [
  ...["user1", "user2", "user3"].map((party) => ({ party, tag: "MaskedSums", nth: 2 })),
  ...["cloud0", "cloud1"].flatMap((party) => [40, 150].map((nth) => ({ party, tag: "train", nth })))
].map((death) => ({ name: `${death.party} at ${death.tag} ${death.nth}`, death }))
const seeds = Array.from({ length: 40 }, (_, i) => ({ name: `seed ${i + 1}`, seed: i + 1 }))

describe("simulation - balanced classes", () => {
  it.scopedLive("leave the model as it is under every death and fault", () =>
    Effect.gen(function* () {
      const run = yield* undisturbed
      for (const { death } of slice(deaths, 2)) yield* survives(run, death)
      for (const { seed } of slice(seeds, 1)) {
        const { problems, plan } = yield* Effect.promise(() =>
          simulateSeed(run.simulation, undefined, run.expected, seed)
        )
        expect(problems, [`seed ${seed}`, ...plan].join("\n")).toEqual([])
      }
    })
  )
})
