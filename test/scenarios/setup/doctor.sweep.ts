/**
 * The faults of a site, each alone, and two at a time: each is named, or the line that would name it says that it can't be looked at
 * before another is mended.
 */
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { type Finding, shownFindings } from "../../../scenarios/setup/finding.ts"
import { type Fault, faults, faultsIn, found, healthy, saidOf } from "../../support/doctor-site.ts"
import { slice } from "../../support/sweep.ts"

const pairs = faults.flatMap((one, i) =>
  faults.slice(i + 1).map((other) => ({ name: `${one.name} and ${other.name}`, one, other }))
)

const isNamed = (findings: ReadonlyArray<Finding>, { check, says }: Fault): boolean =>
  says.test(saidOf(findings, check))

/** Whether the line of a fault says that it waits for the other's. */
const isHidden = (findings: ReadonlyArray<Finding>, { check }: Fault): boolean => {
  const own = findings.filter((finding) => finding.check === check)
  return own.every(({ said, status }) => status === "unknown" && said.startsWith("not examined"))
}

describe("the examination of a site with one fault", () => {
  it.scopedLive.each([...slice(faults, 2)])(
    "names the culprit and the remedy: $name",
    ({ check, plant, says }) =>
      Effect.gen(function* () {
        const findings = yield* found(plant(healthy))
        expect(faultsIn(findings), shownFindings(findings)).toEqual([check])
        expect(saidOf(findings, check)).toMatch(says)
      })
  )
})

describe("the examination of a site with two faults", () => {
  it.scopedLive.each([...slice(pairs, 3)])("$name", ({ one, other }) =>
    Effect.gen(function* () {
      const findings = yield* found(other.plant(one.plant(healthy)))
      const told = shownFindings(findings)
      const named = [one, other].filter((each) => isNamed(findings, each))
      expect(named.length, told).toBeGreaterThanOrEqual(1)
      for (const each of [one, other])
        if (!named.includes(each)) expect(isHidden(findings, each), `${each.name}\n${told}`).toBe(true)
      const expected = new Set(named.map(({ check }) => check))
      expect(new Set(faultsIn(findings)), told).toEqual(expected)
    })
  )
})
