import { Effect, Either } from "effect"
import { describe, expect, it } from "vitest"
import { agreementOf } from "../../../scenarios/description/agreement.ts"
import { decodeScenario } from "../../../scenarios/description/decode.ts"
import { requireOpened } from "../../../scenarios/description/opened.ts"
import { smallScenario, splits } from "../../support/small-scenario.ts"

const decoded = (changes: object) => decodeScenario(smallScenario(splits.rows, { reveal: [], ...changes }))

const problemsOf = (changes: object): string =>
  Either.match(decoded(changes), { onLeft: ({ message }) => message, onRight: () => "" })

describe("a model that is served", () => {
  it("is no object of a simulation or an audit, which look at models that users open", () => {
    const refused = Effect.runSync(Effect.flip(requireOpened({ model: "served" }, "a.yaml", "an audit")))
    expect(refused.message).toBe(
      "a.yaml: model is served, and an audit looks at the models that users open; set it to both in a copy of the scenario, which trains the same"
    )
    for (const model of ["opened", "both"] as const)
      expect(Effect.runSync(requireOpened({ model }, "a.yaml", "an audit"))).toBeUndefined()
  })

  it("is agreed on, so that no party keeps what another erases; one that is opened alone is as it was", () => {
    const modelOf = (model: string) => agreementOf(Either.getOrThrow(decoded({ model }))).model
    expect(modelOf("served")).toBe("served")
    expect(modelOf("both")).toBe("both")
    expect(modelOf("opened")).toBeUndefined()
  })

  it("is tested by nobody where nobody opens it, and may be where the users do", () => {
    for (const each of ["accuracy", "metrics"]) {
      expect(problemsOf({ model: "served", reveal: [each] })).toContain(
        `${each} can't be found of a model that nobody opens; take it out, or set model to both`
      )
      expect(problemsOf({ model: "both", reveal: [each] })).toBe("")
    }
    expect(problemsOf({ model: "served", seed: 3, expect: { maxWeightDeviation: 0 } })).toContain(
      "can't be judged of a model that nobody opens"
    )
  })

  it("is not trained on ciphertexts, of which the clouds have no shares", () => {
    const training = { epochs: 1, batch: 8, rate: 0.25, on: "ciphertexts" }
    expect(problemsOf({ model: "both", training })).toContain(
      "the clouds have no shares of the model; train on shares"
    )
    expect(problemsOf({ model: "opened", training })).not.toContain("no shares of the model")
  })
})
