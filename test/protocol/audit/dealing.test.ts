/** The audit of a dealing by the clouds finds nothing in the program; `dealing.sweep.ts` has programs with a fault. */
import { describe, expect, it } from "vitest"
import { auditDealing } from "../../../protocol/audit/dealing.ts"
import { trainingPlan } from "../../../protocol/learning/plan.ts"
import { networkOf } from "../learning/example.ts"

describe("the audit of a dealing", () => {
  it("finds nothing", async () => {
    const plan = trainingPlan({
      ...{ network: networkOf([2, 2, 1], "identity"), rows: 9, batch: 3, epochs: 2, learningRate: 0.1 },
      ...{ fractionalBits: 20 }
    })
    expect(await auditDealing({ plan })).toEqual([])
  })
})
