/**
 * How the corrections of a training are cut into messages. The corrections of several steps, a stretch, are
 * asked for in one request; a lane asks only for its part of each step. Both the dealer and the clouds cut in
 * this way.
 */

import { evaluatedSliceCost, sliceCost, stepCost, updateCost } from "../../protocol/computation/cost.ts"
import { sliceOf } from "../../protocol/computation/lanes.ts"
import { evaluationAt, evaluationStep, slicesOf } from "../../protocol/learning/evaluations.ts"
import type { BatchOrder } from "../../protocol/learning/order.ts"
import { evaluates, type TrainingPlan } from "../../protocol/learning/plan.ts"
import type { DealtPart } from "../../protocol/messages/training.ts"

/** Bytes of corrections to ask for at once, if a step has fewer: nats.conf allows this much in a message. */
const bytesAsked = 15 * 2 ** 20
/** More steps at once would keep the dealer from answering others for too long. */
export const mostStepsAsked = 16

/** Steps whose corrections are asked for in one request. A request costs as much as a small step. */
export const stepsAsked = (plan: TrainingPlan): number =>
  Math.max(1, Math.min(mostStepsAsked, plan.steps, Math.floor(bytesAsked / stepCost(plan).dealtBytes)))

/** Bytes of the corrections of a slice of an evaluation. */
export const sliceBytes = (plan: TrainingPlan, step: number): number => {
  const place = evaluationAt(plan, step)
  return evaluates(plan) && place !== undefined
    ? evaluatedSliceCost(plan, slicesOf(plan)[place.slice]!).dealtBytes
    : 0
}

/** Bytes of the corrections of a stretch of whole steps, or of slices of an evaluation. */
export const stretchBytes = (plan: TrainingPlan, { first, last }: Stretch): number => {
  if (first <= plan.steps) return (last - first + 1) * stepCost(plan).dealtBytes
  let bytes = 0
  for (let step = first; step <= last; step++) bytes += sliceBytes(plan, step)
  return bytes
}

/**
 * Steps whose corrections come in one message, or slices of an evaluation. Between two stretches a cloud does its
 * other work.
 */
export interface Stretch {
  readonly first: number
  readonly last: number
}

/** What follows after one number up to another, in stretches of this length. */
const cut = (after: number, end: number, length: number): ReadonlyArray<Stretch> =>
  Array.from({ length: Math.ceil((end - after) / length) }, (_, i) => ({
    first: after + i * length + 1,
    last: Math.min(after + (i + 1) * length, end)
  }))

/**
 * The stretches after a step, which is 0 or the last of a stretch of steps. With validation rows an evaluation follows
 * each epoch, also that which ends with this step.
 */
export const stretchesOf = (plan: TrainingPlan, after: number): ReadonlyArray<Stretch> => {
  if (!evaluates(plan)) return cut(after, plan.steps, stepsAsked(plan))
  const { epochs, stepsPerEpoch } = plan
  const bytes = evaluatedSliceCost(plan, slicesOf(plan)[0]!).dealtBytes
  const slicesAsked = Math.max(1, Math.min(mostStepsAsked, Math.floor(bytesAsked / bytes)))
  const done = Math.max(0, Math.ceil(after / stepsPerEpoch) - 1)
  return Array.from({ length: epochs - done }, (_, i) => done + i + 1).flatMap((epoch) => [
    ...cut(Math.max(after, (epoch - 1) * stepsPerEpoch), epoch * stepsPerEpoch, stepsAsked(plan)),
    ...cut(evaluationStep(plan, epoch) - 1, evaluationStep(plan, epoch + 1) - 1, slicesAsked)
  ])
}

/** Those of training steps, which lanes take part in: cut as at their leader. */
export const stretchesOfLane = (plan: TrainingPlan, after: number): ReadonlyArray<Stretch> =>
  stretchesOf(plan, after).filter(({ last }) => last <= plan.steps)

/** The numbers of a stretch's steps. */
export const stepsOfStretch = ({ first, last }: Stretch): ReadonlyArray<number> =>
  Array.from({ length: last - first + 1 }, (_, i) => first + i)

/** Steps of a small network that are dealt together: they share messages, transfers and ciphertexts. */
const mostTogether = 64
/** Bytes of corrections that are dealt together at most, but for those of one stretch. */
const bytesTogether = 2 ** 22

/** Dealings of two processes side by side. More take more memory, and hide little more waiting than two. */
const mostStrands = 2

/** What the rounds of a strand are called, before the number of the session. */
export const strandName = (strand: number): string => (strand === 0 ? "deal" : `deal${strand + 1}`)

/** In how many strands these groups are dealt. */
export const dealingStrands = (groups: ReadonlyArray<unknown>): number =>
  Math.max(1, Math.min(mostStrands, groups.length))

/** The stretches that two clouds deal together. */
export const dealingGroups = (
  plan: TrainingPlan,
  stretches: ReadonlyArray<Stretch>
): ReadonlyArray<ReadonlyArray<Stretch>> => {
  const groups: Array<Array<Stretch>> = []
  let [steps, bytes] = [mostTogether, 0]
  for (const stretch of stretches) {
    const [count, more] = [stretch.last - stretch.first + 1, stretchBytes(plan, stretch)]
    if (steps + count > mostTogether || bytes + more > bytesTogether) {
      groups.push([])
      steps = bytes = 0
    }
    groups.at(-1)!.push(stretch)
    steps += count
    bytes += more
  }
  return groups
}

/** Cuts the message for a stretch of an evaluation into those of its slices. */
export const slicesOfStretch = (
  plan: TrainingPlan,
  { first, last }: Stretch,
  dealt: Uint8Array | undefined
): ReadonlyArray<readonly [step: number, dealt: Uint8Array | undefined]> => {
  let at = 0
  return Array.from({ length: last - first + 1 }, (_, i) => {
    const bytes = sliceBytes(plan, first + i)
    at += bytes
    return [first + i, dealt?.subarray(at - bytes, at)] as const
  })
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
