/**
 * IDX files, the format of MNIST: a magic number, the sizes of a tensor, and its numbers, big-endian. The
 * first dimension counts the rows; all others together are the columns, which have no names. Images stay
 * bytes.
 */
import type { ByteSource } from "./byte-source.ts"
import { type Feature, type Interval, isCategory, labelColumns, sourceColumns } from "./description.ts"
import { findColumns, HeldCells, type HeldColumn, HeldRows, newArray } from "./held.ts"
import type { CellVisitor } from "./survey-visitor.ts"
import type { Column, FileReading, Reading, Table } from "./table.ts"

type Values = Uint8Array | Int8Array | Int16Array | Int32Array | Float32Array | Float64Array

interface NumberType {
  readonly array: { new (length: number): Values; readonly BYTES_PER_ELEMENT: number }
  readonly get: (view: DataView, at: number) => number
}

/** The types of numbers, by the third byte. */
const types: ReadonlyMap<number, NumberType> = new Map<number, NumberType>([
  [8, { array: Uint8Array, get: (view, at) => view.getUint8(at) }],
  [9, { array: Int8Array, get: (view, at) => view.getInt8(at) }],
  [11, { array: Int16Array, get: (view, at) => view.getInt16(at) }],
  [12, { array: Int32Array, get: (view, at) => view.getInt32(at) }],
  [13, { array: Float32Array, get: (view, at) => view.getFloat32(at) }],
  [14, { array: Float64Array, get: (view, at) => view.getFloat64(at) }]
])

/** Whether bytes begin like an IDX file. */
export const isIdx = (head: Uint8Array): boolean =>
  head[0] === 0 && head[1] === 0 && types.has(head[2]!) && head[3]! > 0

/** The header of a file. */
interface Layout {
  readonly type: NumberType
  readonly rows: number
  /** Numbers a row. */
  readonly columns: number
  /** Bytes before the numbers. */
  readonly start: number
}

/**
 * Reads the held part of a file. Its columns are named by the source's header; without one they are all
 * features of the joint table, or, in a file of one dimension, the label. Rejects with `TableError`.
 */
export const readIdx = async (file: ByteSource, head: Uint8Array, reading: Reading): Promise<Table> => {
  const { source, description, problems } = reading
  const layout = layoutOf(file.size, head, reading)
  const features = description.features.map(({ name }) => name)
  const names = source.header ?? (head[3] === 1 ? labelColumns(description) : features)
  if (names.length !== layout.columns) {
    const listed = source.header === undefined ? "the scenario has" : "its header lists"
    problems.refuse({
      reason: `has ${layout.columns} numbers a row where ${listed} ${names.length} columns`,
      remedy: `give a header that names its columns, of ${sourceColumns(description).length - 1} features and the label`
    })
  }
  const { held } = findColumns(reading, { names, named: false })
  const rows = new HeldRows(reading, { named: false })
  rows.requireRoom(layout.rows)
  const places = new Int32Array(layout.rows).fill(-1)
  for (let row = 0; row < layout.rows; row++) if (rows.inPart(row)) places[row] = rows.take(row, "")
  rows.finish(layout.rows)
  problems.finish()
  const values = await heldNumbers(file, layout, places, held, rows.ids.length, reading)
  const cells = new HeldCells(reading, held, rows)
  const ranges = new Map(description.features.map((feature) => [feature.name, rangeOf(feature)]))
  const columns = held.map(({ name }, first): readonly [string, Column] => [
    name,
    isPixels(values, ranges.get(name))
      ? { values, first, step: held.length }
      : checked({ values, first, step: held.length }, first, cells)
  ])
  problems.finish()
  return { ids: rows.ids, columns: new Map(columns), clipped: cells.clipped }
}

/** Shows a visitor the numbers of a file, row by row; its columns have no names. Rejects with `TableError`. */
export const surveyIdx = async (
  file: ByteSource,
  head: Uint8Array,
  reading: FileReading,
  visitor: CellVisitor,
  mostRows: number
): Promise<number> => {
  const { columns, rows, start, type } = layoutOf(file.size, head, reading)
  const width = type.array.BYTES_PER_ELEMENT
  visitor.open(
    Array.from({ length: columns }, () => (width === 1 ? { name: "", isByte: true } : { name: "" }))
  )
  const some = Math.min(rows, mostRows)
  const rowsARead = Math.max(1, Math.floor((1 << 22) / (columns * width)))
  for (let first = 0; first < some; first += rowsARead) {
    const count = Math.min(rowsARead, some - first) * columns
    const bytes = await file.read(start + first * columns * width, count * width)
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    for (let at = 0; at < count; at++) visitor.cell(at % columns, type.get(view, at * width))
  }
  return some
}

const layoutOf = (size: number, head: Uint8Array, { problems }: FileReading): Layout => {
  const remedy = "get a whole copy of the file"
  const dimensions = head[3]!
  const start = 4 + 4 * dimensions
  if (head.length < start) problems.refuse({ reason: "is cut short in its sizes", remedy })
  const view = new DataView(head.buffer, head.byteOffset, head.length)
  const sizes = Array.from({ length: dimensions }, (_, d) => view.getUint32(4 + 4 * d))
  const type = types.get(head[2]!)!
  const columns = sizes.slice(1).reduce((product, each) => product * each, 1)
  const expected = start + sizes[0]! * columns * type.array.BYTES_PER_ELEMENT
  if (size !== expected) {
    const reason = `has ${size} bytes where its sizes ${sizes.join(" × ")} take ${expected}`
    problems.refuse({ reason, remedy })
  }
  if (sizes[0] === 0) problems.refuse({ reason: "has no rows", remedy: "give the rows that are held" })
  return { type, rows: sizes[0]!, columns, start }
}

/** The numbers of the held columns in the held rows, row by row. */
const heldNumbers = async (
  file: ByteSource,
  { type, rows, columns, start }: Layout,
  places: Int32Array,
  held: ReadonlyArray<HeldColumn>,
  count: number,
  reading: Reading
): Promise<Values> => {
  const width = type.array.BYTES_PER_ELEMENT
  const values = newArray(type.array, count * held.length, reading)
  const whole = held.length === columns && held.every(({ place }, index) => place === index)
  const rowsARead = Math.max(1, Math.floor((1 << 22) / (columns * width)))
  for (let first = 0; first < rows; first += rowsARead) {
    const some = Math.min(rowsARead, rows - first)
    const wanted = places.subarray(first, first + some)
    if (wanted.every((place) => place < 0)) continue
    const bytes = await file.read(start + first * columns * width, some * columns * width)
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    wanted.forEach((place, row) => {
      if (place < 0) return
      const at = row * columns
      if (whole && width === 1) {
        values.set(bytes.subarray(at, at + columns), place * columns)
        return
      }
      held.forEach((column, index) => {
        values[place * held.length + index] = type.get(view, (at + column.place) * width)
      })
    })
  }
  return values
}

const rangeOf = (feature: Feature): Interval | undefined =>
  isCategory(feature) || feature.kind !== undefined ? undefined : feature.range

/** Whether every number is within its range: the bytes stay as they are, a small part of what float64 takes. */
const isPixels = (values: Values, range: Interval | undefined): boolean =>
  values instanceof Uint8Array && range !== undefined && range[0] <= 0 && range[1] >= 255

/** The cells that numbers of a column are. */
const checked = ({ values, first, step }: Column, column: number, cells: HeldCells): Column => {
  const own = new Float64Array(values.length / step)
  for (let row = 0; row < own.length; row++)
    own[row] = cells.numberOf(row, column, values[first + row * step]!)
  return { values: own, first: 0, step: 1 }
}
