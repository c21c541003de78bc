import { describe, expect, it } from "vitest"
import { readersOf } from "../../../protocol/data/cell-reader.ts"
import { readBoolean, readDate } from "../../../protocol/data/cell-words.ts"
import type { DataDescription, Feature } from "../../../protocol/data/description.ts"
import { flowers } from "./description.ts"

const describing = (feature: Feature, changes: Partial<DataDescription> = {}) =>
  readersOf({ ...flowers, features: [feature], ...changes })(feature.name)

const missing = Number.NaN

describe("a number", () => {
  it("that is missing is so by each of the usual marks, in any case of letters", () => {
    const { text } = describing({ name: "age", fill: "mean" })
    for (const mark of ["", "NA", "na", "N/A", "NaN", "NULL", "None", "?", "-", ".", "\\N", "<NA>", "NaT"])
      expect(text(mark), mark).toBe(missing)
    expect(text("12.5")).toBe(12.5)
    for (const word of ["-9", "unknown", "#N/A", "??"]) expect(text(word), word).not.toBe(missing)
  })

  it("is missing by the scenario's own marks alone, exactly as written", () => {
    const { text } = describing({ name: "age", fill: { value: 3 } }, { missing: ["-9", "Unknown"] })
    expect([text("-9"), text("Unknown")]).toEqual([missing, missing])
    expect(text("NA")).toMatchObject({ reason: expect.stringContaining("word for a missing value") })
    expect(text("unknown")).toMatchObject({ reason: "is not a number" })
  })

  it("that is missing where nothing fills it is an error that says what could", () => {
    const { text, number, absent } = describing({ name: "age" })
    for (const fault of [text("NA"), text(""), number(missing), absent])
      expect(fault).toMatchObject({ remedy: expect.stringContaining("fill: mean") })
  })

  it("that is none says what the feature may be instead, unless a range says that it is one", () => {
    const remedyOf = (feature: Feature, text: string) => describing(feature).text(text)
    const free: Feature = { name: "sex" }
    for (const [text, entry] of [
      ["female", "sex: { values: [...] }"],
      ["yes", "sex: boolean"],
      ["1/2/2021", "sex: date"]
    ] as const) {
      expect(remedyOf(free, text)).toMatchObject({ remedy: expect.stringContaining(`say ${entry} in`) })
      expect(remedyOf({ ...free, range: [0, 1] }, text)).toMatchObject({
        remedy: expect.not.stringContaining("say ")
      })
    }
  })

  it("outside its range is an error, or moved to the nearest end and counted", () => {
    const strict = describing({ name: "age", range: [0, 120] })
    expect(strict.number(121)).toMatchObject({ reason: "is outside the column's public range [0, 120]" })
    const clipping = describing({ name: "age", range: [0, 120], outside: "clip" })
    expect([clipping.number(121), clipping.text("-3"), clipping.number(7)]).toEqual([120, 0, 7])
    expect(clipping.clipped()).toBe(2)
    expect(strict.clipped()).toBe(0)
  })

  it("without a range is at most what sums are exact for", () => {
    const { number } = describing({ name: "age" })
    expect(number(-(2 ** 127))).toBe(-(2 ** 127))
    for (const value of [2 ** 128, Number.POSITIVE_INFINITY, -1e300])
      expect(number(value)).toMatchObject({ reason: "is too large a number to be a measurement" })
  })
})

describe("a missing cell that nothing fills", () => {
  it.each<[string, Feature]>([
    ["mean", { name: "age" }],
    ["mean", { name: "born", kind: "date" }],
    ["mode", { name: "smoker", kind: "boolean" }],
    ["mode", { name: "sex", kind: "category", values: ["f", "m"] }]
  ])("is an error that proposes fill: %s, for %o", (fill, feature) => {
    const { absent, text } = describing(feature)
    for (const fault of [absent, text(""), text("NA")])
      expect(fault).toMatchObject({ remedy: expect.stringMatching(new RegExp(`such as fill: ${fill}$`)) })
  })
})

describe("a boolean", () => {
  it("is 1 or 0 by the usual words, and nothing else", () => {
    expect(["true", "YES", "y", "T", "1", "on"].map(readBoolean)).toEqual([1, 1, 1, 1, 1, 1])
    expect(["False", "no", "N", "f", "0", "off"].map(readBoolean)).toEqual([0, 0, 0, 0, 0, 0])
    expect(["Ja", "J", "oui", "SÍ", "si", "sì", "sim"].map(readBoolean)).toEqual([1, 1, 1, 1, 1, 1, 1])
    expect(["Nein", "nee", "nej", "non", "NÃO"].map(readBoolean)).toEqual([0, 0, 0, 0, 0])
    const { text, number } = describing({ name: "smoker", kind: "boolean", range: [0, 1] })
    expect(text("maybe")).toMatchObject({ reason: "is neither yes nor no" })
    expect(number(2)).toMatchObject({ reason: expect.stringContaining("neither 0 nor 1") })
    expect(number(1)).toBe(1)
  })
})

describe("a label of type boolean", () => {
  const label = { column: "ill", values: ["no", "yes"], kind: "boolean" } as const
  it("is no or yes by any of the words for them, and missing by no such word", () => {
    const { isText, number, text } = readersOf({ ...flowers, label, missing: ["?", "0"] })("ill")
    expect(["no", "F", "0", "false", "YES", "1", "?"].map(text)).toEqual([0, 0, 0, 0, 1, 1, missing])
    expect([number(0), number(1), number(missing)]).toMatchObject([0, 1, { reason: "is neither yes nor no" }])
    expect(text("perhaps")).toMatchObject({ reason: "is neither yes nor no" })
    expect(isText).toBe(true)
  })
  it("is compared exactly where its values are listed", () => {
    const { text } = readersOf({ ...flowers, label: { column: "ill", values: ["no", "yes"] } })("ill")
    expect(text("YES")).toMatchObject({ reason: expect.stringContaining("not one of the labels no, yes") })
  })
})

describe("a date", () => {
  it("is the days from 1970-01-01 on, with the time of the day as a fraction", () => {
    expect(readDate("1970-01-01")).toBe(0)
    expect(readDate("2021-03-01")).toBe(18_687)
    expect(readDate("1969-12-31")).toBe(-1)
    expect(readDate("0050-01-01")).toBe(-701_265)
    expect(readDate("1970-01-02T12:00:00Z")).toBe(1.5)
    expect(readDate("1970-01-02 12:00")).toBe(1.5)
    expect(readDate("1970-01-02T12:00:00+12:00")).toBe(1)
    expect(readDate("01.03.2021")).toBe(18_687)
  })

  it("of which the first part may be the day or the month needs its format", () => {
    expect(readDate("03/04/2021")).toMatchObject({ reason: expect.stringContaining("day or the month") })
    expect(readDate("01/03/2021", "DD/MM/YYYY")).toBe(18_687)
    expect(readDate("03/01/2021", "MM/DD/YYYY")).toBe(18_687)
    expect(readDate("2021-03-01", "DD.MM.YYYY")).toMatchObject({ reason: "is not a date" })
  })

  it("that there is not is none", () => {
    for (const text of ["2021-02-29", "2021-13-01", "31.04.2021", "today", "20210301"])
      expect(readDate(text), text).toMatchObject({ reason: "is not a date" })
    expect(readDate("2020-02-29")).toBe(18_321)
  })
})

describe("a category", () => {
  const colours = { name: "colour", kind: "category", values: ["red", "none"] } as const

  it("is its place among the values, also where it is called as a missing cell is marked", () => {
    const { text } = describing({ ...colours, fill: "mode" })
    expect([text("red"), text("none"), text("NA")]).toEqual([0, 1, missing])
  })

  it("that is not listed is an error, or any other", () => {
    expect(describing(colours).text("blue")).toMatchObject({ reason: "is not one of the values red, none" })
    expect(describing(colours).text("NA")).toMatchObject({ remedy: expect.stringContaining("fill") })
    const other = describing({ ...colours, other: true as const })
    expect([other.text("blue"), other.text("red")]).toEqual([2, 0])
    expect(other.text("NA")).toMatchObject({ remedy: expect.stringContaining("fill") })
  })

  it("of numbers is compared as numbers, from files of texts and of numbers", () => {
    const { text, number } = describing({ name: "grade", kind: "category", values: ["1", "2.5"] })
    expect([text("1.0"), text("2.50"), number(2.5), number(1)]).toEqual([0, 1, 1, 0])
  })
})

describe("a label", () => {
  it("that is missing is no error: its row is left out", () => {
    const label = readersOf(flowers)("species")
    expect([label.text("NA"), label.text(""), label.absent]).toEqual([missing, missing, missing])
    expect(label.text("daisy")).toMatchObject({
      reason: expect.stringContaining("is not one of the labels setosa")
    })
  })

  it("may be a number to predict", () => {
    const read = readersOf({ ...flowers, label: { numbers: [{ name: "yield", range: [0, 9] }] } })("yield")
    expect([read.text("4.5"), read.text("?")]).toEqual([4.5, missing])
    expect(read.text("10")).toMatchObject({ reason: "is outside the column's public range [0, 9]" })
  })
})
