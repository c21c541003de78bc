/** Faults as data: what a plan may say, how wrong plans are reported, and what becomes of names and drawn moments. */
import { Effect, Either } from "effect"
import { describe, expect, it } from "vitest"
import type { Agreement } from "../../../actors/party/agreement.ts"
import { ArrayFormatter } from "../../../protocol/schema.ts"
import { agreementOf } from "../../../scenarios/description/agreement.ts"
import { decodeScenario } from "../../../scenarios/description/decode.ts"
import { decodeFaults } from "../../../scenarios/description/faults.ts"
import { drawFaults, lostForGood, planFaults, ratesOf } from "../../../scenarios/faults-injected/plan.ts"
import { plainScenario } from "../../support/plain-scenario.ts"

const agreement = agreementOf(Either.getOrThrow(decodeScenario(plainScenario)))
const decoded = (faults: object) => Either.getOrThrow(decodeFaults(faults))
const planned = (faults: object, seed?: number) =>
  Effect.runSync(planFaults(decoded(faults), agreement, seed))
const problems = (faults: object) =>
  ArrayFormatter.formatErrorSync(Either.getOrThrow(Either.flip(decodeFaults(faults)))).map(
    ({ path, message }) => `${path.join(".")} ${message}`
  )

const kill = { event: "kill", party: "kgc", when: { phase: "train" } }

describe("faults - what may be said", () => {
  it("fills in what is left out", () => {
    expect(decoded({})).toEqual({ seed: 1, links: [], events: [] })
    expect(decoded({ links: [{ loss: 0.1 }], events: [kill] })).toEqual({
      seed: 1,
      links: [{ from: "*", to: "*", loss: 0.1, duplication: 0, reordering: 0, corruption: 0, truncation: 0 }],
      events: [{ ...kill, when: { phase: "train", afterMs: 0 }, forMs: 1_000, returns: true, count: 1 }]
    })
  })

  it("tells what is wrong, and where", () => {
    expect(problems({ links: [{ loss: 2 }] })).toEqual(["links.0.loss must be a number from 0 to 1"])
    expect(problems({ links: [{ delay: { meanMs: 1, fixedMs: 2 } }] })[0]).toMatch(
      /^links.0.delay.meanMs is unexpected, expected: "fixedMs"/
    )
    expect(problems({ links: [{ delay: 3 }] })[0]).toMatch(/^links.0.delay must be \{fixedMs\}/)
    expect(problems({ links: [{ delay: { fromMs: 1, tooMs: 2 } }] })).toEqual([
      expect.stringMatching(/^links.0.delay.tooMs is unexpected, expected: "fromMs" \| "toMs"$/),
      "links.0.delay.toMs is missing"
    ])
    expect(problems({ links: [{ from: "The Cloud" }] })[0]).toMatch(/^links.0.from must be kgc, cloud0/)
    expect(problems({ events: [{ ...kill, when: { phase: "lunch" } }] })[0]).toMatch(
      /^events.0.when.phase must be one of setup, upload, transform, train, output$/
    )
    expect(problems({ events: [{ ...kill, when: { phaze: "train" } }] })[0]).toMatch(
      /^events.0.when.phaze is unexp/
    )
    expect(problems({ events: [{ ...kill, when: "noon" }] })[0]).toMatch(/^events.0.when must be \{phase\}/)
    expect(problems({ events: [{ ...kill, event: "explode" }] })[0]).toMatch(
      /must be one of kill, restart, pause/
    )
    expect(problems({ looses: [] })[0]).toMatch(/^looses/)
  })

  it("asks of each kind of event what it needs, and nothing else", () => {
    const { party: _, ...nobody } = kill
    expect(problems({ events: [nobody] })).toEqual([
      "events.0.party is missing; say which party's kill it is, or * for a drawn one"
    ])
    expect(problems({ events: [{ event: "partition", when: "drawn" }] })[0]).toMatch(/groups is missing/)
    expect(problems({ events: [{ ...kill, event: "clock-jump" }] })[0]).toMatch(/byMs is missing/)
    expect(problems({ events: [{ ...kill, event: "pause", returns: false }] })[0]).toMatch(
      /returns is for parties/
    )
    expect(problems({ events: [{ ...kill, count: 3 }] })[0]).toMatch(
      /count is for events whose moment is drawn/
    )
  })

  it("is a section of a scenario, whose errors say so", () => {
    const wrong = decodeScenario({ ...plainScenario, faults: { links: [{ loss: -1 }] } })
    const [issue] = ArrayFormatter.formatErrorSync(Either.getOrThrow(Either.flip(wrong)))
    expect(issue?.path).toEqual(["faults", "links", 0, "loss"])
  })
})

describe("faults - plans", () => {
  it("take users by either name, and no others", () => {
    const plan = planned({
      links: [{ from: "north", to: "user2", loss: 1 }],
      events: [{ ...kill, party: "south", returns: false }]
    })
    expect(plan.links[0]).toMatchObject({ from: "user1", to: "user2" })
    expect(plan.events[0]).toMatchObject({ party: "user2" })
    expect(lostForGood(plan)).toEqual(["user2"])
    const wrong = Effect.runSync(Effect.flip(planFaults(decoded({ links: [{ to: "east" }] }), agreement)))
    expect(wrong.message).toMatch(
      /^faults.links\[0\].to: "east" is no party of this scenario; choose one of director, kgc/
    )
  })

  it("disturb nobody that the run lets go before", () => {
    const dealing = { ...agreement, security: { ...agreement.security, dealing: "clouds" as const } }
    const refused = (event: object, of: Agreement = dealing) => {
      const faults = decoded({ events: [{ event: "pause", party: "cloud0", when: "drawn" }, event] })
      return Effect.runSync(Effect.merge(Effect.map(planFaults(faults, of), () => undefined)))?.message
    }
    const alone = { event: "partition", groups: [["kgc"], ["cloud0", "north"]], when: { round: 3 } }
    for (const event of [
      kill,
      alone,
      { ...kill, when: { step: 2 } },
      { ...kill, when: { message: "Deal" } }
    ]) {
      expect(refused(event)).toMatch(
        /^faults.events\[1\]: (kill|partition) of kgc at \{.*\} disturbs nothing/
      )
      expect(refused(event, agreement)).toBe(undefined)
    }
    expect(refused(kill)).toContain(
      'at {"phase":"train","afterMs":0} disturbs nothing, since the run lets kgc go'
    )
    for (const event of [
      { ...kill, when: { phase: "setup" } },
      { ...kill, when: { message: "Enrolment" } },
      { ...kill, party: "cloud1" },
      { ...alone, groups: [["kgc", "cloud0"], ["cloud1"]] }
    ])
      expect(refused(event)).toBe(undefined)
    const drawn = decoded({ events: [{ ...kill, party: "*", when: "drawn", count: 60 }] })
    expect(Effect.runSync(planFaults(drawn, dealing)).events.map(({ party }) => party)).toContain("kgc")
    for (let seed = 0; seed < 60; seed++) {
      const any = decoded({ events: [{ ...kill, party: "*" }] })
      expect(Effect.runSync(planFaults(any, dealing, seed)).events[0]!.party).not.toBe("kgc")
    }
  })

  it("have the last rule that fits hold for a link", () => {
    const plan = planned({
      links: [
        { loss: 0.1 },
        { from: "cloud0", loss: 0.2, delay: { fromMs: 1, toMs: 3 } },
        { to: "kgc", loss: 0.3 }
      ]
    })
    expect(ratesOf(plan, "user1", "cloud1")).toMatchObject({ loss: 0.1 })
    expect(ratesOf(plan, "cloud0", "cloud1")).toMatchObject({
      loss: 0.2,
      delay: { kind: "uniform", fromMs: 1, toMs: 3 }
    })
    expect(ratesOf(plan, "cloud0", "kgc")).toMatchObject({ loss: 0.3 })
    expect(ratesOf(planned({}), "cloud0", "kgc")).toBe(undefined)
  })

  it("draw moments and parties from the seed", () => {
    const drawn = { events: [{ event: "kill", party: "*", when: "drawn", count: 20 }] }
    const plan = planned(drawn, 5)
    expect(plan.events.length).toBe(20)
    expect(new Set(plan.events.map(({ party }) => party)).size).toBeGreaterThan(3)
    expect(planned(drawn, 5)).toEqual(plan)
    expect(planned(drawn, 6)).not.toEqual(plan)
  })

  it("can be drawn as a whole: every kind of fault comes up, and healing", () => {
    const plans = Array.from({ length: 200 }, (_, seed) => drawFaults(seed, agreement))
    expect(drawFaults(3, agreement)).toEqual(plans[3])
    const kinds = new Set(plans.flatMap(({ events }) => events.map(({ kind }) => kind)))
    expect([...kinds].sort()).toEqual([
      "broker-restart",
      "clock-jump",
      "disk-full",
      "kill",
      "partition",
      "pause",
      "restart"
    ])
    for (const rate of ["loss", "duplication", "reordering", "corruption", "truncation"] as const) {
      const used = plans.filter(({ links }) => links[0]![rate] > 0).length
      expect(used).toBeGreaterThan(60)
      expect(used).toBeLessThan(140)
    }
    for (const { healAfterMs, events } of plans) {
      expect(healAfterMs).toBeGreaterThanOrEqual(1_000)
      for (const { returns } of events) expect(returns).toBe(true)
    }
  })
})
