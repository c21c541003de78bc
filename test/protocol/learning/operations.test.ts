import { describe, expect, it } from "vitest"
import {
  describeOperation,
  operation,
  operationKinds,
  placeOfOperation
} from "../../../protocol/learning/operations.ts"

describe("the number of an operation", () => {
  it("is one of its kind and layer, which it tells", () => {
    const numbers = new Set<number>()
    for (const kind of operationKinds)
      for (const layer of [0, 1, 2, 255, 4094, 4095]) {
        const op = operation(kind, layer)
        expect(placeOfOperation(op)).toEqual({ kind, layer })
        expect(op).toBeLessThan(2 ** 32)
        numbers.add(op)
      }
    expect(numbers.size).toBe(operationKinds.length * 6)
    expect(describeOperation(operation("normalise", 3))).toBe("normalise of layer 3")
  })

  it("of the first kinds is layer · 16 + kind, as in every run before", () => {
    expect(operation("openInput", 0)).toBe(0)
    expect(operation("openLabels", 2)).toBe(43)
    expect(operation("weightUpdate", 4095)).toBe(65529)
  })
})
