/** What keeps a scenario from being trained, as a problem of a field of its file. */
import { feasiblePlan, planOfBatch } from "../../actors/party/agreement.ts"
import { InvalidPlan } from "../../protocol/learning/network.ts"
import { agreementOf } from "./agreement.ts"
import type { Inconsistency } from "./inconsistency.ts"
import type { Scenario } from "./schema.ts"

/**
 * What is wrong with the plan for a number of training rows, or for any number where none is given. Empty
 * where it can be trained.
 */
export const planProblems = (scenario: Scenario, rows?: number): ReadonlyArray<Inconsistency> => {
  const agreement = agreementOf(scenario)
  try {
    if (rows === undefined) planOfBatch(agreement)
    else feasiblePlan(agreement, rows)
    return []
  } catch (error) {
    if (!(error instanceof InvalidPlan)) throw error
    return [{ path: pathOf(error.field), message: `${error.reason}; ${error.remedy}` }]
  }
}

/** `network.hidden[0]` as the path that it is. */
const pathOf = (field: string): ReadonlyArray<PropertyKey> =>
  [...field.matchAll(/[^.[\]]+/g)].map(([part]) => (/^\d+$/.test(part) ? Number(part) : part))
