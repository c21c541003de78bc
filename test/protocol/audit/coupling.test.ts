import { describe, expect, it } from "vitest"
import { auditCoupling } from "../../../protocol/audit/coupling.ts"
import { trainingPlan } from "../../../protocol/learning/plan.ts"
import { networkOf } from "../learning/example.ts"

const planOf = (widths: ReadonlyArray<number>, output: "relu" | "identity", rows = 13, batch = 6) =>
  trainingPlan({
    network: networkOf(widths, output),
    rows,
    batch,
    epochs: 2,
    learningRate: 0.25,
    fractionalBits: 20
  })

describe("the coupling", () => {
  for (const cloud of [0, 1] as const)
    for (const output of ["relu", "identity"] as const)
      it(`shows cloud${cloud} the same for other data, with ${output} at the output`, async () => {
        const coupling = { plan: planOf([3, 5, 4, 2], output), lanes: 1, cloud, users: 3, with: [] }
        expect(await auditCoupling(coupling)).toEqual([])
      })
})
