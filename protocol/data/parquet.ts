/**
 * Parquet files: columns with names and types of their own, of which only the needed ones are read, one after
 * another in each group of rows and page by page.
 */
import { type FileMetaData, parquetMetadataAsync, parquetSchema, type SchemaElement } from "hyparquet"
import { type ByteSource, Unreadable } from "./byte-source.ts"
import { empty, missingNumber, readNumber } from "./cell-text.ts"
import { findColumns, HeldCells, HeldRows, newArray, tooLarge } from "./held.ts"
import { areNumbers } from "./labels.ts"
import { isReadableCodec } from "./parquet-codecs.ts"
import { type Cells, PageFault, readCells, wholeCopy } from "./parquet-pages.ts"
import { type CellType, cellType, nestedType } from "./parquet-types.ts"
import { trimmed } from "./spelling.ts"
import { type CellProblem, type Reading, type Table, TableError, type TableProblem } from "./table.ts"

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

const readMetadata = async (bytes: ByteSource, { problems }: Reading): Promise<FileMetaData> => {
  const file = {
    byteLength: bytes.size,
    slice: async (from: number, to = bytes.size) => bufferOf(await bytes.read(from, to - from))
  }
  try {
    const metadata = await parquetMetadataAsync(file, { parsers: asTheyAre, geoparquet: false })
    parquetSchema(metadata)
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

const bufferOf = (bytes: Uint8Array): ArrayBuffer =>
  bytes.buffer instanceof ArrayBuffer && bytes.byteLength === bytes.buffer.byteLength
    ? bytes.buffer
    : new Uint8Array(bytes).buffer

/** A column that is read, with what its cells are. */
interface TypedColumn {
  readonly name: string
  readonly element: SchemaElement
  readonly type: CellType
}

type Group = FileMetaData["row_groups"][number]

/** The rows of a file, group by group. */
class ParquetRows {
  readonly #file: ByteSource
  readonly #metadata: FileMetaData
  readonly #reading: Reading
  readonly #id: TypedColumn | undefined
  readonly #columns: ReadonlyArray<TypedColumn>
  readonly #rows: HeldRows
  readonly #cells: HeldCells
  readonly #count: number

  constructor(file: ByteSource, metadata: FileMetaData, reading: Reading) {
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
      return { name: element.name, element, type: flat ? cellType(element) : nestedType(element) }
    }
    this.#file = file
    this.#metadata = metadata
    this.#reading = reading
    this.#id = id === undefined ? undefined : typed(id)
    this.#columns = held.map(({ place }) => typed(place))
    this.#count = Number(metadata.num_rows)
    if (this.#id !== undefined) this.#requireIds(this.#id)
    const labelsAreNumbers = areNumbers(description.label.values)
    for (const [index, { name, range }] of held.entries()) {
      const problem = unfit(this.#columns[index]!.type, range === undefined, labelsAreNumbers)
      if (problem !== undefined) problems.add({ column: name, ...problem })
    }
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
    const wanted = new Set([this.#id, ...this.#columns].map((column) => column?.name))
    for (const { columns } of this.#metadata.row_groups) {
      for (const chunk of columns) {
        const problem = unreadable(chunk, wanted)
        if (problem !== undefined) this.#reading.problems.refuse(problem)
      }
    }
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

  /** The cells of a column in a group. Rejects with `TableError`, which names the column. */
  async *#cellsOf<A>(
    group: Group,
    { name, element }: TypedColumn,
    cellOf: (value: unknown) => A
  ): AsyncGenerator<Cells<A | null>> {
    const { problems, room } = this.#reading
    const data = group.columns.find((column) => column.meta_data?.path_in_schema[0] === name)?.meta_data
    const rows = Number(group.num_rows)
    let read = 0
    try {
      if (data === undefined) throw new Error("a group without the column")
      const chunk = { file: this.#file, element, data, rows, room: room.memory }
      for await (const part of readCells<A | null>(chunk, cellOf, null)) {
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
    for await (const { from, cells } of this.#cellsOf(group, this.#id, this.#id.type.text!)) {
      for (let row = from; row < from + cells.length; row++) {
        if (isHeld(row)) take(row, this.#idOf(cells[row - from]!, first + row))
      }
    }
    return places
  }

  #idOf(cell: string | undefined | null, row: number): string | undefined {
    if (cell === null) return ""
    if (cell !== undefined) return trimmed(cell)
    this.#reading.problems.add({ column: this.#id!.name, ...notText(this.#id!.type, ` in row ${row + 1}`) })
    return undefined
  }

  async #readColumn(group: Group, column: number, places: Int32Array): Promise<void> {
    const typed = this.#columns[column]!
    const { text, number } = typed.type
    if (number !== undefined && !this.#cells.isLabel(column)) {
      for await (const page of this.#cellsOf(group, typed, number)) {
        this.#setCells(page, places, column, (place, cell) => this.#setNumber(cell, place, column))
      }
    } else {
      for await (const page of this.#cellsOf(group, typed, text!)) {
        this.#setCells(page, places, column, (place, cell) => this.#setText(cell, place, column))
      }
    }
  }

  #setCells<A>(
    { from, cells }: Cells<A | null>,
    places: Int32Array,
    column: number,
    set: (place: number, cell: A) => void
  ): void {
    for (let index = 0; index < cells.length; index++) {
      const place = places[from + index]!
      if (place < 0) continue
      const cell = cells[index]!
      if (cell === null) this.#cells.add(place, column, empty)
      else set(place, cell)
    }
  }

  #setText(text: string | undefined, place: number, column: number): void {
    if (text === undefined) {
      this.#cells.add(place, column, notText(this.#columns[column]!.type, ""))
    } else if (this.#cells.isLabel(column)) {
      this.#cells.setLabel(place, column, trimmed(text))
    } else {
      const value = readNumber(trimmed(text))
      if (typeof value === "number") this.#setNumber(value, place, column)
      else this.#cells.add(place, column, value)
    }
  }

  #setNumber(value: number, place: number, column: number): void {
    if (Number.isNaN(value)) this.#cells.add(place, column, missingNumber)
    else this.#cells.setNumber(place, column, value)
  }
}

/** Why a column can't be read, if it is wanted. */
const unreadable = (
  { meta_data: data, file_path: elsewhere }: Group["columns"][number],
  wanted: ReadonlySet<string | undefined>
): TableProblem | undefined => {
  if (data === undefined) {
    return { reason: "has columns that are encrypted", remedy: "write it without encryption" }
  }
  const column = data.path_in_schema[0]!
  if (!wanted.has(column)) return undefined
  if (elsewhere !== undefined) {
    return { column, reason: "is in another file", remedy: "write the whole table into one file" }
  }
  if (isReadableCodec(data.codec)) return undefined
  return {
    column,
    reason: `is compressed with ${data.codec ?? "a codec that is not known"}, which is not read`,
    remedy: "write it with Zstandard, Snappy, gzip, LZ4 or Brotli, or uncompressed"
  }
}

const notText = ({ what }: CellType, where: string): CellProblem =>
  what === "texts"
    ? { reason: `has bytes that are not UTF-8${where}`, remedy: "write texts as UTF-8" }
    : { reason: `is beyond the years 0 to 9999${where}`, remedy: "correct it, or leave out the row" }

/** Why a column can't be a feature or the label. */
const unfit = (type: CellType, isLabel: boolean, labelsAreNumbers: boolean): CellProblem | undefined => {
  if (!isLabel && (type.number !== undefined || type.what === "texts")) return undefined
  if (!isLabel) return { reason: `holds ${type.what}, which can't be a feature`, remedy: "write numbers" }
  if (type.text === undefined) {
    return {
      reason: `holds ${type.what}, which can't be labels`,
      remedy: "write labels as texts or integers"
    }
  }
  return type.rounded && !labelsAreNumbers
    ? {
        reason: `holds ${type.what}, and not all labels of the scenario are numbers`,
        remedy: "write labels as texts or integers"
      }
    : undefined
}
