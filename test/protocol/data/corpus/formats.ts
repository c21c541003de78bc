/** Files that are something else than their name says; compressed ones, whole and cut; and IDX. */
import { gzipSync } from "node:zlib"
import { idx } from "../idx.ts"
import { type DataCase, grain, type Told } from "./outcome.ts"
import { cellsOf, grainSheet, plain } from "./sheet.ts"

const csv = plain(grainSheet)
const text = (words: string) => new TextEncoder().encode(words)
const joined = (...parts: ReadonlyArray<Uint8Array | ReadonlyArray<number>>) =>
  new Uint8Array(Buffer.concat(parts.map((part) => Buffer.from(part as Uint8Array))))
/** A beginning, and bytes after it that are no text. */
const binary = (...start: ReadonlyArray<number>) =>
  joined(
    start,
    Array.from({ length: 300 }, (_, i) => (i * 167 + 13) % 256)
  )
const letters = (word: string) => [...Buffer.from(word, "latin1")]
const refusal = (name: string, bytes: Uint8Array, told: Told): DataCase => ({
  name,
  bytes,
  expected: { problems: [told] }
})

/** A local file's header of a zip, with its name. */
const zip = (file: string) =>
  joined(
    letters("PK\x03\x04"),
    [20, 0, 0, 0, 8, 0, 0, 0, 0x21, 0x58],
    [1, 2, 3, 4, 200, 0, 0, 0, 44, 1, 0, 0, file.length, 0, 0, 0],
    letters(file),
    binary()
  )
/** The header of a member of a tar archive. */
const tar = (() => {
  const header = Buffer.alloc(512)
  header.write("grain.csv", 0)
  header.write("0000644\0", 100)
  header.write("ustar\x0000", 257, "latin1")
  return joined(header, csv, new Uint8Array(512))
})()

const magics: ReadonlyArray<readonly [name: string, bytes: Uint8Array, says: RegExp]> = [
  ["a zip archive", zip("grain.csv"), /\bzip\b/i],
  ["a zip archive without anything", joined(letters("PK\x05\x06"), new Uint8Array(18)), /\bzip\b/i],
  ["a workbook (xlsx)", zip("[Content_Types].xml"), /xlsx|spreadsheet|workbook|excel|zip/i],
  ["a workbook (xlsx), sheet first", zip("xl/workbook.xml"), /xlsx|spreadsheet|workbook|excel/i],
  ["a workbook (ods)", zip("mimetype"), /ods|spreadsheet|workbook|zip/i],
  [
    "an old workbook (xls)",
    binary(0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1),
    /xls|spreadsheet|workbook|excel/i
  ],
  ["bzip2", binary(...letters("BZh91AY&SY")), /bzip2/i],
  ["xz", binary(0xfd, ...letters("7zXZ\0")), /\bxz\b/i],
  ["zstandard", binary(0x28, 0xb5, 0x2f, 0xfd), /zstandard|zstd/i],
  ["lz4", binary(0x04, 0x22, 0x4d, 0x18), /lz4|binary|no text|not a text/i],
  ["7z", binary(0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c), /7-?z/i],
  ["a NumPy array", joined(letters("\x93NUMPY\x01\x00v\0{'descr': '<f8'}"), binary()), /numpy|npy/i],
  ["NumPy arrays (npz)", zip("x.npy"), /\bzip\b|numpy|npz/i],
  ["a Python pickle", binary(0x80, 0x04, 0x95, 0x10, 0, 0, 0, 0, 0, 0, 0), /pickle/i],
  ["a Python pickle of protocol 5", binary(0x80, 0x05, 0x95, 0x10, 0, 0, 0, 0, 0, 0, 0), /pickle/i],
  ["Arrow", binary(...letters("ARROW1\0\0")), /arrow|feather/i],
  ["Feather of version 1", binary(...letters("FEA1")), /feather|arrow|binary/i],
  ["HDF5", binary(0x89, ...letters("HDF\r\n\x1a\n")), /HDF5?/i],
  ["SQLite", binary(...letters("SQLite format 3\0")), /SQLite/i],
  ["PDF", joined(letters("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"), binary()), /PDF/],
  ["an image (PNG)", binary(0x89, ...letters("PNG\r\n\x1a\n")), /PNG|image|binary/i],
  ["ORC", binary(...letters("ORC")), /ORC|binary/],
  ["Avro", binary(...letters("Obj\x01")), /Avro|binary/i],
  ["MATLAB", binary(...letters("MATLAB 5.0 MAT-file, Platform: GLNXA64")), /MATLAB|binary|MAT/i],
  ["a program (ELF)", binary(0x7f, ...letters("ELF")), /ELF|program|binary/i],
  ["a tar archive", tar, /\btar\b|archive/i],
  ["JSON, a list", text('[{"id": "a", "moisture": 12.5}, {"id": "b", "moisture": 13.5}]\n'), /JSON/],
  ["JSON, over lines", text('[\n  {\n    "id": "a",\n    "moisture": 12.5\n  }\n]\n'), /JSON/],
  ["JSON, an object", text('{"id": ["a", "b"], "moisture": [12.5, 13.5]}\n'), /JSON/],
  ["JSON, a line a row", text('{"id": "a", "moisture": 12.5}\n{"id": "b", "moisture": 13.5}\n'), /JSON/],
  ["HTML", text("<!DOCTYPE html>\n<html><body>Sign in</body></html>\n"), /HTML|web page/i],
  [
    "HTML without a doctype",
    text("\n<html lang=de>\n<head><title>404</title></head></html>\n"),
    /HTML|web page/i
  ],
  ["XML", text('<?xml version="1.0"?>\n<rows><row id="a"/></rows>\n'), /XML/],
  [
    "a pointer of Git LFS",
    text(`version https://git-lfs.github.com/spec/v1\noid sha256:${"4d7a".repeat(16)}\nsize 12345\n`),
    /Git LFS/i
  ]
]

const kinds: ReadonlyArray<DataCase> = magics.flatMap(([name, bytes, says]) => [
  refusal(`${name}, named .csv`, bytes, { says, remedy: /CSV|Parquet|unpack|export|get |pull|table/i }),
  refusal(`${name}, compressed`, gzipSync(bytes), {
    says,
    remedy: /CSV|Parquet|unpack|export|get |pull|table/i
  })
])

/** Compressed files, whole and cut. */
const zipped = gzipSync(csv)
const whole = cellsOf(grainSheet)
const cutAt = [1, 2, 3, 5, 9, 10, 11, 20, zipped.length >> 1, zipped.length - 9, zipped.length - 8]
const compressed: ReadonlyArray<DataCase> = [
  { name: "gzip", bytes: zipped, expected: whole },
  {
    name: "gzip of several members, cut in the middle of a row",
    bytes: joined(gzipSync(csv.slice(0, 100)), gzipSync(csv.slice(100, 101)), gzipSync(csv.slice(101))),
    expected: whole
  },
  {
    name: "gzip that is not compressed",
    bytes: new Uint8Array(gzipSync(csv, { level: 0 })),
    expected: whole
  },
  {
    name: "gzip with an empty member",
    bytes: joined(gzipSync(new Uint8Array(0)), zipped),
    expected: whole
  },
  refusal("gzip of nothing", gzipSync(new Uint8Array(0)), { says: /empty/, remedy: /line/ }),
  ...[...cutAt.filter((at) => at >= 3), zipped.length - 4, zipped.length - 1].map((at) =>
    refusal(`gzip that ends after ${at} bytes`, zipped.slice(0, at), {
      says: /cut short|not whole|incomplete|ends (too )?early|not valid gzip/i,
      remedy: /copy/i
    })
  ),
  refusal("gzip with a wrong checksum", zipped.with(zipped.length - 8, zipped.at(-8)! ^ 1), {
    says: /gzip|damaged|checksum/i,
    remedy: /copy/i
  }),
  refusal("gzip with a wrong length", zipped.with(zipped.length - 4, zipped.at(-4)! ^ 1), {
    says: /gzip|damaged|checksum|length/i,
    remedy: /copy/i
  }),
  refusal(
    "gzip with a changed byte",
    zipped.with(zipped.length >> 1, zipped.at(zipped.length >> 1)! ^ 0x55),
    {
      says: /gzip|damaged/i,
      remedy: /copy/i
    }
  ),
  refusal("gzip in gzip", gzipSync(zipped), { says: /gzip|twice/i, remedy: /./ })
]

/** IDX: of all six types, cut, and with sizes that are not those of its numbers. */
const point = [1, 2, 3, 4, 5, 6, 7, 8]
const numbers = idx(8, [4, 2], [5, 6, 7, 8, 9, 10, 11, 12])
const idxExpected = {
  ids: ["1", "2", "3", "4"],
  columns: [["moisture", [5, 7, 9, 11]] as const, ["protein", [6, 8, 10, 12]] as const]
}
const tensors: ReadonlyArray<DataCase> = [
  ...[8, 9, 11, 12, 13, 14].flatMap((type): ReadonlyArray<DataCase> => {
    const bytes = idx(type, [4, 2], [5, 6, 7, 8, 9, 10, 11, 12])
    const label = idx(type, [4], [0, 1, 1, 0])
    const description = { ...grain, label: { column: "grade", values: ["0", "1"] } }
    const labels = { ids: idxExpected.ids, columns: [["grade", [0, 1, 1, 0]] as const] }
    return [
      { name: `IDX of type ${type}`, bytes, expected: idxExpected },
      { name: `IDX of type ${type}, compressed`, bytes: gzipSync(bytes), expected: idxExpected },
      { name: `IDX of labels of type ${type}`, bytes: label, description, expected: labels },
      {
        name: `IDX of labels of type ${type} for 0.0, 1.0`,
        bytes: label,
        description: { ...grain, label: { column: "grade", values: ["0.0", "1.0"] } },
        expected: labels
      }
    ]
  }),
  ...Array.from({ length: numbers.length - 4 }, (_, i) => i + 4).map((at) =>
    refusal(`IDX that ends after ${at} bytes`, numbers.slice(0, at), {
      says: /cut short|bytes where|ends/i,
      remedy: /copy/i
    })
  ),
  refusal("IDX with bytes after its numbers", joined(numbers, point), { says: /bytes/, remedy: /copy/i }),
  refusal("IDX of more columns than there are", idx(8, [2, 4], point), {
    says: /4 numbers a row/,
    remedy: /header/
  }),
  refusal("IDX whose sizes are beyond any memory", joined([0, 0, 8, 3], Array(12).fill(255), point), {
    says: /cut short|bytes/i,
    remedy: /copy/i
  }),
  refusal("IDX without rows", idx(8, [0, 2], []), { says: /no rows|is empty/, remedy: /row/ }),
  refusal("IDX with a number that is none", idx(14, [1, 2], [Number.NaN, 7]), {
    column: "moisture",
    id: "1",
    says: /not a number|missing/i,
    remedy: /./
  }),
  refusal("IDX with a number without an end", idx(13, [1, 2], [12, Number.POSITIVE_INFINITY]), {
    column: "protein",
    id: "1",
    says: /outside|not finite|not a number/i,
    remedy: /./
  }),
  ...[
    ["950", "850"],
    ["__proto__", "constructor"]
  ].map(
    ([first, second]): DataCase => ({
      name: `IDX with the columns ${first} and ${second}`,
      bytes: numbers,
      description: {
        ...grain,
        features: [
          { name: first!, range: [5, 25] },
          { name: second!, range: [6, 18] }
        ]
      },
      expected: {
        ids: idxExpected.ids,
        columns: [[first!, [5, 7, 9, 11]] as const, [second!, [6, 8, 10, 12]] as const]
      }
    })
  )
]

export const formats: ReadonlyArray<DataCase> = [...kinds, ...compressed, ...tensors]
