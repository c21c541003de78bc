/** The time of the setup: the KGC draws the parameters, and every party enrols. */

import { bcpOf, brokerLoad, type PredictPhase, trafficOf } from "./loads.ts"
import { greatest, time } from "./time.ts"

export const setupTime: PredictPhase = (run, deployment) => {
  const { kgc, users, cloud0, broker } = deployment.placement
  const { parametersMs } = bcpOf(run, deployment)
  const traffic = trafficOf(run, "setup")
  const farthest = greatest([...users, cloud0].map((host) => deployment.requests(host, kgc, 1)))
  return time(
    "setup",
    // Two primes are sought at a time.
    deployment.work([
      { who: "the search for primes", host: kgc, ms: parametersMs, threads: 2 },
      brokerLoad(deployment, traffic)
    ]),
    // Begin, Enrol and within it Enrolment.
    { seconds: 3 * farthest.seconds, by: farthest.by },
    deployment.transfer(kgc, broker, traffic.bytes)
  )
}
