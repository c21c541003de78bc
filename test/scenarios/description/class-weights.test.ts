import { Either } from "effect"
import { describe, expect, it } from "vitest"
import { planOfBatch } from "../../../actors/party/agreement.ts"
import { agreementOf } from "../../../scenarios/description/agreement.ts"
import { decodeScenario } from "../../../scenarios/description/decode.ts"
import { plainScenario } from "../../support/plain-scenario.ts"

const { loss: _, ...training } = plainScenario.training
const third = { name: "west", holds: [{ file: "west.csv" }] }

const decoded = (classWeights: unknown, changes: object = {}) =>
  decodeScenario({
    ...plainScenario,
    users: [...plainScenario.users, third],
    training: { ...training, classWeights },
    ...changes
  })
const labelOf = (classWeights: unknown, changes: object = {}) =>
  agreementOf(Either.getOrThrow(decoded(classWeights, changes))).data.label
const refusal = (classWeights: unknown, changes: object = {}): string =>
  Either.match(decoded(classWeights, changes), { onLeft: ({ message }) => message, onRight: () => "none" })
const labelled = (values: ReadonlyArray<string>) => ({
  data: { ...plainScenario.data, label: { column: "kind", values } }
})

describe("the class weights of a scenario", () => {
  it("are numbers in the order of the classes, or balanced, and part of what the parties agree on", () => {
    expect(labelOf({ b: 3, a: 0.5 })).toEqual({ column: "kind", values: ["a", "b"], weights: [0.5, 3] })
    expect(labelOf("balanced")).toMatchObject({ weights: "balanced" })
    // Numbers are compared as numbers.
    expect(labelOf({ "1": 2, "0": 1 }, labelled(["0", "1.0"]))).toMatchObject({ weights: [1, 2] })
    const agreed = agreementOf(Either.getOrThrow(decoded({ a: 1, b: 4 })))
    expect(agreed.training).not.toHaveProperty("classWeights")
    expect(planOfBatch(agreed).rowWeights).toEqual({ gain: 4 })
    const plain = agreementOf(Either.getOrThrow(decodeScenario({ ...plainScenario, training })))
    expect(plain.data.label).toEqual({ column: "kind", values: ["a", "b"] })
    expect(planOfBatch(plain)).not.toHaveProperty("rowWeights")
  })

  it("are of all classes that there are, and of no others", () => {
    expect(refusal({ ash: 1, elmm: 2 }, labelled(["ash", "elm"]))).toMatch(
      /none of the values of data.label.*did you mean elm\?/
    )
    expect(refusal({ ash: 1 }, labelled(["ash", "elm", "oak"]))).toMatch(/have no weight for elm, oak/)
    expect(refusal({ "0": 1, "1": 1, "1.0": 2 }, labelled(["0", "1"]))).toMatch(/has a weight already/)
  })

  it("are balanced, or numbers that fixed-point numbers have room for", () => {
    for (const weights of ["balancd", 3, null, { a: "1", b: 1 }, { a: 0, b: 1 }, { a: 1, b: 1001 }])
      expect(refusal(weights)).toMatch(/must be balanced, or a section .* from 0.001 to 1000/)
    expect(refusal("balancd")).toMatch(/did you mean balanced\?/)
    const large = { training: { ...training, batch: 4096, momentum: 0.9, classWeights: { a: 1, b: 900 } } }
    expect(refusal(undefined, large)).toMatch(/no room .* class weights; .*smaller weights/)
  })

  it("are for classes, and not for an output with relu", () => {
    const numbers = { data: { ...plainScenario.data, label: { column: "kind", range: [0, 1] } } }
    expect(refusal("balanced", numbers)).toMatch(/classes; leave them out for numbers/)
    const relu = { network: { hidden: [8], output: "relu" } }
    expect(refusal({ a: 1, b: 2 }, relu)).toMatch(/rows can't have weights where the output has relu/)
  })

  it("tell one of two owners the other's counts if they are balanced, which has to be revealed", () => {
    const { users } = plainScenario
    expect(refusal("balanced", { users })).toMatch(/column-statistics: fewer than three users hold kind/)
    expect(refusal("balanced", { users, reveal: ["column-statistics"] })).toBe("none")
    expect(refusal({ a: 1, b: 2 }, { users })).toBe("none")
  })
})
