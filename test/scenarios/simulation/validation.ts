/** Simulated runs that validate after each epoch, and end with the model of the best one. */
import { splits } from "../../support/small-scenario.ts"
import { undisturbedOf } from "./private-join.ts"

/** Of an epoch of four steps, and a validation of two slices. */
export const undisturbedFor = (epochs: number) =>
  undisturbedOf(splits.rows, {
    seed: 5,
    validation: 0.25,
    reveal: ["curve"],
    training: { epochs, batch: 8, rate: 0.6, stop: { patience: 15 } }
  })

/** Rounds of the first evaluation, and after the first checkpoint, which comes after 64 steps. */
export const [inFirstEvaluation, afterCheckpoint] = [60, 1340] as const
