/** Classes and categories that hardly any row to train on has. */
import { describe, expect, it } from "@effect/vitest"
import type { DataDescription } from "../../../protocol/data/description.ts"
import type { FilledBlock } from "../../../protocol/data/rows.ts"
import { rareClasses } from "../../../scenarios/reference/rare-classes.ts"

const data: DataDescription = {
  id: "id",
  scaleTo: [-1, 1],
  missing: [],
  features: [
    { name: "age", range: [0, 100] },
    { name: "ward", kind: "category", values: ["A", "B", "ABC"], other: true }
  ],
  label: { column: "ill", values: ["negativ", "negative", "positive"] }
} as never

/** Columns of the joint table: age, three wards and others, three classes. */
const [wards, classes] = [1, 5] as const

/** A block of a user that has wards and classes, of rows from `first` on. */
const block = (
  first: number,
  rows: number,
  of: (row: number) => readonly [ward: number, label: number],
  weight = 1
): FilledBlock & { read: number } => {
  const own = {
    read: 0,
    rows: Uint32Array.from({ length: rows }, (_, i) => first + i),
    columns: Uint32Array.of(1, 2, 3, 4, 5, 6, 7),
    cells: {
      readRow: (place: number, into: Float64Array, at: number) => {
        own.read++
        const [ward, label] = of(first + place)
        into.fill(0, at, at + 7)
        into[at + wards + ward - 1] = 1
        into[at + classes + label - 1] = weight
      }
    } as FilledBlock["cells"]
  }
  return own
}

const told = (blocks: ReadonlyArray<FilledBlock>, training = 400) =>
  rareClasses({ data } as never, {
    rows: { total: training, uploaded: training, training, heldOut: 0 } as never,
    placed: blocks.map((own) => ({ training: [own], heldOut: [] }))
  }).map(({ path, text }) => `${path.join(".")}: ${text}`)

describe("a class or a category of hardly any row", () => {
  const usual = (row: number) => [row % 2, 1 + (row % 2)] as const

  it("is named, and what was meant by it, over the rows of all owners", () => {
    const slip = (row: number) =>
      row === 250 ? ([0, 0] as const) : row === 300 ? ([2, 1] as const) : usual(row)
    expect(told([block(0, 200, slip), block(200, 200, slip)])).toEqual([
      'data.label.values: hardly any row to train on has "negativ" of ill (1 row; did you mean negative?): a model learns little of it, and a slip of the pen is a class of its own',
      'data.features: hardly any row to train on has "ABC" of ward (1 row): a model learns little of it, and a slip of the pen is a category of its own'
    ])
  })

  it("is said to be missing where no row to train on has it, and not of categories", () => {
    const heldOut = (row: number) => (row === 399 ? ([0, 0] as const) : usual(row))
    expect(told([block(0, 400, heldOut)], 399)).toEqual([
      "data.label.values: no row to train on has the label negativ, so the model can't learn it; take out what does not occur, or bring rows that have it"
    ])
  })

  it("is nothing to speak of in a small table, or with rows enough at all owners together", () => {
    const few = (row: number) => (row % 40 < 3 ? ([2, 0] as const) : usual(row))
    expect(told([block(0, 40, few)], 40)).toEqual([])
    expect(told([block(0, 200, few), block(200, 200, few)])).toEqual([])
    expect(told([block(0, 400, few, 0.5)])).toEqual([])
  })

  it("is found by no more rows than it takes", () => {
    const own = block(0, 400, (row) => [row % 3, row % 3])
    expect(told([own])).toEqual([])
    expect(own.read).toBe(15)
  })
})
