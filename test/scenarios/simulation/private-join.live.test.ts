/** Simulated runs with a private join: a user that dies at a message of it, and faults that a seed draws. */
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { simulateSeed } from "../../../scenarios/simulation/seeds.ts"
import { deaths, survives, undisturbed } from "./private-join.ts"

describe("simulation - private join", () => {
  it.scopedLive("stands the death of a user at a message of it, and the faults of a seed", () =>
    Effect.gen(function* () {
      const run = yield* undisturbed
      const some = deaths.filter(({ party, tag, nth }) => party === "user2" && tag === "RaiseIds" && nth > 1)
      for (const death of some) yield* survives(run, death)
      const { problems, plan } = yield* Effect.promise(() =>
        simulateSeed(run.simulation, undefined, run.expected, 1)
      )
      expect(problems, plan.join("\n")).toEqual([])
    })
  )
})
