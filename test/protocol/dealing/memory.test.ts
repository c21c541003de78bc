/** The memory that a dealing takes, as it is foreseen from shapes, beside what two clouds allocate. */
import { describe, expect, it } from "vitest"
import { dealingOf } from "../../../protocol/dealing/cost.ts"
import { openMaskBytes, Room } from "../../../protocol/dealing/memory.ts"
import { dealtStep, programOfShapes } from "../../../protocol/dealing/steps.ts"
import type { Loss } from "../../../protocol/learning/loss.ts"
import { batchOrder } from "../../../protocol/learning/order.ts"
import { trainingPlan } from "../../../protocol/learning/plan.ts"
import type { Ring } from "../../../protocol/ring/ring.ts"
import { networkOf } from "../learning/example.ts"
import { DealingClouds, prgOf } from "./clouds.ts"
import { orderKey } from "./plans.ts"

const extension = { fieldBits: 4, transfers: 2 ** 15 }

/** Follows what a ring has allocated: the most since then, and above that. */
const following = (ring: Ring) => {
  const { allocate } = ring
  const before = ring.mark()
  let most = before
  ring.allocate = (bytes) => {
    const at = allocate.call(ring, bytes)
    most = Math.max(most, ring.mark())
    return at
  }
  return () => most - before
}

interface Dealt {
  readonly widths: ReadonlyArray<number>
  readonly loss: Loss
  readonly batch: number
  readonly steps: number
}

const some: ReadonlyArray<Dealt> = [
  { widths: [4, 8, 3], loss: "squared-error", batch: 30, steps: 40 },
  { widths: [30, 16, 2], loss: "softmax", batch: 32, steps: 4 },
  { widths: [100, 20, 1], loss: "sigmoid", batch: 24, steps: 2 }
]

describe("the memory of a dealing", () => {
  it.each(some)("of $steps steps of $widths, $loss, is foreseen", async ({ widths, loss, batch, steps }) => {
    const plan = trainingPlan({
      ...{ network: networkOf(widths, "identity"), rows: 10 * batch, batch, epochs: 8, learningRate: 0.1 },
      ...{ loss, fractionalBits: 20 }
    })
    const clouds = await DealingClouds.real([prgOf(1), prgOf(2)], extension)
    const order = batchOrder(plan, orderKey)
    const numbers = Array.from({ length: steps }, (_, i) => 1 + i)
    const most = [0, 1].map((cloud) => following(clouds.rings[cloud]!))
    clouds.run((cloud) =>
      numbers.map((step) =>
        dealtStep({ ring: clouds.rings[cloud], prg: clouds.prgs[cloud], plan, order }, step)
      )
    )
    const { room } = dealingOf(
      extension,
      numbers.map((step) => programOfShapes(plan, step))
    )
    for (const cloud of [0, 1] as const) {
      const foreseen = room[cloud] + steps * openMaskBytes(plan)
      const share = foreseen / most[cloud]!()
      expect(share).toBeGreaterThan(0.9)
      expect(share).toBeLessThan(1.15)
    }
  })

  it("is given back in the order of a stack", () => {
    const room = new Room()
    room.both(10)
    const mark = room.mark()
    room.take(1, 5)
    room.release(mark)
    room.take(0, 2)
    expect(room.most).toEqual([12, 15])
  })
})
