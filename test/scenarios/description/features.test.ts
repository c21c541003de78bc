import { Either } from "effect"
import { describe, expect, it } from "vitest"
import { statisticsNeeded } from "../../../protocol/data/preparation.ts"
import { decodeScenario } from "../../../scenarios/description/decode.ts"
import { decodingProblems, describePath } from "../../../scenarios/text/problems.ts"
import { plainScenario } from "../../support/plain-scenario.ts"

const revealed = { reveal: ["column-statistics"] }

const decoded = (data: object, changes: object = revealed) =>
  decodeScenario({ ...plainScenario, ...changes, data: { ...plainScenario.data, ...data } })

const featuresOf = (features: object | string, data: object = {}) =>
  Either.getOrThrow(decoded({ features, ...data })).data.features

const problemOf = (entry: unknown) =>
  Either.match(decoded({ features: { length: entry, width: [0, 1] } }), {
    onLeft: ({ message }) => message,
    onRight: () => "accepted"
  })

describe("features as a scenario writes them", () => {
  it("are columns of numbers where only their names are given", () => {
    expect(featuresOf(["length", "width"])).toEqual([{ name: "length" }, { name: "width" }])
    expect(featuresOf({ length: "standard", width: [0, 1] })).toEqual([
      { name: "length" },
      { name: "width", range: [0, 1] }
    ])
  })

  it("are all columns that the users hold but id and label", () => {
    const columns = ["length", "kind", "width"]
    const users = [
      { name: "north", holds: [{ file: "north.csv", columns }] },
      { name: "south", holds: [{ file: "south.csv", columns }] }
    ]
    const all = decoded({ features: "all" }, { ...revealed, users })
    expect(Either.getOrThrow(all).data.features).toEqual([{ name: "length" }, { name: "width" }])
  })

  it("are numbers, booleans, dates and categories", () => {
    expect(
      featuresOf({
        length: { type: "date", range: ["2000-01-01", "2000-01-31"], format: "DD/MM/YYYY" },
        width: { values: ["a", "b"], other: true, fill: "b", indicator: true },
        smoker: "boolean",
        age: { range: [0, 120], scale: "standard", fill: 40, outside: "clip", indicator: true },
        point: { count: 2, range: [0, 255] }
      })
    ).toEqual([
      { name: "length", kind: "date", format: "DD/MM/YYYY", range: [10_957, 10_987] },
      {
        name: "width",
        kind: "category",
        values: ["a", "b"],
        other: true,
        fill: { value: "b" },
        indicator: true
      },
      { name: "smoker", kind: "boolean", range: [0, 1] },
      {
        name: "age",
        range: [0, 120],
        scale: "standard",
        fill: { value: 40 },
        outside: "clip",
        indicator: true
      },
      { name: "point1", range: [0, 255] },
      { name: "point2", range: [0, 255] }
    ])
  })

  it("are filled and scaled as the data say, unless they say it themselves", () => {
    const features = {
      length: { range: [0, 1], scale: "range", fill: "none" },
      width: [0, 1],
      colour: { values: ["red", "mode"], fill: { value: "mode" } },
      shape: { values: ["round", "flat"] },
      smoker: "boolean"
    }
    expect(featuresOf(features, { scale: "standard", fill: "mean" })).toEqual([
      { name: "length", range: [0, 1], scale: "range" },
      { name: "width", range: [0, 1], scale: "standard", fill: "mean" },
      { name: "colour", kind: "category", values: ["red", "mode"], fill: { value: "mode" } },
      { name: "shape", kind: "category", values: ["round", "flat"], fill: "mode" },
      { name: "smoker", kind: "boolean", range: [0, 1], fill: "mean" }
    ])
  })

  it.each([
    [{ type: "category" }, "is a category without values"],
    [{ values: ["a"], range: [0, 1] }, "has range, which a category can't have"],
    [{ values: ["a"], type: "date" }, "has values, which a date can't have"],
    [{ values: ["a"], fill: "b" }, 'fills a category with "b", which is none of its values'],
    [{ values: ["a"], fill: "mean" }, "fills a category with a mean"],
    [{ fill: "mode" }, "fills a number with its mode"],
    [{ fill: "many" }, "fills a number with a text"],
    [{ scale: "range" }, "is to be scaled by a range that it does not have"],
    [{ outside: "clip" }, "says what happens outside a range that it does not have"],
    [{ indicator: true, fill: "none" }, "says which cells are missing but not what fills them"],
    [{ type: "date", range: [0, 1] }, "is a date, and its range must be two dates"],
    [{ type: "date", range: ["2001-01-01", "2000-01-01"] }, "two dates, the first before the second"],
    [{ range: ["0", "1"] }, "has a range of texts"],
    [{ first: 2 }, "has a first column but no count"],
    [{ other: true }, "has other, which a number can't have"],
    ["category", "must be [minimum, maximum]"],
    ["category", "a category is { values: [...] }, with all its values"],
    ["float", "a number is standard, or has its range"],
    ["standart", "did you mean standard?"]
  ])("%o is refused", (entry, message) => {
    expect(problemOf(entry)).toContain(message)
  })

  it.each([
    [{ filll: "mean" }, "data.features.length.filll", /^is not known here; .*; did you mean fill\?$/],
    [{ values: "a" }, "data.features.length.values", /^must be a list of at least one value; put \[ \]/],
    [{ fill: { valeu: 3 } }, "data.features.length.fill.valeu", /; did you mean value\?$/],
    [{ fill: [3] }, "data.features.length.fill", /^must be mean, mode, none, or a value; write/],
    [
      { scale: "standart" },
      "data.features.length.scale",
      /^must be one of range, standard; did you mean standard\?$/
    ]
  ])("%o is refused where it is wrong", (entry, path, message) => {
    const result = decoded({ features: { length: entry, width: [0, 1] } })
    const problems = Either.isLeft(result) ? decodingProblems(result.left, true) : []
    expect(problems.map((problem) => [describePath(problem.path), problem.message])).toContainEqual([
      path,
      expect.stringMatching(message)
    ])
  })
})

describe("a label as a scenario writes it", () => {
  it("may be numbers, of one column or of several", () => {
    const one = Either.getOrThrow(decoded({ label: { column: "kind", range: [0, 9] } })).data
    expect(one.label).toEqual({ numbers: [{ name: "kind", range: [0, 9] }] })
    const two = Either.getOrThrow(decoded({ label: { columns: ["kind", "sort"], scale: "standard" } })).data
    expect(statisticsNeeded(two).moments.map(({ column }) => column)).toEqual(["kind", "sort"])
  })

  it("of numbers has no accuracy to reveal", () => {
    const refused = decoded({ label: { column: "kind", range: [0, 9] } }, { reveal: ["accuracy"] })
    expect(Either.getOrThrow(Either.flip(refused)).message).toContain(
      "share of rows that are put into their class"
    )
  })
})

describe("statistics of few users", () => {
  const users = ["north", "south", "west"].map((name) => ({ name, holds: [{ file: `${name}.csv` }] }))

  it("have to be revealed, of three or more they need not be", () => {
    const features = ["length", "width"]
    expect(Either.isRight(decoded({ features }, { users }))).toBe(true)
    const two = decoded({ features }, { users: users.slice(0, 2) })
    expect(Either.getOrThrow(Either.flip(two)).message).toMatch(
      /reveal.*must have column-statistics: fewer than three users hold length, width/s
    )
    const split = users.map((user, i) => ({
      ...user,
      holds: [{ file: `${i}.csv`, columns: i === 0 ? ["length", "kind"] : ["width"] }]
    }))
    expect(Either.getOrThrow(Either.flip(decoded({ features }, { users: split }))).message).toContain(
      "fewer than three users hold length, width"
    )
  })
})
