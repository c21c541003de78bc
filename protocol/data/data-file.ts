/**
 * A user's data file, whatever its format: CSV, IDX or Parquet, told apart by how they begin, and any of them compressed
 * with gzip. What comes out has been checked and does not depend on the format.
 */
import { gunzipSync } from "node:zlib"
import { plainBytes } from "../messages/codec.ts"
import { readCsv } from "./csv.ts"
import type { DataDescription } from "./encoding.ts"
import { isIdx, readIdx } from "./idx.ts"
import { isParquet, readParquet } from "./parquet.ts"
import { checkTable, heldColumns, Problems, type RawTable, type Table, type TableSource } from "./table.ts"

/** Reads what a user holds of a file. Rejects with `TableError` naming every problem. */
export const readDataFile = async (
  bytes: Uint8Array,
  source: TableSource,
  description: DataDescription
): Promise<Table> => {
  const problems = new Problems(source)
  const raw = await takeApart(unzipped(bytes, problems), source, description, problems)
  return checkTable(source, raw, description, problems)
}

const takeApart = async (
  bytes: Uint8Array,
  source: TableSource,
  description: DataDescription,
  problems: Problems
): Promise<RawTable> => {
  if (isIdx(bytes)) return readIdx(bytes, source, description, problems)
  if (!isParquet(bytes)) return readCsv(new TextDecoder().decode(bytes), problems, source.header)
  if (source.header !== undefined) {
    const reason = "names its columns itself, beside the header in the scenario"
    problems.add({ reason, remedy: "take the header out of the scenario" })
  }
  const held = heldColumns(source, { named: true, names: [] }, description)
  return readParquet(bytes, source.ids === undefined ? [description.id, ...held] : held, problems)
}

const unzipped = (bytes: Uint8Array, problems: Problems): Uint8Array => {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return plainBytes(bytes)
  try {
    return plainBytes(gunzipSync(bytes))
  } catch {
    problems.add({ reason: "is not valid gzip", remedy: "get a whole copy of the file" })
    problems.finish()
    return bytes
  }
}
