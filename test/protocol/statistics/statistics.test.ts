/** Joint statistics: the same to the bit however rows are split among users, exact next to a slow twin, and what is refused. */
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { StatisticsNeeded } from "../../../protocol/data/preparation.ts"
import { nearestQuotient, nearestRoot } from "../../../protocol/statistics/nearest.ts"
import {
  finished,
  firstLayout,
  firstSums,
  jointStatistics,
  type OwnCells,
  secondLayout,
  statisticsOf
} from "../../../protocol/statistics/statistics.ts"

const all = (values: ReadonlyArray<number>) => ({
  column: { values, first: 0, step: 1 },
  rows: Uint32Array.from(values.keys())
})

const needed: StatisticsNeeded = {
  moments: [
    { column: "age", deviation: true },
    { column: "weight", deviation: false }
  ],
  counts: [{ column: "port", values: 3 }]
}
const ageOnly: StatisticsNeeded = { moments: [{ column: "age", deviation: true }], counts: [] }

interface Row {
  readonly age: number
  readonly weight: number
  readonly port: number
}

const columns = (rows: ReadonlyArray<Row>): OwnCells =>
  new Map(
    (["age", "weight", "port"] as const).map((name) => [name, [all(rows.map((row) => row[name]))]] as const)
  )

const missing = fc.constant(Number.NaN)
const real = fc.oneof(
  { weight: 4, arbitrary: fc.double({ noNaN: true, min: -1e9, max: 1e9 }) },
  { weight: 1, arbitrary: missing },
  { weight: 1, arbitrary: fc.double({ noNaN: true, min: -1e30, max: 1e30 }) }
)
const row: fc.Arbitrary<Row> = fc.record({
  age: real,
  weight: real,
  port: fc.oneof({ weight: 4, arbitrary: fc.integer({ min: 0, max: 2 }) }, { weight: 1, arbitrary: missing })
})
/** One row of which nothing is missing, so that every column has a mean. */
const rows = fc.array(row, { maxLength: 40 }).map((some) => [{ age: 41.5, weight: 80, port: 1 }, ...some])

const present = (numbers: ReadonlyArray<number>) => numbers.filter((x) => !Number.isNaN(x))
/** A double of at most 2^130 in units of 2^−1100, exactly. */
const exact = (x: number): bigint => {
  let [scaled, shift] = [Math.abs(x), 0]
  for (; scaled % 1 !== 0 && shift < 1100; shift++) scaled *= 2
  const units = BigInt(scaled) << BigInt(1100 - shift)
  return x < 0 ? -units : units
}
const total = (numbers: ReadonlyArray<number>) => numbers.reduce((sum, x) => sum + exact(x), 0n) >> 844n

describe("joint statistics", () => {
  it("are those of the joined rows, of the cells that are not missing", () => {
    fc.assert(
      fc.property(rows, (rows) => {
        const { moments, counts } = statisticsOf(needed, [columns(rows)], rows.length)
        const ages = present(rows.map(({ age }) => age))
        const mean = nearestQuotient(total(ages), BigInt(ages.length), 256)
        const squares = total(ages.map((x) => (x - mean) ** 2))
        const deviation = nearestRoot(squares, BigInt(ages.length), 256)
        expect(moments.get("age")).toEqual({ count: ages.length, mean, deviation })
        const weights = present(rows.map(({ weight }) => weight))
        const heavy = nearestQuotient(total(weights), BigInt(weights.length), 256)
        expect(moments.get("weight")).toEqual({ count: weights.length, mean: heavy })
        const ports = [0, 1, 2].map((value) => rows.filter(({ port }) => port === value).length)
        expect(counts).toEqual(new Map([["port", ports]]))
      }),
      { numRuns: 50 }
    )
  })

  it("are the same to the bit for 2 to 16 users, however the rows and their order are split", () => {
    const users = fc.integer({ min: 2, max: 16 })
    fc.assert(
      fc.property(rows, users, fc.infiniteStream(fc.nat()), (rows, users, draws) => {
        const parts: Array<Array<Row>> = Array.from({ length: users }, () => [])
        for (const row of rows) {
          const part = parts[draws.next().value! % users]!
          part.splice(draws.next().value! % (part.length + 1), 0, row)
        }
        expect(statisticsOf(needed, parts.map(columns), rows.length)).toEqual(
          statisticsOf(needed, [columns(rows)], rows.length)
        )
      }),
      { numRuns: 50 }
    )
  })

  it("are exact where floating-point sums are not", () => {
    const ages = [1e16, 1, -1e16, 1, 1e16, 1, -1e16, 1]
    const own: OwnCells = new Map([["age", [all(ages)]]])
    const { moments } = statisticsOf(ageOnly, [own], 8)
    expect(moments.get("age")!.mean).toBe(0.5)
    expect(ages.reduce((sum, x) => sum + x, 0) / 8).not.toBe(0.5)
  })

  it("are of the training rows alone, wherever they are in a table", () => {
    const column = { values: [0, 7, 0, 9, 0, 1000, 0, 2], first: 1, step: 2 }
    const cells = { column, rows: Uint32Array.from([3, 0, 1]) }
    const own: OwnCells = new Map([["age", [cells, all([4])]]])
    const { moments } = statisticsOf(ageOnly, [own, new Map()], 4)
    expect(moments).toEqual(new Map([["age", { count: 4, mean: 5.5, deviation: Math.sqrt(7.25) }]]))
  })

  it("need no second pass for means and counts", () => {
    expect(firstLayout(needed)).toEqual([8, 72, 8, 72, 8, 8, 8])
    expect(secondLayout(needed)).toEqual([72])
    expect(secondLayout({ ...needed, moments: [needed.moments[1]!] })).toEqual([])
  })

  it("refuse a value that is too large, and a column without any, by name", () => {
    for (const value of [2 ** 128, -(2 ** 128), Number.POSITIVE_INFINITY])
      expect(() => statisticsOf(needed, [new Map([["weight", [all([1, value])]]])], 2)).toThrow(
        expect.objectContaining({ _tag: "ValueTooLarge", column: "weight" })
      )
    const none: OwnCells = new Map([["age", [all([Number.NaN, Number.NaN])]]])
    expect(() => statisticsOf(needed, [none, none], 4)).toThrow(
      expect.objectContaining({ _tag: "NoValues", column: "age" })
    )
    const message = "column age has no value in any training row"
    expect(() => statisticsOf(needed, [none, none], 4)).toThrow(message)
    const unknown: OwnCells = new Map([["port", [all([Number.NaN])]]])
    expect(() => statisticsOf({ ...needed, moments: [] }, [unknown], 1)).toThrow(
      expect.objectContaining({ _tag: "NoValues", column: "port" })
    )
  })

  it("refuse sums that so many rows can't have, as those are whose masks did not cancel", () => {
    const own = columns([{ age: 1, weight: 2, port: 0 }])
    const first = finished(firstSums(needed, own))
    const fits = { first, second: [0n] }
    expect(jointStatistics(needed, fits, 1).moments.get("age")).toEqual({
      count: 1,
      mean: 1,
      deviation: 0
    })
    const but = (place: number, value: bigint) => ({ ...fits, first: first.with(place, value) })
    for (const [sums, column] of [
      [but(0, 2n), "age"],
      [but(0, -1n), "age"],
      [but(1, (1n << 384n) + 1n), "age"],
      [but(3, -(1n << 500n)), "weight"],
      [but(6, 2n), "port"],
      [{ first, second: [-1n] }, "age"],
      [{ first, second: [(1n << 514n) + 1n] }, "age"]
    ] as const)
      expect(() => jointStatistics(needed, sums, 1)).toThrow(
        expect.objectContaining({ _tag: "SumsDoNotFit", column })
      )
  })
})
