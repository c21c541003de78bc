/** What a training on ciphertexts takes, from the opening of the data to that of the model: exact but for envelopes. */
import {
  type CiphertextCost,
  cellsCost,
  extensionsCost,
  outputCost,
  sealingCost,
  stepCost,
  transfersCost
} from "../../protocol/ciphertexts/cost.ts"
import { type CiphertextSizes, sizesOf } from "../../protocol/ciphertexts/plan.ts"
import type { TrainingPlan } from "../../protocol/learning/plan.ts"
import type { Scenario } from "../description/schema.ts"

/** The cost of a training on ciphertexts that is not interrupted. */
export interface CiphertextTraining {
  readonly sizes: CiphertextSizes
  readonly rounds: number
  /** Bytes that both clouds send each other. */
  readonly bytes: number
  /** Ciphertexts that C0 opens in all. */
  readonly openings: number
  readonly step: CiphertextCost
  /** What a session does once: opening the cells of each user, sealing the first layers, and opening the model. */
  readonly once: ReadonlyArray<CiphertextCost>
}

/** `cells` are those that each user has uploaded. */
export const ciphertextTraining = (
  { security }: Pick<Scenario, "security">,
  plan: TrainingPlan,
  cells: ReadonlyArray<number>
): CiphertextTraining => {
  const sizes = sizesOf(plan, security.modulusBits, security.exponents)
  const step = stepCost(plan, sizes)
  const once = [
    ...cells.map((count) => cellsCost(sizes, count)),
    sealingCost(plan, sizes),
    outputCost(plan, sizes)
  ]
  const inAll = (of: (cost: CiphertextCost) => number): number =>
    once.reduce((sum, cost) => sum + of(cost), plan.steps * of(step))
  const both = ([from0, from1]: readonly [number, number]): number => from0 + from1
  return {
    ...{ sizes, step, once },
    rounds: transfersCost.rounds + inAll(({ rounds }) => rounds),
    bytes: both(transfersCost.bytes) + both(extensionsCost(plan, sizes)) + inAll(({ bytes }) => both(bytes)),
    openings: inAll(({ openings }) => openings)
  }
}
