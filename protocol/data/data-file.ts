/**
 * A user's data file in any format: CSV, IDX or Parquet, recognised by their first bytes, each possibly
 * compressed with gzip. The result is checked and does not depend on the format.
 */
import {
  type ByteSource,
  type Contents,
  headBytes,
  plainContents,
  TooLargeUnpacked,
  unzippedContents
} from "./byte-source.ts"
import { readCsv } from "./csv.ts"
import { surveyCsv } from "./csv-survey.ts"
import { classesOf, type DataDescription, labelColumns } from "./description.ts"
import type { Dialect } from "./dialect.ts"
import { isIdx, readIdx, surveyIdx } from "./idx.ts"
import { repeatedLabel } from "./labels.ts"
import { readParquet, surveyParquet } from "./parquet.ts"
import { recognised } from "./recognise.ts"
import type { CellVisitor } from "./survey-visitor.ts"
import { type FileReading, Problems, type Room, type Table, type TableSource } from "./table.ts"

/**
 * Reads the part of a file that a user holds, within the available memory. Rejects with `TableError`, which
 * names every problem, and with `Unreadable` if the bytes can't be read.
 */
export const readDataFile = async (
  file: ByteSource,
  source: TableSource,
  description: DataDescription,
  room: Room = { heap: Number.POSITIVE_INFINITY, memory: Number.POSITIVE_INFINITY }
): Promise<Table> => {
  const reading = { source, description, problems: new Problems(source), room }
  const values = classesOf(description) ?? []
  const repeated = repeatedLabel(values)
  if (repeated !== undefined) {
    reading.problems.refuse({
      column: labelColumns(description)[0]!,
      reason: `has the label ${values[repeated]} twice in the scenario, as labels are compared`,
      remedy: "list each label once: labels that are all numbers are compared as numbers"
    })
  }
  return opened(file, reading, ({ contents, file: whole, format }) => {
    if (format === "CSV") return readCsv(contents, reading)
    return format === "IDX" ? readIdx(whole, contents.head, reading) : readParquet(whole, reading)
  })
}

/** What a file holds, in what format. */
export interface Surveyed {
  readonly format: Format
  /** Rows that were shown. */
  readonly rows: number
  /** Of a CSV file. */
  readonly dialect?: Dialect
}

/**
 * Shows a visitor all cells of a file, up to a row, before anything is declared of it. Rejects as
 * `readDataFile` does.
 */
export const surveyDataFile = (
  file: ByteSource,
  source: TableSource,
  visitor: CellVisitor,
  { mostRows = Number.POSITIVE_INFINITY, room }: { readonly mostRows?: number; readonly room: Room }
): Promise<Surveyed> => {
  const reading = { source, problems: new Problems(source), room }
  return opened(file, reading, async ({ contents, file: whole, format }): Promise<Surveyed> => {
    if (format === "CSV") return { format, ...(await surveyCsv(contents, reading, visitor, mostRows)) }
    const rows =
      format === "IDX"
        ? await surveyIdx(whole, contents.head, reading, visitor, mostRows)
        : await surveyParquet(whole, reading, visitor, mostRows)
    return { format, rows }
  })
}

export type Format = "CSV" | "IDX" | "Parquet"

/** A file whose format is known. */
interface Opened {
  readonly format: Format
  readonly contents: Contents
  /** To be read by ranges; of CSV as it is packed. */
  readonly file: ByteSource
}

/** Recognises a file, packed or not, and reads it. */
const opened = async <A>(
  file: ByteSource,
  reading: FileReading,
  read: (file: Opened) => Promise<A>
): Promise<A> => {
  const packed = await file.read(0, Math.min(2, file.size))
  if (packed[0] !== 0x1f || packed[1] !== 0x8b) {
    const tail = await file.read(Math.max(0, file.size - headBytes), Math.min(headBytes, file.size))
    return read(await recognise(file, await plainContents(file), tail, reading))
  }
  try {
    const contents = await unzippedContents(file, reading.room.unpacked)
    return await read(await recognise(file, contents, new Uint8Array(0), reading))
  } catch (error) {
    return refuseGzip(error, reading)
  }
}

const recognise = async (
  packed: ByteSource,
  contents: Contents,
  tail: Uint8Array,
  reading: FileReading
): Promise<Opened> => {
  const { head } = contents
  const { problems, source, room } = reading
  const isParquet = startsWith(head, "PAR1")
  const foreign = head[0] === 0x1f && head[1] === 0x8b ? twice : recognised(head, tail)
  if (foreign !== undefined) problems.refuse(foreign)
  if (!isIdx(head) && !isParquet) return { format: "CSV", contents, file: packed }
  const format = isParquet ? "Parquet" : "IDX"
  for (const setting of ["encoding", "dialect"] as const) {
    if (source[setting] === undefined) continue
    problems.refuse({
      reason: `is ${format}, which has ${setting === "encoding" ? "an encoding of its own" : "no dialect"}`,
      remedy: `name ${setting === "encoding" ? "an encoding" : "a dialect"} for files in CSV only`
    })
  }
  const file = await contents.whole(Math.min(room.memory / 2, 2 ** 31))
  if (file === undefined) {
    return problems.refuse({
      reason: "takes too much memory when it is unpacked as a whole",
      remedy: "unpack it, so that it is read piece by piece"
    })
  }
  if (!isParquet) return { format, contents, file }
  const end = await file.read(Math.max(0, file.size - 4), Math.min(4, file.size))
  if (file.size < 12 || !startsWith(end, "PAR1")) {
    problems.refuse({ reason: "is Parquet that was cut short", remedy: "get a whole copy of the file" })
  }
  return { format, contents, file }
}

const twice = { reason: "is compressed with gzip twice", remedy: "unpack it once" }

const startsWith = (bytes: Uint8Array, magic: string): boolean =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1", 0, magic.length) === magic

/** Errors of decompression as problems of the file; others unchanged. */
const refuseGzip = (error: unknown, { problems }: FileReading): never => {
  if (error instanceof TooLargeUnpacked) {
    const [reason, remedy] = error.message.split("; ") as [string, string]
    problems.refuse({ reason, remedy })
  }
  const code = error instanceof Error && "code" in error ? error.code : undefined
  if (code === "Z_BUF_ERROR" || code === "ERR_STREAM_PREMATURE_CLOSE") {
    problems.refuse({ reason: "is gzip that was cut short", remedy: "get a whole copy of the file" })
  }
  if (typeof code === "string" && code.startsWith("Z_")) {
    problems.refuse({ reason: "is not valid gzip: it is damaged", remedy: "get a whole copy of the file" })
  }
  throw error
}
