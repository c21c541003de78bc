/**
 * What is dealt for a served model: the corrections of one batch, for cloud 1 alone. A pure function of the session's two
 * keys and the step. The masks of the weights are drawn once a session. A KGC with both keys deals, or both clouds together.
 */
import { layerShapes } from "../computation/cost.ts"
import { deal } from "../computation/dealer.ts"
import {
  type DealerKeys,
  type DealtValue,
  type GateMask,
  type LabelMask,
  type MaskDifference,
  maskDifference
} from "../computation/masks.ts"
import type { DealerProgram } from "../computation/programs.ts"
import type { DealtStep } from "../dealing/deal.ts"
import { ownWeightMasks } from "../dealing/own-masks.ts"
import { operation } from "../learning/operations.ts"
import type { ForwardPlan } from "../learning/plan.ts"
import { predictWith } from "../learning/step.ts"
import type { Prg } from "../ring/prg.ts"
import type { Ring } from "../ring/ring.ts"
import { rowsOfStep } from "./steps.ts"

/** What a dealer runs for a step, under the masks of the weights. Throws RangeError where the step has no rows. */
const programOf =
  (plan: ForwardPlan, weights: ReadonlyArray<MaskDifference>, step: number): DealerProgram =>
  (ops) => {
    const rows = rowsOfStep(step)
    if (rows === undefined) throw new RangeError(`step ${step} has no rows`)
    return predictWith<DealtValue, MaskDifference, GateMask, LabelMask>(
      ops,
      plan,
      layerShapes(plan),
      weights,
      { rows, cols: plan.network.inputs }
    )
  }

/**
 * The steps of a session as a cloud deals for them with the other, under its own generator. Draws the masks of the weights, which
 * stay in the ring.
 */
export const servedSteps = (ring: Ring, prg: Prg, plan: ForwardPlan): ((step: number) => DealtStep) => {
  const weights = ownWeightMasks(ring, prg, plan, 0)
  return (step) => ({ step, program: programOf(plan, weights, step) })
}

export class ServingDealer {
  readonly #ring: Ring
  readonly #keys: DealerKeys
  readonly #plan: ForwardPlan
  readonly #weights: ReadonlyArray<MaskDifference>

  /** Draws the masks of the weights, which stay in the ring. */
  constructor(ring: Ring, keys: DealerKeys, plan: ForwardPlan) {
    this.#ring = ring
    this.#keys = keys
    this.#plan = plan
    this.#weights = layerShapes({ network: plan.network }).map(({ weights }, i) =>
      maskDifference({ ring, keys, step: 0 }, operation("openWeights", i + 1), weights)
    )
  }

  /** The corrections of a step. Throws RangeError where it has no rows. */
  deal(step: number): Uint8Array {
    return deal({ ring: this.#ring, keys: this.#keys, step }, programOf(this.#plan, this.#weights, step))
  }
}
