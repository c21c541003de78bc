/**
 * Parquet files: columns with names and types of their own, of which only those that are needed are decoded. A column of
 * numbers stays an array of numbers. The only file that imports `hyparquet`.
 */
import { brotliDecompressSync, gunzipSync } from "node:zlib"
import { parquetMetadataAsync, parquetScan, parquetSchema } from "hyparquet"
import type { Problems, RawColumn, RawTable, Values } from "./table.ts"

const magic = "PAR1"

/** Whether bytes begin as a Parquet file does. */
export const isParquet = (bytes: Uint8Array): boolean =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1", 0, magic.length) === magic

/** Snappy comes with the reader. */
const compressors = {
  GZIP: (input: Uint8Array) => gunzipSync(input),
  BROTLI: (input: Uint8Array) => brotliDecompressSync(input)
}

/** A file as a table of the wanted columns, so far as it has them. */
export const readParquet = async (
  bytes: Uint8Array,
  wanted: ReadonlyArray<string>,
  problems: Problems
): Promise<RawTable> => {
  const file = bytes.slice().buffer
  try {
    const metadata = await parquetMetadataAsync(file)
    const names = parquetSchema(metadata).children.map(({ element }) => element.name)
    const rows = Number(metadata.num_rows)
    const there = wanted.filter((name) => names.includes(name))
    const columns = new Map<string, RawColumn>()
    if (there.length > 0 && rows > 0) {
      const scan = await parquetScan({ file, metadata, columns: there, compressors })
      for (const column of there) {
        const parts = await Promise.all(scan.ranges.map((range) => scan.readColumn({ column, ...range })))
        columns.set(column, joined(parts, rows))
      }
    }
    if (rows === 0) problems.add({ reason: "has no rows", remedy: "give the rows that are held" })
    return { names, named: true, rows, column: (place) => columns.get(names[place]!)! }
  } catch (error) {
    problems.add({
      reason: `can't be read as Parquet (${error instanceof Error ? error.message : String(error)})`,
      remedy: "write it anew, uncompressed or with Snappy, gzip or Brotli"
    })
    problems.finish()
    throw error
  }
}

/** A column from its row groups: numbers where all of them are, else whatever its cells are. */
const joined = (parts: ReadonlyArray<ArrayLike<unknown>>, rows: number): RawColumn => {
  if (parts.length === 1 && isNumbers(parts[0]!)) return { values: parts[0], first: 0, step: 1 }
  const numbers = parts.filter(isNumbers)
  if (numbers.length === parts.length) {
    const values = new Float64Array(rows)
    let at = 0
    for (const part of numbers) {
      values.set(part, at)
      at += part.length
    }
    return { values, first: 0, step: 1 }
  }
  const cells = parts.flatMap((part) => Array.from(part))
  return (row) => cells[row]
}

const isNumbers = (part: ArrayLike<unknown>): part is Values =>
  [Uint8Array, Int32Array, Float32Array, Float64Array].some((type) => part instanceof type)
