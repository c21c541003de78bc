import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { BadBytes, decoderOf, type Encoding, encodings } from "../../../protocol/data/characters.ts"
import { idx } from "./idx.ts"
import { parquet } from "./parquet.ts"
import { readBytes, refused } from "./read.ts"

/** Text as bytes of an encoding, which has all its characters. */
const encoded = (text: string, encoding: Encoding): Uint8Array => {
  if (encoding === "utf-8") return new Uint8Array(Buffer.from(text))
  if (encoding === "utf-16le") return new Uint8Array(Buffer.from(text, "utf16le"))
  if (encoding === "utf-16be") return new Uint8Array(Buffer.from(text, "utf16le").swap16())
  return new Uint8Array(Buffer.from(text, "latin1"))
}

const decoded = (bytes: Uint8Array, encoding: Encoding, piece: number) => {
  const decode = decoderOf(encoding)
  const texts: Array<string> = []
  for (let at = 0; at < bytes.length; at += piece) texts.push(decode(bytes.subarray(at, at + piece), false))
  return [...texts, decode(new Uint8Array(0), true)].join("")
}

const table = (name: string) => `id,size\n${name},1\n`
const wanted = { columns: ["size"] }

describe("characters - of pieces", () => {
  it.each(["utf-8", "utf-16le", "utf-16be"] as const)(
    "are those of the whole, wherever %s is cut",
    (encoding) => {
      const text = fc.string({ unit: "grapheme", maxLength: 30 })
      const property = fc.property(text, fc.integer({ min: 1, max: 9 }), (each, piece) => {
        expect(decoded(encoded(each, encoding), encoding, piece)).toBe(each)
      })
      fc.assert(property, { numRuns: 200 })
    }
  )

  it("are all 256 of ISO 8859-1 in latin1, the controls among them", () => {
    const all = Uint8Array.from({ length: 256 }, (_, byte) => byte)
    const codes = Array.from(decoded(all, "latin1", 100), (character) => character.codePointAt(0))
    expect(codes).toEqual([...all])
  })

  it("are those of Windows in windows-1252, but for five bytes that stand for none", () => {
    const bytes = Uint8Array.of(0x80, 0x91, 0x92, 0x93, 0x96, 0x9f, 0xe9, 0x41)
    expect(decoded(bytes, "windows-1252", 3)).toBe("€‘’“–ŸéA")
    const undefinedBytes = [0x81, 0x8d, 0x8f, 0x90, 0x9d]
    for (let byte = 0x80; byte < 0xa0; byte++) {
      const decode = () => decoded(Uint8Array.of(byte), "windows-1252", 1)
      if (undefinedBytes.includes(byte)) expect(decode).toThrow(BadBytes)
      else expect(decode().length).toBe(1)
    }
  })

  it.each([
    ["utf-8", "c3"],
    ["utf-8", "c080"],
    ["utf-8", "eda080"],
    ["utf-8", "f5808080"],
    ["utf-8", "41ff42"],
    ["utf-16le", "00d84100"],
    ["utf-16be", "dc000041"],
    ["utf-16le", "4100ff"]
  ] as const)("are none for wrong bytes of %s: %s", (encoding, hex) => {
    for (const piece of [1, 2, 100])
      expect(() => decoded(new Uint8Array(Buffer.from(hex, "hex")), encoding, piece)).toThrow(BadBytes)
  })
})

describe("characters - of a file", () => {
  it.each(encodings)("are read in %s where the scenario names it", async (encoding) => {
    const { ids } = await readBytes(encoded(table("Müller"), encoding), { ...wanted, encoding })
    expect(ids).toEqual(["Müller"])
  })

  it("tell Müller and Möller apart, or are refused, whatever is said of them", async () => {
    for (const encoding of [undefined, ...encodings]) {
      const read = async (name: string) =>
        (
          await readBytes(encoded(table(name), "latin1"), { ...wanted, encoding }).catch(() => ({
            ids: [name]
          }))
        ).ids
      expect(await read("Müller")).not.toEqual(await read("Möller"))
    }
  })

  it("have € and ’ of Windows", async () => {
    const bytes = Uint8Array.from(encoded(table("?a?"), "latin1"), (byte, at) =>
      at === 8 ? 0x80 : at === 10 ? 0x92 : byte
    )
    expect((await readBytes(bytes, { ...wanted, encoding: "windows-1252" })).ids).toEqual(["€a’"])
    expect(await refused(bytes, wanted)).toContain("windows-1252 would fit")
  })

  it("that are not UTF-8 are refused with line, column, place and the encoding that fits", async () => {
    const text = `id,note,size\n${"a,b,1\n".repeat(1).replace("a", "x")}y,"c,\nd",2\nz,Müller,3\n`
    expect(await refused(encoded(text, "latin1"), wanted)).toBe(
      "a.csv:5: column note has bytes that are not UTF-8, at character 4 of the line; windows-1252 would fit; save the file as UTF-8, or say encoding: windows-1252 where the scenario names it"
    )
    expect(await refused(encoded(table("\x81ü"), "latin1"), wanted)).toContain(
      "a.csv:2: column id has bytes that are not UTF-8, at character 1 of the line; name the encoding that the file has"
    )
    expect(await refused(encoded("id,größe\n", "latin1"), wanted)).toContain(
      "a.csv:1: the file has bytes that are not UTF-8, at character 6"
    )
  })

  it("that are far down a large file are refused with their line", async () => {
    const lines = Array.from({ length: 200_000 }, (_, row) => `r${row},1`).join("\n")
    expect(await refused(encoded(`id,size\n${lines}\nü,1\n`, "latin1"), wanted)).toContain(
      "a.csv:200002: column id"
    )
  })

  it.each(["utf-16le", "utf-16be"] as const)(
    "in %s are known by a mark or by zero bytes",
    async (encoding) => {
      for (const mark of ["\ufeff", ""]) {
        const read = await readBytes(encoded(`${mark}${table("Müller 穀物")}`, encoding), wanted)
        expect(read.ids).toEqual(["Müller 穀物"])
        expect(read.dialect).toMatchObject({ encoding, marked: mark !== "" })
      }
    }
  )

  it.each(["utf-8", "utf-16le", "utf-16be"] as const)(
    "may begin with a byte order mark in %s",
    async (encoding) => {
      const { ids } = await readBytes(encoded(`\ufeff${table("é")}`, encoding), { ...wanted, encoding })
      expect(ids).toEqual(["é"])
    }
  )

  it.each([
    ["utf-16le", "utf-16be"],
    ["utf-16be", "utf-8"],
    ["utf-8", "windows-1252"],
    ["utf-16le", "latin1"]
  ] as const)("marked as %s are refused as %s", async (marked, encoding) => {
    expect(await refused(encoded(`\ufeff${table("a")}`, marked), { ...wanted, encoding })).toContain(
      `is in ${marked.toUpperCase()}, as its first bytes say, and not in ${encoding}, as is said of it`
    )
  })

  it("have no encoding of the scenario in Parquet and IDX", async () => {
    expect(await refused(parquet, { encoding: "latin1" })).toContain(
      "is Parquet, which has an encoding of its own"
    )
    expect(await refused(idx(8, [1], [0]), { encoding: "utf-8" })).toContain(
      "is IDX, which has an encoding of its own"
    )
  })
})
