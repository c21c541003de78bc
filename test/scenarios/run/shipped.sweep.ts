/** The scenarios that come with the project, from their files as they are, under a modulus that makes them quick. */
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { quickly } from "../../support/shipped.ts"

describe("a scenario of the project", () => {
  it.scopedLive.each(["two-of-three", "three-clinics", "passengers", "progression"])(
    "%s ends as it expects",
    (name) =>
      Effect.gen(function* () {
        const { result } = yield* quickly(name)
        expect(result.expectations.length).toBeGreaterThan(0)
        expect(result.expectations.filter(({ held }) => !held)).toEqual([])
        expect(result.maxWeightDeviation).toBe(0)
        expect(result.rounds.measured).toBe(result.rounds.predicted)
        if (name === "two-of-three")
          expect(result.openers).toMatchObject({ threshold: 2, opened: ["north", "south", "west"] })
      })
  )
})
