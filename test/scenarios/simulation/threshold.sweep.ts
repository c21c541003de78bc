/**
 * Simulated runs of which two of three users decrypt the model: deaths of each party at many moments, and
 * drawn faults.
 */
import { beforeAll, describe, expect, it } from "vitest"
import { simulateSeed } from "../../../scenarios/simulation/seeds.ts"
import { slice } from "../../support/sweep.ts"
import { killed, opening, type Quorum, quorum, underEvents, uploaded } from "./quorum.ts"

let whole: Quorum

beforeAll(async () => {
  whole = await quorum()
})

const moments = [
  opening,
  { on: "phase", phase: "output", afterMs: 30 },
  { on: "phase", phase: "train", afterMs: 1 }
] as const
const deaths = ["director", "kgc", "cloud0", "cloud1", "user1", "user2", "user3"].flatMap((party) =>
  moments.map((moment) => ({ name: `${party} at ${moment.phase} + ${moment.afterMs} ms`, party, moment }))
)
const seeds = Array.from({ length: 60 }, (_, i) => ({ name: `seed ${i + 1}`, seed: i + 1 }))

describe("two of three users", () => {
  for (const { name, party, moment } of slice(deaths, 4))
    it(`lack no model where ${name} dies and returns`, async () => {
      const { run, problems } = await underEvents(whole, [killed(party, moment)])
      expect(problems).toEqual([])
      expect(run.outcome!.openers!.opened).toHaveLength(3)
    })

  for (const { name, seed } of slice(seeds, 4))
    it(`open the same model under the faults of ${name}`, async () => {
      const { problems } = await simulateSeed(whole.simulation, undefined, whole.expected, seed)
      expect(problems).toEqual([])
    })

  it("open it without whichever died for good after the upload", async () => {
    for (const user of ["user2", "user3"]) {
      const { run, problems } = await underEvents(whole, [killed(user, uploaded, { returns: false })])
      expect(problems, user).toEqual([])
      expect(run.outcome!.openers!.absent).toMatchObject([{ user }])
    }
  })

  it("open it without one that dies for good in the middle of the opening", async () => {
    // It has answered the roll call, and the others wait for what it was to send.
    for (const tag of ["FetchModel", "PartialDecryptions"]) {
      const moment = { on: "message", tag, nth: 1 } as const
      const { run, problems } = await underEvents(whole, [killed("user2", moment, { returns: false })])
      expect(problems, tag).toEqual([])
      expect(run.outcome!.openers!.absent).toHaveLength(1)
      expect(run.outcome!.openers!.opened).toEqual(["user1", "user3"])
    }
  })

  it("are joined by the third where it comes back in time, and lack no model where any party dies and returns", async () => {
    const during = { on: "message", tag: "PartialDecryptions", nth: 1 } as const
    for (const [party, moment] of [
      ["user2", opening],
      ["user2", during],
      ["director", opening],
      ["cloud1", opening]
    ] as const) {
      const { run, problems } = await underEvents(whole, [killed(party, moment)])
      expect(problems, party).toEqual([])
      expect(run.faults.get("kill")).toBe(1)
      expect(run.outcome!.openers!.opened, party).toHaveLength(3)
    }
  })

  it("leave after the upload and open it without the one that does not come back", async () => {
    const leaving = await quorum({ placement: { usersLeaveAfterUpload: true } })
    const moment = { on: "message", tag: "FetchModel", nth: 1 } as const
    const { run, problems } = await underEvents(leaving, [killed("user1", moment, { returns: false })])
    expect(problems).toEqual([])
    expect(Buffer.compare(run.model!, whole.expected.model!)).toBe(0)
    expect(run.outcome!.openers!.opened).toEqual(["user2", "user3"])
  })
})
