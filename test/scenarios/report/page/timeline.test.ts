/** The timeline as it is drawn. */
import { describe, expect, it } from "vitest"
import { drawnTimeline } from "../../../../scenarios/report/page/timeline.ts"
import { spanLine, startLine, timelineOfLines } from "./example.ts"

const drawn = (...lines: ReadonlyArray<string>) => drawnTimeline(timelineOfLines(lines)!)

describe("the drawn timeline", () => {
  it("begins with the first thing that a party did, and has the owners first and tenths in their order", () => {
    const timeline = drawn(
      spanLine("kgc", "keys", 10, 5),
      spanLine("user10", "a", 12, 1),
      spanLine("user2", "a", 11, 1),
      spanLine("cloud0", "ask Deal", 13, 2),
      spanLine("director", "phase setup", 10, 8)
    )!
    expect(timeline.endMs).toBe(8_000)
    expect(timeline.parties.map(({ actor }) => actor)).toEqual([
      "user2",
      "user10",
      "cloud0",
      "kgc",
      "director"
    ])
    expect(timeline.parties[2]).toEqual({
      actor: "cloud0",
      busy: [],
      waiting: [{ startMs: 3_000, endMs: 5_000 }],
      deaths: []
    })
    expect(timeline.phases).toEqual([{ phase: "setup", startMs: 0, endMs: 8_000 }])
  })

  it("leaves out pauses in which nobody does anything, and keeps short ones", () => {
    const { endMs, leftOutMs, parties } = drawn(
      spanLine("user1", "a", 0, 10),
      spanLine("user1", "b", 40, 10),
      spanLine("user1", "c", 3_650, 50)
    )!
    expect(leftOutMs).toBe(3_600_000)
    // 100 s, and a hundredth of that for the pause.
    expect(endMs).toBe(101_000)
    expect(parties[0]!.busy).toEqual([
      { startMs: 0, endMs: 10_000 },
      { startMs: 40_000, endMs: 50_000 },
      { startMs: 51_000, endMs: 101_000 }
    ])
  })

  it("marks where a process died that was followed by another, and not where one ended", () => {
    const lives = [startLine("cloud1", 0, 1), spanLine("cloud1", "a", 1, 3), startLine("cloud1", 6, 2)]
    expect(drawn(...lives, spanLine("cloud1", "b", 7, 1))!.parties[0]!.deaths).toEqual([3_000])
    expect(drawn(...lives.slice(0, 2))!.parties[0]!.deaths).toEqual([])
  })

  it("is none where nobody did anything", () => {
    expect(drawn(startLine("kgc", 0, 1))).toBe(undefined)
  })
})
