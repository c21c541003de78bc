/** The audit of a dealing by the clouds: nothing is found of any loss, and each fault that is put into the program is. */
import { afterEach, describe, expect, it, vi } from "vitest"
import { auditDealing } from "../../../protocol/audit/dealing.ts"
import { losses } from "../../../protocol/learning/loss.ts"
import { trainingPlan } from "../../../protocol/learning/plan.ts"
import { full } from "../../support/sweep.ts"
import { networkOf } from "../learning/example.ts"
import { mutants } from "./dealing-mutants.ts"

const planOf = (loss: (typeof losses)[number], widths: ReadonlyArray<number>) =>
  trainingPlan({
    ...{ network: networkOf(widths, "identity"), rows: 20, batch: 5, epochs: 2, learningRate: 0.1 },
    ...{ fractionalBits: 20, loss }
  })

afterEach(() => {
  vi.restoreAllMocks()
})

describe("the audit of a dealing", () => {
  it.each(full ? losses : (["softmax"] as const))("finds nothing with %s", async (loss) => {
    expect(await auditDealing({ plan: planOf(loss, [4, 5, 3]) })).toEqual([])
  })

  it.each(Object.entries(mutants))("finds %s, and nothing else", async (_, { make, finds }) => {
    make()
    const found = await auditDealing({ plan: planOf("squared-error", [2, 2, 1]) })
    const lines = found.map(({ coalition, what, where }) => `${coalition}: ${what}; in ${where}`)
    expect(lines.filter((line) => !finds.test(line))).toEqual([])
    expect(lines).toContainEqual(expect.stringMatching(finds))
  })
})
