import { describe, expect, it } from "vitest"
import type { SmallForm } from "../../../protocol/audit/coupled-form.ts"
import { type AuditReport, auditText } from "../../../scenarios/audit/page.ts"

const network = { inputs: 2, layers: [{ units: 2, activation: "identity" }] }
const coupled = { plan: { network, rows: 11 }, lanes: 1, users: 2 } as unknown as SmallForm

const report: AuditReport = {
  about: {
    scenario: "plain",
    modulusBits: 512,
    rows: { of: 768, to: 768 },
    epochs: { of: 60, to: 2 },
    batch: { of: 8, to: 8 },
    withoutSeed: false
  },
  users: [{ actor: "user1", name: "north" }],
  views: [{ coalition: "broker", members: ["broker"], saw: [{ what: "frames", messages: 3, bytes: 99 }] }],
  findings: [],
  coupled,
  dealtInSmall: false,
  error: undefined
}

const linesOf = (changes: Partial<AuditReport> = {}) => auditText({ ...report, ...changes }).split("\n")

describe("the page of an audit", () => {
  it("says what its table shows, and which coalitions are left out", () => {
    const text = linesOf().join(" ")
    for (const said of [
      "Each line is what a party could read, or several that put together all that they have",
      '"reply to" its answer',
      "Left out are the two clouds together, and the KGC with cloud 1 or with a cloud for which it deals"
    ])
      expect(text).toContain(said)
  })

  it("says where a dealing was tried", () => {
    const dealt = "dealt: two steps of it by the clouds, with batches of 64 rows"
    expect(linesOf({ dealtInSmall: true })).toContain(dealt)
    expect(linesOf()).not.toContain(dealt)
  })

  it("says that all rows and epochs are taken where more were asked for", () => {
    expect(linesOf({ asked: { rows: 5000, epochs: 61 } }).slice(1, 3)).toEqual([
      "all 768 rows of the scenario, since 5,000 were asked for",
      "all 60 epochs of the scenario, since 61 were asked for"
    ])
    expect(linesOf({ asked: { rows: 768, epochs: 60 } })).toEqual(linesOf())
  })
})
