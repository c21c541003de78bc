import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { batchOrder, permutation } from "../../../protocol/learning/order.ts"

const key = new Uint8Array(16).map((_, i) => i)
const plan = { rows: 23, batch: 5, stepsPerEpoch: 4, steps: 12 }

describe("batch order", () => {
  it("walks through distinct rows within an epoch and reorders them in the next", () => {
    const order = batchOrder(plan, key)
    const epochs = [0, 1, 2].map((epoch) => [1, 2, 3, 4].flatMap((step) => [...order(epoch * 4 + step)]))
    for (const rows of epochs) {
      expect(new Set(rows).size).toBe(20)
      expect(Math.max(...rows)).toBeLessThan(23)
    }
    expect(epochs[0]).not.toEqual(epochs[1])
    expect(epochs[1]).not.toEqual(epochs[2])
  })

  it("is a function of the step, whatever was asked before", () => {
    const forward = batchOrder(plan, key)
    const backward = batchOrder(plan, key)
    const steps = Array.from({ length: plan.steps }, (_, i) => i + 1)
    const seen = new Map(steps.map((step) => [step, forward(step)]))
    for (const step of steps.reverse()) expect(backward(step)).toEqual(seen.get(step))
  })

  it("depends on the key", () => {
    expect(permutation(100, key, 0)).not.toEqual(permutation(100, new Uint8Array(16), 0))
  })

  it("is a permutation of any number of rows", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 300 }), fc.nat(1000), (rows, epoch) => {
        const sorted = permutation(rows, key, epoch).sort()
        expect([...sorted]).toEqual(Array.from({ length: rows }, (_, i) => i))
      })
    )
  })

  it("puts every row in every place equally often", () => {
    const places = Array.from({ length: 4 }, () => [0, 0, 0, 0])
    for (let epoch = 0; epoch < 4000; epoch++)
      permutation(4, key, epoch).forEach((row, place) => {
        places[place]![row]! += 1
      })
    // 1000 expected each, standard deviation 27.
    for (const count of places.flat()) expect(Math.abs(count - 1000)).toBeLessThan(140)
  })

  it("refuses steps outside the plan", () => {
    const order = batchOrder(plan, key)
    for (const step of [0, 13, 1.5]) expect(() => order(step)).toThrow(/steps 1 to 12/)
  })
})
