/** The time of the upload: users join their rows, then encrypt and send; the clouds store. */

import { pieceBytes, piecesAtOnce } from "../../actors/party/bcp-pool.ts"
import { ciphertextBytes } from "../../protocol/bcp/wire.ts"
import { pieceCount } from "../../protocol/join/lists.ts"
import { MaskedSums } from "../../protocol/messages/statistics.ts"
import { UploadShare0, UploadShare1, UploadWords1 } from "../../protocol/messages/upload.ts"
import type { Deployment } from "./deployment.ts"
import {
  bcpOf,
  brokerLoad,
  ciphertextLoads,
  clouds,
  endMs,
  type Predicted,
  type PredictPhase,
  stored,
  total,
  trafficOf
} from "./loads.ts"
import { greatest, mega, nobody, sumOf, time } from "./time.ts"

/** A private join, before the upload itself: every user raises its own ids, and then those of all others. */
const privateJoin = ({ cost: { raisedIds } }: Predicted, deployment: Deployment) => {
  const all = total(raisedIds)
  if (all === 0) return { work: nobody, waiting: nobody }
  const { thousandOwnMs, thousandOthersMs } = deployment.calibration.join
  const users = raisedIds.length
  const loads = raisedIds.map((own, index) => {
    const host = deployment.user(index)
    const ms = (own * thousandOwnMs + (all - own) * thousandOthersMs) / 1000
    return { who: `user ${index + 1}`, host, ms, threads: deployment.threads(host) }
  })
  // The commitment, then the pieces, several under way at a time, each by way of all others and back.
  const waits = raisedIds.map((own, index) => {
    const turns = 1 + (users - 1) * Math.ceil(pieceCount(own) / piecesAtOnce)
    return deployment.requests(deployment.user(index), deployment.user((index + 1) % users), turns)
  })
  return { work: deployment.work(loads), waiting: greatest(waits) }
}

/** The turns in which users find joint statistics: parts of keys, then the sums of each pass. */
const statistics = (run: Predicted, deployment: Deployment) => {
  const users = run.cost.shares.length
  const passes = trafficOf(run, "upload", [MaskedSums.tag]).messages / 2 / users / (users - 1)
  if (passes === 0) return nobody
  return greatest(
    run.cost.shares.map((_, index) =>
      deployment.requests(deployment.user(index), deployment.user((index + 1) % users), 1 + passes)
    )
  )
}

export const uploadTime: PredictPhase = (run, deployment) => {
  const { calibration, placement } = deployment
  const { encrypt } = bcpOf(run, deployment)
  const { shares } = run.cost
  const traffic = trafficOf(run, "upload")
  const hybrid = run.scenario.security.upload === "hybrid"
  const ciphertextsEach = pieceBytes / ciphertextBytes({ bits: run.scenario.security.modulusBits })
  const users = shares.map((count, index) => {
    const host = deployment.user(index)
    const sent = { messages: traffic.messages / shares.length, bytes: traffic.bytes / shares.length }
    const asks = hybrid
      ? 1 + trafficOf(run, "upload", [UploadWords1.tag]).messages / 2 / shares.length
      : 2 * Math.ceil(count / ciphertextsEach)
    const making = hybrid ? (sent.bytes / mega) * calibration.words.makeMegabyteMs : 0
    return {
      loads: [
        ...ciphertextLoads(
          run,
          deployment,
          {
            who: `user ${index + 1}`,
            main: host,
            atOnce: Math.min(piecesAtOnce, Math.ceil(count / ciphertextsEach))
          },
          [[encrypt, (hybrid ? 1 : 2) * count]]
        ),
        {
          who: `user ${index + 1}`,
          host,
          ms: endMs(calibration, sent.messages, sent.bytes) + making,
          threads: 1
        }
      ],
      // Salt, declarations and what is coming; then the pieces, several under way at a time.
      waiting: deployment.requests(host, placement.cloud1, 4 + asks / Math.min(asks, piecesAtOnce)),
      transfer: deployment.transfer(host, placement.cloud1, sent.bytes)
    }
  })
  const received = {
    cloud0: trafficOf(run, "upload", [UploadShare0.tag]),
    cloud1: trafficOf(run, "upload", [UploadShare1.tag, UploadWords1.tag])
  }
  const cloudLoads = clouds.map((who) => ({
    who,
    host: placement[who],
    ms:
      endMs(calibration, received[who].messages, received[who].bytes) +
      (who === "cloud1" ? (received[who].bytes / mega) * calibration.words.openMegabyteMs : 0),
    threads: 1
  }))
  const storing = clouds.map((who) =>
    stored(deployment, who, received[who].messages / 2, received[who].bytes)
  )
  const join = privateJoin(run, deployment)
  const uploading = greatest([
    deployment.work([...users.flatMap(({ loads }) => loads), ...cloudLoads, brokerLoad(deployment, traffic)]),
    ...storing
  ])
  return time(
    "upload",
    sumOf([join.work, uploading]),
    sumOf([join.waiting, statistics(run, deployment), greatest(users.map(({ waiting }) => waiting))]),
    greatest([
      ...users.map(({ transfer }) => transfer),
      deployment.transfer(placement.broker, placement.cloud0, traffic.bytes / 2),
      deployment.transfer(placement.broker, placement.cloud1, traffic.bytes / 2)
    ])
  )
}
