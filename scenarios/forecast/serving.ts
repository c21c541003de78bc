/** What a request to a served model takes: its rounds between the clouds, and the bytes of all messages but for envelopes and seals. */

import { servedPlan } from "../../actors/party/agreement.ts"
import { wordBytes } from "../../protocol/bytes.ts"
import { servedCost } from "../../protocol/computation/cost.ts"
import { outputs } from "../../protocol/learning/network.ts"
import { paddedRows } from "../../protocol/serving/steps.ts"
import { seedBytes } from "../../protocol/sharing/split.ts"
import { agreementOf } from "../description/agreement.ts"
import type { Scenario } from "../description/schema.ts"

/** Of a request that is a batch by itself. */
export const requestCost = (scenario: Scenario, rows: number) => {
  const plan = servedPlan(agreementOf(scenario))
  const { bytesEachWay, dealtBytes, rounds } = servedCost(plan, paddedRows(rows))
  const asked = seedBytes + rows * plan.network.inputs * wordBytes
  const answered = 2 * rows * outputs(plan.network) * wordBytes
  return { rounds, bytes: asked + answered + 2 * bytesEachWay + dealtBytes }
}
