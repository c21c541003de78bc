import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { shownFindings } from "../../../scenarios/setup/finding.ts"
import { faultsIn, found, healthy, saidOf } from "../../support/doctor-site.ts"

describe("the examination of a site", () => {
  it.scopedLive("finds nothing wrong at a healthy one, and says of all that was not looked at why", () =>
    Effect.gen(function* () {
      const findings = yield* found(healthy)
      expect(faultsIn(findings), shownFindings(findings)).toEqual([])
      const said = new Map(findings.map(({ check, said, status }) => [check, `${status}: ${said}`]))
      expect(said.get("permissions")).toMatch(/^ok: user1 may read what is its own/)
      expect(said.get("certificate dates")).toMatch(/^ok: valid until/)
      expect(said.get("link")).toMatch(/^ok: the broker and back: .* ms, .* Mbit\/s\n/)
      expect(said.get("others")).toMatch(/^ok: director, kgc, cloud0, .*: the same program and scenario$/)
    })
  )

  it.scopedLive("says that others were not met, which is no fault", () =>
    Effect.gen(function* () {
      const findings = yield* found({ ...healthy, others: "absent" })
      expect(faultsIn(findings), shownFindings(findings)).toEqual([])
      const unknown = findings.filter(({ status }) => status === "unknown")
      expect(unknown).toHaveLength(1)
      expect(unknown[0]!.said).toMatch(
        /^director, kgc, cloud0, cloud1, user2, user3: no answer; start bicameral join or doctor there/
      )
    })
  )

  it.scopedLive("tells a clock that is ahead by those of the others", () =>
    Effect.gen(function* () {
      const findings = yield* found({ ...healthy, clockMs: 3_600_000 })
      expect(faultsIn(findings), shownFindings(findings)).toEqual(["clock"])
      expect(saidOf(findings, "clock")).toMatch(/is 1 h 00 min ahead of that of director, kgc, .*; set it/)
    })
  )

  it.scopedLive(
    "tells a broker that knows another identity of the party from a party with another identity",
    () =>
      Effect.gen(function* () {
        const findings = yield* found({ ...healthy, brokerKnows: "another's" })
        expect(faultsIn(findings), shownFindings(findings)).toEqual(["credentials"])
        expect(saidOf(findings, "credentials")).toMatch(/USER1_NKEY=U/)
      })
  )
})
