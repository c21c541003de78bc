import { Either } from "effect"
import { describe, expect, it } from "vitest"
import { agreementOf } from "../../../scenarios/description/agreement.ts"
import { decodeScenario } from "../../../scenarios/description/decode.ts"
import { plainScenario } from "../../support/plain-scenario.ts"

const stop = { patience: 2 }
const decoded = (changes: object) => decodeScenario({ ...plainScenario, ...changes })

describe("validation in a scenario", () => {
  it("is agreed on only where there is some", () => {
    const agreed = (changes: object) => agreementOf(Either.getOrThrow(decoded(changes)))
    expect(Object.keys(agreed({}))).not.toContain("validation")
    expect(Object.keys(agreed({}).reveal)).not.toContain("curve")
    const training = { ...plainScenario.training, stop }
    expect(agreed({ validation: 0.1, reveal: ["curve"], training })).toMatchObject({
      validation: 0.1,
      reveal: { curve: true },
      training: { stop }
    })
  })

  it.each([
    ["rows that nobody learns of", { validation: 0.1 }, "add curve to reveal"],
    ["a curve of no rows", { reveal: ["curve"] }, "say validation"],
    ["an end by no rows", { training: { ...plainScenario.training, stop } }, "say validation"],
    ["all rows", { validation: 1, reveal: ["curve"] }, "must be a number from 0 up to, but not including, 1"]
  ])("is refused: %s", (_, changes, message) => {
    const read = decoded(changes)
    expect(JSON.stringify(read)).toContain(message)
    expect(Either.isLeft(read)).toBe(true)
  })
})
