import fc from "fast-check"
import { describe, expect, it } from "vitest"
import {
  BlockOutside,
  CoverageError,
  checkCoverage,
  type UserCells
} from "../../../protocol/data/coverage.ts"
import type { CellBlock } from "../../../protocol/data/rows.ts"

const columns = ["length", "width", "species", "species"]
const block = (rows: ReadonlyArray<number>, of: ReadonlyArray<number>): CellBlock => ({
  rows: Uint32Array.from(rows),
  columns: Uint32Array.from(of)
})

const failure = (rows: number, declarations: ReadonlyArray<UserCells>, names?: ReadonlyArray<string>) => {
  try {
    checkCoverage({ rows, columns, rowName: names && ((row) => names[row]!) }, declarations)
  } catch (error) {
    expect(error).toBeInstanceOf(CoverageError)
    return error as CoverageError
  }
  throw new Error("the blocks were accepted")
}

/** Cuts a rectangle of cells into blocks in a random way. */
const cut = (
  rows: ReadonlyArray<number>,
  of: ReadonlyArray<number>
): fc.Arbitrary<ReadonlyArray<CellBlock>> =>
  fc
    .tuple(fc.boolean(), fc.nat(), fc.nat(4))
    .chain(([byRows, place, stop]): fc.Arbitrary<ReadonlyArray<CellBlock>> => {
      const list = byRows ? rows : of
      if (list.length < 2 || stop === 0) return fc.constant<ReadonlyArray<CellBlock>>([block(rows, of)])
      const at = 1 + (place % (list.length - 1))
      const halves = [list.slice(0, at), list.slice(at)].map((half) =>
        byRows ? cut(half, of) : cut(rows, half)
      )
      return fc.tuple(...(halves as [fc.Arbitrary<ReadonlyArray<CellBlock>>])).map((parts) => parts.flat())
    })

const patchwork = fc.tuple(
  cut([...Array(12).keys()], [0, 1, 2, 3]),
  fc.array(fc.nat(3), { minLength: 50, maxLength: 50 }),
  fc.nat()
)

const declare = (blocks: ReadonlyArray<CellBlock>, owners: ReadonlyArray<number>): ReadonlyArray<UserCells> =>
  ["north", "south", "east", "west"].map((user, index) => ({
    user,
    blocks: blocks.filter((_, place) => owners[place % owners.length] === index)
  }))

describe("coverage - exactly once", () => {
  it("accepts any patchwork of blocks over any users", () => {
    const property = fc.property(patchwork, ([blocks, owners]) =>
      checkCoverage({ rows: 12, columns }, declare(blocks, owners))
    )
    fc.assert(property, { numRuns: 100 })
  })

  it("refuses a patchwork that lacks a block or has one twice", () => {
    const property = fc.property(patchwork, ([blocks, owners, pick]) => {
      const chosen = pick % blocks.length
      const lacking = blocks.filter((_, place) => place !== chosen)
      const twice = [...blocks, blocks[chosen]!]
      expect(failure(12, declare(lacking, owners)).overlapCells).toBe(0)
      expect(failure(12, declare(twice, owners)).gapCells).toBe(0)
    })
    fc.assert(property, { numRuns: 100 })
  })
})

describe("coverage - errors", () => {
  it("names the id that one user lacks, its columns, and who holds what around it", () => {
    const error = failure(
      3,
      [
        { user: "sepals", blocks: [block([0, 1, 2], [0])] },
        { user: "petals", blocks: [block([0, 2], [1, 2, 3])] }
      ],
      ["IR0000", "IR0001", "IR0002"]
    )
    expect(error.gaps).toEqual([
      { row: "IR0001", columns: ["width", "species"], rowHolders: ["sepals"], columnHolders: ["petals"] }
    ])
    expect(error.message).toBe(
      [
        "2 cells are held by nobody; add the rows or columns to a user, or take the rows out everywhere:",
        "  row IR0001: width, species (other cells of the row: sepals; these columns of other rows: petals)"
      ].join("\n")
    )
  })

  it("names a column that nobody holds", () => {
    expect(failure(1, [{ user: "north", blocks: [block([0], [0, 2, 3])] }]).message).toContain(
      "row 0: width (other cells of the row: north; nobody holds these columns)"
    )
  })

  it("names the users who hold the same cells, by index where ids are not known", () => {
    const error = failure(2, [
      { user: "north", blocks: [block([0, 1], [0, 1, 2, 3])] },
      { user: "south", blocks: [block([1], [1])] }
    ])
    expect(error.overlaps).toEqual([{ row: "1", columns: ["width"], users: ["north", "south"] }])
    expect(error.message).toBe(
      "1 cell is held more than once; let one user declare each cell:\n  row 1: width (north and south)"
    )
  })

  it("names a user who declares a cell twice", () => {
    const twice = [{ user: "north", blocks: [block([0], [0, 1, 2, 3]), block([0], [2, 3])] }]
    expect(failure(1, twice).message).toContain("row 0: species (north twice)")
  })

  it("counts all cells but names only the first ten groups of them", () => {
    const error = failure(100, [{ user: "north", blocks: [block([0], [0, 1, 2, 3])] }])
    expect(error.gapCells).toBe(99 * 3)
    expect(error.gaps).toHaveLength(10)
  })

  it("refuses a block outside the joint table, naming who declares it", () => {
    const declare = (rows: number, column: number) => () =>
      checkCoverage({ rows: 2, columns }, [{ user: "north", blocks: [block([rows], [column])] }])
    expect(declare(2, 0)).toThrow(BlockOutside)
    expect(declare(2, 0)).toThrow("north declares row 2 of a joint table of 2 rows")
    expect(declare(0, 4)).toThrow("north declares column 4 of a joint table of 4 columns")
  })
})
