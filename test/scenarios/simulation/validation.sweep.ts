/** Simulated runs that validate after each epoch: a cloud that dies after a checkpoint resumes what it had found. */
import { describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { survives } from "./private-join.ts"
import { afterCheckpoint, inFirstEvaluation, undisturbedFor } from "./validation.ts"

describe("simulation - validation", () => {
  it.scopedLive("stands the death of either cloud, before and after a checkpoint", () =>
    Effect.gen(function* () {
      const run = yield* undisturbedFor(20)
      yield* survives(run, { party: "cloud1", tag: "train", nth: inFirstEvaluation })
      yield* survives(run, { party: "cloud1", tag: "train", nth: afterCheckpoint })
      yield* survives(run, { party: "cloud0", tag: "train", nth: afterCheckpoint })
    })
  )
})
