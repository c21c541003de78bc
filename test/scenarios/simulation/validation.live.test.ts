/** Simulated runs that validate after each epoch: a cloud that dies in an evaluation. */
import { describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { survives } from "./private-join.ts"
import { inFirstEvaluation, undisturbedFor } from "./validation.ts"

describe("simulation - validation", () => {
  it.scopedLive("stands the death of a cloud in an evaluation", () =>
    Effect.flatMap(undisturbedFor(2), (run) =>
      survives(run, { party: "cloud0", tag: "train", nth: inFirstEvaluation })
    )
  )
})
