/**
 * The rows of each step as the key of the batch order and the number of rows give them, after section 6 of
 * docs/concepts/protocol.md: Fisher–Yates on AES-128-CTR, with the epoch in the counter block. An audit has it anew:
 * an order that depends on anything else gives other products.
 */
import { createCipheriv } from "node:crypto"
import type { TrainingPlan } from "../learning/plan.ts"

/** The rows of a training step, ascending; steps count from 1. */
export type Order = (step: number) => Uint32Array

const permuted = (rows: number, key: Uint8Array, epoch: number): ReadonlyArray<number> => {
  const counter = new Uint8Array(16)
  new DataView(counter.buffer).setUint32(0, epoch, true)
  const stream = createCipheriv("aes-128-ctr", key, counter).update(new Uint8Array(8 * rows))
  const order = Array.from({ length: rows }, (_, row) => row)
  for (let last = rows - 1; last > 0; last--) {
    // 53 bits: a word of 32 and the upper 21 of the next, as a fraction of one.
    const [high, low] = [stream.readUInt32LE(8 * last), stream.readUInt32LE(8 * last + 4) >>> 11]
    const other = Math.floor(((high * 2 ** 21 + low) / 2 ** 53) * (last + 1))
    ;[order[last], order[other]] = [order[other]!, order[last]!]
  }
  return order
}

export const orderOf = (
  { rows, batch, stepsPerEpoch }: Pick<TrainingPlan, "rows" | "batch" | "stepsPerEpoch">,
  key: Uint8Array
): Order => {
  const epochs = new Map<number, ReadonlyArray<number>>()
  return (step) => {
    const epoch = Math.floor((step - 1) / stepsPerEpoch)
    const order = epochs.get(epoch) ?? permuted(rows, key, epoch)
    epochs.set(epoch, order)
    const from = ((step - 1) % stepsPerEpoch) * batch
    return Uint32Array.from(order.slice(from, from + batch)).sort()
  }
}
