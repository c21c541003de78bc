/** `result.json`: its schema for editors, and what is no result. */
import { Either } from "effect"
import { describe, expect, it } from "vitest"
import { decodeResult, resultJsonSchema } from "../../../scenarios/report/result.ts"
import { laidOut, openObjects } from "../../support/json-schema.ts"

describe("result schema", () => {
  it("is what result.schema.json holds (npx vitest run test/scenarios/report/result.test.ts -u writes it anew)", async () => {
    await expect(laidOut(resultJsonSchema())).toMatchFileSnapshot("../../../scenarios/result.schema.json")
    expect(openObjects(resultJsonSchema())).toEqual([])
  })

  it("refuses what lacks a figure, or has one that it does not know", () => {
    for (const wrong of [{}, { accuracy: 1 }, { figure: 1 }])
      expect(Either.isLeft(decodeResult(wrong))).toBe(true)
  })
})
