/**
 * Parquet files: columns with names and types of their own, of which only the needed ones are read, one after
 * another in each group of rows and page by page.
 */
import { type FileMetaData, parquetMetadataAsync, parquetSchema } from "hyparquet"
import { type ByteSource, Unreadable } from "./byte-source.ts"
import { findColumns, HeldCells, HeldRows, newArray, tooLarge } from "./held.ts"
import {
  anyColumn,
  type Cell,
  cellColumn,
  idColumn,
  type ReadColumn,
  unreadable,
  wantedOf
} from "./parquet-columns.ts"
import { type Cells, PageFault, readCells, wholeCopy } from "./parquet-pages.ts"
import type { CellVisitor } from "./survey-visitor.ts"
import { type CellProblem, type FileReading, type Reading, type Table, TableError } from "./table.ts"

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
  jsonFromBytes: (bytes: Uint8Array) => bytes,
  uuidFromBytes: (bytes: Uint8Array) => bytes
}

/** Reads what is held of a file. Rejects with `TableError`, and with `Unreadable`. */
export const readParquet = async (file: ByteSource, reading: Reading): Promise<Table> => {
  const metadata = await readMetadata(file, reading)
  return new ParquetRows(file, metadata, reading).all()
}

const readMetadata = async (bytes: ByteSource, { problems }: FileReading): Promise<FileMetaData> => {
  const file = {
    byteLength: bytes.size,
    slice: async (from: number, to = bytes.size) => bufferOf(await bytes.read(from, to - from))
  }
  try {
    const metadata = await parquetMetadataAsync(file, { parsers: asTheyAre, geoparquet: false })
    requireFields(metadata)
    return metadata
  } catch (error) {
    if (error instanceof Unreadable) throw error
    // The remaining errors are of many kinds: the reader does not check damaged files.
    return problems.refuse({
      reason: "begins and ends as Parquet does but can't be taken apart",
      remedy: wholeCopy
    })
  }
}

/** Throws if fields that are used are missing, or of another type: the reader takes them as they come. */
const requireFields = (metadata: FileMetaData): void => {
  const { num_rows: rows, row_groups: groups, schema } = metadata
  const isCount = (value: unknown) => typeof value === "bigint"
  const isWhole =
    isCount(rows) &&
    groups.every((group) => isCount(group.num_rows)) &&
    groups.every(({ columns }) =>
      columns.every(({ meta_data: data }) => data === undefined || isCount(data.data_page_offset))
    ) &&
    schema.every(({ name }) => typeof name === "string")
  if (!isWhole) throw new TypeError("a footer without its fields")
  parquetSchema(metadata)
}

const bufferOf = (bytes: Uint8Array): ArrayBuffer =>
  bytes.buffer instanceof ArrayBuffer && bytes.byteLength === bytes.buffer.byteLength
    ? bytes.buffer
    : new Uint8Array(bytes).buffer

type Group = FileMetaData["row_groups"][number]

/** The cells of a column in a group. Rejects with `TableError`, which names the column. */
async function* cellsOf(
  file: ByteSource,
  group: Group,
  { name, element, cellOf }: ReadColumn,
  { problems, room }: FileReading
): AsyncGenerator<Cells<Cell>> {
  const data = group.columns.find((column) => column.meta_data?.path_in_schema[0] === name)?.meta_data
  const rows = Number(group.num_rows)
  let read = 0
  try {
    if (data === undefined) throw new Error("a group without the column")
    const chunk = { file, element, data, rows, room: room.memory }
    for await (const part of readCells<Cell>(chunk, cellOf, null)) {
      read = part.from + part.cells.length
      yield part
    }
  } catch (error) {
    if (error instanceof TableError || error instanceof Unreadable) throw error
    const column = { column: name }
    if (error instanceof PageFault) {
      problems.refuse({ ...column, reason: error.reason, remedy: error.remedy })
    }
    if (error instanceof RangeError && /allocation failed/.test(error.message)) {
      problems.refuse({
        ...column,
        ...tooLarge(Number(data?.total_uncompressed_size), "cells", room.memory)
      })
    }
    // The remaining errors are of many kinds: the decoders do not check damaged files.
    const reason = `can't be taken apart after ${read} of the ${rows} rows of its group`
    problems.refuse({ ...column, reason, remedy: wholeCopy })
  }
}

/** The rows of the file are those of its groups, each of which has every column. */
const requireRows = (
  { num_rows: all, row_groups: groups }: FileMetaData,
  { problems }: FileReading
): void => {
  const sum = groups.reduce((rows, group) => rows + group.num_rows, 0n)
  if (all >= 0n && groups.every((group) => group.num_rows >= 0n) && sum === all) return
  problems.refuse({
    reason: `says that it has ${all} rows, and ${sum} in its groups`,
    remedy: "get a whole copy of the file, or write it anew"
  })
}

const requireReadable = (
  { row_groups: groups }: FileMetaData,
  columns: ReadonlyArray<ReadColumn>,
  { problems }: FileReading
): void => {
  const wanted = new Set(columns.map(({ name }) => name))
  for (const chunk of groups.flatMap(({ columns: chunks }) => chunks)) {
    const problem = unreadable(chunk, wanted)
    if (problem !== undefined) problems.refuse(problem)
  }
}

/** Shows a visitor the cells of a file, column by column in each group of rows. Rejects with `TableError`. */
export const surveyParquet = async (
  file: ByteSource,
  reading: FileReading,
  visitor: CellVisitor,
  mostRows: number
): Promise<number> => {
  const metadata = await readMetadata(file, reading)
  requireRows(metadata, reading)
  const columns = parquetSchema(metadata).children.map(anyColumn)
  const readable = columns.map((column) => ("cellOf" in column ? column : undefined))
  requireReadable(
    metadata,
    readable.flatMap((column) => column ?? []),
    reading
  )
  visitor.open(columns.map((column) => ("cellOf" in column ? { name: column.name } : column)))
  let rows = 0
  for (const group of metadata.row_groups) {
    if (rows >= mostRows) break
    const some = Math.min(mostRows - rows, Number(group.num_rows))
    for (const [place, column] of readable.entries()) {
      if (column === undefined) continue
      for await (const { from, cells } of cellsOf(file, group, column, reading)) {
        for (let row = 0; row < Math.min(cells.length, some - from); row++)
          // What is beyond the calendar can't be used, as if it were missing.
          visitor.cell(place, cells[row] ?? null)
        if (from + cells.length >= some) break
      }
    }
    rows += some
  }
  return rows
}

/** The rows of a file, group by group. */
class ParquetRows {
  readonly #file: ByteSource
  readonly #metadata: FileMetaData
  readonly #reading: Reading
  readonly #id: ReadColumn | undefined
  readonly #columns: ReadonlyArray<ReadColumn>
  readonly #rows: HeldRows
  readonly #cells: HeldCells
  readonly #count: number

  constructor(file: ByteSource, metadata: FileMetaData, reading: Reading) {
    const { problems, source, description } = reading
    this.#file = file
    this.#metadata = metadata
    this.#reading = reading
    this.#count = Number(metadata.num_rows)
    if (source.header !== undefined) {
      const reason = "names its columns itself, besides the header in the scenario"
      problems.add({ reason, remedy: "take the header out of the scenario" })
    }
    const { children } = parquetSchema(metadata)
    const names = children.map(({ element }) => element.name)
    const { held, id } = findColumns(reading, { names, named: true })
    const wanted = wantedOf(description)
    const usable = (name: string, column: ReadColumn | CellProblem): ReadonlyArray<ReadColumn> => {
      if ("cellOf" in column) return [column]
      problems.add({ column: name, ...column })
      return []
    }
    this.#id = id === undefined ? undefined : usable(description.id, idColumn(children[id]!))[0]
    this.#columns = held.flatMap(({ name, place }) =>
      usable(name, cellColumn(children[place]!, wanted.get(name)!))
    )
    requireRows(metadata, reading)
    requireReadable(
      metadata,
      [this.#id, ...this.#columns].flatMap((column) => column ?? []),
      reading
    )
    if (this.#count === 0) problems.add({ reason: "has no rows", remedy: "give the rows that are held" })
    problems.finish()
    this.#rows = new HeldRows(reading, { named: true })
    this.#cells = new HeldCells(reading, held, this.#rows)
  }

  /** Reads all groups of rows. */
  async all(): Promise<Table> {
    let from = 0
    for (const group of this.#metadata.row_groups) {
      const places = await this.#takeRows(group, from)
      from += places.length
      if (!places.some((place) => place >= 0)) continue
      for (const column of this.#columns.keys()) await this.#readColumn(group, column, places)
    }
    this.#rows.judgeWords()
    const { problems } = this.#reading
    problems.finish()
    this.#rows.finish(this.#count)
    problems.finish()
    return this.#cells.finish()
  }

  #cellsOf(group: Group, column: ReadColumn): AsyncGenerator<Cells<Cell>> {
    return cellsOf(this.#file, group, column, this.#reading)
  }

  /** The places of the rows of a group among those held, −1 for those that are not. */
  async #takeRows(group: Group, first: number): Promise<Int32Array> {
    const places = newArray(Int32Array, Number(group.num_rows), this.#reading).fill(-1)
    const take = (row: number, id: string | undefined) => {
      if (id === undefined) return
      const place = this.#rows.take(first + row, id)
      places[row] = place
      if (place >= 0) this.#cells.requireRoom(place, this.#count)
    }
    const isHeld = (row: number) => this.#rows.inPart(first + row)
    if (this.#id === undefined) {
      for (let row = 0; row < places.length; row++) if (isHeld(row)) take(row, "")
      return places
    }
    for await (const { from, cells } of this.#cellsOf(group, this.#id)) {
      for (let row = from; row < from + cells.length; row++) {
        if (isHeld(row)) take(row, this.#idOf(cells[row - from], first + row))
      }
    }
    return places
  }

  #idOf(cell: Cell, row: number): string | undefined {
    if (cell !== undefined) return cell === null ? "" : String(cell)
    const { name, fault } = this.#id!
    this.#reading.problems.add({ column: name, ...fault, reason: `${fault.reason} in row ${row + 1}` })
    return undefined
  }

  async #readColumn(group: Group, column: number, places: Int32Array): Promise<void> {
    const { fault } = this.#columns[column]!
    for await (const { from, cells } of this.#cellsOf(group, this.#columns[column]!)) {
      for (let row = 0; row < cells.length; row++) {
        const place = places[from + row]!
        if (place < 0) continue
        const cell = cells[row]
        if (typeof cell === "number") this.#cells.setNumber(place, column, cell)
        else if (typeof cell === "string") this.#cells.setText(place, column, cell)
        else if (cell === null) this.#cells.setAbsent(place, column)
        else this.#cells.add(place, column, fault)
      }
    }
  }
}
