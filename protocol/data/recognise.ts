/** Recognises files of unsupported formats by their first bytes, and suggests what to do. */
import { byteOrderMark } from "./characters.ts"
import { isIdx } from "./idx.ts"
import type { TableProblem } from "./table.ts"

type Sign = readonly [begin: string, what: string, remedy: string]

const unpack = "unpack it first; of compressed files only gzip is read"
const convert = "write it as CSV or Parquet"
const exported = "export the sheet as CSV in UTF-8"

/** How files of other formats begin, as Latin-1. */
const signs: ReadonlyArray<Sign> = [
  [
    "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    "is a spreadsheet or document of old Microsoft Office (xls)",
    exported
  ],
  ["BZh", "is compressed with bzip2", unpack],
  ["\xfd7zXZ\0", "is compressed with xz", unpack],
  ["\x28\xb5\x2f\xfd", "is compressed with zstd", unpack],
  ["7z\xbc\xaf\x27\x1c", "is a 7z archive", unpack],
  ["Rar!\x1a\x07", "is a RAR archive", unpack],
  ["\x04\x22\x4d\x18", "is compressed with LZ4", unpack],
  ["\x1f\x9d", "is compressed with compress (Z)", unpack],
  ["\x5d\0\0", "is compressed with LZMA", unpack],
  ["\x93NUMPY", "is an array of NumPy (npy)", convert],
  ["ARROW1", "is an Arrow or Feather file", convert],
  ["\x80\x02", "is a Python pickle", convert],
  ["\x80\x03", "is a Python pickle", convert],
  ["\x80\x04", "is a Python pickle", convert],
  ["\x80\x05", "is a Python pickle", convert],
  ["\xff\xff\xff\xff", "is a stream of Arrow", convert],
  ["FEA1", "is a Feather file", convert],
  ["ORC", "is an ORC file", convert],
  ["Obj\x01", "is an Avro file", convert],
  ["PARE", "is an encrypted Parquet file", "write it without encryption"],
  ["\x89HDF\r\n\x1a\n", "is an HDF5 file", convert],
  ["CDF\x01", "is a NetCDF file", convert],
  ["CDF\x02", "is a NetCDF file", convert],
  ["SQLite format 3\0", "is an SQLite database", convert],
  ["MATLAB 7.3 MAT-file", "is a MATLAB file", convert],
  ["HEADER RECORD*******", "is a SAS transport file", convert],
  ["\0\0\0\0\0\0\0\0\0\0\0\0\xc2\xea\x81\x60", "is a SAS file", convert],
  ["II*\0", "is a picture (TIFF)", convert],
  ["MM\0*", "is a picture (TIFF)", convert],
  ["/annex/objects/", "is a pointer of git-annex, not the file itself", "run git annex get"],
  ["MATLAB 5.0 MAT-file", "is a MATLAB file", convert],
  ["RDX2\n", "is an R data file", convert],
  ["RDX3\n", "is an R data file", convert],
  ["$FL2", "is an SPSS file", convert],
  ["<stata_dta>", "is a Stata file", convert],
  ["%PDF-", "is a PDF document", "get the table itself, as CSV or Parquet"],
  ["\x89PNG\r\n", "is a picture (PNG)", convert],
  ["\xff\xd8\xff", "is a picture (JPEG)", convert],
  ["GIF8", "is a picture (GIF)", convert],
  ["\x7fELF", "is a program", convert],
  [
    "version https://git-lfs.github.com/spec/",
    "is a Git LFS pointer, not the file itself",
    "run git lfs pull"
  ],
  ["-----BEGIN ", "is a key or certificate", "name the table in its stead"]
]

const patterns: ReadonlyArray<readonly [RegExp, string, string]> = [
  [
    /^\s*<(!doctype html|html|head|body|meta|table)\b/i,
    "is a web page (HTML)",
    "download the table itself; the page may ask for a login"
  ],
  [/^\s*<\?xml|^\s*<[a-z]+( xmlns|>)/i, "is XML", convert],
  [/^\s*(\[\s*[[{"\d-]|\{\s*(["}]|$))/, "is JSON", convert],
  [/^\s*(%[^\n]*\n\s*)*@relation\b/i, "is an ARFF file", convert],
  [/^[+-]?[\d.]+( \d+:[\d.eE+-]+)+ *\r?\n/, "is in the sparse form of LIBSVM", convert],
  [/^\s*(--[^\n]*\n\s*)*(create table|insert into|drop table|begin;)/i, "is a script of SQL", convert],
  [/^\{\\rtf/, "is a text document (RTF)", convert],
  [/^%YAML|^---\s*\n/, "is YAML", convert]
]

/**
 * The one thing to say of a file that is something else; `tail` are its last bytes, where they are at hand.
 */
export const recognised = (head: Uint8Array, tail: Uint8Array): TableProblem | undefined => {
  if (head.length === 0) {
    return {
      reason: "is empty",
      remedy: "give a line that names the columns, then a line for each row"
    }
  }
  const latin = (bytes: Uint8Array) =>
    Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1")
  const text = latin(head)
  if (["PK\x03\x04", "PK\x05\x06", "PK\x07\x08"].some((begin) => text.startsWith(begin)))
    return zip(text + latin(tail))
  const isBinary = head.some((byte) => byte < 9 || (byte > 13 && byte < 32))
  if (text.slice(8, 12) === "DUCK")
    return { reason: "is a database of DuckDB, which is not read", remedy: convert }
  const sign = signs.find(([begin]) => text.startsWith(begin) && (isBinary || !mayBeName(begin)))
  if (sign !== undefined) return { reason: unread(sign[1]), remedy: sign[2] }
  if (text.startsWith("\0".repeat(16))) {
    return { reason: "begins with nothing but zero bytes", remedy: "get a whole copy of the file" }
  }
  if (head[0] === 0xff && head[1] === 0xfe && head[2] === 0 && head[3] === 0) {
    return { reason: "is in UTF-32, which is not read", remedy: "save it as UTF-8" }
  }
  if (head[0] === 0 && head[1] === 0 && !isIdx(head)) {
    return {
      reason: "begins with two zero bytes, as IDX does, but has no type or number of dimensions of IDX",
      remedy: "get a whole copy of the file, or write it anew"
    }
  }
  if (text.slice(257, 262) === "ustar")
    return { reason: "is a tar archive, which is not read", remedy: unpack }
  const mark = byteOrderMark(head)?.encoding === "utf-8" ? 3 : 0
  const pattern = patterns.find(([each]) => each.test(text.slice(mark)))
  return pattern && { reason: `${pattern[1]}, which is not read`, remedy: pattern[2] }
}

const unread = (is: string): string => (is.endsWith("itself") ? is : `${is}, which is not read`)

/** Whether a table's first name may begin so: ORCID, parental_age in capitals. */
const mayBeName = (begin: string): boolean => /^[\w$]{1,6}$/.test(begin)

const zip = (text: string): TableProblem => {
  const [what, remedy] = text.includes("xl/")
    ? ["an Excel workbook (xlsx)", exported]
    : text.includes("opendocument.spreadsheet")
      ? ["an OpenDocument spreadsheet (ods)", exported]
      : text.includes(".npy")
        ? ["a file of NumPy arrays (npz)", convert]
        : ["a zip archive", unpack]
  return { reason: `is ${what}, which is not read`, remedy }
}
