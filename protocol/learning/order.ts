/**
 * The order of the rows: one permutation for each epoch, a pure function of a public 16-byte key, so that
 * every party and both references walk through the same batches. Fisher–Yates on an AES-128-CTR key stream,
 * with the epoch in the nonce. Within a batch rows ascend: a holder of consecutive rows holds a slice of each
 * batch.
 */
import { createCipheriv } from "node:crypto"
import type { TrainingPlan } from "./plan.ts"

/**
 * Row indices of the batch of a training step, ascending; steps count from 1. The permutation of the last
 * epoch used is kept.
 */
export type BatchOrder = (step: number) => Uint32Array

export const batchOrder = (
  plan: Pick<TrainingPlan, "rows" | "batch" | "stepsPerEpoch" | "steps">,
  orderKey: Uint8Array
): BatchOrder => {
  let known = -1
  let order: Uint32Array = new Uint32Array(0)
  return (step) => {
    if (!Number.isInteger(step) || step < 1 || step > plan.steps)
      throw new RangeError(`step ${step} is not in the plan, which has the steps 1 to ${plan.steps}`)
    const epoch = Math.floor((step - 1) / plan.stepsPerEpoch)
    if (epoch !== known) {
      order = permutation(plan.rows, orderKey, epoch)
      known = epoch
    }
    const from = ((step - 1) % plan.stepsPerEpoch) * plan.batch
    return order.slice(from, from + plan.batch).sort()
  }
}

/** A permutation of 0 … rows − 1. Its bias is below rows·2^-53 a draw. */
export const permutation = (rows: number, orderKey: Uint8Array, epoch: number): Uint32Array => {
  const nonce = new Uint8Array(16)
  new DataView(nonce.buffer).setUint32(0, epoch, true)
  const stream = createCipheriv("aes-128-ctr", orderKey, nonce).update(new Uint8Array(8 * rows))
  const words = new DataView(stream.buffer, stream.byteOffset, stream.byteLength)
  const order = Uint32Array.from({ length: rows }, (_, row) => row)
  for (let last = rows - 1; last > 0; last--) {
    // 53 random bits as a fraction of one, which a double holds exactly.
    const fraction =
      (words.getUint32(8 * last, true) * 2 ** 21 + (words.getUint32(8 * last + 4, true) >>> 11)) / 2 ** 53
    const chosen = Math.floor(fraction * (last + 1))
    const row = order[last]!
    order[last] = order[chosen]!
    order[chosen] = row
  }
  return order
}
