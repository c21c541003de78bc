import { describe, expect, it } from "vitest"
import { auditCoupling } from "../../../protocol/audit/coupling.ts"
import type { Loss } from "../../../protocol/learning/loss.ts"
import type { Activation } from "../../../protocol/learning/network.ts"
import { trainingPlan } from "../../../protocol/learning/plan.ts"
import { networkOf } from "../learning/example.ts"

/** Two epochs of two steps; all operations occur. */
const planOf = (
  widths: ReadonlyArray<number>,
  output: Activation,
  loss: Loss = "squared-error",
  rowWeights?: { readonly gain: number }
) =>
  trainingPlan({
    rowWeights,
    loss,
    momentum: loss === "squared-error" ? 0 : 0.9,
    network: networkOf(widths, output),
    rows: 9,
    batch: 4,
    epochs: 2,
    learningRate: 0.25,
    fractionalBits: 20
  })

const clouds = [0, 1] as const

describe("the coupling", () => {
  for (const cloud of clouds) {
    it(`shows cloud${cloud} the same for other data, with a ReLU or none at the output`, async () => {
      for (const output of ["relu", "identity"] as const) {
        const plan = planOf([2, 3, 2], output)
        expect(await auditCoupling({ plan, lanes: 1, cloud, users: 3, with: [] })).toEqual([])
      }
    })

    it(`shows cloud${cloud} the same with a user, and with all users but one`, async () => {
      const plan = planOf([2, 2], "relu")
      for (const users of [[2], [1, 3]])
        expect(await auditCoupling({ plan, lanes: 1, cloud, users: 3, with: users })).toEqual([])
    })

    it(`shows cloud${cloud} the same with a cross-entropy, undivided and in lanes`, async () => {
      for (const [outputs, loss, lanes] of [
        [3, "softmax", 2],
        [1, "sigmoid", 1]
      ] as const) {
        const plan = planOf([2, outputs], "identity", loss)
        expect(await auditCoupling({ plan, lanes, cloud, users: 3, with: [] })).toEqual([])
      }
    })

    it(`shows cloud${cloud} the same with row weights, in lanes`, async () => {
      const plan = planOf([2, 2], "identity", "softmax", { gain: 2 })
      expect(await auditCoupling({ plan, lanes: 2, cloud, users: 3, with: [] })).toEqual([])
    })

    it(`shows cloud${cloud} the same in lanes`, async () => {
      const plan = planOf([2, 20, 2], "relu")
      expect(await auditCoupling({ plan, lanes: 2, cloud, users: 3, with: [] })).toEqual([])
    })
  }
})
