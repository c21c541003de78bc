/** The time of a training on ciphertexts: in a step the clouds work in turn, each with all threads that it has. */
import type { CiphertextCost } from "../../protocol/ciphertexts/cost.ts"
import { multiplicationsOf } from "../../protocol/ciphertexts/multiplications.ts"
import { type BcpCalibration, type Curve, onCurve } from "../description/calibration.ts"
import type { CiphertextTraining } from "./ciphertexts.ts"
import type { Deployment } from "./deployment.ts"
import { bcpOf, brokerLoad, type CloudName, endMs, type Predicted, trafficOf } from "./loads.ts"
import { type PredictedTime, time } from "./time.ts"

/** Enough ciphertexts for the tables of an encryptor to pay. */
const manyCiphertexts = 192

/** Processor time of each cloud for a step, or for what is done once, but for messages. */
export const stepWorkMs = (
  { encryptFactored, openAnyMs, multiplicationMs, strip }: BcpCalibration,
  { additions, encryptions, openings, powers }: CiphertextCost
) => {
  const each = (curve: Curve) => onCurve(curve, manyCiphertexts) / manyCiphertexts
  const multiplications = powers.reduce((sum, shape) => sum + multiplicationsOf(shape), 0)
  return {
    cloud0: openings * openAnyMs + encryptions * each(encryptFactored),
    cloud1: multiplications * multiplicationMs + additions * each(strip)
  }
}

/** How many of a cloud's jobs run at a time. */
const threadsOf = (deployment: Deployment, who: CloudName): number => {
  const { placement } = deployment
  return [placement[who], ...placement.workers[who]].reduce((sum, host) => sum + deployment.threads(host), 0)
}

/** The time of the training of a run on ciphertexts. */
export const ciphertextTrainingTime = (
  run: Predicted,
  deployment: Deployment,
  { once, rounds, step }: CiphertextTraining
): PredictedTime => {
  const { calibration, placement } = deployment
  const { cloud0, cloud1 } = placement
  const { plan } = run.cost
  const bcp = bcpOf(run, deployment)
  const [ofStep, ...ofOnce] = [step, ...once].map((cost) => stepWorkMs(bcp, cost))
  const inAllMs = (who: CloudName) => ofOnce.reduce((sum, ms) => sum + ms[who], plan.steps * ofStep![who])
  const traffic = trafficOf(run, "train", ["round:train"])
  const turns = (["cloud0", "cloud1"] as const).map((who) => ({
    who,
    seconds: inAllMs(who) / 1000 / threadsOf(deployment, who)
  }))
  const sending = deployment.work([
    ...turns.map(({ who }) => ({
      who,
      host: placement[who],
      ms: endMs(calibration, traffic.messages, traffic.bytes),
      threads: 1
    })),
    brokerLoad(deployment, traffic)
  ])
  const most = turns.reduce((x, y) => (y.seconds > x.seconds ? y : x))
  const work = {
    seconds: sending.seconds + turns.reduce((sum, { seconds }) => sum + seconds, 0),
    by: most.who === "cloud0" ? "the openings of cloud0" : "the products of powers of cloud1"
  }
  const delayMs = Math.max(deployment.delayMs(cloud0, cloud1), deployment.delayMs(cloud1, cloud0))
  const waiting = {
    seconds: (rounds * (calibration.messages.waitMs + delayMs)) / 1000,
    by: `the delay of ${step.rounds} rounds a step`
  }
  return time("train", work, waiting, deployment.transfer(cloud0, cloud1, traffic.bytes / 2))
}
