/**
 * Parquet files: columns with names and types of their own, of which only the needed ones are decoded, one
 * group of rows after another. The only file that imports the functions of `hyparquet`.
 */
import { brotliDecompressSync, gunzipSync } from "node:zlib"
import {
  type FileMetaData,
  type ParquetScan,
  parquetMetadataAsync,
  parquetScan,
  parquetSchema,
  snappyUncompress
} from "hyparquet"
import { type ByteSource, Unreadable } from "./byte-source.ts"
import { classesOf, type Feature, isCategory, labelColumns } from "./description.ts"
import { findColumns, HeldCells, HeldRows, tooLarge } from "./held.ts"
import { areNumbers } from "./labels.ts"
import { type CellType, cellType } from "./parquet-types.ts"
import { trimmed } from "./spelling.ts"
import { type CellProblem, type Reading, type Table, TableError } from "./table.ts"

/** Unpacks a page, whose header says how long it becomes: it makes no more bytes than that. */
type Unpack = (input: Uint8Array, length: number) => Uint8Array

const unpackers: Readonly<Record<string, Unpack>> = {
  SNAPPY: (input, length) => {
    const page = new Uint8Array(length)
    snappyUncompress(input, page)
    return page
  },
  GZIP: (input, length) => gunzipSync(input, { maxOutputLength: Math.max(1, length) }),
  BROTLI: (input, length) => brotliDecompressSync(input, { maxOutputLength: Math.max(1, length) })
}
const readable = new Set(["UNCOMPRESSED", ...Object.keys(unpackers)])

/** Unpacks pages of at most `most` bytes, which is what the file says of its largest column in a group of rows. */
const compressorsFor = (most: number): Readonly<Record<string, Unpack>> =>
  Object.fromEntries(
    Object.entries(unpackers).map(([codec, unpack]) => [
      codec,
      (input: Uint8Array, length: number) => {
        if (length > most) throw new RangeError(`a page of ${length} bytes in a column of at most ${most}`)
        return unpack(input, length)
      }
    ])
  )

/**
 * Replaces the reader's conversion of the texts and times of statistics, which are not needed and must not
 * fail.
 */
const asTheyAre = {
  timestampFromNanoseconds: (ticks: bigint) => ticks,
  timestampFromMicroseconds: (ticks: bigint) => ticks,
  timestampFromMilliseconds: (ticks: bigint) => ticks,
  dateFromDays: (days: number) => days,
  stringFromBytes: (bytes: Uint8Array) => bytes,
  jsonFromBytes: (bytes: Uint8Array) => bytes
}

/** Reads what is held of a file. Rejects with `TableError`. */
export const readParquet = async (bytes: ByteSource, reading: Reading): Promise<Table> => {
  const file = {
    byteLength: bytes.size,
    slice: async (from: number, to = bytes.size) => bufferOf(await bytes.read(from, to - from))
  }
  try {
    const metadata = await parquetMetadataAsync(file, { parsers: asTheyAre, geoparquet: false })
    const read = new ParquetRows(metadata, reading)
    const scan = await parquetScan({
      file,
      // Without types of its own the reader returns the values as they are in the file.
      metadata: { ...metadata, schema: metadata.schema.map(withoutMeaning) },
      columns: read.wanted,
      compressors: compressorsFor(read.longestColumn),
      parsers: asTheyAre,
      geoparquet: false,
      utf8: false
    })
    return await read.all(scan)
  } catch (error) {
    if (error instanceof TableError || error instanceof Unreadable) throw error
    if (error instanceof RangeError && /allocation failed/.test(error.message)) {
      return reading.problems.refuse(tooLarge(bytes.size, "cells", reading.room.memory))
    }
    // The remaining errors are of many kinds: the reader does not check damaged files.
    return reading.problems.refuse({
      reason: "begins and ends as Parquet does but can't be taken apart",
      remedy: "get a whole copy of the file, or write it anew"
    })
  }
}

const bufferOf = (bytes: Uint8Array): ArrayBuffer =>
  bytes.buffer instanceof ArrayBuffer && bytes.byteLength === bytes.buffer.byteLength
    ? bytes.buffer
    : new Uint8Array(bytes).buffer

const withoutMeaning = ({
  converted_type: _,
  logical_type: __,
  ...physical
}: FileMetaData["schema"][number]) => physical

/** A column that is read, with what its cells are. */
interface TypedColumn {
  readonly name: string
  readonly type: CellType
}

/** The rows of a file, group by group. */
class ParquetRows {
  /** The columns of the file that are needed. */
  readonly wanted: Array<string>
  readonly #metadata: FileMetaData
  readonly #reading: Reading
  readonly #id: TypedColumn | undefined
  readonly #columns: ReadonlyArray<TypedColumn>
  readonly #rows: HeldRows
  readonly #cells: HeldCells
  readonly #count: number
  /** Bytes of the longest of them in a group of rows, unpacked. */
  longestColumn = 0

  constructor(metadata: FileMetaData, reading: Reading) {
    const { problems, source, description } = reading
    if (source.header !== undefined) {
      const reason = "names its columns itself, besides the header in the scenario"
      problems.add({ reason, remedy: "take the header out of the scenario" })
    }
    const { children } = parquetSchema(metadata)
    const names = children.map(({ element }) => element.name)
    const { held, id } = findColumns(reading, { names, named: true })
    const typed = (place: number): TypedColumn => {
      const { element, children: nested } = children[place]!
      const flat = nested.length === 0 && element.repetition_type !== "REPEATED"
      return { name: element.name, type: flat ? cellType(element) : { what: "lists or records" } }
    }
    this.#metadata = metadata
    this.#reading = reading
    this.#id = id === undefined ? undefined : typed(id)
    this.#columns = held.map(({ place }) => typed(place))
    this.#count = Number(metadata.num_rows)
    if (this.#id !== undefined) this.#requireIds(this.#id)
    const wants = new Map([
      ...description.features.map((each) => [each.name, wantOf(each)] as const),
      ...labelColumns(description).map((name) => [name, { values: classesOf(description) }] as const)
    ])
    for (const [index, { name }] of held.entries()) {
      const problem = unfit(this.#columns[index]!.type, wants.get(name)!)
      if (problem !== undefined) problems.add({ column: name, ...problem })
    }
    this.wanted = [...new Set([this.#id, ...this.#columns].flatMap((column) => column?.name ?? []))]
    this.#requireRows()
    this.#requireReadable()
    if (this.#count === 0) problems.add({ reason: "has no rows", remedy: "give the rows that are held" })
    problems.finish()
    this.#rows = new HeldRows(reading, { named: true })
    this.#cells = new HeldCells(reading, held, this.#rows)
  }

  #requireIds({ name, type }: TypedColumn): void {
    const column = { column: name }
    if (type.text === undefined) {
      this.#reading.problems.add({
        ...column,
        reason: `holds ${type.what}, which can't be ids`,
        remedy: "write ids as texts or integers"
      })
    } else if (type.rounded) {
      this.#reading.problems.add({
        ...column,
        reason: `holds ${type.what}, which can't be ids: they are rounded, so that two ids may become the same`,
        remedy: "write ids as texts or integers"
      })
    }
  }

  /** The rows of the file are those of its groups, each of which has every column. */
  #requireRows(): void {
    const { num_rows: all, row_groups: groups } = this.#metadata
    const sum = groups.reduce((rows, group) => rows + group.num_rows, 0n)
    if (all >= 0n && groups.every((group) => group.num_rows >= 0n) && sum === all) return
    this.#reading.problems.refuse({
      reason: `says that it has ${all} rows, and ${sum} in its groups`,
      remedy: "get a whole copy of the file, or write it anew"
    })
  }

  #requireReadable(): void {
    const wanted = new Set(this.wanted)
    for (const { columns } of this.#metadata.row_groups) {
      for (const { meta_data: data } of columns) {
        if (data === undefined) {
          const remedy = "write it without encryption"
          this.#reading.problems.refuse({ reason: "has columns that are encrypted", remedy })
        }
        if (!wanted.has(data.path_in_schema[0]!)) continue
        if (!readable.has(data.codec)) {
          this.#reading.problems.refuse({
            reason: `is compressed with ${data.codec} inside, which is not read`,
            remedy: "write it with Snappy, gzip or Brotli, or uncompressed"
          })
        }
        const bytes = Number(data.total_uncompressed_size)
        this.longestColumn = Math.max(this.longestColumn, bytes)
        // A value takes up to eight times its bytes while its column is decoded.
        if (8 * bytes > this.#reading.room.memory || bytes > 2 ** 31) {
          this.#reading.problems.refuse({
            column: data.path_in_schema[0]!,
            reason: `has ${(bytes / 2 ** 30).toFixed(1)} GiB in one group of rows, too much to take apart here`,
            remedy: "write the file with smaller row groups, of a million rows or less"
          })
        }
      }
    }
  }

  /** Reads all groups of rows. */
  async all(scan: ParquetScan): Promise<Table> {
    const rows = scan.ranges.reduce((sum, { rowStart, rowEnd }) => sum + rowEnd - rowStart, 0)
    if (rows !== this.#count) throw new Error("the groups have other rows than the file")
    for (const { rowStart, rowEnd } of scan.ranges) {
      const read = async ({ name }: TypedColumn): Promise<ArrayLike<unknown>> => {
        const cells = await scan.readColumn({ column: name, rowStart, rowEnd })
        if (cells.length !== rowEnd - rowStart) throw new Error("a column has other rows than its group")
        return cells
      }
      const places = this.#takeRows(this.#id && (await read(this.#id)), rowStart, rowEnd)
      for (const [index, column] of this.#columns.entries())
        this.#readCells(await read(column), places, index)
    }
    this.#rows.judgeWords()
    const { problems } = this.#reading
    problems.finish()
    this.#rows.finish(this.#count)
    problems.finish()
    return this.#cells.finish()
  }

  /** The places of the rows of a group among those held, −1 for those that are not. */
  #takeRows(ids: ArrayLike<unknown> | undefined, from: number, to: number): Int32Array {
    const places = new Int32Array(to - from).fill(-1)
    for (let row = from; row < to; row++) {
      if (!this.#rows.inPart(row)) continue
      const id = ids === undefined ? "" : this.#idOf(ids[row - from], row)
      if (id === undefined) continue
      places[row - from] = this.#rows.take(row, id)
      if (places[row - from]! >= 0) this.#cells.requireRoom(places[row - from]!, this.#count)
    }
    return places
  }

  #idOf(cell: unknown, row: number): string | undefined {
    if (cell === undefined || cell === null) return ""
    const text = this.#id!.type.text!(cell)
    if (text !== undefined) return trimmed(text)
    this.#reading.problems.add({ column: this.#id!.name, ...notText(this.#id!.type, ` in row ${row + 1}`) })
    return undefined
  }

  #readCells(cells: ArrayLike<unknown>, places: Int32Array, column: number): void {
    const { type } = this.#columns[column]!
    const isText = this.#cells.isText(column)
    for (let row = 0; row < places.length; row++) {
      const place = places[row]!
      if (place < 0) continue
      const cell = cells[row]
      if (cell === undefined || cell === null) this.#cells.setAbsent(place, column)
      else if (isText || type.number === undefined) this.#readText(type.text!(cell), place, column)
      else this.#cells.setNumber(place, column, type.number(cell))
    }
  }

  #readText(text: string | undefined, place: number, column: number): void {
    if (text === undefined) this.#cells.add(place, column, notText(this.#columns[column]!.type, ""))
    else this.#cells.setText(place, column, trimmed(text))
  }
}

const notText = ({ what }: CellType, where: string): CellProblem =>
  what === "texts"
    ? { reason: `has bytes that are not UTF-8${where}`, remedy: "write texts as UTF-8" }
    : { reason: `is beyond the years 0 to 9999${where}`, remedy: "correct it, or leave out the row" }

/** What a column is to be: numbers, or texts that are read as such, or some of these values. */
interface Want {
  readonly asText?: boolean
  readonly values?: ReadonlyArray<string> | undefined
}

const wantOf = (feature: Feature): Want =>
  isCategory(feature) ? { values: feature.values } : { asText: feature.kind !== undefined }

/** Why a column can't be what is wanted. */
const unfit = (type: CellType, { asText = false, values }: Want): CellProblem | undefined => {
  if (values === undefined) {
    if (type.number !== undefined || type.what === "texts" || (asText && type.text !== undefined))
      return undefined
    return {
      reason: `holds ${type.what}, which can't be a feature of numbers`,
      remedy: "write numbers, or say its type in the scenario, such as boolean or date"
    }
  }
  if (type.text === undefined)
    return {
      reason: `holds ${type.what}, which can't be labels`,
      remedy: "write labels as texts or integers"
    }
  return type.rounded && !areNumbers(values)
    ? {
        reason: `holds ${type.what}, and not all labels of the scenario are numbers`,
        remedy: "write labels as texts or integers"
      }
    : undefined
}
