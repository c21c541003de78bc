import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { auditPads } from "../../../protocol/audit/audit-pads.ts"
import { type TrainingSettings, trainingPlan } from "../../../protocol/learning/plan.ts"
import { networkOf } from "../learning/example.ts"
import { type TrialOptions, trialOf } from "./trial.ts"

const planOf = (
  widths: ReadonlyArray<number>,
  output: "relu" | "identity",
  changes: Partial<TrainingSettings> = {}
) =>
  trainingPlan({
    network: networkOf(widths, output),
    rows: 23,
    batch: 11,
    epochs: 2,
    learningRate: 0.25,
    fractionalBits: 20,
    ...changes
  })

const audited = async (options: TrialOptions) => Effect.runPromise(auditPads(await trialOf(options)))

describe("the pads of the training", () => {
  it("cover every byte once, whatever the output", async () => {
    expect(await audited({ plan: planOf([4, 3], "identity") })).toEqual([])
    expect(await audited({ plan: planOf([4, 7, 6, 3], "relu") })).toEqual([])
    expect(await audited({ plan: planOf([4, 7, 3], "identity") })).toEqual([])
  })
  it("cover every byte once in lanes", async () => {
    expect(await audited({ plan: planOf([4, 7, 3], "relu"), lanes: 3 })).toEqual([])
  })
  it("cover every byte once with a cross-entropy, undivided and in lanes", async () => {
    for (const [outputs, loss, lanes] of [
      [3, "softmax", 3],
      [2, "softmax", 1],
      [3, "sigmoid", 3]
    ] as const)
      expect(await audited({ plan: planOf([4, outputs], "identity", { loss }), lanes })).toEqual([])
  })
  it("cover every byte once with momentum, weight decay and a schedule, undivided, in lanes and after a session", async () => {
    const sessions = [
      { after: 0, until: 3 },
      { after: 2, until: 4 }
    ]
    const plan = planOf([4, 5, 3], "identity", { momentum: 0.9, weightDecay: 0.001, schedule: "cosine" })
    expect(await audited({ plan, sessions })).toEqual([])
    expect(await audited({ plan, sessions, lanes: 3 })).toEqual([])
  })
  it("cover every byte once with row weights, undivided, in lanes and beside evaluations", async () => {
    const rowWeights = { gain: 4 }
    const validation = { rows: 5, classes: true }
    for (const [outputs, changes, lanes] of [
      [3, { loss: "softmax" }, 3],
      [2, { loss: "softmax", validation }, 1]
    ] as const) {
      const plan = planOf([4, outputs], "identity", { ...changes, rowWeights, epochs: 1 })
      expect(await audited({ plan, lanes })).toEqual([])
    }
  })
  it("cover every byte of the evaluations once, undivided, in lanes and after a session at the end of an epoch", async () => {
    const sessions = [
      { after: 0, until: 3 },
      { after: 2, until: 4 }
    ]
    for (const [widths, output, changes, lanes] of [
      [[4, 5, 3], "identity", { loss: "softmax" }, 3],
      [[4, 3, 2], "relu", {}, 1]
    ] as const) {
      const plan = planOf(widths, output, { ...changes, validation: { rows: 15, classes: true } })
      expect(await audited({ plan, lanes, sessions })).toEqual([])
    }
    const numbers = planOf([4, 2], "identity", { validation: { rows: 3, classes: false } })
    expect(await audited({ plan: numbers })).toEqual([])
  })
  it("cover the same again in another session", async () => {
    const sessions = [
      { after: 0, until: 3 },
      { after: 2, until: 4 }
    ]
    expect(await audited({ plan: planOf([4, 7, 3], "relu"), sessions })).toEqual([])
  })
})
