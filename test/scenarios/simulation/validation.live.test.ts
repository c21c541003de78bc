/** Simulated runs that validate after each epoch: a cloud that dies in an evaluation, and after a checkpoint. */
import { describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { splits } from "../../support/small-scenario.ts"
import { survives, undisturbedOf } from "./private-join.ts"

/** Both clouds store their shares after 64 steps, of which an epoch has four; the best epoch is not the last. */
const validated = undisturbedOf(splits.rows, {
  seed: 5,
  validation: 0.25,
  reveal: ["curve"],
  training: { epochs: 20, batch: 8, rate: 0.6, stop: { patience: 15 } }
})

/** Of the first evaluation, and of the epochs after the checkpoint. */
const [inFirstEvaluation, afterCheckpoint] = [60, 1340]

describe("simulation - validation", () => {
  it.scopedLive("stands the death of a cloud in an evaluation, and resumes what it had found", () =>
    Effect.gen(function* () {
      const run = yield* validated
      yield* survives(run, { party: "cloud0", tag: "train", nth: inFirstEvaluation })
      yield* survives(run, { party: "cloud1", tag: "train", nth: afterCheckpoint })
    })
  )
})
