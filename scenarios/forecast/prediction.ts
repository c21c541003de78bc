/**
 * Predicts how long a run takes on given hosts and what bounds it, from what the run costs and what a machine
 * takes for each piece (docs/reference/cost-model.md). A phase takes the work of its busiest host or process, the waits for
 * its sequential messages, and the transfer over its links. Pure.
 */
import { type Phase, phases } from "../../actors/party/phases.ts"
import type { Calibration } from "../description/calibration.ts"
import type { Hosts } from "../description/hosts.ts"
import { Deployment } from "./deployment.ts"
import type { Predicted, PredictPhase } from "./loads.ts"
import { hostsTooSmall, type TooSmall } from "./memory.ts"
import { outputTime } from "./output-time.ts"
import { setupTime } from "./setup-time.ts"
import type { PredictedTime } from "./time.ts"
import { trainingTime } from "./training-time.ts"
import { transformationTime } from "./transformation-time.ts"
import { uploadTime } from "./upload-time.ts"

export interface Prediction {
  readonly phases: ReadonlyArray<PredictedTime>
  /** Seconds from the first phase to the end of the last. */
  readonly seconds: number
  /** What takes most of all. */
  readonly binds: string
  readonly tooSmall: ReadonlyArray<TooSmall>
}

const timeOf: Readonly<Record<Phase, PredictPhase>> = {
  setup: setupTime,
  upload: uploadTime,
  transform: transformationTime,
  train: trainingTime,
  output: outputTime
}

/** Predicts the time of a run on hosts. */
export const predictTime = (run: Predicted, hosts: Hosts, calibration: Calibration): Prediction => {
  const deployment = new Deployment(hosts, calibration)
  const times = phases.map((phase) => timeOf[phase](run, deployment))
  const tooSmall = hostsTooSmall(run, deployment)
  const longest = times.reduce((x, y) => (y.seconds > x.seconds ? y : x))
  const first = tooSmall[0]
  return {
    phases: times,
    seconds: times.reduce((sum, { seconds }) => sum + seconds, 0),
    binds: first === undefined ? `${longest.binds}, in ${longest.phase}` : `the memory of ${first.host}`,
    tooSmall
  }
}
