import { createHmac } from "node:crypto"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { denseCells, readRows } from "../../../protocol/data/cells.ts"
import { digestBytes } from "../../../protocol/data/digest-order.ts"
import {
  cellsInOrder,
  countCells,
  digestIds,
  indicesFromBytes,
  indicesToBytes,
  joinRows,
  MalformedRows,
  MarkedByOneOnly,
  placeCells
} from "../../../protocol/data/rows.ts"

const salt = Uint8Array.from({ length: 16 }, (_, i) => i)
const ids = (count: number) => Array.from({ length: count }, (_, i) => `row ${i}`)

const list = (digests: Uint8Array, heldOut = false) => ({ digests, heldOut })

describe("rows - digests", () => {
  it("is the first half of HMAC-SHA256 of the id under the salt", () => {
    const expected = createHmac("sha256", salt).update("BC0001").digest().subarray(0, 16)
    expect(digestIds(salt, ["BC0000", "BC0001"]).subarray(digestBytes)).toEqual(new Uint8Array(expected))
  })

  it("differs with the salt", () => {
    expect(digestIds(salt, ["a"])).not.toEqual(digestIds(new Uint8Array(16), ["a"]))
  })
})

describe("rows - joint order", () => {
  it("is the ascending order of the digests of all users' ids, whoever holds them in whatever order", () => {
    const property = fc.property(
      fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 40 }),
      fc.integer(),
      (all, cut) => {
        const at = Math.abs(cut) % (all.length + 1)
        const split = joinRows(
          [list(digestIds(salt, all.slice(0, at).reverse())), list(digestIds(salt, all))],
          0
        )
        expect(split.total).toBe(all.length)
        const byDigest = (id: string) => Buffer.from(digestIds(salt, [id])).toString("hex")
        const sorted = [...all].sort((a, b) => (byDigest(a) < byDigest(b) ? -1 : 1))
        expect(split.indices(digestIds(salt, sorted))).toEqual(Uint32Array.from(all.keys()))
      }
    )
    fc.assert(property, { numRuns: 50 })
  })

  it.each([
    [10, 0.2, 8, 2],
    [11, 0.2, 9, 2],
    [569, 0.2, 456, 113],
    [4, 0, 4, 0]
  ])("holds out the last share of %i rows, rounded down", (total, share, training, heldOut) => {
    expect(joinRows([list(digestIds(salt, ids(total)))], share)).toMatchObject({ total, training, heldOut })
  })

  it("puts marked rows behind all others, among which the share counts", () => {
    const marked = ["m1", "m2", "m3"]
    const joint = joinRows([list(digestIds(salt, ids(10))), list(digestIds(salt, marked), true)], 0.2)
    expect(joint).toMatchObject({ total: 13, training: 8, heldOut: 5 })
    expect([...joint.indices(digestIds(salt, marked))].sort((a, b) => a - b)).toEqual([10, 11, 12])
  })

  it("refuses rows that one user marks as held out and another does not", () => {
    const lists = [list(digestIds(salt, ids(3))), list(digestIds(salt, ids(2)), true)]
    expect(() => joinRows(lists, 0)).toThrow(MarkedByOneOnly)
    expect(() => joinRows(lists, 0)).toThrow("2 rows are marked as held out in one file and not in another")
  })

  it("refuses a digest of no row, and a list cut short", () => {
    const joint = joinRows([list(digestIds(salt, ids(3)))], 0)
    expect(() => joint.indices(digestIds(salt, ["stranger"]))).toThrow(MalformedRows)
    expect(() => joint.indices(digestIds(salt, ids(1)).subarray(1))).toThrow(MalformedRows)
    expect(() => joinRows([list(new Uint8Array(17))], 0)).toThrow(
      "17 bytes are not a whole number of 16-byte digests"
    )
  })
})

describe("rows - placed cells", () => {
  const joint = joinRows([list(digestIds(salt, ids(10)))], 0.3)
  const table = {
    ids: ids(10),
    columns: Uint32Array.of(1, 4),
    cells: denseCells(
      2,
      Float64Array.from({ length: 20 }, (_, i) => Math.floor(i / 2) + (i % 2) / 10)
    )
  }

  it("gives every cell its joint row, training rows apart from held-out rows", () => {
    const placed = placeCells([table], [digestIds(salt, table.ids)], joint)
    const [training, heldOut] = [placed.training[0]!, placed.heldOut[0]!]
    expect(training.rows).toEqual(Uint32Array.of(0, 1, 2, 3, 4, 5, 6))
    expect(heldOut.rows).toEqual(Uint32Array.of(7, 8, 9))
    for (const { rows, cells } of [training, heldOut]) {
      rows.forEach((row, place) => {
        const id = joint.indices(digestIds(salt, table.ids)).indexOf(row)
        expect(readRows(cells, place, 1)).toEqual(readRows(table.cells, id, 1))
      })
    }
  })

  it("leaves out a block that has no cell of its kind", () => {
    const only = digestIds(salt, ids(10))
    const first = ids(10).find((_, index) => joint.indices(only)[index] === 0)!
    const placed = placeCells(
      [{ ids: [first], columns: Uint32Array.of(0), cells: denseCells(1, Float64Array.of(5)) }],
      [digestIds(salt, [first])],
      joint
    )
    expect(placed.training).toHaveLength(1)
    expect(placed.heldOut).toEqual([])
  })

  it("uploads the cells block by block, row by row, in runs of whole rows", () => {
    const blocks = [
      {
        rows: Uint32Array.of(0, 2, 3),
        columns: Uint32Array.of(1),
        cells: denseCells(1, Float64Array.of(1, 2, 3))
      },
      { rows: Uint32Array.of(1), columns: Uint32Array.of(0, 3), cells: denseCells(2, Float64Array.of(4, 5)) }
    ]
    expect(countCells(blocks)).toBe(5)
    expect(cellsInOrder(blocks, 2).map(({ first, length, read }) => [first, length, ...read()])).toEqual([
      [0, 2, 1, 2],
      [2, 1, 3],
      [3, 2, 4, 5]
    ])
    expect(cellsInOrder(blocks, 1).map(({ first }) => first)).toEqual([0, 1, 2, 3])
  })
})

describe("rows - indices on the wire", () => {
  it("comes back as it was, little-endian", () => {
    const indices = Uint32Array.of(0, 1, 258, 0xffffffff)
    expect(indicesToBytes(indices).subarray(8, 12)).toEqual(Uint8Array.of(2, 1, 0, 0))
    expect(indicesFromBytes(indicesToBytes(indices))).toEqual(indices)
  })

  it("refuses bytes that are no whole number of indices", () => {
    expect(() => indicesFromBytes(new Uint8Array(6))).toThrow(MalformedRows)
  })
})
