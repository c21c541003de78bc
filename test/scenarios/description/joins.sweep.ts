import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { slice } from "../../support/sweep.ts"
import { joins, misjoined } from "./joins.ts"

describe("rows of two owners, all pairs", () => {
  it.scopedLive("are joined where their ids are the same text, and never where they are not", () =>
    Effect.gen(function* () {
      const wrong = yield* Effect.forEach(slice(joins, joins.length), misjoined)
      expect(wrong.flat().join("\n")).toBe("")
    })
  )
})
