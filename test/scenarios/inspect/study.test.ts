/** How files of several owners fit together, and what they have for a label. */
import { describe, expect, it } from "vitest"
import type { ColumnType } from "../../../scenarios/inspect/column-type.ts"
import { chosenLabel, labelCandidates, labelLines, labelOf } from "../../../scenarios/inspect/label.ts"
import { alignNames } from "../../../scenarios/inspect/names.ts"
import { type IdWishes, type Study, studyOf } from "../../../scenarios/inspect/study.ts"
import type { StudyFile } from "../../../scenarios/inspect/study-file.ts"

const id: ColumnType = { name: "id", type: "id" }
const age: ColumnType = { name: "age", type: "whole number" }
const ill = (...values: ReadonlyArray<string>): ColumnType => ({ name: "ill", type: "category", values })

const fileOf = (
  name: string,
  types: ReadonlyArray<ColumnType>,
  ids: ReadonlyArray<string> = [],
  more: Partial<StudyFile> = {}
): StudyFile => ({ owner: name, file: `${name}.csv`, types, named: true, kept: () => new Set(ids), ...more })

const study = (files: ReadonlyArray<StudyFile>, wishes?: IdWishes) => studyOf(files, wishes)
const fits = (files: ReadonlyArray<StudyFile>, wishes?: IdWishes): Study => {
  const found = study(files, wishes)
  if ("message" in found) throw found
  return found
}

describe("files with the same columns", () => {
  const types = [id, age, ill("a", "b")]
  const [north, south] = [fileOf("north", types, ["1", "2"]), fileOf("south", types, ["2", "3"])] as const

  it("are owners with other rows, who have no id in common", () => {
    expect(fits([north, fileOf("south", types, ["3"])])).toMatchObject({ split: "rows", id: "id" })
    expect(study([north, south])).toMatchObject({ _tag: "SharedIds", count: 1, column: "id" })
    expect(study([north, south], { id: "id" })).toMatchObject({ _tag: "SharedIds" })
  })

  it("have numbered rows where that is said, where no column has ids, and where each counts anew", () => {
    expect(fits([north, south], { numbersRows: true })).toMatchObject({
      id: undefined,
      numbered: "as was said"
    })
    const without = [fileOf("a", [age, ill("a")]), fileOf("b", [age, ill("b")])]
    expect(fits(without)).toMatchObject({ numbered: "since no column has ids" })
    const counting = [north, south].map((file) => ({ ...file, countsRows: () => true }))
    expect(fits(counting)).toMatchObject({
      id: undefined,
      numbered: expect.stringMatching(/id counts the rows/)
    })
    expect(fits(counting).columns.map(({ name }) => name)).toEqual(["age", "ill"])
  })
})

describe("files with other columns", () => {
  const line = (ids: ReadonlyArray<string>) => fileOf("line", [id, ill("a", "b")], ids)
  const registry = fileOf("registry", [id, age], ["T1", "T2", "T3"])

  it("have the same ids, or it is said how many not all have", () => {
    expect(fits([line(["T3", "T2", "T1"]), registry])).toMatchObject({ split: "columns", id: "id" })
    const found = study([line(["T1", "t2", "T4", "T5"]), registry])
    expect(found).toMatchObject({
      _tag: "UnsharedIds",
      lacking: [
        ["line.csv", 3],
        ["registry.csv", 2]
      ]
    })
    expect(found).toMatchObject({
      message: expect.stringMatching(
        /3 ids of line\.csv and 2 ids of registry\.csv are not in all .*some differ only in case/
      )
    })
  })
})

describe("names of columns that differ in case or spaces", () => {
  const first = fileOf("a", [id, age])
  const other = (more: Partial<StudyFile>) =>
    fileOf(
      "b",
      [
        { ...id, name: "ID" },
        { ...age, name: "Age " }
      ],
      ["x"],
      {
        columnsInFile: ["ID", "note", "Age "],
        ...more
      }
    )

  it("become those of the first file, in the header of the others", () => {
    const { files, told } = alignNames([first, other({ isRenamable: true, kept: (name) => new Set([name]) })])
    expect(files[1]!.types.map(({ name }) => name)).toEqual(["id", "age"])
    expect(files[1]!.header).toEqual(["id", "note", "age"])
    expect([...files[1]!.kept!("id")]).toEqual(["ID"])
    expect(told).toHaveLength(2)
  })

  it("stay where the scenario can't name them, or a file has both, and that is told", () => {
    const { files, told } = alignNames([first, other({})])
    expect(files[1]!.header).toBeUndefined()
    expect(told[0]).toMatch(/ID of b\.csv and id of a\.csv differ only in case, and are two columns/)
    expect(studyOf([first, other({})])).toMatchObject({
      message: expect.stringMatching(/differ only in case/)
    })
    const both = fileOf("b", [id, age, { ...age, name: "Age" }], [], { isRenamable: true })
    expect(alignNames([first, both]).told).toEqual([])
  })
})

describe("the label", () => {
  const types: ReadonlyArray<ColumnType> = [
    { name: "survived", type: "boolean", values: ["no", "yes"] },
    { name: "note", type: "text" },
    { name: "age", type: "number" }
  ]
  const names = (all: ReadonlyArray<ColumnType>) => labelCandidates(all).map(({ name }) => name)

  it("is a column that is called so, then one of classes, and a number last", () => {
    expect(names(types)).toEqual(["survived", "age"])
    expect(names(types.slice(1))).toEqual(["age"])
    const sex: ColumnType = { name: "sex", type: "category", values: ["f", "m"] }
    const grade: ColumnType = { name: "grade", type: "whole number", values: ["1", "2", "3"] }
    expect(names([sex, { name: "dose", type: "number" }, grade])).toEqual(["sex", "grade", "dose"])
    expect(names([{ name: "target", type: "number" }, sex])).toEqual(["target", "sex"])
    expect(
      names([
        { name: "target", type: "number" },
        { ...sex, name: "blood_class" }
      ])
    ).toEqual(["blood_class", "target"])
    const [x, y]: ReadonlyArray<ColumnType> = [
      { name: "x", type: "number" },
      { name: "y", type: "number" }
    ]
    expect(names([y!, sex])).toEqual(["y", "sex"])
    expect(names([{ name: "Cost", type: "number" }, sex])).toEqual(["Cost", "sex"])
    expect(names([x!, y!, sex])).toEqual(["sex", "y", "x"])
  })

  it("has classes where there are few values, and is a number otherwise", () => {
    expect(labelOf(types[0]!)).toEqual({ column: "survived", values: ["no", "yes"] })
    expect(labelOf(types[2]!)).toEqual({ column: "age" })
    expect(labelOf(types[1]!)).toMatch(/more than a few kinds/)
    const mixed = labelOf({ name: "ill", type: "boolean", values: ["no", "yes"], isMixed: true })
    expect(typeof mixed === "object" && labelLines(mixed).join("\n")).toMatch(/type: boolean/)
  })

  const pair = (one: ColumnType, other: ColumnType) =>
    fits([fileOf("a", [id, age, one], ["1"]), fileOf("b", [id, age, other], ["2"])])

  it("is refused where owners contradict each other, with what each file has", () => {
    const number: ColumnType = { name: "ill", type: "whole number", values: ["1", "2"] }
    const apart =
      /ill, the likeliest label, is written .* values \["no", "yes"\] in a\.csv, values \["1", "2"\] in b\.csv/
    const found = pair(ill("no", "yes"), number)
    expect(chosenLabel(found, undefined)).toMatchObject({ message: expect.stringMatching(apart) })
    expect(chosenLabel(found, "ill")).toMatchObject({
      message: expect.stringMatching(/ill, the label, is written/)
    })
    expect(chosenLabel(found, "age")).toEqual({ column: "age" })
    expect(chosenLabel(found, "Ill")).toMatchObject({
      message: expect.stringMatching(/is not a column of the files/)
    })
  })

  it("is refused where no class of two owners is the same, unless it is named", () => {
    const found = pair(ill("neg", "pos"), ill("negative", "positive"))
    expect(chosenLabel(found, undefined)).toMatchObject({ _tag: "NotALabel" })
    expect(chosenLabel(found, "ill")).toMatchObject({ values: ["neg", "negative", "pos", "positive"] })
    expect(chosenLabel(pair(ill("a", "b"), ill("b", "c")), undefined)).toMatchObject({ column: "ill" })
  })
})
