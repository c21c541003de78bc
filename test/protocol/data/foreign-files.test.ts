import { brotliCompressSync, gzipSync } from "node:zlib"
import { describe, expect, it } from "vitest"
import { Unreadable } from "../../../protocol/data/byte-source.ts"
import { readDataFile } from "../../../protocol/data/data-file.ts"
import { features } from "./description.ts"
import { idx } from "./idx.ts"
import { parquet, writeParquet } from "./parquet.ts"
import { readBytes, refused, small } from "./read.ts"

const description = {
  ...small,
  features: features({ length: [0, 10_000], width: [0, 100] })
}
const header = "id,length,width,kind\n"
const latin = (text: string) => new Uint8Array(Buffer.from(text, "latin1"))
const rows = (line: (row: number) => string) =>
  Array.from({ length: 40 }, (_, row) => `${line(row)}\n`).join("")

describe("a file that is something else - is named for what it is, in one line", () => {
  it.each([
    [
      "an Excel workbook",
      latin(`PK\x03\x04${"\0".repeat(40)}[Content_Types].xml...xl/workbook.xml`),
      "is an Excel workbook (xlsx)"
    ],
    [
      "a spreadsheet of LibreOffice",
      latin("PK\x03\x04..mimetypeapplication/vnd.oasis.opendocument.spreadsheet"),
      "is an OpenDocument spreadsheet (ods)"
    ],
    ["arrays of NumPy", latin("PK\x03\x04..arr_0.npy"), "is a file of NumPy arrays (npz)"],
    ["a zip", latin("PK\x03\x04..east.csv"), "is a zip archive"],
    [
      "an old workbook",
      latin("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
      "is a spreadsheet or document of old Microsoft Office (xls)"
    ],
    ["bzip2", latin("BZh91AY&SY\0"), "is compressed with bzip2"],
    ["xz", latin("\xfd7zXZ\0"), "is compressed with xz"],
    ["zstd", latin("\x28\xb5\x2f\xfd"), "is compressed with zstd"],
    ["7z", latin("7z\xbc\xaf\x27\x1c"), "is a 7z archive"],
    ["npy", latin("\x93NUMPY\x01\0"), "is an array of NumPy"],
    ["pickle", latin("\x80\x04\x95"), "is a Python pickle"],
    ["Arrow", latin("ARROW1\0\0"), "is an Arrow or Feather file"],
    ["HDF5", latin("\x89HDF\r\n\x1a\n"), "is an HDF5 file"],
    ["SQLite", latin("SQLite format 3\0"), "is an SQLite database"],
    ["PDF", latin("%PDF-1.7"), "is a PDF document"],
    ["HTML", latin("\n<!DOCTYPE html><html>"), "is a web page (HTML)"],
    ["JSON", latin('[{"id": 1}]'), "is JSON"],
    ["lines of JSON", latin('{"id": 1}\n{"id": 2}\n'), "is JSON"],
    [
      "a Git LFS pointer",
      latin("version https://git-lfs.github.com/spec/v1\noid sha256:0\n"),
      "is a Git LFS pointer"
    ],
    ["a pointer of git-annex", latin("/annex/objects/MD5E-s1--0.csv\n"), "is a pointer of git-annex"],
    ["a stream of Arrow", latin("\xff\xff\xff\xff\x10\0\0\0"), "is a stream of Arrow"],
    ["LZMA", latin("\x5d\0\0\x80\0"), "is compressed with LZMA"],
    ["DuckDB", latin("\0\x01\x02\x03\x04\x05\x06\x07DUCK\0"), "is a database of DuckDB"],
    ["SAS", latin(`${"\0".repeat(12)}\xc2\xea\x81\x60${"\0".repeat(16)}`), "is a SAS file"],
    ["SAS transport", latin("HEADER RECORD*******LIBRARY HEADER RECORD!!!!!!!"), "is a SAS transport file"],
    ["ARFF", latin("% grain\n@RELATION grain\n@attribute a numeric\n"), "is an ARFF file"],
    ["LIBSVM", latin("1 1:0.5 2:3\n0 1:2\n"), "is in the sparse form of LIBSVM"],
    ["SQL", latin("-- dump\nCREATE TABLE x (id int);\n"), "is a script of SQL"],
    ["a spreadsheet that is HTML", latin("<table><tr><td>id</td></tr></table>"), "is a web page (HTML)"],
    ["encrypted Parquet", latin("PARE\x15\x02"), "is an encrypted Parquet file"],
    [
      "IDX of another type",
      new Uint8Array([0, 0, 10, 1, 0, 0, 0, 1, 7]),
      "begins with two zero bytes, as IDX does"
    ],
    ["IDX of no dimension", new Uint8Array([0, 0, 8, 0, 7]), "begins with two zero bytes, as IDX does"],
    ["zeros", new Uint8Array(100), "begins with nothing but zero bytes"],
    ["gzip in gzip", new Uint8Array(gzipSync(gzipSync("id\n"))), "is compressed with gzip twice"],
    ["bzip2 in gzip", new Uint8Array(gzipSync("BZh91AY&SY\0")), "is compressed with bzip2"],
    ["nothing", new Uint8Array(0), "is empty"],
    ["blank lines", latin("\n \n\n"), "is empty"],
    ["Parquet cut short", parquet.slice(0, -9), "is Parquet that was cut short"]
  ])("%s", async (_, bytes, what) => {
    const message = await refused(bytes)
    expect(message).toContain(`a.csv: the file ${what}`)
    expect(message.split("\n")).toHaveLength(1)
  })

  it("gzip that is cut short, or damaged", async () => {
    const whole = new Uint8Array(gzipSync(header + rows((row) => `r${row},1,2,ash`)))
    expect(await refused(whole.slice(0, -20))).toContain("is gzip that was cut short")
    expect(await refused(whole.fill(0, 40, 60))).toContain("is not valid gzip: it is damaged")
  })

  it("gzip that unpacks to more than a file may", async () => {
    const bomb = new Uint8Array(gzipSync(Buffer.alloc(1 << 24, "\n")))
    expect(bomb.length).toBeLessThan(20_000)
    const room = { heap: 1e9, memory: 1e9, unpacked: 1 << 20 }
    expect(await refused(bomb, { room })).toContain("unpacks to more than 0.0009765625 GiB")
    const table = header + rows((row) => `r${row},1,2,ash`)
    const whole = new Uint8Array(gzipSync(table))
    const exact = { ...room, unpacked: table.length }
    expect((await readBytes(whole, { room: exact, columns: ["kind"] })).ids.length).toBeGreaterThan(0)
    expect(await refused(whole, { room: { ...exact, unpacked: table.length - 1 } })).toContain(
      "unpacks to more"
    )
  })

  it("Parquet whose pages unpack to more than it says, or say so", async () => {
    const id = { name: "id", type: "INT32" as const, cells: [1] }
    const zeros = Buffer.alloc(1 << 24)
    for (const [codec, pack] of [
      [2, gzipSync],
      [4, brotliCompressSync]
    ] as const) {
      const kind = { name: "kind", type: "BYTE_ARRAY" as const, cells: ["ash"], codec }
      const good = await readBytes(writeParquet([id, { ...kind, pack }]), { columns: ["kind"] })
      expect(good.ids).toEqual(["1"])
      // Its header is honest, and the column says nothing of it; or it lies.
      for (const unpacked of [zeros.length, undefined]) {
        const bomb = writeParquet([id, { ...kind, pack: () => pack(zeros), ...(unpacked && { unpacked }) }])
        expect(await refused(bomb, { columns: ["kind"] })).toContain("can't be taken apart")
      }
    }
    // Snappy is unpacked into as much memory as the header says.
    const snappy = {
      name: "kind",
      type: "BYTE_ARRAY" as const,
      cells: ["ash"],
      codec: 1,
      unpacked: 2 ** 31 - 1
    }
    const before = process.memoryUsage().arrayBuffers
    expect(await refused(writeParquet([id, snappy]), { columns: ["kind"] })).toContain("can't be taken apart")
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 28)
  })

  it("Parquet with another number of rows than its groups have", async () => {
    const columns = [
      { name: "id", type: "INT32" as const, cells: [1] },
      { name: "kind", type: "BYTE_ARRAY" as const, cells: ["ash"] }
    ]
    for (const rowsInAll of [2, 2 ** 40, -1])
      expect(await refused(writeParquet(columns, rowsInAll), { columns: ["kind"] })).toContain(
        `says that it has ${rowsInAll} rows, and 1 in its groups`
      )
  })

  it("IDX with another first byte, whatever separators seem to be in it", async () => {
    const sizes = [0, 0, 0, 8, 0, 0, 0, 2]
    const bytes = new Uint8Array([1, 0, 8, 2, ...sizes, ...Array.from({ length: 16 }, (_, at) => at % 10)])
    expect(await refused(bytes, { header: ["a", "b"], columns: ["a", "b"] })).toContain(
      "a.csv:1: the file has zero bytes here: it is no text"
    )
  })

  it("Parquet compressed in a way that is not read", async () => {
    const id = { name: "id", type: "INT32" as const, cells: [1] }
    const kind = { name: "kind", type: "BYTE_ARRAY" as const, cells: ["ash"] }
    for (const [codec, name] of [
      [3, "LZO"],
      [9, "a codec that is not known"]
    ] as const) {
      expect(await refused(writeParquet([id, { ...kind, codec }]), { columns: ["kind"] })).toContain(
        `column kind is compressed with ${name}, which is not read`
      )
    }
    // A column that is not held may be of any kind.
    const other = { ...kind, name: "other", codec: 3 }
    expect((await readBytes(writeParquet([id, kind, other]), { columns: ["kind"] })).ids).toEqual(["1"])
  })

  it("Parquet with a column twice, or with another case", async () => {
    const id = { name: "id", type: "INT32" as const, cells: [1] }
    const kind = { type: "BYTE_ARRAY" as const, cells: ["ash"] }
    const twice = writeParquet([id, { name: "kind", ...kind }, { name: "kind", ...kind }])
    expect(await refused(twice, { columns: ["kind"] })).toContain("column kind occurs twice in the header")
    const other = writeParquet([id, { name: "Kind", ...kind }])
    expect(await refused(other, { columns: ["kind"] })).toContain(
      "column kind is missing from the header, which has Kind: they differ only in case"
    )
  })
})

describe("a text that is no table of one dialect - is named in one line", () => {
  it.each([
    [
      "row names of R",
      `${header}1,r,1,2,ash\n`,
      "the header may lack the name of a column, such as that of the row names of R"
    ],
    [
      "the end of a file of DOS",
      `${header}r,1,2,ash\n\u001a`,
      "a.csv:3: the file has the sign for the end of a file here"
    ],
    ["sep= and something odd", `sep=§\nid§length§width§kind\n`, "a separator that is not read"],
    ["a title first", `A table\n\n${header}r,1,2,ash\n`, "has a line before the one that names the columns"],
    ["no names", rows((row) => `r${row},1,2,ash`), "has a row where the names of the columns should be"],
    [
      "comments of two signs",
      `# by hand\n${header}r,1,2,ash\n% half\n% more\ns,1,2,ash\n`,
      "a.csv:4: the file has a comment line here, of another sign"
    ],
    [
      "names again",
      `${header}r,1,2,ash\n${header}s,1,2,ash\n`,
      "a.csv:3: the file has the names of the columns again here"
    ],
    [
      "a comma at the end",
      `${header}${rows((row) => `r${row},1,2,ash,`)}`,
      "a.csv:2: the file has 5 fields here where the header has 4 (and so 39 more times, in lines 3, 4, 5, 6, 7 and others)"
    ],
    [
      "decimal commas in quotes among decimal points",
      `${header}${rows((row) => `r${row},"1,5",2.5,ash`)}`,
      "column length of row r0 has a decimal comma where the file has decimal points"
    ],
    [
      "thousands of two kinds",
      `${header}r,1'234.5,2,ash\ns,"1,234.5",2,ash\nt,1'234.5,2,ash\n`,
      "a.csv:3: column length of row s has separators between the thousands (thousands commas)"
    ],
    [
      "what may be either",
      `${header}r,"1,234",2,ash\n`,
      "has a comma here which may be a decimal mark or part the thousands"
    ],
    ["percents", `${header}r,12 %,2,ash\n`, "has a percent sign"],
    ["units", `${header}r,12 kg,2,ash\n`, "has a unit"],
    ["dates", `${header}r,2-Sep,2,ash\n`, "is a date, not a number"],
    ["minus signs of print", `${header}r,−5,2,ash\n`, "has a dash for a minus sign"],
    ["infinity", `${header}r,inf,2,ash\n`, "is infinite"],
    ["zeros", `${header}r,1,2,ash\ns,\0,2,ash\n`, "a.csv:3: the file has zero bytes here"],
    [
      "quotes with backslashes",
      `${header}r,1,2,"a\\"b"\n`,
      "a.csv:2: the file has a quote with a backslash before it"
    ],
    [
      "a quote within",
      `${header}r,1,2,5" pipe\n`,
      "a.csv:2: the file has a quote within a field that does not begin with one"
    ],
    ["text behind a quote", `${header}r,1,2,"a"b\n`, "a.csv:2: the file has text behind the quote"],
    [
      "a quote that never ends",
      `${header}${rows((row) => (row === 20 ? 'x,1,2,"ash' : `r${row},1,2,ash`))}`,
      "a.csv:22: the file has a quote here that never ends"
    ]
  ])("%s", async (_, text, what) => {
    const message = await refused(text, { description })
    expect(message).toContain(what)
    expect(message.split("\n")).toHaveLength(1)
  })

  it.each(["NA", "NaN", "nan", "N/A", "?", "NULL", "None", "-", "<NA>", "n/a"])(
    "the missing value %s",
    async (word) => {
      const message = await refused(`${header}r,${word},2,${word}\n`, { description })
      expect(message.split("\n")).toEqual([
        "a.csv:2: column length of row r is missing: it holds a word for a missing value; fill in the value, leave out the row, or say fill in the scenario, such as fill: mean"
      ])
    }
  )

  it("a spreadsheet's error", async () => {
    expect(await refused(`${header}r,#DIV/0!,2,ash\n`, { description })).toContain(
      "it holds a spreadsheet's error"
    )
  })

  it("names that the scenario has too", async () => {
    const named = { description, header: ["id", "length", "width", "kind"] }
    expect(await refused(`${header}r,1,2,ash\n`, named)).toContain(
      "names its columns itself, besides the header"
    )
  })

  it("a name that is near", async () => {
    expect(await refused("id,Length,width,kind\nr,1,2,ash\n", { description })).toContain(
      "a.csv:1: column length is missing from the header, which has Length: they differ only in case"
    )
  })

  it("tells the line where a record begins, behind line breaks in quotes", async () => {
    const text = `id,note,length,width,kind\na,"one\ntwo",1,2,ash\nb,"one\r\ntwo\rthree",x,2,ash\nc,"",1,y,ash\n`
    const message = await refused(text, { description })
    expect(message.split("\n").map((line) => line.slice(0, 7))).toEqual(["a.csv:4", "a.csv:7"])
  })
})

describe("a text that may look odd - is read", () => {
  it.each([
    ["line ends of three kinds", "id,length,width,kind\r\na,1,2,ash\rb,1,2,elm\nc,1,2,ash"],
    ["only carriage returns", "id,length,width,kind\ra,1,2,ash\rb,1,2,elm\rc,1,2,ash\r"],
    [
      "a byte order mark, blank lines and blanks",
      '\ufeff\n\n id , length,width ,kind\n\n a,1 ,2,\tash\nb,1,2,elm\n \nc,1,2,"ash"\n'
    ],
    [
      "doubled quotes and commas in quotes",
      'id,length,width,kind,"a ""note"", of sorts"\na,1,2,ash,"x,""y"""\nb,1,2,elm,\nc,1,2,ash,""\n'
    ],
    [
      "names that begin as other formats do",
      "ORCID,id,length,width,kind\n1,a,1,2,ash\n2,b,1,2,elm\n3,c,1,2,ash\n"
    ],
    [
      "a name that begins as an encrypted Parquet file",
      "PARENT,id,length,width,kind\n,a,1,2,ash\n,b,1,2,elm\n,c,1,2,ash\n"
    ],
    ["names that are not wanted twice", "id,x,x,length,width,kind\na,;,|,1,2,ash\nb,,,1,2,elm\nc,,,1,2,ash\n"]
  ])("%s", async (_, text) => {
    const { ids } = await readBytes(text, { description })
    expect(ids).toEqual(["a", "b", "c"])
    expect(await readBytes(new Uint8Array(gzipSync(text)), { description })).toEqual(
      await readBytes(text, { description })
    )
  })
})

describe("a file that does not fit - is refused in words", () => {
  const room = (memory: number, heap = memory) => ({ description, room: { memory, heap } })
  const table = header + rows((row) => `r${row},1,2,ash`)

  it("where its cells take more memory than is free", async () => {
    expect(await refused(table, room(100, 1e9))).toMatch(
      /takes about .* GiB of memory for the cells that are held/
    )
    expect(await refused(idx(8, [50, 2], new Array(100).fill(0)), room(99, 1e9))).toContain("for the cells")
  })

  it("where its ids take more of the heap than is free", async () => {
    expect(await refused(table, room(1e9, 1000))).toMatch(
      /takes about .* GiB of memory for the ids that are held/
    )
  })

  it("where it is Parquet behind gzip and can't be unpacked", async () => {
    expect(await refused(new Uint8Array(gzipSync(parquet)), room(1000))).toContain(
      "takes too much memory when it is unpacked"
    )
  })

  it("as is a file that can't be read any more, with what its source says", async () => {
    const gone = new Unreadable({ reason: "gone" })
    const source = { size: 100, read: () => Promise.reject(gone) }
    await expect(readDataFile(source, { user: "ada", file: "a.csv" }, description)).rejects.toBe(gone)
  })
})
