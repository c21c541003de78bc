/** The time of the transformation: the clouds bring all ciphertexts under the joint key, or into shares. */

import { wordBytes } from "../../protocol/bytes.ts"
import { outputs } from "../../protocol/learning/network.ts"
import { rowsOpened } from "../../protocol/learning/plan.ts"
import { Reencrypt } from "../../protocol/messages/transformation.ts"
import {
  bcpOf,
  brokerLoad,
  ciphertextLoads,
  clouds,
  endMs,
  type PredictPhase,
  stored,
  total,
  trafficOf,
  type Work
} from "./loads.ts"
import { greatest, sumOf, time } from "./time.ts"

/** Bytes of an entry that says what was opened: SHA-256 of the request. */
const digestBytes = 32

export const transformationTime: PredictPhase = (run, deployment) => {
  const { calibration, placement } = deployment
  const bcp = bcpOf(run, deployment)
  const traffic = trafficOf(run, "transform")
  const hybrid = run.scenario.security.upload === "hybrid"
  const { workers } = placement
  const all = total(run.cost.shares)
  /** A user's shares, after those of the users before: only the tables of its own key are new. */
  const share = (count: number, i: number) => {
    const started = i > 0
    const messages = (traffic.messages * count) / all
    const bytes = (traffic.bytes * count) / all
    const ends = clouds.map((who) => ({
      who,
      host: placement[who],
      ms: endMs(calibration, messages, bytes),
      threads: 1
    }))
    const before = total(run.cost.shares.slice(0, i))
    const own: ReadonlyArray<Work> = [
      [bcp.openMaster, count, before],
      [bcp.encryptFactored, count, before]
    ]
    const threads0 = { who: "cloud0", main: placement.cloud0, workers: workers.cloud0, started }
    const threads1 = { who: "cloud1", main: placement.cloud1, workers: workers.cloud1, started }
    return deployment.work([
      ...ciphertextLoads(run, deployment, threads0, hybrid ? own : [...own, [bcp.reencrypt, count, before]]),
      ...(hybrid
        ? []
        : ciphertextLoads(run, deployment, threads1, [
            [bcp.blind, count, before],
            [bcp.strip, count, before]
          ])),
      ...ends,
      brokerLoad(deployment, { messages, bytes })
    ])
  }
  const work = sumOf(run.cost.shares.map(share))
  // Each cloud stores the result of each user: cloud 1 the words, and what rests under pk or under a key of
  // its own.
  const { plan } = run.cost
  const words = wordBytes * rowsOpened(plan) * (plan.network.inputs + outputs(plan.network))
  const keeping = stored(deployment, "cloud1", run.cost.shares.length, words + traffic.bytes)
  // Of each piece that it opens for cloud 1, cloud 0 stores that it has.
  const opened = trafficOf(run, "transform", [Reencrypt.tag]).messages / 2
  const once = stored(deployment, "cloud0", opened, opened * digestBytes)
  // A user's shares are transformed after another's.
  const waiting = deployment.requests(placement.cloud1, placement.cloud0, 1 + run.cost.shares.length)
  return time(
    "transform",
    sumOf([greatest([work, once]), keeping]),
    waiting,
    deployment.transfer(placement.cloud1, placement.cloud0, traffic.bytes / 2)
  )
}
