/** Simulated runs with joint statistics: a user that dies between the passes. */
import { describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { survives } from "./private-join.ts"
import { deaths, undisturbed } from "./statistics.ts"

describe("simulation - joint statistics", () => {
  it.scopedLive("stands the death of a user between the passes", () =>
    Effect.gen(function* () {
      const run = yield* undisturbed
      const death = deaths.find(
        ({ party, tag, nth }) => party === "user2" && tag === "MaskedSums" && nth === 5
      )
      yield* survives(run, death!)
    })
  )
})
