import { existsSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { claims, coalitionKinds } from "../../../protocol/audit/claims.ts"

describe("the claims", () => {
  it("have a line for every coalition that is audited, and for none twice", () => {
    const audited = claims.flatMap((claim) => claim.audited ?? [])
    expect([...audited].sort()).toEqual([...coalitionKinds].sort())
  })

  it("name tests that are there", () => {
    const tests = claims.flatMap(({ shownBy }) => shownBy.filter((by) => by.startsWith("test/")))
    expect(tests.filter((path) => !existsSync(path))).toEqual([])
  })
})
