import { describe, expect, it } from "vitest"
import { bytesSource } from "../../../protocol/data/byte-source.ts"
import { readDataFile } from "../../../protocol/data/data-file.ts"
import { TableError, type TableSource } from "../../../protocol/data/table.ts"
import { flowers } from "./description.ts"
import { valuesOf } from "./values.ts"

const readTable = async (text: string, rest: Partial<TableSource> = {}) => {
  const source = { user: "north", file: "data/north.csv", columns: ["length", "width", "species"], ...rest }
  const table = await readDataFile(bytesSource(new Uint8Array(Buffer.from(text))), source, flowers)
  return {
    ids: table.ids,
    columns: new Map([...table.columns.keys()].map((name) => [name, valuesOf(table, name)] as const))
  }
}

const failure = async (text: string, rest: Partial<TableSource> = {}): Promise<TableError> => {
  const error = await readTable(text, rest).then(
    () => new Error("the table was accepted"),
    (reason: unknown) => reason
  )
  expect(error).toBeInstanceOf(TableError)
  return error as TableError
}

const header = "id,length,width,species\n"

describe("table - what is read", () => {
  it("reads numbers as they are and labels as their place in the public list", async () => {
    const table = await readTable(`${header}a,1.5,-1,virginica\nb,1e1,.5,setosa\n`)
    expect(table.ids).toEqual(["a", "b"])
    expect(table.columns.get("length")).toEqual([1.5, 10])
    expect(table.columns.get("width")).toEqual([-1, 0.5])
    expect(table.columns.get("species")).toEqual([2, 0])
  })

  it("reads only the declared columns, wherever they stand, and ignores what is wrong with others", async () => {
    const text = "species,width,id,comment\nsetosa,abc,a,\n"
    expect([...(await readTable(text, { columns: ["species"] })).columns.keys()]).toEqual(["species"])
  })

  it("reads only the declared rows, in the order of the declaration", async () => {
    const text = `${header}a,1,0,setosa\nb,,0,setosa\nc,3,0,setosa\n`
    const table = await readTable(text, { rows: ["c", "a"] })
    expect(table.ids).toEqual(["c", "a"])
    expect(table.columns.get("length")).toEqual([3, 1])
  })

  it("understands quotes, a byte order mark, Windows line ends, blanks and empty lines", async () => {
    const table = await readTable('\ufeffid,length,width,species\r\n\r\n"a b", 1 ,0,"setosa"\r\n')
    expect(table.ids).toEqual(["a b"])
    expect(table.columns.get("length")).toEqual([1])
  })

  it("reads rows by their place in the file, and gives ids to a file that has none", async () => {
    const text = "length,width,species\n1,0,setosa\n2,0,setosa\n3,0,setosa\n"
    const table = await readTable(text, { part: { from: 2, to: 3 }, ids: { prefix: "N", first: 10 } })
    expect(table.ids).toEqual(["N11", "N12"])
    expect(table.columns.get("length")).toEqual([2, 3])
  })

  it("takes the names of the columns from the scenario where the file has no line of names", async () => {
    const table = await readTable("a,1,0,setosa\n", { header: ["id", "length", "width", "species"] })
    expect(table.ids).toEqual(["a"])
    expect(table.columns.get("length")).toEqual([1])
  })

  it("accepts the ends of a public range", async () => {
    const table = await readTable(`${header}a,0,-1,setosa\nb,10,1,setosa\n`)
    expect(table.columns.get("length")).toEqual([0, 10])
  })
})

describe("table - what is refused", () => {
  it.each([
    [
      "a missing column",
      "id,length,species\na,1,setosa\n",
      "data/north.csv:1: column width (user north) is missing from the header; add the column, or declare only columns that the file has"
    ],
    [
      "a missing id column",
      "length,width,species\n1,1,setosa\n",
      "data/north.csv:1: column id (user north) is missing from the header; add the column, or declare only columns that the file has"
    ],
    [
      "a column that occurs twice",
      "id,length,width,length,species\na,1,1,1,setosa\n",
      "data/north.csv:1: column length (user north) occurs twice in the header; rename or remove one of them"
    ],
    [
      "text where a number belongs",
      `${header}a,1,0,setosa\nb,tall,0,setosa\n`,
      "data/north.csv:3: column length of row b (user north) is not a number; write a number with a decimal point, such as 12.5 or 1e-3"
    ],
    [
      "an empty cell",
      `${header}a,1,,setosa\n`,
      "data/north.csv:2: column width of row a (user north) is empty; fill in the value, leave out the row, or say fill in the scenario, such as fill: mean"
    ],
    [
      "a value outside the column's public range",
      `${header}a,1,0,setosa\nb,10.01,0,setosa\n`,
      "data/north.csv:3: column length of row b (user north) is outside the column's public range [0, 10]; correct the value, or have all parties agree on a wider range"
    ],
    [
      "an unknown label",
      `${header}a,1,0,lily\n`,
      "data/north.csv:2: column species of row a (user north) is not one of the labels setosa, versicolor, virginica; correct the label, or add it to the values of data.label"
    ],
    [
      "a duplicate id",
      `${header}a,1,0,setosa\nb,1,0,setosa\na,2,0,setosa\n`,
      "data/north.csv:4: row a (user north) has the id of line 2 again; give every row an id of its own"
    ],
    [
      "a row without an id",
      `${header},1,0,setosa\n`,
      "data/north.csv:2: the file (user north) has a row without an id here; give every row its id"
    ],
    [
      "a row with a field too few",
      `${header}a,1,0\n`,
      "data/north.csv:2: the file (user north) has 3 fields here where the header has 4; give every row one field a column"
    ],
    [
      "an empty file",
      "",
      "data/north.csv: the file (user north) is empty; give a line that names the columns, then a line for each row"
    ],
    [
      "a file without rows",
      header,
      "data/north.csv: the file (user north) has a header but no rows; give a line that names the columns, then a line for each row"
    ]
  ])("names the user, the file, the line and the column - %s", async (_, text, message) => {
    expect((await failure(text)).message).toBe(message)
  })

  it.each(["0x10", "tall", "--1", "1e"])("takes %s for no number", async (cell) => {
    expect((await failure(`${header}a,"${cell}",0,setosa\n`)).problems).toMatchObject([
      { line: 2, column: "length", id: "a", reason: "is not a number" }
    ])
  })

  it("names a row that is declared and not there", async () => {
    expect((await failure(`${header}a,1,0,setosa\n`, { rows: ["a", "z"] })).message).toBe(
      "data/north.csv: row z (user north) is declared as held but is not in the file; add the row, or take its id out of the rows held"
    )
  })

  it("names the rows that are there where others are declared", async () => {
    expect((await failure(`${header}a,1,0,setosa\n`, { part: { from: 1, to: 2 } })).message).toBe(
      "data/north.csv: the file (user north) has 1 rows, of which the rows 1 to 2 are declared as held; declare rows that are there, the first before the last"
    )
  })

  it("refuses quotes that never end, without quoting the cells", async () => {
    const { message } = await failure(`${header}a,1,0,"secret\n`)
    expect(message).toContain("north.csv:2: the file (user north) has a quote here that never ends")
    expect(message).not.toContain("secret")
  })

  it("tells all problems of a file at once, in the order of its lines, and counts those beyond twenty", async () => {
    const rows = Array.from({ length: 31 }, () => "a,1,0,setosa").join("\n")
    const error = await failure(`${header}${rows}\n`)
    expect(error.problems).toHaveLength(20)
    expect(error.problems.slice(0, 3)).toMatchObject([{ line: 3 }, { line: 4 }, { line: 5 }])
    expect(error.more).toBe(10)
    expect(error.message).toContain("and 10 more problems")
  })

  it("tells a fault of many cells once a column, with their number and the first lines", async () => {
    const species = (row: number) => (row % 2 === 0 ? "setosa" : "lily")
    const rows = Array.from({ length: 25 }, (_, row) => `r${row},${row < 2 ? "x" : 1},0,${species(row)}`)
    expect((await failure(`${header}${rows.join("\n")}\n`)).message.split("\n")).toEqual([
      "data/north.csv:2: column length of row r0 (user north) is not a number (and so once more, in line 3); write a number with a decimal point, such as 12.5 or 1e-3",
      "data/north.csv:3: column species of row r1 (user north) is not one of the labels setosa, versicolor, virginica (and so 11 more times, in lines 5, 7, 9, 11, 13 and others); correct the label, or add it to the values of data.label"
    ])
  })

  it("never shows the value of a cell", async () => {
    const { message } = await failure(`${header}a,777.25,hush,unheard\n`)
    for (const value of ["777.25", "hush", "unheard"]) expect(message).not.toContain(value)
  })
})
