/** The memory that a run needs on each host. */

import { wordBytes } from "../../protocol/bytes.ts"
import { opensLabels, outputs } from "../../protocol/learning/network.ts"
import { rowsOpened } from "../../protocol/learning/plan.ts"
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

/**
 * The hosts that are too small for what the parties keep in memory. A cloud keeps the opened table, and the
 * labels of a ReLU output a second time, or the weights of rows; lane 0 has the rows of all lanes, the others their own. A KGC
 * that deals keeps the table's mask.
 */
export const hostsTooSmall = (
  { cost: { onCiphertexts, plan }, scenario }: Predicted,
  deployment: Deployment
): ReadonlyArray<TooSmall> => {
  const { placement } = deployment
  const lanes = 1 + placement.lanes.cloud0.length
  const labels = wordBytes * rowsOpened(plan) * outputs(plan.network)
  const table = wordBytes * rowsOpened(plan) * plan.network.inputs + labels
  const weights = plan.rowWeights ? wordBytes * rowsOpened(plan) : 0
  const opened =
    onCiphertexts !== undefined
      ? table * (integerBytes / wordBytes)
      : table + (opensLabels(plan.network) ? labels : weights)
  const kept = new Map<string, number>()
  const keep = (host: string, bytes: number) => kept.set(host, (kept.get(host) ?? processBytes) + bytes)
  for (const who of clouds) {
    keep(placement[who], opened)
    for (const host of placement.lanes[who]) keep(host, opened / lanes)
  }
  if (scenario.security.dealing !== "clouds" && onCiphertexts === undefined)
    for (const host of [placement.kgc, ...placement.workers.kgc]) keep(host, table)
  return Array.from(kept, ([host, bytes]) => ({ host, gigabytes: bytes / 1e9 })).filter(
    ({ host, gigabytes }) => gigabytes > (deployment.host(host).gigabytes ?? Number.POSITIVE_INFINITY)
  )
}
