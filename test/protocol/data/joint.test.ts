import { describe, expect, it } from "vitest"
import { denseCells, readRows } from "../../../protocol/data/cells.ts"
import { assemble, placeRun } from "../../../protocol/data/joint.ts"

const filled = (
  rows: ReadonlyArray<number>,
  columns: ReadonlyArray<number>,
  cells: ReadonlyArray<number>
) => ({
  rows: Uint32Array.from(rows),
  columns: Uint32Array.from(columns),
  cells: denseCells(columns.length, Float64Array.from(cells))
})

/** Two rows of three features and two labels in three blocks; the cell of row r and column c is 10r + c. */
const blocks = [
  filled([0, 1], [0, 2], [0, 2, 10, 12]),
  filled([1], [1, 3, 4], [11, 13, 14]),
  filled([0], [1, 3, 4], [1, 3, 4])
]
const words = (cells: Iterable<number>) =>
  new Uint8Array(BigUint64Array.from(cells, (cell) => 2n ** 63n + BigInt(cell)).buffer)
const widths = { features: 3, labels: 2 }

describe("joint table", () => {
  it("puts cells where they belong, features apart from labels", () => {
    const table = assemble(blocks, { firstRow: 0, rows: 2, ...widths })
    expect(table.features).toEqual(Float64Array.of(0, 1, 2, 10, 11, 12))
    expect(table.labels).toEqual(Float64Array.of(3, 4, 13, 14))
  })

  it("counts held-out rows from the first of them", () => {
    const shifted = blocks.map((block) => ({ ...block, rows: block.rows.map((row) => row + 7) }))
    expect(assemble(shifted, { firstRow: 7, rows: 2, ...widths })).toEqual(
      assemble(blocks, { firstRow: 0, rows: 2, ...widths })
    )
  })

  it("puts words of shares in the same places, ignoring what packing adds at the end", () => {
    const into = { features: new Uint8Array(48), labels: new Uint8Array(32) }
    for (const block of blocks) placeRun([block], words([...readRows(block.cells), 99]), 0, into, widths)
    expect(into.features).toEqual(words([0, 1, 2, 10, 11, 12]))
    expect(into.labels).toEqual(words([3, 4, 13, 14]))
  })

  it("puts a run of the words where they belong, wherever it is cut", () => {
    const all = words(blocks.flatMap((block) => [...readRows(block.cells)]))
    const whole = { features: new Uint8Array(48), labels: new Uint8Array(32) }
    placeRun(blocks, all, 0, whole, widths)
    for (let length = 1; length <= 10; length++) {
      const into = { features: new Uint8Array(48), labels: new Uint8Array(32) }
      for (let first = 0; first < 10; first += length)
        placeRun(blocks, all.slice(8 * first, 8 * (first + length)), first, into, widths)
      expect(into).toEqual(whole)
    }
  })
})
