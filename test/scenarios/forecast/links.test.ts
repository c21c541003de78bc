/** Which link messages take, as it is predicted from tags and measured from senders and receivers. */
import { Either } from "effect"
import { describe, expect, it } from "vitest"
import { decodeScenario } from "../../../scenarios/description/decode.ts"
import { bytesByLink, linkBetween } from "../../../scenarios/forecast/links.ts"
import { predictCost } from "../../../scenarios/forecast/traffic.ts"
import { plainScenario } from "../../support/plain-scenario.ts"

const rows = { total: 10, training: 8, uploaded: 8, heldOut: 2, indices: () => new Uint32Array(0) }
const predictedOf = (changes: object) =>
  predictCost(Either.getOrThrow(decodeScenario({ ...plainScenario, ...changes })), {
    rows,
    placed: [0, 1].map(() => ({ training: [], heldOut: [] }))
  }).traffic

describe("links", () => {
  it.each([
    ["cloud1", "cloud0", "cloud 0 and cloud 1"],
    ["cloud1.l-1", "cloud0", "cloud 0 and cloud 1"],
    ["cloud0", "cloud0.w-2", "within a party"],
    ["user12", "user3", "users among each other"],
    ["cloud0", "user1", "users and cloud 0"],
    ["user1", "cloud1", "users and cloud 1"],
    ["cloud1", "kgc", "KGC and clouds"],
    ["kgc", "user2", "KGC and users"],
    ["director", "kgc", "director and all others"],
    ["user1", "director", "director and all others"]
  ])("from %s to %s is that of %s", (from, to, link) => {
    expect(linkBetween(from, to)).toBe(link)
  })

  it("have all that is predicted, to the byte, and all that is measured", () => {
    for (const changes of [{}, { join: "private" }, { security: { upload: "hybrid", output: "hybrid" } }]) {
      const predicted = predictedOf(changes)
      const measured = [
        { from: "user1", to: "cloud0", tag: "x", messages: 1, bytes: 7 },
        { from: "cloud0", to: "user1", tag: "x", messages: 1, bytes: 4 }
      ]
      const found = bytesByLink(predicted, measured, 2)
      const sum = (of: ReadonlyArray<number>) => of.reduce((total, each) => total + each, 0)
      const rounding = found.length / 2
      expect(
        Math.abs(sum(found.map((each) => each.predicted)) - sum(predicted.map(({ bytes }) => bytes)))
      ).toBeLessThanOrEqual(rounding)
      expect(found.find(({ link }) => link === "users and cloud 0")!.measured).toBe(11)
      expect(sum(found.map((each) => each.measured))).toBe(11)
    }
  })

  it("take the messages of the director for its own, and no others", () => {
    const ofDirector = new Set(
      bytesTagsOf({}).concat(
        bytesTagsOf({ join: "private", security: { upload: "hybrid", output: "hybrid" } })
      )
    )
    expect([...ofDirector].sort()).toEqual(
      [
        "Begin",
        "Enrol",
        "Erase",
        "Finish",
        "OpenModel",
        "Report",
        "SealModel",
        "Train",
        "Transform",
        "Upload"
      ].sort()
    )
  })
})

/** The tags that are predicted to go between the director and others alone. */
const bytesTagsOf = (changes: object): ReadonlyArray<string> =>
  predictedOf(changes).flatMap((each) => {
    const [only, ...rest] = bytesByLink([each], [], 2).filter(({ predicted }) => predicted > 0)
    return rest.length === 0 && only?.link === "director and all others" ? [each.tag] : []
  })
