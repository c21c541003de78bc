/** The coupling of a run's form: what it has of the run, and that it is small. */
import { describe, expect, it } from "vitest"
import { auditForm, smallFormOf } from "../../../protocol/audit/coupled-form.ts"
import { trainingPlan } from "../../../protocol/learning/plan.ts"
import { networkOf } from "../learning/example.ts"
import { trialOf } from "./trial.ts"

const planOf = (widths: ReadonlyArray<number>, rows: number, batch: number) =>
  trainingPlan({
    network: networkOf(widths, "relu"),
    ...{ rows, batch, epochs: 2, learningRate: 0.25, fractionalBits: 18 }
  })

describe("the coupling of a form", () => {
  it("has the layers, the rate, the precision and the lanes of the run", async () => {
    const plan = planOf([18, 5, 2], 12, 6)
    const recording = await trialOf({ plan, lanes: 2 })
    const { lanes, plan: small, users } = smallFormOf(recording)
    expect({ lanes, users }).toEqual({ lanes: 2, users: 2 })
    expect(small).toMatchObject({ rate: plan.rate, fractionalBits: 18, rows: 11, batch: 5, steps: 4 })
    expect(small.network).toEqual(networkOf([16, 5, 2], "relu"))
    expect(await auditForm({ plan: small, lanes, users })).toEqual([])
  })

  it("has rows for each of many users, and batches of one row where the run has", () => {
    const users = Array.from({ length: 9 }, (_, k) => ({ actor: `user${k + 1}`, name: `user ${k + 1}` }))
    const agreement = { users } as unknown as Parameters<typeof smallFormOf>[0]["agreement"]
    const { plan, lanes } = smallFormOf({ agreement, plan: planOf([2, 2], 5, 1), seen: new Map() })
    expect(plan).toMatchObject({ rows: 27, batch: 1, steps: 54 })
    expect(lanes).toBe(1)
  })
})
