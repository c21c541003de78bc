/** Parquet that is cut short, damaged, or says of itself what is not so: refused in words, in no more memory than there is. */
import { readFileSync } from "node:fs"
import { brotliCompressSync, gzipSync } from "node:zlib"
import fc from "fast-check"
import { parquetMetadata } from "hyparquet"
import { parquetHeader } from "hyparquet/src/column.js"
import { describe, expect, it } from "vitest"
import type { DataDescription } from "../../../protocol/data/description.ts"
import { unpackPage } from "../../../protocol/data/parquet-codecs.ts"
import { readRuns } from "../../../protocol/data/parquet-runs.ts"
import { storedValues } from "../../../protocol/data/parquet-values.ts"
import { TableError } from "../../../protocol/data/table.ts"
import { writeParquet } from "./parquet.ts"
import { readBytes, refused } from "./read.ts"

const fixture = (file: string) =>
  new Uint8Array(readFileSync(new URL(`fixtures/parquet/${file}.parquet`, import.meta.url)))

/** The first page of a column, as it is compressed, and the bytes that it has. */
const pageOf = (file: string, column: string) => {
  const bytes = fixture(file)
  const { row_groups: groups } = parquetMetadata(bytes, { geoparquet: false })
  const data = groups[0]!.columns.find((each) => each.meta_data!.path_in_schema[0] === column)!.meta_data!
  const reader = { view: new DataView(bytes.buffer), offset: Number(data.data_page_offset) }
  const header = parquetHeader(reader)
  const packed = bytes.subarray(reader.offset, reader.offset + header.compressed_page_size)
  return { codec: data.codec, packed, length: header.uncompressed_page_size }
}

const codecs = [
  ["SNAPPY", "snappy", "wave"],
  ["GZIP", "gzip", "wave"],
  ["ZSTD", "zstd", "wave"],
  ["BROTLI", "brotli", "wave"],
  ["LZ4_RAW", "lz4_raw", "wave"],
  ["LZ4", "other-hadoop-lz4", "c0"],
  ["LZ4", "other-lz4-by-name-alone", "c0"]
] as const

describe("a page of Parquet", () => {
  it.each(codecs)("in %s of %s has the bytes that its header says, and no others", (codec, file, column) => {
    const page = pageOf(file, column)
    expect(page.codec).toBe(codec)
    expect(unpackPage(codec, page.packed, page.length)).toHaveLength(page.length)
    for (const length of [page.length - 1, page.length + 1, 2 * page.length]) {
      expect(() => unpackPage(codec, page.packed, length), `${length} bytes`).toThrow()
    }
  })

  it.each(codecs)("in %s of %s is refused wherever it is cut short", (codec, file, column) => {
    const { packed, length } = pageOf(file, column)
    for (let end = packed.length - 1; end >= 0; end -= end > 40 ? 7 : 1) {
      expect(() => unpackPage(codec, packed.subarray(0, end), length), `cut at ${end}`).toThrow()
    }
  })

  it.each(["SNAPPY", "GZIP", "ZSTD", "BROTLI", "LZ4", "LZ4_RAW"])(
    "in %s of any bytes is refused, or has the bytes that its header says",
    (codec) => {
      const property = fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(500), (bytes, length) => {
        try {
          expect(unpackPage(codec, bytes, length)).toHaveLength(length)
        } catch (error) {
          expect(error).toBeInstanceOf(Error)
        }
      })
      fc.assert(property, { numRuns: 60 })
    }
  )

  it("in Zstandard makes no more bytes than its header says", () => {
    // Frames of blocks that repeat one byte: 16 blocks of 128 KiB each in 64 bytes.
    const block = (last: boolean) => [...little(((2 ** 17) << 3) | (1 << 1) | Number(last)).subarray(0, 3), 7]
    const blocks = Array.from({ length: 16 }, (_, place) => block(place === 15)).flat()
    const frame = Uint8Array.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0x48, ...blocks])
    expect(Buffer.alloc(2 ** 21, 7).equals(unpackPage("ZSTD", frame, 2 ** 21))).toBe(true)
    const before = process.memoryUsage().arrayBuffers
    for (const length of [100, 2 ** 21 - 1, 2 ** 21 + 1, 2 ** 31 - 1]) {
      expect(() => unpackPage("ZSTD", frame, length), `${length} bytes`).toThrow()
    }
    // A window of two gigabytes.
    expect(() => unpackPage("ZSTD", frame.with(5, 0xa8), 2 ** 21)).toThrow()
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 26)
  })

  it("has texts that continue each other, each as long as it is", () => {
    // Deltas: blocks of 128 in 4, how many, the first, and what each has more than the one before.
    const deltas = (first: number, step: number) => [128, 1, 4, 4, 2 * first, 2 * step, 0, 0, 0, 0]
    const bytes = Uint8Array.from([...deltas(0, 2), ...deltas(2, 0), ...Buffer.from("abcdefgh")])
    const next = (most: number, from = bytes) =>
      storedValues(from, "DELTA_BYTE_ARRAY", { name: "x", type: "BYTE_ARRAY" }, 4, most)
    const read = next(20)
    const found = Array.from({ length: 4 }, () => Buffer.from(read() as Uint8Array).toString())
    expect(found).toEqual(["ab", "abcd", "abcdef", "abcdefgh"])
    expect(() => next(19)).toThrow()
    expect(() => next(20, bytes.subarray(0, -1))).toThrow()
    // The first continues one that is not there.
    expect(() => next(1e9, bytes.with(4, 2))).toThrow()
    // Blocks of no size would never end.
    expect(() => next(20, bytes.with(0, 0x80).with(1, 0))).toThrow()
  })
})

describe("runs of small integers", () => {
  it("are those that are equal, and those packed in bits", () => {
    const out = new Int32Array(13)
    // Five times 3, then a group of eight of three bits each (Encodings.md of the format).
    readRuns(Uint8Array.of(10, 3, 3, 0x88, 0xc6, 0xfa), 3, out)
    expect([...out]).toEqual([3, 3, 3, 3, 3, 0, 1, 2, 3, 4, 5, 6, 7])
  })

  it("fill no more than they are to, and are refused if they do not fill it", () => {
    const out = new Uint8Array(4)
    readRuns(Uint8Array.of(0xfe, 0xff, 0xff, 0xff, 0x0f, 1), 1, out)
    expect([...out]).toEqual([1, 1, 1, 1])
    for (const bytes of [[], [4, 1], [0xff], [8], [0xff, 0xff, 0xff, 0xff, 0xff, 0xff], [3]]) {
      expect(() => readRuns(Uint8Array.from(bytes), 1, out), String(bytes)).toThrow(RangeError)
    }
  })
})

const little = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

describe("a file of Parquet", () => {
  const wide: DataDescription = {
    id: "id",
    features: [
      { name: "square", fill: { value: 0 } },
      { name: "wave", fill: { value: 0 } },
      { name: "note", kind: "category", values: ["note 1"], other: true, fill: { value: "note 1" } },
      { name: "day", kind: "date", fill: { value: 0 } },
      { name: "flag", kind: "boolean", fill: { value: 0 } }
    ],
    label: { column: "kind", values: ["ash", "elm", "oak"] },
    scaleTo: [-1, 1]
  }

  it.each(["snappy", "gzip", "zstd", "brotli", "lz4_raw", "v2", "v2-zstd"])(
    "is read or refused in words wherever its bytes are others: %s",
    async (file) => {
      const whole = fixture(file)
      expect((await readBytes(whole, { description: wide })).ids).toHaveLength(40)
      const changes = fc.array(fc.tuple(fc.nat(whole.length - 13), fc.nat(255)), {
        minLength: 1,
        maxLength: 4
      })
      const property = fc.asyncProperty(changes, async (bytes) => {
        const damaged = whole.slice()
        for (const [place, byte] of bytes) damaged[4 + place] = byte
        const room = { heap: 1e8, memory: 1e8 }
        const error = await readBytes(damaged, { description: wide, room }).catch((reason: unknown) => reason)
        if (error instanceof Error) {
          expect(error).toBeInstanceOf(TableError)
          expect(error.message).toMatch(/; \S/)
        }
      })
      await fc.assert(property, { numRuns: 25 })
    }
  )

  it("is refused with the size of a page that takes more memory than is free", async () => {
    const id = { name: "id", type: "INT32" as const, cells: [1] }
    const zeros = Buffer.alloc(1 << 20)
    for (const [codec, pack] of [
      [2, gzipSync],
      [4, brotliCompressSync]
    ] as const) {
      const kind = { name: "kind", type: "BYTE_ARRAY" as const, cells: ["ash"], codec }
      const file = writeParquet([id, { ...kind, pack: () => pack(zeros), unpacked: 10 * 2 ** 27 }])
      const room = { heap: 1e9, memory: 2 ** 30 }
      expect(await refused(file, { columns: ["kind"], room })).toBe(
        "a.csv: column kind has a page that takes about 10.0 GiB of memory, where 1.0 GiB are free; " +
          "write the file with smaller pages or row groups, of a million rows or less"
      )
    }
  })

  it.each([1, 2, 4, 5, 6, 7])("takes no memory for what a page only says: codec %i", async (codec) => {
    const id = { name: "id", type: "INT32" as const, cells: [1] }
    const kind = { name: "kind", type: "BYTE_ARRAY" as const, cells: ["ash"], codec, unpacked: 2 ** 31 - 1 }
    const before = process.memoryUsage().arrayBuffers
    expect(await refused(writeParquet([id, kind]), { columns: ["kind"] })).toBe(
      "a.csv: column kind can't be taken apart after 0 of the 1 rows of its group; " +
        "get a whole copy of the file, or write it anew"
    )
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 26)
  })
})
