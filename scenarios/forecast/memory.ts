/** The memory that a run needs on each host. */

import { wordBytes } from "../../protocol/bytes.ts"
import type { AtBoth } from "../../protocol/dealing/memory.ts"
import { opensLabels, outputs } from "../../protocol/learning/network.ts"
import type { TrainingPlan } from "../../protocol/learning/plan.ts"
import { rowsOpened } from "../../protocol/learning/plan.ts"
import { dealingMemory } from "./dealing.ts"
import type { Deployment } from "./deployment.ts"
import { clouds, type Predicted } from "./loads.ts"

/** Hosts whose memory does not hold what a party keeps there. */
export interface TooSmall {
  readonly host: string
  readonly gigabytes: number
}

/** An integer of a part of the table, of a dozen bytes, as an object in memory. */
const integerBytes = 40

/** What a process takes in addition to the data. */
const processBytes = 150e6

/** What a cloud's process takes besides, with its keys and the tables of exponentiations: measured. */
const cloudBytes = 200e6

/** Bytes of the opened table at a cloud. */
const openedBytes = ({ onCiphertexts, plan }: Predicted["cost"]): number => {
  const labels = wordBytes * rowsOpened(plan) * outputs(plan.network)
  const table = tableBytes(plan)
  const weights = plan.rowWeights ? wordBytes * rowsOpened(plan) : 0
  return onCiphertexts !== undefined
    ? table * (integerBytes / wordBytes)
    : table + (opensLabels(plan.network) ? labels : weights)
}

const tableBytes = (plan: TrainingPlan): number =>
  wordBytes * rowsOpened(plan) * (plan.network.inputs + outputs(plan.network))

/** What both clouds' processes take to deal for themselves. */
const dealingBytes = ({ cost: { plan }, scenario }: Predicted): AtBoth =>
  scenario.security.dealing === "clouds" ? dealingMemory(plan) : [0, 0]

/** The memory of both clouds' processes where they deal for themselves, which takes most of it. */
export const cloudsMemory = (predicted: Predicted): AtBoth | undefined => {
  if (predicted.scenario.security.dealing !== "clouds") return undefined
  const [first, second] = dealingBytes(predicted)
  const others = cloudBytes + openedBytes(predicted.cost)
  return [others + first, others + second]
}

/**
 * The hosts that are too small for what the parties keep in memory. A cloud keeps the opened table, and the
 * labels of a ReLU output a second time, or the weights of rows; lane 0 has the rows of all lanes, the others their own. A KGC
 * that deals keeps the table's mask; clouds that deal need as much in each lane as in the main process.
 */
export const hostsTooSmall = (predicted: Predicted, deployment: Deployment): ReadonlyArray<TooSmall> => {
  const { cost, scenario } = predicted
  const { placement } = deployment
  const lanes = 1 + placement.lanes.cloud0.length
  const opened = openedBytes(cost)
  const dealing = dealingBytes(predicted)
  const kept = new Map<string, number>()
  const keep = (host: string, bytes: number) => kept.set(host, (kept.get(host) ?? processBytes) + bytes)
  for (const [i, who] of clouds.entries()) {
    keep(placement[who], opened + dealing[i]!)
    for (const host of placement.lanes[who]) keep(host, opened / lanes + dealing[i]!)
  }
  if (scenario.security.dealing !== "clouds" && cost.onCiphertexts === undefined)
    for (const host of [placement.kgc, ...placement.workers.kgc]) keep(host, tableBytes(cost.plan))
  return Array.from(kept, ([host, bytes]) => ({ host, gigabytes: bytes / 1e9 })).filter(
    ({ host, gigabytes }) => gigabytes > (deployment.host(host).gigabytes ?? Number.POSITIVE_INFINITY)
  )
}
