import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { InvalidPlan, type Network } from "../../../protocol/learning/network.ts"
import {
  fixedRate,
  requireMemory,
  type TrainingSettings,
  trainingPlan
} from "../../../protocol/learning/plan.ts"
import { networkOf } from "./example.ts"

const settings: TrainingSettings = {
  network: networkOf([30, 16, 2], "identity"),
  rows: 456,
  batch: 32,
  epochs: 10,
  learningRate: 0.2,
  fractionalBits: 20
}

const refusal = (changes: Partial<TrainingSettings>): InvalidPlan => {
  try {
    trainingPlan({ ...settings, ...changes })
  } catch (error) {
    if (error instanceof InvalidPlan) return error
    throw error
  }
  throw new Error("the plan was accepted")
}

describe("training plan", () => {
  it("leaves the rows that do not fill a batch out of each epoch", () => {
    const plan = trainingPlan(settings)
    expect(plan.stepsPerEpoch).toBe(14)
    expect(plan.steps).toBe(140)
  })

  it("brings η/b to factor/2^shift within 2^-10, and says how near", () => {
    fc.assert(
      fc.property(
        fc.double({ min: 1e-4, max: 4, noNaN: true }),
        fc.integer({ min: 1, max: 4096 }),
        (rate, batch) => {
          const { factor, shift, relativeError } = fixedRate(rate, batch)
          const achieved = factor / 2 ** shift
          expect(Number.isInteger(factor) && factor >= 1 && factor <= 1024).toBe(true)
          expect(factor % 2 === 1 || shift === 1).toBe(true)
          expect(Math.abs(achieved - rate / batch) / (rate / batch)).toBeCloseTo(relativeError, 12)
          expect(relativeError).toBeLessThanOrEqual(2 ** -10)
        }
      )
    )
  })

  it("represents a power of two exactly, by factor one", () => {
    expect(fixedRate(0.25, 32)).toEqual({ factor: 1, shift: 7, relativeError: 0 })
  })

  it("refuses a batch larger than the training rows, naming the remedy", () => {
    const { field, message } = refusal({ batch: 457 })
    expect(field).toBe("batch")
    expect(message).toMatch(/457 rows.*456 training rows.*at most 456/)
  })

  it("names the field of whatever else is wrong", () => {
    const bad: ReadonlyArray<readonly [string, Partial<TrainingSettings>]> = [
      ["rows", { rows: 0 }],
      ["batch", { batch: 1.5 }],
      ["epochs", { epochs: -1 }],
      ["epochs", { epochs: 2 ** 30 }],
      ["learningRate", { learningRate: 0 }],
      ["learningRate", { learningRate: Number.NaN }],
      ["learningRate", { learningRate: Number.POSITIVE_INFINITY }],
      ["learningRate", { learningRate: 1e-12 }],
      ["learningRate", { learningRate: 1e6 }],
      ["fractionalBits", { fractionalBits: 27 }],
      ["fractionalBits", { fractionalBits: 20.5 }],
      ["network.inputs", { network: { ...settings.network, inputs: 0 } }],
      ["network.layers", { network: { inputs: 3, layers: [] } }],
      ["network.layers[1].units", { network: networkOf([30, 16, 0], "identity") }]
    ]
    for (const [field, changes] of bad) expect(refusal(changes).field).toBe(field)
  })

  it("refuses hidden layers without ReLU and unknown activations", () => {
    const withActivations = (hidden: string, output: string) =>
      ({
        inputs: 3,
        layers: [
          { units: 4, activation: hidden },
          { units: 2, activation: output }
        ]
      }) as Network
    expect(refusal({ network: withActivations("identity", "relu") }).field).toBe(
      "network.layers[0].activation"
    )
    expect(refusal({ network: withActivations("relu", "sigmoid") }).message).toMatch(/"identity" or "relu"/)
  })

  it("refuses precision that leaves the gradients of a batch no room in 64-bit words, and says what fits", () => {
    const { field, message } = refusal({ fractionalBits: 26 })
    expect(field).toBe("fractionalBits")
    const fits = Number(/at most (\d+) fractional bits/.exec(message)![1])
    expect(() => trainingPlan({ ...settings, fractionalBits: fits })).not.toThrow()
    expect(() => trainingPlan({ ...settings, fractionalBits: fits + 1 })).toThrow(InvalidPlan)
    // Twice the gradient of a batch of 2^11, below 2^2 each row, with a factor of one: 2f + 1 + 11 + 2 ≤ 62.
    const halved = { rows: 2048, batch: 2048, learningRate: 1 }
    expect(() => trainingPlan({ ...settings, ...halved, fractionalBits: 24 })).not.toThrow()
    expect(refusal({ ...halved, fractionalBits: 25 }).message).toMatch(/at most 24 fractional bits/)
  })

  it("gives the rate fewer bits before it refuses a large batch", () => {
    // In ten, nine and eight bits 613, 307 and 153 or 154, none of which is even.
    const rate = (batch: number) => trainingPlan({ ...settings, rows: batch, batch, learningRate: 0.15 }).rate
    expect(rate(512).factor).toBe(fixedRate(0.15, 512).factor)
    expect([512, 1024, 2048].map((batch) => rate(batch).factor)).toEqual([307, 307, 77])
    expect(rate(2048)).toEqual(fixedRate(0.15, 2048, 8))
    expect(rate(2048).relativeError).toBeLessThanOrEqual(2 ** -8)
    // What fewer bits could not hold is refused for what it is.
    const steep = { rows: 1, batch: 1, learningRate: 300, fractionalBits: 25 }
    expect(refusal(steep).message).toMatch(/at most 24 fractional bits/)
    expect(refusal({ rows: 4096, batch: 4096, learningRate: 0.1 }).message).toMatch(/at most 19 fractional/)
  })

  it("refuses a rate whose shift is more than a word has, to the bit", () => {
    // f + 1 for the product and the rate's own, at most 61.
    const plan = (shift: number) => ({ rows: 1, batch: 1, learningRate: 2 ** -shift })
    expect(trainingPlan({ ...settings, ...plan(40) }).rate).toEqual({
      factor: 1,
      shift: 40,
      relativeError: 0
    })
    expect(refusal(plan(41)).field).toBe("learningRate")
  })

  it("names a least rate that has room, whatever the batch and the precision", () => {
    for (const fractionalBits of [8, 20, 24])
      for (const batch of [1, 3, 8]) {
        const { field, message } = refusal({ rows: 8, batch, fractionalBits, learningRate: 1e-18 })
        expect(field).toBe("learningRate")
        const least = Number(/use at least (\S+),/.exec(message)![1])
        expect(least).toBeLessThan(1e-3)
        for (const learningRate of [least, 1.37 * least, 2 * least])
          expect(() =>
            trainingPlan({ ...settings, rows: 8, batch, fractionalBits, learningRate })
          ).not.toThrow()
      }
  })

  it("says of no row that none is left, and of one that it is one", () => {
    expect(refusal({ rows: 0 }).message).toContain("no row is left to train on")
    expect(refusal({ rows: 1 }).message).toContain("larger than the one training row;")
  })

  it("refuses a table that a cloud's memory can't hold, and says how many rows it could", () => {
    const { network } = settings
    const most = Math.floor((2 ** 32 - 1) / 8 / 32)
    expect(() => requireMemory({ network, rows: most })).not.toThrow()
    expect(() => requireMemory({ network, rows: most + 1 })).toThrow(`use at most ${most} training rows`)
  })
})
