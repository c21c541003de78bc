/** The time of the output: the clouds encrypt the model, the users decrypt it together. */

import { bitLength } from "../../protocol/bcp/integers.ts"
import { secretKeyBits } from "../../protocol/bcp/keys.ts"
import { combinationOf, keyShareBits } from "../../protocol/bcp/threshold.ts"
import type { Curve } from "../description/calibration.ts"
import {
  bcpOf,
  brokerLoad,
  ciphertextLoads,
  endMs,
  type Predicted,
  type PredictPhase,
  total,
  trafficOf
} from "./loads.ts"
import { greatest, type Load, sumOf, time } from "./time.ts"

/**
 * How much longer a partial decryption takes than the one that was measured, with a secret key, and what
 * raising the others' to their weights adds: the time of a power is proportional to the bits of its exponent.
 */
const ofThreshold = ({ scenario, cost: { shares } }: Predicted) => {
  const { decryption, security } = scenario
  const users = shares.length
  const { threshold = users } = decryption
  if (threshold >= users) return { longer: 1, weighing: 0 }
  const pp = { bits: security.modulusBits }
  const keyBits = secretKeyBits(pp, security.exponents)
  const { power, weights } = combinationOf(
    users,
    Array.from({ length: threshold }, (_, i) => i + 1)
  )
  const bits = [power, ...weights].map((each) => bitLength(each < 0n ? -each : each))
  return {
    longer: keyShareBits({ users, threshold }, keyBits) / keyBits,
    weighing: total(bits) / keyBits
  }
}

const times = (factor: number, curve: Curve): Curve => curve.map(([count, ms]) => [count, factor * ms])

export const outputTime: PredictPhase = (run, deployment) => {
  const { calibration, placement } = deployment
  const bcp = bcpOf(run, deployment)
  const { modelCiphertexts: count, shares } = run.cost
  const traffic = trafficOf(run, "output")
  const { longer, weighing } = ofThreshold(run)
  const { usersLeaveAfterUpload } = run.scenario.placement
  const users = shares.flatMap((_, index): ReadonlyArray<Load> => {
    const host = deployment.user(index)
    const who = `user ${index + 1}`
    return [
      ...ciphertextLoads(run, deployment, { who, main: host, started: !usersLeaveAfterUpload }, [
        [times(longer, bcp.partialDecrypt), count],
        [bcp.prove, count],
        // The proof of each other user.
        ...shares.slice(1).map(() => [bcp.verify, count] as const),
        [times(weighing, bcp.partialDecrypt), count],
        [bcp.combine, count]
      ]),
      {
        who,
        host,
        ms:
          endMs(calibration, traffic.messages / shares.length, traffic.bytes / shares.length) +
          (usersLeaveAfterUpload ? calibration.startUpMs : 0),
        threads: 1
      }
    ]
  })
  const clouds = [
    ...ciphertextLoads(
      run,
      deployment,
      { who: "cloud0", main: placement.cloud0, workers: placement.workers.cloud0, started: true },
      [[bcp.encryptFactored, count]]
    ),
    ...ciphertextLoads(
      run,
      deployment,
      { who: "cloud1", main: placement.cloud1, workers: placement.workers.cloud1 },
      // A sum in the second components, as one that strips a blind.
      [[bcp.strip, count]]
    )
  ]
  // One after the other: C0 seals, C1 adds its share, the users open.
  const work = sumOf([
    deployment.work(clouds.slice(0, 1)),
    deployment.work(clouds.slice(1)),
    deployment.work([...users, brokerLoad(deployment, traffic)])
  ])
  const farthest = greatest(placement.users.map((host) => deployment.requests(host, placement.cloud1, 1)))
  const waiting = { seconds: 6 * farthest.seconds, by: farthest.by }
  return time("output", work, waiting, deployment.transfer(placement.cloud1, placement.broker, traffic.bytes))
}
