/**
 * Simulated runs of which two of three users decrypt the model, without the third: `threshold.sweep.ts` has
 * more of them.
 */
import { beforeAll, describe, expect, it } from "vitest"
import { absenceTimeoutMs, killed, opening, type Quorum, quorum, underEvents, uploaded } from "./quorum.ts"

let whole: Quorum

beforeAll(async () => {
  whole = await quorum()
})

describe("two of three users", () => {
  it("open the model without one that died for good after the upload, when they have waited for it", async () => {
    expect(whole.expected.outcome?.openers).toMatchObject({ opened: ["user1", "user2", "user3"], absent: [] })
    const { run, problems } = await underEvents(whole, [killed("user1", uploaded, { returns: false })])
    expect(problems).toEqual([])
    const [absent] = run.outcome!.openers!.absent
    expect(absent?.user).toBe("user1")
    expect(absent?.reason).toBe(`it did not answer within ${absenceTimeoutMs} ms`)
    expect(run.outcome!.tested!.total).toBeGreaterThan(0)
    expect(run.virtualMs).toBeLessThan(2 * absenceTimeoutMs)
  })

  it("are too few where two have died for good, and these are named", async () => {
    const { run, problems } = await underEvents(whole, [
      killed("user1", uploaded, { returns: false }),
      killed("user3", uploaded, { returns: false })
    ])
    expect(problems).toEqual([])
    expect(run.error).toMatch(
      /^TooFewUsers: it takes 2 users to decrypt the model; there: south; missing: north \(.*\), west \(/
    )
  })

  it("are waited for where they are not there yet, for longer than a third is", async () => {
    const { run, problems } = await underEvents(whole, [
      killed("user1", uploaded, { returns: false }),
      killed("user3", uploaded, { forMs: 4 * absenceTimeoutMs })
    ])
    expect(problems).toEqual([])
    expect(run.outcome!.openers!.opened).toEqual(["user2", "user3"])
  })

  it("have opened it, and hand their part to a third that is there when a director that died calls the roll again", async () => {
    const { run, problems } = await underEvents(whole, [
      killed("user1", opening, { forMs: 25_000 }),
      killed("director", { on: "message", tag: "OpenModel", nth: 2 }, { forMs: 6_000 })
    ])
    expect(problems).toEqual([])
    // The first roll had two of them.
    expect(run.virtualMs).toBeGreaterThan(absenceTimeoutMs + 6_000)
    expect(run.outcome!.openers!.opened).toEqual(["user1", "user2", "user3"])
  })
})
