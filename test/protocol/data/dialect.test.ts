import fc from "fast-check"
import { describe, expect, it } from "vitest"
import {
  contradiction,
  decimalMarks,
  describeDialect,
  type Separator,
  separators,
  thousandsMarks
} from "../../../protocol/data/dialect.ts"
import { features } from "./description.ts"
import { columnOf, readBytes, refused, small, type Wanted } from "./read.ts"

const description = { ...small, features: features({ length: [-1e9, 1e9], width: [-1e9, 1e9] }) }
const header = "id,length,width,kind\n"

/** The ids, lengths and widths that are read, and the dialect in words. */
const read = async (text: string, wanted: Wanted = {}) => {
  const table = await readBytes(text, { description, ...wanted })
  return {
    ids: table.ids,
    length: columnOf(table, "length"),
    width: columnOf(table, "width"),
    dialect: describeDialect(table.dialect!)
  }
}
const refusal = (text: string, wanted: Wanted = {}) => refused(text, { description, ...wanted })
const one = { ids: ["r"], length: [1.5], width: [2] }

describe("a dialect - is found out", () => {
  it.each(Object.keys(separators) as Array<Separator>)("where fields are separated by %s", async (name) => {
    const text = `${header}r,1.5,2,ash\ns t,3,4,elm\n`.replaceAll(",", separators[name])
    const rows = name === "space" ? text.replace("s t", '"s t"').replace(/ /g, " ") : text
    expect(await read(rows)).toMatchObject({ ids: ["r", "s t"], length: [1.5, 3], width: [2, 4] })
    expect((await readBytes(rows, { description })).dialect!.separator).toBe(name)
  })

  it.each([
    [
      "semicolons and decimal commas",
      "id;length;width;kind\nr;1,5;2;ash\n",
      "semicolons, decimal comma, UTF-8, LF"
    ],
    ["decimal commas in quotes", `${header}r,"1,5",2,ash\n`, "commas, decimal comma, UTF-8, LF"],
    [
      "a byte order mark and CRLF",
      "\ufeffid\tlength\twidth\tkind\r\nr\t1,5\t2\tash\r\n",
      "tabs, decimal comma, UTF-8 with a byte order mark, CRLF"
    ],
    ["runs of spaces", " id length   width kind\n r   1.5 2 ash \n", "spaces, decimal point, UTF-8, LF"],
    [
      "single quotes",
      "id,length,width,kind\n'r','1.5',2,'ash'\n",
      "commas, decimal point, single quotes, UTF-8, LF"
    ],
    [
      "single quotes around names",
      "'id','length','width','kind'\n'r',1.5,2,'ash'\n",
      "commas, decimal point, single quotes, UTF-8, LF"
    ],
    [
      "single quotes around separators",
      "id,length,width,kind,note\nr,1.5,2,ash,'a, b'\n",
      "commas, decimal point, single quotes, UTF-8, LF"
    ],
    [
      "comments",
      `# made "by hand\n#\n${header}# half\nr,1.5,2,ash\n`,
      "commas, decimal point, comments after #, UTF-8, LF"
    ],
    [
      "comments of TeX",
      `% made by x\r${header}r,1.5,2,ash\n`,
      "commas, decimal point, comments after %, UTF-8, LF and CR"
    ],
    [
      "a line sep=",
      "sep=;\r\nid;length;width;kind\r\nr;1,5;2;ash\r\n",
      "semicolons, decimal comma, UTF-8, CRLF"
    ],
    [
      "a line sep= in quotes",
      '"sep=,"\nid,length,width,kind\nr,1.5,2,ash',
      "commas, decimal point, UTF-8, LF"
    ],
    [
      "a comment at the end",
      `${header}r,1.5,2,ash\n// the end`,
      "commas, decimal point, comments after //, UTF-8, LF"
    ]
  ])("%s", async (_, text, dialect) => {
    expect(await read(text)).toEqual({ ...one, dialect })
  })

  it("without a mark where no number has any", async () => {
    expect(await read(`${header}r,1,2,ash\r`)).toMatchObject({
      length: [1],
      dialect: "commas, UTF-8, LF and CR"
    })
  })

  it("for a file of one column with decimal commas", async () => {
    const table = await readBytes("length\n1,5\n-2,25\n", {
      description,
      columns: ["length"],
      ids: { prefix: "r", first: 1 }
    })
    expect(columnOf(table, "length")).toEqual([1.5, -2.25])
  })

  it.each([
    ["1,234.5", "22.5", "commas, decimal point, thousands commas", [1234.5, 22.5]],
    ["1.234,5", "1.234.567", "commas, decimal comma, thousands points", [1234.5, 1234567]],
    ["1 234,5", "1 234 567", "commas, decimal comma, thousands spaces", [1234.5, 1234567]],
    ["1\u202f234,567", "-2\u202f000", "commas, decimal comma, thousands spaces", [1234.567, -2000]],
    ["1\u00a0234.5", "2", "commas, decimal point, thousands spaces", [1234.5, 2]],
    ["1'234.5", "1'234'567", "commas, decimal point, thousands apostrophes", [1234.5, 1234567]],
    ["1’234", "0.5", "commas, decimal point, thousands apostrophes", [1234, 0.5]],
    // Another number tells what the mark of the first is.
    ["1,234", "0,5", "commas, decimal comma", [1.234, 0.5]],
    ["1,234", "0.5", "commas, decimal point, thousands commas", [1234, 0.5]],
    ["1,234", "1,234,567", "commas, thousands commas", [1234, 1234567]],
    ["1,234", "12,34", "commas, decimal comma", [1.234, 12.34]],
    ["1.234", "12,5", "commas, decimal comma, thousands points", [1234, 12.5]],
    ["1.234", "5", "commas, decimal point", [1.234, 5]],
    ["1,5e3", "-,5", "commas, decimal comma", [1500, -0.5]]
  ])("by numbers such as %s and %s", async (first, second, dialect, values) => {
    const found = await read(`${header}r,"${first}","${second}",ash\n`)
    expect([...found.length, ...found.width]).toEqual(values)
    expect(found.dialect.replace(", decimal point, thousands commas", ", thousands commas")).toContain(
      dialect.replace(", decimal point, thousands commas", ", thousands commas")
    )
  })

  it("where the first line alone is longer than a sample", async () => {
    const more = Array.from({ length: 20_000 }, (_, column) => `other-${column}`)
    expect(more.join().length).toBeGreaterThan(1 << 17)
    const line = (cells: string) => `${cells};${more.join(";")}\n`
    expect(await read(`${line("id;length;width;kind")}${line("r;1,5;2;ash")}`)).toMatchObject(one)
  })

  it("by marks that come only far down", async () => {
    const many = Array.from({ length: 6000 }, (_, row) => `row-000000000${row};1;2;ash\n`).join("")
    const { length, dialect } = await read(
      `id;length;width;kind\n${many}r;1,5;2;ash\n# end\ns;1.000,5;2;ash\n`
    )
    expect(length.slice(-2)).toEqual([1.5, 1000.5])
    expect(dialect).toBe("semicolons, decimal comma, thousands points, comments after #, UTF-8, LF")
  })
})

describe("a dialect - that may be one or another is refused with both", () => {
  const marks =
    "which may be a decimal mark or part the thousands, and no other number of the first rows tells which"
  const remedy = (mark: string, other: string) =>
    `say dialect: { decimal: ${mark} } or dialect: { decimal: ${other} } where the scenario names the file: with ${mark} it begins a fraction, with ${other} it parts thousands`

  it.each([
    ["a comma", "id;length;width;kind\nq;1;2;ash\nr;1,234;2;ash\n", 3, "comma", "point"],
    ["a point", "id;length;width;kind\nr;-1.234;2;ash\n", 2, "point", "comma"],
    ["a comma in quotes", `${header}r,"1,234",2,ash\n`, 2, "comma", "point"]
  ])("by %s before three digits", async (_, text, line, mark, other) => {
    expect(await refusal(text)).toBe(
      `a.csv:${line}: column length has a ${mark} here ${marks}; ${remedy(mark, other)}`
    )
    for (const decimal of ["point", "comma"] as const) {
      const { length } = await read(text, { dialect: { decimal } })
      expect(Math.abs(length.at(-1)!)).toBe(decimal === mark ? 1.234 : 1234)
    }
  })

  it("also where that comes only far down", async () => {
    const many = Array.from({ length: 6000 }, (_, row) => `row-000000000${row};1;2;ash\n`).join("")
    expect(await refusal(`id;length;width;kind\n${many}r;1,234;2;ash\ns;1,5;2;ash\n`)).toContain(
      `a.csv:6002: column length of row r has a comma here ${marks}`
    )
  })

  it("by separators, where the scenario has the names", async () => {
    const names = { header: ["id", "length"], columns: ["length"] }
    expect(await refusal("a;1,5\nb;2,5\n", names)).toBe(
      "a.csv: the file can be read in two ways: separated by commas or by semicolons, and its rows fit both; say dialect: { separator: comma } or dialect: { separator: semicolon } where the scenario names the file"
    )
    const semicolons = { ...names, dialect: { separator: "semicolon" } } as const
    const table = await readBytes("a;1,5\nb;2,5\n", { description, ...semicolons })
    expect(columnOf(table, "length")).toEqual([1.5, 2.5])
    const commas = await readBytes("a;1,5\nb;2,5\n", {
      description,
      ...names,
      dialect: { separator: "comma" }
    })
    expect([commas.ids, columnOf(commas, "length")]).toEqual([
      ["a;1", "b;2"],
      [5, 5]
    ])
  })

  it("by single quotes around all texts, and none around numbers", async () => {
    const text = "id,length,width,kind\n'r',1,2,ash\n's',1,2,ash\n"
    expect(await refusal(text)).toContain(
      "may be around them or a part of them; say dialect: { quote: single }"
    )
    expect((await read(text, { dialect: { quote: "single" } })).ids).toEqual(["r", "s"])
    expect((await read(text, { dialect: { quote: "double" } })).ids).toEqual(["'r'", "'s'"])
  })

  it("by rows that may be comments", async () => {
    const text = `${header}#r,1,2,ash\ns,1,2,ash\n`
    expect(await refusal(text)).toBe(
      "a.csv:2: the file has a row here that begins with #, and may be a comment; say dialect: { comment: hash } or dialect: { comment: none } where the scenario names the file"
    )
    expect((await read(text, { dialect: { comment: "hash" } })).ids).toEqual(["s"])
    expect((await read(text, { dialect: { comment: "none" } })).ids).toEqual(["#r", "s"])
    // Not all rows of a table are comments.
    expect((await read(`${header}#r,1,2,ash\n#s,1,2,ash\n`)).ids).toEqual(["#r", "#s"])
    const many = Array.from({ length: 6000 }, (_, row) => `row-000000000${row},1,2,ash\n`).join("")
    expect(await refusal(`${header}${many}#r,1,2,ash\n`)).toContain(
      "a.csv:6002: the file has a row here that begins with #"
    )
  })
})

describe("a dialect - holds for the whole file", () => {
  it.each([
    [
      "1.234,5",
      "has a decimal comma where the file has decimal points; write all numbers of the file with a decimal point, such as 12.5"
    ],
    ["12,5", "has a decimal comma where the file has decimal points"],
    ["1 234", "has separators between the thousands (thousands spaces) where the file has thousands commas"],
    ["1,23,456", "is not a number"]
  ])("so %s after decimal points is a fault of its line", async (cell, says) => {
    const many = Array.from({ length: 6000 }, (_, row) => `row-0000${row};1,000.5;2;ash\n`).join("")
    const text = `id;length;width;kind\n${many}r;${cell};2;ash\ns;1.5;2;ash\n`
    expect(await refusal(text)).toContain(`a.csv:6002: column length of row r ${says}`)
  })

  it("and so it is where the scenario says it", async () => {
    expect(await refusal("id;length;width;kind\nr;1,5;2;ash\n", { dialect: { decimal: "point" } })).toContain(
      "column length of row r has a decimal comma where the file has decimal points"
    )
    expect(await refusal(`${header}r,"1,000.5",2,ash\n`, { dialect: { thousands: "none" } })).toContain(
      "has separators between the thousands (thousands commas) where the file has no mark of thousands"
    )
  })
})

describe("a dialect - of the scenario", () => {
  it("replaces the names of a file", async () => {
    const text = "a,b,c,d\nr,1.5,2,ash\n"
    const names = { header: ["id", "length", "width", "kind"] }
    expect(await read(text, { ...names, dialect: { header: true } })).toMatchObject(one)
    expect(await refusal(text, names)).toContain("a.csv:1: column length of row a is not a number")
    expect(await read("r,1.5,2,ash\n", names)).toEqual({
      ...one,
      dialect: "commas, decimal point, no line of names, UTF-8, LF"
    })
  })

  it("may have no quotes", async () => {
    const text = `id,length,width,kind\n5" r,1.5,2,ash\n`
    expect(await refusal(text)).toContain("or say dialect: { quote: none } where the scenario names the file")
    expect((await read(text, { dialect: { quote: "none" } })).ids).toEqual(['5" r'])
  })

  it("must not use a mark for two things", () => {
    expect(contradiction({ decimal: "comma", thousands: "comma" })).toContain("say thousands: none")
    expect(contradiction({ separator: "comma", decimal: "comma", quote: "none" })).toContain(
      "say quote: double"
    )
    expect(contradiction({ separator: "space", thousands: "space", quote: "none" })).toContain(
      "say quote: double"
    )
    expect(contradiction({ quote: "single", thousands: "apostrophe" })).toContain("say quote: double")
    expect(contradiction({ separator: "comma", decimal: "comma" })).toBeUndefined()
    expect(contradiction({ separator: "semicolon", decimal: "comma", quote: "none" })).toBeUndefined()
  })
})

describe("numbers of any dialect", () => {
  it("are the doubles that JavaScript reads with a point and without separators", async () => {
    const decimal = fc.constantFrom("point" as const, "comma" as const)
    const thousands = fc.constantFrom(
      "none" as const,
      "comma" as const,
      "point" as const,
      "space" as const,
      "apostrophe" as const
    )
    const number = fc.oneof(
      fc.tuple(fc.integer({ min: -(10 ** 8), max: 10 ** 8 }), fc.nat(9999)).map(([a, b]) => `${a}.${b}`),
      fc
        .double({ min: -1e9, max: 1e9, noNaN: true })
        .filter((x) => !/e/.test(String(x)))
        .map(String)
    )
    const property = fc.asyncProperty(
      decimal,
      thousands,
      fc.array(number, { minLength: 1 }),
      async (mark, between, numbers) => {
        if (mark === between) return
        const written = numbers.map((text) => {
          const [whole = "", fraction] = text.split(".")
          const grouped = whole.replace(/\B(?=(\d{3})+$)/g, thousandsMarks[between].slice(0, 1))
          return fraction === undefined ? grouped : `${grouped}${decimalMarks[mark]}${fraction}`
        })
        const text = `id;length;width;kind\n${written.map((cell, row) => `r${row};${cell};0;ash\n`).join("")}`
        const { length } = await read(text, { dialect: { decimal: mark, thousands: between } })
        expect(length).toEqual(numbers.map(Number))
      }
    )
    await fc.assert(property, { numRuns: 200 })
  })
})
