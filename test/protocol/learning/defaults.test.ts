import { describe, expect, it } from "vitest"
import { batchFor, epochsFor, hiddenFor } from "../../../protocol/learning/defaults.ts"

describe("settings by size", () => {
  it("have batches that every table can fill, and larger ones for large tables", () => {
    expect([1, 31, 32, 9_999, 10_000, 60_000].map(batchFor)).toEqual([1, 31, 32, 32, 128, 128])
  })

  it("come to about a thousand steps, within limits", () => {
    const stepsOf = (rows: number) => {
      const batch = batchFor(rows)
      return epochsFor(rows, batch) * Math.floor(rows / batch)
    }
    for (const rows of [400, 1_000, 3_000]) {
      expect(stepsOf(rows)).toBeGreaterThanOrEqual(1_000)
      expect(stepsOf(rows)).toBeLessThan(1_000 + Math.floor(rows / 32))
    }
    expect(epochsFor(20, 20)).toBe(100)
    expect(epochsFor(60_000, 128)).toBe(10)
    // A batch of all rows is one step an epoch.
    expect(epochsFor(5_000, 5_000)).toBe(100)
  })

  it("have a wider layer for many inputs", () => {
    expect([2, 100, 101, 784].map(hiddenFor)).toEqual([[32], [32], [128], [128]])
  })
})
