/**
 * IDX files, the format of MNIST: a magic number, the sizes of a tensor, and its numbers, big-endian. The first dimension is
 * that of the rows, all others together are the columns, which have no names. Images stay the bytes they are.
 */
import type { DataDescription } from "./encoding.ts"
import { sourceColumns } from "./encoding.ts"
import type { Problems, RawTable, TableSource, Values } from "./table.ts"

/** The types of numbers, by the third byte. */
const types: Readonly<Record<number, (bytes: Uint8Array) => Values>> = {
  8: (bytes) => bytes,
  9: (bytes) => new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length),
  11: (bytes) => read(bytes, 2, new Int16Array(bytes.length / 2), "getInt16"),
  12: (bytes) => read(bytes, 4, new Int32Array(bytes.length / 4), "getInt32"),
  13: (bytes) => read(bytes, 4, new Float32Array(bytes.length / 4), "getFloat32"),
  14: (bytes) => read(bytes, 8, new Float64Array(bytes.length / 8), "getFloat64")
}
const widths: Readonly<Record<number, number>> = { 8: 1, 9: 1, 11: 2, 12: 4, 13: 4, 14: 8 }

/** Whether bytes begin as an IDX file does. */
export const isIdx = (bytes: Uint8Array): boolean =>
  bytes[0] === 0 && bytes[1] === 0 && bytes[2]! in types && bytes[3]! > 0

/**
 * A file as a table. Its columns are named by the source's header; without one they are all features of the joint table,
 * or, in a file of one dimension, the label.
 */
export const readIdx = (
  bytes: Uint8Array,
  { header }: TableSource,
  description: DataDescription,
  problems: Problems
): RawTable => {
  const [type, dimensions] = [bytes[2]!, bytes[3]!]
  const start = 4 + 4 * dimensions
  if (bytes.length < start) refuse(problems, "is cut short in its sizes")
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const sizes = Array.from({ length: dimensions }, (_, d) => view.getUint32(4 + 4 * d))
  const rows = sizes[0]!
  const columns = sizes.slice(1).reduce((product, size) => product * size, 1)
  const expected = start + rows * columns * widths[type]!
  if (bytes.length !== expected) {
    refuse(problems, `has ${bytes.length} bytes where its sizes ${sizes.join(" × ")} take ${expected}`)
  }
  const features = description.features.map(({ name }) => name)
  const names = header ?? (dimensions === 1 ? [description.label.column] : features)
  if (names.length !== columns) {
    const listed = header === undefined ? "the scenario has" : "its header lists"
    problems.add({
      reason: `has ${columns} numbers a row where ${listed} ${names.length} columns`,
      remedy: `give a header that names its columns, of ${sourceColumns(description).length - 1} features and the label`
    })
    problems.finish()
  }
  const values = types[type]!(bytes.subarray(start))
  return { names, named: false, rows, column: (place) => ({ values, first: place, step: columns }) }
}

const refuse = (problems: Problems, reason: string): void => {
  problems.add({ reason, remedy: "get a whole copy of the file" })
  problems.finish()
}

/** The numbers of big-endian bytes. */
const read = <V extends Values>(
  bytes: Uint8Array,
  width: number,
  values: V,
  get: "getInt16" | "getInt32" | "getFloat32" | "getFloat64"
): V => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  for (let i = 0; i < values.length; i++) values[i] = view[get](i * width)
  return values
}
