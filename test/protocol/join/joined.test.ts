/** The same rows meet in a private join as in a salted one, for any number of users and any split of the table. */
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { denseCells, readRows } from "../../../protocol/data/cells.ts"
import { CoverageError, checkCoverage } from "../../../protocol/data/coverage.ts"
import type { EncodedTable } from "../../../protocol/data/encoding.ts"
import { digestIds, joinRows, placeCells } from "../../../protocol/data/rows.ts"
import { digestPoints, joinSecret, Raiser } from "../../../protocol/join/points.ts"

const columns = 4
const heldOut = 0.25

/** Every cell of a row says which row and column it is of. */
const tableOf = (rows: ReadonlyArray<number>, held: ReadonlyArray<number>): EncodedTable => ({
  ids: rows.map((row) => `id of ${row}`),
  columns: Uint32Array.from(held),
  cells: denseCells(
    held.length,
    Float64Array.from(rows.flatMap((row) => held.map((column) => 10 * row + column)))
  )
})

type Users = ReadonlyArray<ReadonlyArray<EncodedTable>>

/** The tables of 2 to 7 users, who hold each cell once: split by rows, by columns or in blocks of both. */
const split: fc.Arbitrary<Users> = fc
  .record({
    users: fc.integer({ min: 2, max: 7 }),
    rows: fc.integer({ min: 1, max: 12 }),
    way: fc.constantFrom("rows", "columns", "blocks"),
    holders: fc.array(fc.nat(), { minLength: 24, maxLength: 24 }),
    turned: fc.boolean()
  })
  .map(({ users, rows, way, holders, turned }) => {
    const all = Array.from({ length: rows }, (_, row) => row)
    const named = turned ? all.toReversed() : all
    // Which user has the cells of a row, or of a column, or of a column in the upper or lower half.
    const halves =
      way === "blocks" ? [named.filter((row) => row % 2 === 0), named.filter((row) => row % 2)] : [named]
    return Array.from({ length: users }, (_, user) => {
      const isOwn = (i: number) => holders[i]! % users === user
      if (way === "rows") {
        const own = named.filter((row) => isOwn(row))
        return own.length === 0 ? [] : [tableOf(own, [0, 1, 2, 3])]
      }
      return halves.flatMap((half, k) => {
        const held = Array.from({ length: columns }, (_, column) => column).filter((column) =>
          isOwn(4 * k + column)
        )
        return held.length === 0 || half.length === 0 ? [] : [tableOf(half, held)]
      })
    })
  })

/** The cells of each joint row, as the users place them; what is wrong with them, where something is. */
const joined = (users: Users, digestsOf: (user: number, ids: ReadonlyArray<string>) => Uint8Array) => {
  const lists = users.map((tables, user) => tables.map(({ ids }) => digestsOf(user, ids)))
  const joint = joinRows(
    lists.flat().map((digests) => ({ digests, heldOut: false })),
    heldOut
  )
  try {
    checkCoverage(
      { rows: joint.total, columns: ["a", "b", "c", "d"] },
      users.map((tables, user) => ({
        user: `${user}`,
        blocks: tables.map((table, i) => ({ rows: joint.indices(lists[user]![i]!), columns: table.columns }))
      }))
    )
  } catch (error) {
    if (!(error instanceof CoverageError)) throw error
    return { gaps: error.gapCells, overlaps: error.overlapCells }
  }
  const rows = Array.from({ length: joint.total }, () => new Array<number>(columns))
  for (const [user, tables] of users.entries()) {
    const placed = placeCells(tables, lists[user]!, joint)
    for (const block of [...placed.training, ...placed.heldOut]) {
      const cells = readRows(block.cells)
      block.rows.forEach((row, i) => {
        block.columns.forEach((column, j) => {
          rows[row]![column] = cells[i * block.columns.length + j]!
        })
      })
    }
  }
  return { training: joint.training, rows: rows.sort((a, b) => a[0]! - b[0]!) }
}

/** As the users do it: each begins with its own ids, and the list goes round. */
const raisedAround = (users: Users) => {
  const raisers = users.map((_, user) => new Raiser(joinSecret(new Uint8Array(16).fill(user + 1))))
  return (user: number, ids: ReadonlyArray<string>) => {
    let points = raisers[user]!.raiseIds(ids)
    for (let step = 1; step < users.length; step++)
      points = raisers[(user + step) % users.length]!.raiseAll(points)
    return digestPoints(points)
  }
}

const salted = (_: number, ids: ReadonlyArray<string>) => digestIds(new Uint8Array(16).fill(7), ids)

describe("private join", () => {
  it("joins what a salted join does", () => {
    let whole = 0
    const property = fc.property(split, (users) => {
      const expected = joined(users, salted)
      expect(joined(users, raisedAround(users))).toEqual(expected)
      if ("rows" in expected) whole++
    })
    fc.assert(property, { numRuns: 25 })
    expect(whole).toBeGreaterThan(10)
  })

  it("finds the gaps and overlaps that a salted join does", () => {
    const faulty = split.chain((users) =>
      fc.nat().map((chosen) => {
        const [user, ...others] = users.filter((tables) => tables.length > 0)
        const [table, ...rest] = user!
        const one = {
          ...table!,
          ids: table!.ids.slice(1),
          cells: denseCells(table!.columns.length, readRows(table!.cells, 1))
        }
        return chosen % 2 === 0 ? [[one, ...rest], ...others] : [[table!, table!, ...rest], ...others]
      })
    )
    const property = fc.property(faulty, (users) => {
      expect(joined(users, raisedAround(users))).toEqual(joined(users, salted))
    })
    fc.assert(property, { numRuns: 10 })
  })
})
