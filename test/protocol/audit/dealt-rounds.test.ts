/** What a recording's rounds of dealing must not have: bytes that are not uniform, or bytes of another round. */
import { describe, expect, it } from "vitest"
import { auditDealtRounds } from "../../../protocol/audit/dealt-rounds.ts"
import type { Seen } from "../../../protocol/audit/recording.ts"
import { bytesOf } from "../oblivious-transfer/parties.ts"

const next = bytesOf(3)

const seen = (tag: string, number: number, body: Uint8Array): Seen => ({
  ...{
    process: "cloud1",
    from: "cloud0",
    to: "cloud1",
    channel: "round" as Seen["channel"],
    kind: "round",
    id: ""
  },
  ...{ tag, number, body }
})

const found = (...messages: ReadonlyArray<Seen>) =>
  auditDealtRounds({ seen: new Map([["cloud1", messages]]) }).map(
    ({ coalition, what, where }) => `${coalition}: ${what}; in ${where}`
  )

const at = (number: number, tag: string) => `round ${number} of ${tag} from cloud0 to cloud1`

describe("rounds of a dealing", () => {
  it("may arrive twice, and tell again in the same round what they told", () => {
    const [one, other] = [next(400), next(400)]
    const twice = [seen("deal", 7, one), seen("deal", 7, one)]
    expect(found(...twice, seen("deal", 8, other), seen("deal.2", 8, other))).toEqual([])
    expect(found(seen("train", 1, one), seen("train", 2, one))).toEqual([])
  })

  it("have no bytes of another round, nor does a session open with those of another", () => {
    const [one, other] = [next(400), next(400)]
    const later = other.map((byte, i) => (i >= 160 && i < 176 ? one[i - 16]! : byte))
    expect(found(seen("deal", 7, one), seen("deal.2", 9, later))).toEqual([
      `cloud1: the same 16 bytes twice in the dealing; in ${at(9, "deal.2")}; and ${at(7, "deal")}`
    ])
    expect(found(seen("deal", 1, one), seen("deal.2", 1, one))).toEqual([
      `cloud1: the same 16 bytes twice in the dealing; in ${at(1, "deal.2")}; and ${at(1, "deal")}`
    ])
  })

  it("are uniform", () => {
    const words = next(4_000).map((byte, i) => (i % 8 < 6 ? byte : 0))
    expect(found(seen("deal", 3, words))).toContainEqual(
      `cloud1: bytes of the dealing that are not uniform; in ${at(3, "deal")}`
    )
  })
})
