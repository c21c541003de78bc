/** The time of the output: the clouds encrypt the model, the users decrypt it together. */

import { bcpOf, brokerLoad, ciphertextLoads, endMs, type PredictPhase, trafficOf } from "./loads.ts"
import { greatest, type Load, sumOf, time } from "./time.ts"

export const outputTime: PredictPhase = (run, deployment) => {
  const { calibration, placement } = deployment
  const bcp = bcpOf(run, deployment)
  const { modelCiphertexts: count, shares } = run.cost
  const traffic = trafficOf(run, "output")
  const { usersLeaveAfterUpload } = run.scenario.placement
  const users = shares.flatMap((_, index): ReadonlyArray<Load> => {
    const host = deployment.user(index)
    const who = `user ${index + 1}`
    return [
      ...ciphertextLoads(run, deployment, { who, main: host, started: !usersLeaveAfterUpload }, [
        [bcp.partialDecrypt, count],
        [bcp.prove, count],
        // The proof of each other user.
        ...shares.slice(1).map(() => [bcp.verify, count] as const),
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
