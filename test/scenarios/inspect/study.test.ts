/** How files of several owners fit together, and what they have for a label. */
import { describe, expect, it } from "vitest"
import type { ColumnType } from "../../../scenarios/inspect/column-type.ts"
import { chosenLabel, labelCandidates, labelLines, labelOf } from "../../../scenarios/inspect/label.ts"
import { alignNames } from "../../../scenarios/inspect/names.ts"
import { rareValues } from "../../../scenarios/inspect/rare-values.ts"
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
): StudyFile => {
  // Behind the header.
  const kept = () => new Map(ids.map((own, row) => [own, row + 2]))
  return { owner: name, file: `${name}.csv`, types, named: true, isRenamable: true, kept, ...more }
}

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
        { file: "line.csv", unit: "line", places: [3, 4, 5] },
        { file: "registry.csv", unit: "line", places: [3, 4] }
      ]
    })
    expect(found).toMatchObject({
      message: expect.stringMatching(
        /3 ids of line\.csv \(on lines 3, 4, 5\) and 2 ids of registry\.csv \(on lines 3, 4\) are not in all .*some differ only in case/
      )
    })
  })
})

describe("files that call the column of the ids differently", () => {
  it("are to call it alike, as no option can say that they are one", () => {
    const files = [fileOf("a", [{ ...id, name: "case_no" }, age]), fileOf("b", [id, ill("a", "b")])]
    for (const wishes of [{}, { id: "id" }])
      expect(study(files, wishes)).toMatchObject({
        _tag: "FilesDoNotFit",
        message: expect.stringMatching(/call the column of the ids alike in all/)
      })
  })
})

describe("files of which some have the same columns, and others have other columns of the same rows", () => {
  const east = fileOf("east", [id, age, ill("a", "b")], ["1", "2"])
  const west = fileOf("west", [id, age, ill("b", "c")], ["3"])
  const lab = (ids: ReadonlyArray<string>) => fileOf("lab", [id, { name: "dose", type: "number" }], ids)
  const without = (file: StudyFile): StudyFile => ({ ...file, kept: undefined })

  it("are one table, from files in any order and from parts", () => {
    const columns = ["age", "ill"]
    for (const files of [
      [east, west, lab(["3", "1", "2"])],
      [without(east), without(west), without(lab([]))]
    ]) {
      const found = fits(files)
      expect(found).toMatchObject({
        split: "mixed",
        id: "id",
        held: [columns, columns, ["dose"]],
        leftOut: []
      })
      expect(found.columns.find(({ name }) => name === "ill")).toMatchObject({ values: ["a", "b", "c"] })
    }
    expect(fits([east, lab(["3", "1", "2"]), west])).toMatchObject({ held: [columns, ["dose"], columns] })
  })

  it("have each row once in each table, or it is said", () => {
    expect(study([east, west, lab(["1", "2"])])).toMatchObject({
      _tag: "UnsharedIds",
      lacking: [{ file: "west.csv", unit: "line", places: [2] }]
    })
    const twice = study([east, fileOf("west", west.types, ["2", "3"]), lab(["1", "2", "3"])])
    expect(twice).toMatchObject({ _tag: "SharedIds", count: 1, mayBeNumbered: false })
    expect(twice).toMatchObject({ message: expect.stringMatching(/give them ids of their own$/) })
    expect(study([east, west, lab(["8", "9"])])).toMatchObject({ _tag: "FilesDoNotFit" })
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
    const { files, told } = alignNames([
      first,
      other({ isRenamable: true, kept: (name) => new Map([[name, 2]]) })
    ])
    expect(files[1]!.types.map(({ name }) => name)).toEqual(["id", "age"])
    expect(files[1]!.header).toEqual(["id", "note", "age"])
    expect([...files[1]!.kept!("id").keys()]).toEqual(["ID"])
    expect(told).toHaveLength(2)
  })

  it("stay where the scenario can't name them, or a file has both, and that is told", () => {
    const { files, told } = alignNames([first, other({ isRenamable: false })])
    expect(files[1]!.header).toBeUndefined()
    expect(told[0]).toMatch(/ID of b\.csv and id of a\.csv differ only in case, and are two columns/)
    expect(studyOf([first, other({ isRenamable: false })])).toMatchObject({
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
    expect(typeof mixed === "object" && labelLines(mixed).join("\n")).toMatch(
      /type: boolean # .*yes is the positive one$/
    )
    const lines = (...values: ReadonlyArray<string>) => labelLines({ column: "ill", values }).join("\n")
    expect(lines("nein", "ja")).toMatch(/values: \[nein, ja\] # the second is the positive class$/)
    expect(lines("a", "b", "c")).toMatch(/values: \[a, b, c\]$/)
  })

  const pair = (one: ColumnType, other: ColumnType) =>
    fits([fileOf("a", [id, age, one], ["1"]), fileOf("b", [id, age, other], ["2"])])

  it("has two classes where an owner has one of them only, and a number stays a number", () => {
    const [both, none]: ReadonlyArray<ColumnType> = [
      { name: "ill", type: "boolean", values: ["0", "1"] },
      { name: "ill", type: "whole number", values: ["0"] }
    ]
    expect(chosenLabel(pair(both!, none!), "ill")).toEqual({ column: "ill", values: ["0", "1"] })
    expect(chosenLabel(pair(none!, both!), "ill")).toEqual({ column: "ill", values: ["0", "1"] })
    const all: ColumnType = { ...none!, values: ["1"] }
    expect(chosenLabel(pair(none!, all), "ill")).toEqual({ column: "ill", values: ["0", "1"] })
    expect(chosenLabel(pair(none!, none!), "ill")).toMatchObject({ _tag: "NotALabel" })
    const stages: ColumnType = { ...none!, values: ["0", "1", "2"] }
    expect(chosenLabel(pair(stages, none!), "ill")).toEqual({ column: "ill", values: ["0", "1", "2"] })
    expect(chosenLabel(pair({ name: "ill", type: "whole number" }, none!), "ill")).toEqual({ column: "ill" })
  })

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

describe("a value of hardly any row", () => {
  const counts = (values: Record<string, number>) =>
    Object.entries(values).map(([value, count]) => ({ value, count }))
  const [north, south] = [
    { file: "north.csv", counts: counts({ negative: 500, positive: 90 }) },
    { file: "south.csv", counts: counts({ negative: 400, positive: 80, negativ: 1 }) }
  ]

  it("is named, with its file and the value that was meant", () => {
    expect(rareValues([north!, south!])).toEqual([
      '"negativ" has 1 row, in south.csv; did you mean negative?'
    ])
    expect(rareValues([north!])).toEqual([])
    expect(rareValues([{ file: "w.csv", counts: counts({ A: 400, B: 300, BB: 1 }) }])).toEqual([
      '"BB" has 1 row, in w.csv; correct it if it is a slip'
    ])
  })

  it("is no matter in a small table, nor where it has rows enough at other owners", () => {
    expect(rareValues([{ file: "w.csv", counts: counts({ A: 40, B: 30, C: 2 }) }])).toEqual([])
    const more = { file: "w.csv", counts: counts({ negative: 90, negativ: 5 }) }
    expect(rareValues([north!, south!, more])).toEqual([])
    expect(rareValues([{ file: "w.csv", counts: counts({ Male: 400, male: 1 }) }])).toEqual([])
  })

  it("is counted where there are many of them, those that look like a slip first", () => {
    const many = counts({ alpha: 900, q: 1, r: 1, s: 2, alpah: 1, t: 4 })
    expect(rareValues([{ file: "w.csv", counts: many }])).toEqual([
      '"alpah" has 1 row, in w.csv; did you mean alpha?',
      '"q" has 1 row, in w.csv; correct it if it is a slip',
      '"r" has 1 row, in w.csv; correct it if it is a slip',
      "2 more values have fewer than 5 rows each"
    ])
  })
})
