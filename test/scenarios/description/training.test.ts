import { Either } from "effect"
import { describe, expect, it } from "vitest"
import { Schema } from "../../../protocol/schema.ts"
import { agreedTraining, Training } from "../../../scenarios/description/training.ts"

const written = { epochs: 3, batch: 8, rate: 0.1 }
const agreed = (fields: object) =>
  agreedTraining(Schema.decodeUnknownSync(Training)({ ...written, ...fields }))

const reads = (fields: object): boolean =>
  Either.isRight(Schema.decodeUnknownEither(Training)({ ...written, ...fields }))

describe("the training of a scenario", () => {
  it("has momentum with a cross-entropy, unless it says otherwise", () => {
    expect(agreed({})).toEqual({ ...written, loss: "squared-error" })
    expect(agreed({ loss: "softmax" }).momentum).toBe(0.9)
    expect(agreed({ loss: "sigmoid" }).momentum).toBe(0.9)
    expect(agreed({ loss: "softmax", momentum: 0 })).toEqual({ ...written, loss: "softmax" })
    expect(agreed({ momentum: 0.5 }).momentum).toBe(0.5)
  })

  it("has weight decay and a schedule only where it says so", () => {
    expect(agreed({ weightDecay: 0, schedule: "constant" })).toEqual(agreed({}))
    const falling = { factor: 0.1, everyEpochs: 5 }
    expect(agreed({ weightDecay: 1e-4, schedule: falling })).toMatchObject({
      weightDecay: 1e-4,
      schedule: falling
    })
    expect(agreed({ schedule: "cosine" }).schedule).toBe("cosine")
  })

  it("ends early only where it says so", () => {
    expect("stop" in agreed({})).toBe(false)
    expect(agreed({ stop: { patience: 3 } }).stop).toEqual({ patience: 3 })
    for (const stop of [3, {}, { patience: 0 }]) expect(reads({ stop })).toBe(false)
  })

  it("refuses what is no momentum, weight decay or schedule", () => {
    for (const momentum of [1, -0.1, "0.9"]) expect(reads({ momentum })).toBe(false)
    for (const weightDecay of [-1, 1.5, null]) expect(reads({ weightDecay })).toBe(false)
    for (const schedule of ["linear", 3, { factor: 1, everyEpochs: 2 }, { factor: 0.5 }])
      expect(reads({ schedule })).toBe(false)
  })
})
