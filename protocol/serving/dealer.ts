/**
 * What is dealt for a served model: the corrections of one batch, for cloud 1 alone. A pure function of the session's two
 * keys and the step. The masks of the weights are drawn once a session.
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
import { operation } from "../learning/operations.ts"
import type { ForwardPlan } from "../learning/plan.ts"
import { predictWith } from "../learning/step.ts"
import type { Ring } from "../ring/ring.ts"
import { rowsOfStep } from "./steps.ts"

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
    const rows = rowsOfStep(step)
    if (rows === undefined) throw new RangeError(`step ${step} has no rows`)
    const { network } = this.#plan
    return deal({ ring: this.#ring, keys: this.#keys, step }, (ops) =>
      predictWith<DealtValue, MaskDifference, GateMask, LabelMask>(
        ops,
        this.#plan,
        layerShapes({ network }),
        this.#weights,
        { rows, cols: network.inputs }
      )
    )
  }
}
