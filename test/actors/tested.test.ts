/** What the director makes of what users tell it of held-out rows. */
import { Either } from "effect"
import { describe, expect, it } from "vitest"
import { testedBy } from "../../actors/tested.ts"
import { metricsOf } from "../../protocol/metrics/metrics.ts"
import { MalformedTally, tallyToBytes } from "../../protocol/metrics/tally.ts"
import { agreementOf } from "../../scenarios/description/agreement.ts"
import { decodeScenario } from "../../scenarios/description/decode.ts"
import { tallyOfClasses } from "../protocol/metrics/tested.ts"
import { plainScenario } from "../support/plain-scenario.ts"

const agreement = (...reveal: ReadonlyArray<string>) =>
  agreementOf(Either.getOrThrow(decodeScenario({ ...plainScenario, reveal })))

const truth = [0, 1, 1, 0]
const outputs = [
  [1, 0],
  [0, 1],
  [0.9, 0.1],
  [0.2, 0.8]
]

/** A user's answer: a test of some of the rows. */
const opened = (actor: string, from: number, to: number, correct: number) => {
  const rows = { truth: truth.slice(from, to), outputs: outputs.slice(from, to) }
  const tally = tallyToBytes(tallyOfClasses(2, "squared-error", rows))
  return [actor, { tested: { correct, total: to - from, tally } }] as const
}

const all = metricsOf(
  { label: agreement().data.label },
  "squared-error",
  tallyOfClasses(2, "squared-error", { truth, outputs })
)

describe("what users found on held-out rows", () => {
  it("is added up, and stays the same in the director's log", () => {
    const found = testedBy(agreement("metrics"), [opened("user1", 0, 1, 1), opened("user2", 1, 4, 1)])
    expect(found).toEqual({ tested: { correct: 2, total: 4 }, metrics: all })
    expect(JSON.parse(JSON.stringify(found))).toEqual(found)
    expect(testedBy(agreement(), [["user1", {}]])).toEqual({})
    const few = [
      ["user1", { tested: { correct: 1, total: 2 } }],
      ["user2", {}]
    ] as const
    expect(testedBy(agreement("accuracy"), few)).toEqual({ tested: { correct: 1, total: 2 } })
  })

  it("is that of one user where rows are pooled, of the one that had most", () => {
    const two = [opened("user1", 0, 3, 2), opened("user2", 0, 4, 2)]
    expect(testedBy(agreement("metrics", "heldOutRows"), two)).toEqual({
      tested: { correct: 2, total: 4 },
      metrics: all
    })
  })

  it("has no figures of no row, and names the user whose tally is none", () => {
    expect(testedBy(agreement("metrics"), [opened("user1", 0, 0, 0)])).toEqual({
      tested: { correct: 0, total: 0 }
    })
    const [, reply] = opened("user2", 0, 2, 2)
    const short = { ...reply.tested, tally: { ...reply.tested.tally, counts: new Uint8Array(4) } }
    expect(() => testedBy(agreement("metrics"), [["user2", { tested: short }]])).toThrow(MalformedTally)
    expect(() =>
      testedBy(agreement("metrics"), [["user2", { tested: { ...reply.tested, total: 3 } }]])
    ).toThrow(/tally of south's test .* is not of the 3 rows/)
  })
})
