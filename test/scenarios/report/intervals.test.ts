import { describe, expect, it } from "vitest"
import { coveredMs, durationOf, merged, overlapping, without } from "../../../scenarios/report/intervals.ts"

const stretch = (startMs: number, endMs: number) => ({ startMs, endMs })

describe("stretches of time", () => {
  it("that overlap or touch are one, in order; empty ones are none", () => {
    const union = merged([stretch(5, 9), stretch(0, 2), stretch(2, 3), stretch(6, 7), stretch(4, 4)])
    expect(union).toEqual([stretch(0, 3), stretch(5, 9)])
    expect(durationOf(union)).toBe(7)
  })

  it("leave of a stretch what none of them covers, and nothing where they cover all of it", () => {
    expect(without(stretch(0, 10), [stretch(2, 4), stretch(3, 5), stretch(8, 20)])).toEqual([
      stretch(0, 2),
      stretch(5, 8)
    ])
    expect(without(stretch(3, 4), [stretch(0, 9)])).toEqual([])
    expect(without(stretch(3, 4), [stretch(5, 9)])).toEqual([stretch(3, 4)])
  })

  it("are found by a stretch that they have something in common with, and by no other", () => {
    const others = [stretch(0, 3), stretch(5, 9), stretch(12, 13)]
    expect(overlapping(stretch(2, 6), others)).toEqual([stretch(0, 3), stretch(5, 9)])
    expect(overlapping(stretch(3, 5), others)).toEqual([])
    expect(overlapping(stretch(20, 30), others)).toEqual([])
  })

  it("cover as much of another as they have in common with it", () => {
    expect(coveredMs(stretch(2, 6), [stretch(0, 3), stretch(5, 9)])).toBe(2)
    expect(coveredMs(stretch(3, 5), [stretch(0, 3), stretch(5, 9)])).toBe(0)
  })
})
