import { Either } from "effect"
import { describe, expect, it } from "vitest"
import { Schema } from "../../../protocol/schema.ts"
import { agreedTraining, completedTraining, Training } from "../../../scenarios/description/training.ts"

const decode = Schema.decodeUnknownEither(Training)
const ofClasses = (fields: object, output: "identity" | "relu" = "identity") =>
  agreedTraining(completedTraining(Either.getOrThrow(decode(fields)), true, output))
const reads = (fields: object): boolean => Either.isRight(decode(fields))
const ofNumbers = (fields: object) =>
  agreedTraining(completedTraining(Either.getOrThrow(decode(fields)), false, "identity"))

describe("the training of a scenario", () => {
  it("is what works for most tables where it is left out", () => {
    expect(ofClasses({})).toEqual({ loss: "softmax", rate: 0.03, momentum: 0.9, weightDecay: 0.001 })
    expect(ofNumbers({})).toEqual({ loss: "squared-error", rate: 0.03, momentum: 0.9, weightDecay: 0.01 })
    expect(ofClasses({}, "relu")).toEqual({ loss: "squared-error", rate: 0.03 })
  })

  it("is on shares unless it says otherwise, and on ciphertexts by squared error", () => {
    expect(ofClasses({ on: "shares" })).toEqual(ofClasses({}))
    expect(ofClasses({ on: "ciphertexts" })).toEqual({ on: "ciphertexts", loss: "squared-error", rate: 0.03 })
    for (const on of ["share", true, null]) expect(reads({ on })).toBe(false)
  })

  it("has the rate that acts as much with another momentum", () => {
    expect(ofClasses({ momentum: 0 }).rate).toBe(0.3)
    expect(ofClasses({ momentum: 0.5 }).rate).toBe(0.15)
    expect(ofNumbers({ momentum: 0 }).rate).toBe(0.3)
    expect(ofClasses({ momentum: 0, rate: 0.7 }).rate).toBe(0.7)
    expect(ofClasses({ rate: 1024 })).not.toHaveProperty("weightDecay")
  })

  it("is as in the paper with the squared error of classes", () => {
    const paper = { epochs: 3, batch: 8, rate: 0.1, loss: "squared-error" } as const
    expect(ofClasses(paper)).toEqual(paper)
  })

  it("has momentum with a cross-entropy, unless it says otherwise", () => {
    expect(ofClasses({ loss: "sigmoid" }).momentum).toBe(0.9)
    expect(ofClasses({ loss: "softmax", momentum: 0 })).not.toHaveProperty("momentum")
    expect(ofClasses({ loss: "squared-error", momentum: 0.5 }).momentum).toBe(0.5)
  })

  it("has a schedule only where it says so, and no weight decay where it says 0", () => {
    expect(ofClasses({ weightDecay: 0, schedule: "constant" })).toEqual({
      ...{ loss: "softmax", rate: 0.03, momentum: 0.9 }
    })
    const falling = { factor: 0.1, everyEpochs: 5 }
    expect(ofClasses({ weightDecay: 1e-4, schedule: falling })).toMatchObject({
      weightDecay: 1e-4,
      schedule: falling
    })
    expect(ofNumbers({ schedule: "cosine" }).schedule).toBe("cosine")
  })

  it("ends early only where it says so", () => {
    expect("stop" in ofClasses({})).toBe(false)
    expect(ofClasses({ stop: { patience: 3 } }).stop).toEqual({ patience: 3 })
    for (const stop of [3, {}, { patience: 0 }]) expect(reads({ stop })).toBe(false)
  })

  it("refuses what is no momentum, weight decay or schedule", () => {
    for (const momentum of [1, -0.1, "0.9"]) expect(reads({ momentum })).toBe(false)
    for (const weightDecay of [-1, 1.5, null]) expect(reads({ weightDecay })).toBe(false)
    for (const schedule of ["linear", 3, { factor: 1, everyEpochs: 2 }, { factor: 0.5 }])
      expect(reads({ schedule })).toBe(false)
  })
})
