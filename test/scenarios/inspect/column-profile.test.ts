import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { ColumnSurvey } from "../../../scenarios/inspect/column-profile.ts"
import { mostValues } from "../../../scenarios/inspect/value-counts.ts"

type Cell = number | string | null

const profiled = (cells: Iterable<Cell>, name = "x") => {
  const survey = new ColumnSurvey({ name })
  for (const cell of cells) survey.add(cell)
  return survey.finish()
}

const times = <A>(count: number, make: (index: number) => A) =>
  Array.from({ length: count }, (_, i) => make(i))

describe("the profile of a column", () => {
  const kinds: ReadonlyArray<readonly [string, ReadonlyArray<Cell>, string]> = [
    ["numbers", ["1.5", "2", "1e3"], "number"],
    ["whole numbers", ["3", "1", "3"], "whole number"],
    ["numbers that count the rows", times(9, (i) => String(i + 5)), "id"],
    ["numbers that all differ by chance", ["3", "90", "17"], "whole number"],
    ["words for yes and no", ["Yes", "no", "yes"], "boolean"],
    ["ones and zeros", ["1", "0", "1"], "boolean"],
    ["one word for yes", ["yes", "yes"], "category"],
    ["texts that come again", ["red", "blue", "red"], "category"],
    ["texts that never come again", ["anna", "bert", "carl"], "id"],
    ["dates", ["2021-03-01", "2021-03-02", "2021-03-01"], "date"],
    ["nothing but markers", ["", "NA", null], "empty"],
    ["a number and a text", ["1", "one", "1"], "category"],
    ["texts of which hardly any come again", times(30, (i) => `text ${i % 20}`), "text"],
    ["texts of many kinds", times(400, (i) => `text ${i % 200}`), "text"],
    [
      "many texts, most of them of a few kinds",
      times(1_000, (i) => (i % 10 === 0 ? `rare ${i}` : `v${i % 7}`)),
      "category"
    ]
  ]
  for (const [what, cells, kind] of kinds)
    it(`calls ${what} ${kind}`, () => {
      expect(profiled(cells).kind).toBe(kind)
    })

  it("takes whole numbers that all differ for ids where the column is called so", () => {
    const cells = ["3", "90", "17"]
    for (const name of ["id", "patient_id", "patientId", "ID", "row ID"])
      expect(profiled(cells, name).kind).toBe("id")
    for (const name of ["paid", "acid", "width"]) expect(profiled(cells, name).kind).toBe("whole number")
  })

  it("tells how dates are written, and where it can't be told", () => {
    expect(profiled(["31/01/2020", "01/02/2020"])).toMatchObject({ kind: "date", format: "DD/MM/YYYY" })
    expect(profiled(["01/31/2020", "02/01/2020"])).toMatchObject({ kind: "date", format: "MM/DD/YYYY" })
    expect(profiled(["03/01/2020", "01/02/2020"])).toMatchObject({ kind: "date", format: "unclear" })
    expect(profiled(["31/01/2020", "01/31/2020"]).kind).toBe("id")
    expect(profiled(["31.01.2020", "01.02.2020"]).format).toBeUndefined()
  })

  it("counts missing cells and keeps their markers", () => {
    expect(profiled(["1", "", "NA", null, Number.NaN, "2"])).toMatchObject({
      kind: "whole number",
      rows: 6,
      missing: 4,
      markers: ["", "NA", "NaN"]
    })
  })

  describe("of ids of which some come twice", () => {
    const ids = times(40, (i) => `P${i}`)
    const twice = [...ids, "P7", "P9"]
    it("says where the first of them is", () => {
      const repeated = { count: 2, places: [8, 41] }
      expect(profiled(twice, "code").repeated).toEqual(repeated)
      expect(profiled(twice.slice(5, 42), "patient_id").repeated).toEqual({ count: 2, places: [3, 36] })
      expect(
        profiled(
          times(30, (i) => String(i === 20 ? 3 : i)),
          "nr"
        )
      ).toMatchObject({
        repeated: { count: 1, places: [4, 21] }
      })
      const many = times(mostValues + 500, (i) => `P${i === 1_400 ? 2 : i}`)
      expect(profiled(many, "code").repeated).toEqual({ count: 1, places: [3, 1_401] })
    })
    it("takes no other column for one of them", () => {
      expect(profiled(ids, "id").repeated).toBeUndefined()
      const others: ReadonlyArray<readonly [string, ReadonlyArray<Cell>]> = [
        ["ward_id", times(40, (i) => `W${i % 4}`)],
        ["remark", twice.map((text) => `${text} was well`)],
        ["dose", times(40, (i) => `${i === 9 ? 3 : i}.5`)],
        ["glucose", times(40, (i) => String((i * 7) % 30))],
        ["glucose", times(40, (i) => String(i === 9 ? 300 : i * 100))],
        ["visit", times(40, (i) => `2021-03-${10 + (i % 20)}`)],
        ["code", twice.slice(25)]
      ]
      for (const [name, cells] of others)
        expect([name, profiled(cells, name).repeated]).toEqual([name, undefined])
    })
  })

  it("knows numbers that count the rows from those that run on from elsewhere", () => {
    expect(profiled(times(9, (i) => String(i + 1)))).toMatchObject({ countsRows: true })
    expect(profiled(times(9, (i) => String(i + 5))).countsRows).toBeUndefined()
  })

  describe("of numbers with other cells among them", () => {
    const ages = times(60, (i) => String(20 + ((i * 37) % 55)))
    it("counts these, and says where the first is and which come again", () => {
      expect(profiled(ages.with(15, "45 y"))).toMatchObject({
        strays: { among: "number", others: 59, count: 1, place: 16, markers: [] }
      })
      const marked = ages.map((age, i) => (i % 20 === 3 ? "unknown" : i === 9 ? "45 y" : age))
      expect(profiled(marked).strays).toMatchObject({ count: 4, place: 4, markers: ["unknown"] })
      expect(profiled(times(30, (i) => (i === 4 ? "spring" : `2021-03-${10 + (i % 20)}`)))).toMatchObject({
        strays: { among: "date", others: 29, place: 5 }
      })
      expect(profiled(times(8, (i) => (i === 3 ? "4 mg" : `${i}.5`))).strays).toMatchObject({ place: 4 })
    })
    it("takes neither codes nor kinds nor texts for such", () => {
      const others: ReadonlyArray<ReadonlyArray<Cell>> = [
        ages,
        times(60, (i) => (i === 7 ? "10A" : String(1_000 + 3 * i))),
        times(60, (i) => (i % 10 === 9 ? "3+" : String(i % 3))),
        times(60, (i) => (i % 3 === 0 ? `text ${i % 20}` : String(i))),
        ["yes", "no", "yes", "maybe", "no", "yes"]
      ]
      for (const cells of others) expect(profiled(cells).strays).toBeUndefined()
    })
    it("are numbers alone once the others mark missing cells", () => {
      const survey = new ColumnSurvey({ name: "age" }, ["unknown"])
      for (const age of ages.with(3, "unknown")) survey.add(age)
      expect(survey.finish()).toMatchObject({ kind: "whole number", missing: 1, markers: ["unknown"] })
    })
  })

  it("lists values in their order, numbers by size", () => {
    const values = (cells: ReadonlyArray<Cell>) =>
      profiled(cells).values?.map(({ count, value }) => [value, count])
    expect(values(["b", "a", "b"])).toEqual([
      ["a", 1],
      ["b", 2]
    ])
    expect(values(["10", "9", "9.0"])).toEqual([
      ["9", 2],
      ["10", 1]
    ])
  })

  it("lists no values of a column with too many, and still knows whether one comes twice", () => {
    const ids = times(mostValues + 500, (i) => `id ${i}`)
    expect(profiled(ids)).toMatchObject({ kind: "id", isDistinct: true, values: undefined })
    expect(profiled([...ids, ids.at(-1)!])).toMatchObject({ kind: "text", isDistinct: false })
    expect(profiled([...ids, ids[0]!])).toMatchObject({ kind: "text", isDistinct: false })
  })

  it("finds ends and mean of all numbers, and a shape of some of them", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 2, maxLength: 50 }),
        (numbers) => {
          const { numbers: found } = profiled(numbers.map((x) => x + 0.5))
          expect(found!.least).toBe(Math.min(...numbers) + 0.5)
          expect(found!.greatest).toBe(Math.max(...numbers) + 0.5)
          expect(found!.mean).toBeCloseTo(numbers.reduce((a, b) => a + b) / numbers.length + 0.5, 8)
          expect(found!.histogram.reduce((a, b) => a + b)).toBe(numbers.length)
        }
      )
    )
    const many = profiled(times(20_000, (i) => i / 7)).numbers!
    expect(many.histogram.reduce((a, b) => a + b)).toBeLessThanOrEqual(4_096)
    // A straight line has the same height everywhere.
    expect(Math.max(...many.histogram) - Math.min(...many.histogram)).toBeLessThanOrEqual(1)
  })
})
