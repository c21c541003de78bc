/**
 * How the corrections of a training are cut into messages. The corrections of several steps, a stretch, are
 * asked for in one request; a lane asks only for its part of each step. Both the dealer and the clouds cut in
 * this way.
 */

import { sliceCost, stepCost, updateCost } from "../../protocol/computation/cost.ts"
import { sliceOf } from "../../protocol/computation/lanes.ts"
import type { BatchOrder } from "../../protocol/learning/order.ts"
import type { TrainingPlan } from "../../protocol/learning/plan.ts"
import type { DealtPart } from "../../protocol/messages/training.ts"

/** Bytes of corrections to ask for at once, if a step has fewer: nats.conf allows this much in a message. */
const bytesAsked = 15 * 2 ** 20
/** More steps at once would keep the dealer from answering others for too long. */
export const mostStepsAsked = 16

/** Steps whose corrections are asked for in one request. A request costs as much as a small step. */
export const stepsAsked = (plan: TrainingPlan): number =>
  Math.max(1, Math.min(mostStepsAsked, plan.steps, Math.floor(bytesAsked / stepCost(plan).dealtBytes)))

/** Steps whose corrections come in one message. Between two stretches a cloud does its other work. */
export interface Stretch {
  readonly first: number
  readonly last: number
}

/** The stretches after a step, which is 0 or the last of a stretch. */
export const stretchesOf = (plan: TrainingPlan, after: number): ReadonlyArray<Stretch> => {
  const length = stepsAsked(plan)
  return Array.from({ length: Math.ceil((plan.steps - after) / length) }, (_, i) => ({
    first: after + i * length + 1,
    last: Math.min(after + (i + 1) * length, plan.steps)
  }))
}

/**
 * Bytes of a lane's part of a step: for the gradients on its slice of the batch, which may be empty, and for
 * the update if the lane makes it.
 */
export const partBytes = (plan: TrainingPlan, batch: Uint32Array, part: DealtPart) => {
  const slice = sliceOf(batch, part)
  return {
    gradients: slice.rows.length === 0 ? 0 : sliceCost(plan, slice, slice.rows.length).dealtBytes,
    update: part.update ? updateCost(plan).dealtBytes : 0
  }
}

/** Cuts the message for a lane's part of a stretch into those of its steps. */
export const partsOfStretch = (
  plan: TrainingPlan,
  order: BatchOrder,
  { first, last }: Stretch,
  part: DealtPart,
  dealt: Uint8Array | undefined
): ReadonlyArray<readonly [step: number, dealt: Uint8Array | undefined]> => {
  let at = 0
  return Array.from({ length: last - first + 1 }, (_, i) => {
    const step = first + i
    if (dealt === undefined) return [step, undefined] as const
    const { gradients, update } = partBytes(plan, order(step), part)
    const bytes = gradients + update
    at += bytes
    return [step, dealt.subarray(at - bytes, at)] as const
  })
}
