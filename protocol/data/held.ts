/**
 * The rows and cells that a user holds of a file, selected and checked while they are read, so that nothing
 * else of the file is kept.
 */
import { type CellReader, type ReadNumber, readersOf } from "./cell-reader.ts"
import { idProblem, isWord, mayBeMissing } from "./cell-text.ts"
import { trimmed } from "./spelling.ts"
import {
  type CellProblem,
  heldColumns,
  locateColumns,
  type Names,
  type Reading,
  type Room,
  type Table,
  type TableProblem
} from "./table.ts"
import { TextIndex } from "./text-index.ts"

/** Most rows of a file, since each id is a key of a map. */
const mostRows = 16_000_000
/**
 * Heap bytes of an id in addition to its characters: the string's own, and its places in a list and in a map.
 */
const bytesAnId = 120

/** The rows held, each with its id, in the order of the declaration or else of the file. */
export class HeldRows {
  readonly ids: Array<string> = []
  /** Whether ids are given by number, so that none is in the file. */
  readonly numbered: boolean
  readonly #reading: Reading
  readonly #known = new TextIndex()
  /** The line, or else the row, of each id that is known. */
  readonly #places: Array<number> = []
  readonly #declared: ReadonlyMap<string, number> | undefined
  readonly #found: Uint8Array
  readonly #numbering: { readonly prefix: string; readonly first: number }
  readonly #from: number
  readonly #to: number
  #characters = 0
  /** Ids that are words for a missing value, unless most ids are words. */
  readonly #doubtful: Array<TableProblem> = []

  constructor(reading: Reading, names: Pick<Names, "named">) {
    const { source } = reading
    this.#reading = reading
    this.numbered = source.ids !== undefined || !names.named
    this.#numbering = source.ids ?? { prefix: "", first: 1 }
    this.#declared = source.rows && new Map(source.rows.map((id, place) => [trimmed(id), place]))
    this.#found = new Uint8Array(source.rows?.length ?? 0)
    this.#from = (source.part?.from ?? 1) - 1
    this.#to = source.part?.to ?? Number.POSITIVE_INFINITY
  }

  /** Whether a row, counted from 0, is in the part that is held. */
  inPart(row: number): boolean {
    return row >= this.#from && row < this.#to
  }

  /** How many of `rows` rows are held, as far as the declaration tells. */
  most(rows: number): number {
    return Math.min(this.#declared?.size ?? rows, Math.max(0, Math.min(this.#to, rows) - this.#from))
  }

  /** The position of a row of the part among those held, or −1. `id` is the file's, if ids are in it. */
  take(row: number, id: string, line?: number): number {
    const name = this.numbered ? trimmed(`${this.#numbering.prefix}${this.#numbering.first + row}`) : id
    if (!this.numbered && !this.#isNew(name, row, line)) return -1
    if (this.#declared !== undefined) {
      const place = this.#declared.get(name)
      if (place === undefined) return -1
      this.#found[place] = 1
      this.ids[place] = name
      return place
    }
    return this.ids.push(name) - 1
  }

  #isNew(id: string, row: number, line: number | undefined): boolean {
    const at = line === undefined ? {} : { line }
    const { problems } = this.#reading
    const wrong = idProblem(id)
    if (id === "") {
      const reason = line === undefined ? `has no id in row ${row + 1}` : "has a row without an id here"
      problems.add({ ...at, reason, remedy: "give every row its id" })
      return false
    }
    if (wrong !== undefined && mayBeMissing(id)) {
      if (this.#declared === undefined) this.#doubtful.push({ ...at, id, ...wrong })
    } else if (wrong !== undefined) {
      problems.add({ ...at, id, ...wrong })
      return false
    }
    const number = this.#known.numberOf(id)
    const before = this.#places[number]
    if (before === undefined) {
      this.#places.push(line ?? row + 1)
      this.#characters += id.length
      if (this.#known.size % 65_536 === 0) this.#requireHeap(this.#known.size)
      return true
    }
    const there = line === undefined ? `row ${before}` : `line ${before}`
    const reason = `has the id of ${there} again`
    problems.add({ ...at, id, reason, remedy: "give every row an id of its own" })
    return false
  }

  /** Refuses more rows than fit. `rows` are expected in total. Throws `TableError`. */
  requireRoom(rows: number): void {
    this.#requireHeap(this.most(rows))
  }

  #requireHeap(rows: number): void {
    const { problems, room } = this.#reading
    if (rows > mostRows) {
      problems.refuse({
        reason: `has more than ${mostRows} rows to hold`,
        remedy: "hold a part of the file, or take only the rows that are needed into it"
      })
    }
    const bytes = rows * (bytesAnId + this.#characters / Math.max(1, this.#known.size))
    if (bytes > room.heap) problems.refuse(tooLarge(bytes, "ids", room.heap))
  }

  /** Adds the ids that are words for a missing value, once all are known: among names or codes they stand for themselves. */
  judgeWords(): void {
    if (this.#doubtful.length === 0) return
    const others = this.#known.texts.filter((id) => !mayBeMissing(id))
    if (2 * others.filter(isWord).length > others.length) return
    for (const problem of this.#doubtful) this.#reading.problems.add(problem)
  }

  /** Adds the declared rows that are missing, once all rows of the file have been read. */
  finish(rows: number): void {
    const { source, problems } = this.#reading
    const { part } = source
    if (part !== undefined && (part.to > rows || part.from > part.to)) {
      problems.add({
        reason: `has ${rows} rows, of which the rows ${part.from} to ${part.to} are declared as held`,
        remedy: "declare rows that are there, the first before the last"
      })
    }
    source.rows?.forEach((id, place) => {
      if (this.#found[place] !== 0) return
      problems.add({
        id,
        reason: "is declared as held but is not in the file",
        remedy: "add the row, or take its id out of the rows held"
      })
    })
  }
}

const gibibytes = (bytes: number) => `${(bytes / 2 ** 30).toFixed(1)} GiB`

/** The error for what does not fit into memory. */
export const tooLarge = (bytes: number, what: string, room: number): TableProblem => ({
  reason: `takes about ${gibibytes(bytes)} of memory for the ${what} that are held, where ${gibibytes(room)} are free`,
  remedy: "hold fewer columns or a part of the rows, or use a machine with more memory"
})

/** A held column. */
export interface HeldColumn {
  readonly name: string
  /** Its position in the file. */
  readonly place: number
}

/** The held columns and their positions in the file, and the id's position unless ids are given by number. */
export interface HeldColumns {
  readonly held: ReadonlyArray<HeldColumn>
  readonly id: number | undefined
}

/** Finds the held columns. Throws `TableError`. */
export const findColumns = (reading: Reading, names: Names): HeldColumns => {
  const { source, description, problems } = reading
  const numbered = source.ids !== undefined || !names.named
  const columns = heldColumns(source, names, description)
  const places = locateColumns(names, numbered ? columns : [description.id, ...columns], problems)
  return {
    held: columns.map((name) => ({ name, place: places.get(name)! })),
    id: numbered ? undefined : places.get(description.id)!
  }
}

/** Rows × held columns, as numbers; NaN for a missing cell. */
export class HeldCells {
  readonly #reading: Reading
  readonly #columns: ReadonlyArray<HeldColumn>
  readonly #rows: HeldRows
  readonly #readers: ReadonlyArray<CellReader>
  #cells = new Float64Array(0)

  /** Numbers in texts are read by `toNumber`, where they are not written with a decimal point. */
  constructor(reading: Reading, columns: ReadonlyArray<HeldColumn>, rows: HeldRows, toNumber?: ReadNumber) {
    this.#reading = reading
    this.#columns = columns
    this.#rows = rows
    const readerOf = readersOf(reading.description, toNumber)
    this.#readers = columns.map(({ name }) => readerOf(name))
  }

  /**
   * Makes room for the position; `expected` rows are in the file, as far as can be told. Throws `TableError`.
   */
  requireRoom(place: number, expected: number): void {
    const width = this.#columns.length
    if ((place + 1) * width <= this.#cells.length) return
    this.#rows.requireRoom(expected)
    // A little more than expected, so that the cells are rarely moved.
    const capacity = Math.max(this.#rows.most(Math.ceil(1.03 * expected)), Math.ceil(1.1 * (place + 1)))
    const cells = newArray(Float64Array, capacity * width, this.#reading)
    cells.set(this.#cells)
    this.#cells = cells
  }

  /** Sets a cell to what a text stands for, without spaces at its edges. */
  setText(place: number, column: number, text: string, line?: number): void {
    this.#set(place, column, this.#readers[column]!.text(text), line)
  }

  /** Sets a cell to a number; NaN is a missing one. */
  setNumber(place: number, column: number, value: number, line?: number): void {
    this.#set(place, column, this.#readers[column]!.number(value), line)
  }

  /** Sets a cell that the file leaves out. */
  setAbsent(place: number, column: number, line?: number): void {
    this.#set(place, column, this.#readers[column]!.absent, line)
  }

  /** What a number is as a cell; of one that can't be, NaN, and the fault is noted. */
  numberOf(place: number, column: number, value: number): number {
    return this.#noted(place, column, this.#readers[column]!.number(value))
  }

  /** Whether the cells of a column are texts, such as names of classes. */
  isText(column: number): boolean {
    return this.#readers[column]!.isText
  }

  #set(place: number, column: number, cell: number | CellProblem, line?: number): void {
    this.#cells[place * this.#columns.length + column] = this.#noted(place, column, cell, line)
  }

  #noted(place: number, column: number, cell: number | CellProblem, line?: number): number {
    if (typeof cell === "number") return cell
    this.add(place, column, cell, line)
    return Number.NaN
  }

  get width(): number {
    return this.#columns.length
  }

  /** Notes that a cell can't be used. */
  add(place: number, column: number, { reason, remedy }: CellProblem, line?: number): void {
    const at = line === undefined ? {} : { line }
    this.#reading.problems.add({
      ...at,
      column: this.#columns[column]!.name,
      id: this.#rows.ids[place]!,
      alike: true,
      reason,
      remedy
    })
  }

  finish(): Table {
    const { ids } = this.#rows
    const step = this.#columns.length
    const values = this.#cells.subarray(0, ids.length * step)
    return {
      ids,
      columns: new Map(this.#columns.map(({ name }, first) => [name, { values, first, step }])),
      clipped: this.clipped
    }
  }

  /** By column, how many cells were moved to an end of its range. */
  get clipped(): ReadonlyMap<string, number> {
    return new Map(this.#columns.map(({ name }, column) => [name, this.#readers[column]!.clipped()]))
  }
}

/** An array of the given length. Throws `TableError` if it exceeds the memory that is left. */
export const newArray = <A>(
  type: { new (length: number): A; readonly BYTES_PER_ELEMENT: number },
  length: number,
  { problems, room }: { readonly problems: Reading["problems"]; readonly room: Room }
): A => {
  const bytes = length * type.BYTES_PER_ELEMENT
  if (bytes > room.memory) problems.refuse(tooLarge(bytes, "cells", room.memory))
  try {
    return new type(length)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    return problems.refuse(tooLarge(bytes, "cells", room.memory))
  }
}
