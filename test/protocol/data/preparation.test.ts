import { describe, expect, it } from "vitest"
import { readRows } from "../../../protocol/data/cells.ts"
import {
  type DataDescription,
  featureCount,
  jointColumns,
  labelCount
} from "../../../protocol/data/description.ts"
import { encodeTable, heldTable, pickHeld, usualCells } from "../../../protocol/data/encoding.ts"
import {
  prepare,
  type Statistics,
  statisticsNeeded,
  treatedCells
} from "../../../protocol/data/preparation.ts"
import { leaveOut, withoutOwnUnlabelled } from "../../../protocol/data/rows.ts"

const missing = Number.NaN

const passengers: DataDescription = {
  id: "id",
  features: [
    { name: "age", fill: "mean", indicator: true },
    { name: "fare", range: [0, 100], fill: { value: 50 } },
    { name: "alone", kind: "boolean", range: [0, 1], fill: "mode" },
    { name: "class", kind: "category", values: ["1st", "2nd"], other: true, fill: "mode", indicator: true },
    { name: "deck", kind: "category", values: ["A", "B"], fill: { value: "B" } }
  ],
  label: { column: "survived", values: ["no", "yes"] },
  scaleTo: [-1, 1]
}

const statistics: Statistics = {
  moments: new Map([
    ["age", { count: 4, mean: 30, deviation: 10 }],
    ["alone", { count: 4, mean: 0.75, deviation: 0.4 }]
  ]),
  counts: new Map([["class", [3, 4, 9]]])
}

const prepared = prepare(passengers, statistics)

const columnsOf = (columns: Readonly<Record<string, ReadonlyArray<number>>>) =>
  new Map(Object.entries(columns).map(([name, values]) => [name, { values, first: 0, step: 1 }]))

const held = (ids: ReadonlyArray<string>, columns: Readonly<Record<string, ReadonlyArray<number>>>) =>
  heldTable(passengers, { ids, columns: columnsOf(columns), clipped: new Map() }, false)

describe("the joint table", () => {
  it("has a column for each number, category, other and indicator, then one a label", () => {
    expect(jointColumns(passengers).map(({ name }) => name)).toEqual([
      "age",
      "age missing",
      "fare",
      "alone",
      "class=1st",
      "class=2nd",
      "class=(other)",
      "class missing",
      "deck=A",
      "deck=B",
      "survived=no",
      "survived=yes"
    ])
    expect([featureCount(passengers), labelCount(passengers)]).toEqual([10, 2])
    expect(usualCells(passengers).slice(0, 3)).toEqual([
      [-2, 2],
      [0, 1],
      [-1, 1]
    ])
  })
})

describe("the preparation", () => {
  it("needs means of numbers without a range or filled by one, and counts of categories filled by their mode", () => {
    expect(statisticsNeeded(passengers)).toEqual({
      moments: [
        { column: "age", deviation: true },
        { column: "alone", deviation: false }
      ],
      counts: [{ column: "class", values: 3 }]
    })
  })

  it("says of each cell what it becomes, and is the same from its JSON", () => {
    const again = JSON.parse(JSON.stringify(prepared)) as typeof prepared
    for (const each of [prepared, again]) {
      const table = held(["a", "b", "c"], {
        age: [40, missing, 200],
        fare: [100, missing, 25],
        alone: [0, missing, 1],
        class: [0, missing, 2],
        deck: [0, missing, 1]
      })
      expect([...readRows(encodeTable(each, table).cells)]).toEqual([
        ...[1, 0, 1, -1, 1, 0, 0, 0, 1, 0],
        // The mean, 50, the mode of a boolean and of a category that has a name, and B.
        ...[0, 1, 0, 1, 0, 1, 0, 1, 0, 1],
        // 17 deviations are 8.
        ...[8, 0, -0.5, 1, 0, 0, 1, 0, 0, 1]
      ])
      expect(treatedCells(each, table)).toEqual([
        { column: "age", filled: 1, clipped: 1 },
        { column: "fare", filled: 1, clipped: 0 },
        { column: "alone", filled: 1, clipped: 0 },
        { column: "class", filled: 1, clipped: 0 },
        { column: "deck", filled: 1, clipped: 0 }
      ])
    }
  })

  it("makes nothing of a column of one value, and scales numbers to predict", () => {
    const flat: DataDescription = {
      ...passengers,
      features: [{ name: "age" }],
      label: {
        numbers: [
          { name: "cost", scale: "standard" },
          { name: "days", range: [0, 10] }
        ]
      }
    }
    expect(statisticsNeeded(flat).moments.map(({ column }) => column)).toEqual(["age", "cost"])
    const known = prepare(flat, {
      moments: new Map([
        ["age", { count: 2, mean: 7, deviation: 0 }],
        ["cost", { count: 2, mean: 10, deviation: 4 }]
      ]),
      counts: new Map()
    })
    const columns = columnsOf({ age: [7, 7], cost: [14, 8], days: [10, 5] })
    const table = heldTable(flat, { ids: ["a", "b"], columns, clipped: new Map() }, false)
    expect([...readRows(encodeTable(known, table).cells)]).toEqual([0, 1, 1, 0, -0.5, 0])
  })
})

describe("rows without a label", () => {
  const ages = held(["a", "b", "c"], { age: [1, 2, 3] })
  const labels = held(["c", "b", "a"], { survived: [1, missing, 0] })

  it("are those of which the label is missing, and no user's cells of them take part", () => {
    expect([...labels.unlabelled]).toEqual([1])
    expect([...ages.unlabelled]).toEqual([])
    const [[first], [second]] = leaveOut([[ages], [labels]]) as [[typeof ages], [typeof labels]]
    expect([first.ids, second.ids]).toEqual([
      ["a", "c"],
      ["c", "a"]
    ])
    expect([...readRows(encodeTable(prepared, pickHeld(ages, Uint32Array.of(2))).cells)]).toEqual([-2.7, 0])
    expect([...second.unlabelled]).toEqual([])
  })

  it("are a user's own affair where it has all columns of them", () => {
    const width = ages.columns.length + labels.columns.length
    expect(withoutOwnUnlabelled([ages, labels], width).map(({ ids }) => ids)).toEqual([
      ["a", "c"],
      ["c", "a"]
    ])
    expect(withoutOwnUnlabelled([labels], width)).toEqual([labels])
  })
})
