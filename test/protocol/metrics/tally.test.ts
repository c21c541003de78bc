import { describe, expect, it } from "vitest"
import {
  correctOf,
  MalformedTally,
  rowsOf,
  tallyFromBytes,
  tallySize,
  tallyToBytes
} from "../../../protocol/metrics/tally.ts"
import { classesLabel, numberLabel, tallyOfClasses, tallyOfNumbers } from "./tested.ts"

const classes = { label: classesLabel(2) }
const tally = tallyOfClasses(2, "softmax", {
  truth: [0, 1, 1],
  outputs: [
    [1, 0],
    [1, 0],
    [Number.NaN, 0]
  ]
})
const bytes = tallyToBytes(tally)

const numbers = { label: numberLabel }
const ofNumbers = tallyOfNumbers({ truth: [[170, 1]], predictions: [[Number.NaN, 1]] })

describe("a tally on the wire", () => {
  it("is the same at the other end, and as long as its label says", () => {
    expect(tallyFromBytes(classes, "north", 3, bytes)).toEqual(tally)
    expect(bytes.counts.length + bytes.sums.length).toBe(tallySize(classes))
    expect(tallyFromBytes(numbers, "north", 1, tallyToBytes(ofNumbers))).toEqual(ofNumbers)
    expect(tallySize(numbers)).toBe(2 * 4 + 2 * 5 * 8)
  })

  it("counts all rows, and the right ones of classes", () => {
    expect([rowsOf(classes, tally), correctOf(classes, tally)]).toEqual([3, 1])
    expect([rowsOf(numbers, ofNumbers), correctOf(numbers, ofNumbers)]).toEqual([1, 0])
  })

  it("is refused where it is of another label, of other rows, or not of numbers", () => {
    const refused = (data: typeof classes, rows: number, { counts, sums }: typeof bytes) => {
      expect(() => tallyFromBytes(data, "north", rows, { counts, sums })).toThrow(MalformedTally)
    }
    refused(numbers, 3, bytes)
    refused(classes, 4, bytes)
    refused(classes, 3, { ...bytes, counts: bytes.counts.slice(4) })
    refused(classes, 3, { ...bytes, sums: bytes.sums.slice(1) })
    const endless = tallyToBytes({ ...tally, sums: tally.sums.map(() => Number.POSITIVE_INFINITY) })
    refused(classes, 3, endless)
  })
})
