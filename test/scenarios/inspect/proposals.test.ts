import { describe, expect, it } from "vitest"
import { type ColumnType, merged } from "../../../scenarios/inspect/column-type.ts"
import { proposed, roundedOutward, toYaml } from "../../../scenarios/inspect/proposals.ts"
import { readYaml } from "../../../scenarios/text/yaml.ts"
import { yamlText } from "../../../scenarios/text/yaml-text.ts"

const written = (...types: ReadonlyArray<ColumnType>) =>
  proposed(types).entries.map((entry) => toYaml(entry).trim())

describe("the entry that is proposed for a column", () => {
  const entries: ReadonlyArray<readonly [ColumnType, string]> = [
    [{ name: "age", type: "number" }, "age: standard"],
    [{ name: "age", type: "whole number", missing: true }, "age: { fill: mean }"],
    [{ name: "smoker", type: "boolean", values: ["no", "yes"] }, "smoker: boolean"],
    [{ name: "smoker", type: "boolean", missing: true }, "smoker: { type: boolean, fill: mode }"],
    [{ name: "visit", type: "date" }, "visit: date"],
    [{ name: "visit", type: "date", format: "DD/MM/YYYY" }, "visit: { type: date, format: DD/MM/YYYY }"],
    [
      { name: "sex", type: "category", values: ["f", "m"], missing: true },
      "sex: { values: [f, m], fill: mode }"
    ],
    [
      { name: "on", type: "category", values: ["no", "1"], other: true },
      '"on": { values: ["no", "1"], other: true }'
    ]
  ]
  for (const [type, yaml] of entries) it(yaml, () => expect(written(type)).toEqual([yaml]))

  it("is none for a column that is no feature as it is", () => {
    const types = (["id", "text", "empty", "unreadable"] as const).map((type) => ({ name: type, type }))
    expect(proposed([...types, { name: "d", type: "date", format: "unclear" }])).toMatchObject({
      entries: [],
      leftOut: ["id", "text", "empty", "unreadable", "d"].map((column) => ({ column }))
    })
  })

  const numbered = (count: number, more: Partial<ColumnType>, first = 1) =>
    Array.from(
      { length: count },
      (_, i): ColumnType => ({ name: `p${first + i}`, type: "whole number", ...more })
    )

  it("is one for numbered columns that are alike, if there are many", () => {
    expect(written(...numbered(9, {}))).toEqual(["p: { count: 9 }"])
    expect(written(...numbered(9, { missing: true }, 0))).toEqual(["p: { count: 9, first: 0, fill: mean }"])
    expect(written(...numbered(3, {}))).toHaveLength(3)
    expect(written(...numbered(5, {}), ...numbered(5, {}, 7))).toHaveLength(10)
  })

  it("is one with a range for columns of one range, such as pixels", () => {
    expect(written(...numbered(20, { range: [0, 255] }))).toEqual(["p: { count: 20, range: [0, 255] }"])
    expect(proposed(numbered(20, { range: [0, 14] })).entries).toMatchObject([
      { tells: true, isJoint: false }
    ])
    // Of which the ends are far apart: no pixels.
    const differing = numbered(20, {}).map((type, i) => ({ ...type, range: [0, i === 0 ? 250 : 3] as const }))
    expect(written(...differing)).toEqual(["p: { count: 20 }"])
  })
})

describe("the type of a column that several files have", () => {
  const of = (...types: ReadonlyArray<Omit<ColumnType, "name">>) =>
    merged(types.map((type, i) => [`owner-${i + 1}`, { name: "x", ...type }]))
  it("has the values of all", () => {
    expect(
      of({ type: "category", values: ["b", "c"] }, { type: "category", values: ["a", "b"], missing: true })
    ).toEqual({
      name: "x",
      type: "category",
      values: ["a", "b", "c"],
      missing: true
    })
  })
  it("is the wider of two kinds of numbers, and that of the filled files", () => {
    expect(of({ type: "whole number" }, { type: "number" })).toMatchObject({ type: "number" })
    expect(of({ type: "boolean", values: ["0", "1"] }, { type: "whole number" })).toMatchObject({
      type: "whole number"
    })
    expect(of({ type: "empty" }, { type: "number" })).toMatchObject({ type: "number", missing: true })
  })
  it("is boolean where owners have other words for yes and no", () => {
    const words = (...values: ReadonlyArray<string>) => ({ type: "boolean" as const, values })
    expect(of(words("no", "yes"), words("no", "yes"))).toEqual({
      name: "x",
      type: "boolean",
      values: ["no", "yes"]
    })
    expect(of(words("ja", "nein"), words("ja", "nein"))).toMatchObject({ values: ["nein", "ja"] })
    const mixed = { type: "boolean", values: ["no", "yes"], isMixed: true }
    expect(of(words("no", "yes"), words("0", "1"), words("N", "Y"))).toMatchObject(mixed)
    expect(of(words("False", "True"), words("nein", "ja"), words("0", "1"))).toMatchObject(mixed)
    expect(of(words("F", "T"), { type: "category", values: ["yes"], missing: true })).toMatchObject(mixed)
    expect(of(words("no", "yes"), { type: "category", values: ["no", "perhaps"] })).toMatchObject({
      type: "category"
    })
  })
  it("is a contradiction, with who has what, where a number is a text elsewhere", () => {
    expect(of({ type: "number" }, { type: "category", values: ["a"] })).toBe(
      "is a number in the file of owner-1, but a category in the file of owner-2"
    )
    const words = (...values: ReadonlyArray<string>) => ({ type: "boolean" as const, values })
    expect(of(words("False", "True"), { type: "category", values: ["kaum", "oft"] }, words("0", "1"))).toBe(
      "is a word for yes or no in the files of owner-1, owner-3, but a category in the file of owner-2"
    )
    expect(of({ type: "date" }, { type: "date", format: "MM/DD/YYYY" })).toMatch(
      /dates written as YYYY-MM-DD .* owner-2/
    )
  })
})

describe("a range that is rounded outward", () => {
  it("contains the numbers and tells no more than two figures", () => {
    expect(roundedOutward(0.1667, 80)).toEqual([0, 80])
    expect(roundedOutward(56, 198)).toEqual([50, 200])
    expect(roundedOutward(-0.0123, 0.0456)).toEqual([-0.02, 0.05])
    expect(roundedOutward(7, 7)).toEqual([6, 8])
  })
})

describe("a text in YAML", () => {
  it("is read back as it was, whatever it is", () => {
    const texts = [
      "a",
      "yes",
      "1st",
      "1",
      "",
      " a",
      "a: b",
      "a #b",
      "[a",
      "null",
      "~",
      "é",
      '"',
      "\u2028",
      "\u0085",
      "a, b",
      "-",
      "€",
      "a  b"
    ]
    for (const text of texts) {
      const read = readYaml(`x: { ${yamlText(text)}: ${yamlText(text)} }`, () => true)
      expect(read).toMatchObject({ right: { value: new Map([["x", new Map([[text, text]])]]) } })
    }
  })
})
