/** Parquet files for tests. */
import type { SchemaElement } from "hyparquet"

/**
 * A file as another program wrote it (hyparquet-writer 0.17): three leaves in two row groups, with an id, a double, a 64-bit
 * integer and texts, one of which is missing.
 */
const base64 = [
  "UEFSMRUGFSwVMFwVBBUAFQQVABUEFQAAAAMDFEwGAAAAbGVhZi0xBgAAAGxlYWYtMhUGFSQVJFwVBBUAFQQVABUEFQAAAAMDEAAA",
  "BQEk+D8AAAAAAAACQBUGFSQVKFwVBBUAFQQVABUEFQAAAAMDEDwEAAAAAAAAAAwAAAAAAAAAFQYVIBUkXBUEFQAVBBUAFQQVAAAA",
  "AwMONAMAAABhc2gDAAAAZWxtFQYVGBUcXBUEFQAVBBUAFQQVAAAAAwMKJAEAAABhAQAAAGIVBhUYFRxcFQIVABUCFQAVBBUAAAAD",
  "AQokBgAAAGxlYWYtMxUGFRQVGFwVAhUAFQIVABUEFQAAAAMBCBwAAAAAAAAkQBUGFRQVGFwVAhUAFQIVABUEFQAAAAMBCBwUAAAA",
  "AAAAABUGFRIVFlwVAhUAFQIVABUEFQAAAAMBBxgDAAAAYXNoFQYVBBUGXBUCFQIVAhUAFQQVAAAAAwAAFQQZbEgEcm9vdBUKABUM",
  "JQIYAmlkJQAAFQolAhgGbGVuZ3RoABUEJQIYBXZlaW5zABUMJQIYBGtpbmQlAAAVDCUCGARub3RlJQAAFgYZLBlcJggcFQwZFQAZ",
  "GAJpZBUCFgQWVhZaJgg8NgAoBmxlYWYtMhgGbGVhZi0xABkcFQYVABUCAAAAJmIcFQoZFQAZGAZsZW5ndGgVAhYEFk4WTiZiPDYA",
  "KAgAAAAAAAACQBgIAAAAAAAA+D82AAAZHBUGFQAVAgAAACawARwVBBkVABkYBXZlaW5zFQIWBBZOFlImsAE8NgAoCAwAAAAAAAAA",
  "GAgEAAAAAAAAAAAZHBUGFQAVAgAAACaCAhwVDBkVABkYBGtpbmQVAhYEFkoWTiaCAjw2ACgDZWxtGANhc2gAGRwVBhUAFQIAAAAm",
  "0AIcFQwZFQAZGARub3RlFQIWBBZCFkYm0AI8NgAoAWIYAWEAGRwVBhUAFQIAAAAW/gIWBDaOAwAZXCaWAxwVDBkVABkYAmlkFQIW",
  "AhZCFkYmlgM8NgAoBmxlYWYtMxgGbGVhZi0zABkcFQYVABUCAAAAJtwDHBUKGRUAGRgGbGVuZ3RoFQIWAhY+FkIm3AM8NgAoCAAA",
  "AAAAACRAGAgAAAAAAAAkQDYAABkcFQYVABUCAAAAJp4EHBUEGRUAGRgFdmVpbnMVAhYCFj4WQiaeBDw2ACgIFAAAAAAAAAAYCBQA",
  "AAAAAAAAABkcFQYVABUCAAAAJuAEHBUMGRUAGRgEa2luZBUCFgIWPBZAJuAEPDYAKANhc2gYA2FzaAAZHBUGFQAVAgAAACagBRwV",
  "DBkVABkYBG5vdGUVAhYCFi4WMCagBTw2AgAZHBUGFQAVAgAAABaoAhYCNroCACgJaHlwYXJxdWV0GVwcAAAcAAAcAAAcAAAcAAAA",
  "sgIAAFBBUjE="
]

export const parquet = new Uint8Array(Buffer.from(base64.join(""), "base64"))

type Type =
  | "BOOLEAN"
  | "INT32"
  | "INT64"
  | "INT96"
  | "FLOAT"
  | "DOUBLE"
  | "BYTE_ARRAY"
  | "FIXED_LEN_BYTE_ARRAY"
const types: ReadonlyArray<Type> = [
  "BOOLEAN",
  "INT32",
  "INT64",
  "INT96",
  "FLOAT",
  "DOUBLE",
  "BYTE_ARRAY",
  "FIXED_LEN_BYTE_ARRAY"
]
const convertedTypes = [
  "UTF8",
  "MAP",
  "MAP_KEY_VALUE",
  "LIST",
  "ENUM",
  "DECIMAL",
  "DATE",
  "TIME_MILLIS"
].concat(
  ["TIME_MICROS", "TIMESTAMP_MILLIS", "TIMESTAMP_MICROS", "UINT_8", "UINT_16", "UINT_32", "UINT_64"],
  ["INT_8", "INT_16", "INT_32", "INT_64", "JSON", "BSON", "INTERVAL"]
)

/** A column of the small writer: without a null where it is not optional. */
export interface WrittenColumn
  extends Pick<SchemaElement, "name" | "type_length" | "converted_type" | "scale" | "logical_type"> {
  readonly type: Type
  readonly cells: ReadonlyArray<number | bigint | boolean | string | Uint8Array | null>
  readonly codec?: number
  /** Compresses the page. */
  readonly pack?: (page: Buffer) => Uint8Array
  /** What the page's header says that it unpacks to. */
  readonly unpacked?: number
}

/** A value of Thrift: its type in the compact protocol, and its bytes. */
type Thrift = readonly [type: number, bytes: Buffer]

const varint = (x: bigint | number): Buffer => {
  const bytes: Array<number> = []
  let rest = BigInt(x)
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128)
  return Buffer.from([...bytes, Number(rest)])
}
const zigzag = (x: bigint | number): Buffer => varint(BigInt(x) >= 0n ? 2n * BigInt(x) : -2n * BigInt(x) - 1n)
const int = (x: number): Thrift => [5, zigzag(x)]
const long = (x: number): Thrift => [6, zigzag(x)]
const text = (x: string | Uint8Array): Thrift => {
  const bytes = Buffer.from(x as string)
  return [8, Buffer.concat([varint(bytes.length), bytes])]
}
const flag = (x: boolean): Thrift => [x ? 1 : 2, Buffer.alloc(0)]
const list = (items: ReadonlyArray<Thrift>): Thrift => {
  const type = items[0]?.[0] ?? 12
  const size =
    items.length < 15
      ? Buffer.of((items.length << 4) | type)
      : Buffer.concat([Buffer.of(0xf0 | type), varint(items.length)])
  return [9, Buffer.concat([size, ...items.map(([, bytes]) => bytes)])]
}
const struct = (fields: Readonly<Record<number, Thrift | undefined>>): Thrift => {
  let before = 0
  const parts = Object.entries(fields).flatMap(([key, value]) => {
    if (value === undefined) return []
    const delta = Number(key) - before
    before = Number(key)
    return [Buffer.of((delta << 4) | value[0]), value[1]]
  })
  return [12, Buffer.concat([...parts, Buffer.of(0)])]
}

const logicalType = (logical: SchemaElement["logical_type"]): Thrift | undefined => {
  if (logical === undefined) return undefined
  const unit = (name: string) => struct({ [{ MILLIS: 1, MICROS: 2, NANOS: 3 }[name]!]: struct({}) })
  if (logical.type === "STRING") return struct({ 1: struct({}) })
  if (logical.type === "DATE") return struct({ 6: struct({}) })
  if (logical.type === "TIME" || logical.type === "TIMESTAMP")
    return struct({
      [logical.type === "TIME" ? 7 : 8]: struct({ 1: flag(logical.isAdjustedToUTC), 2: unit(logical.unit) })
    })
  if (logical.type === "UUID") return struct({ 14: struct({}) })
  if (logical.type === "FLOAT16") return struct({ 15: struct({}) })
  if (logical.type === "INTEGER")
    return struct({ 10: struct({ 1: [3, Buffer.of(logical.bitWidth)], 2: flag(logical.isSigned) }) })
  throw new Error(`the writer knows no ${logical.type}`)
}

const plain = ({ type, cells, name }: WrittenColumn): Buffer => {
  const there = cells.filter((cell) => cell !== null)
  if (type === "BOOLEAN") {
    const bits = Buffer.alloc(Math.ceil(there.length / 8))
    there.forEach((cell, i) => {
      if (cell === true) bits[i >> 3]! |= 1 << (i & 7)
    })
    return bits
  }
  return Buffer.concat(
    there.map((cell) => {
      const bytes = Buffer.alloc(8)
      if (type === "INT32") return bytes.subarray(0, bytes.writeInt32LE(Number(cell)))
      if (type === "INT64")
        return bytes.subarray(0, bytes.writeBigInt64LE(BigInt.asIntN(64, BigInt(cell as bigint))))
      if (type === "FLOAT") return bytes.subarray(0, bytes.writeFloatLE(Number(cell)))
      if (type === "DOUBLE") return bytes.subarray(0, bytes.writeDoubleLE(Number(cell)))
      const content = Buffer.from(cell as string)
      if (type !== "BYTE_ARRAY") return content
      if (typeof cell === "number") throw new Error(`column ${name} has a number where bytes belong`)
      bytes.writeUInt32LE(content.length)
      return Buffer.concat([bytes.subarray(0, 4), content])
    })
  )
}

/** Definition levels, one bit a row, as a run of bits packed. */
const levels = (cells: WrittenColumn["cells"]): Buffer => {
  const groups = Math.ceil(cells.length / 8)
  const bits = Buffer.alloc(groups)
  cells.forEach((cell, i) => {
    if (cell !== null) bits[i >> 3]! |= 1 << (i & 7)
  })
  const run = Buffer.concat([varint((groups << 1) | 1), bits])
  const length = Buffer.alloc(4)
  length.writeUInt32LE(run.length)
  return Buffer.concat([length, run])
}

/** A file of one group of rows, every column optional and plain. `rowsInAll` is what it says of itself. */
export const writeParquet = (columns: ReadonlyArray<WrittenColumn>, rowsInAll?: number): Uint8Array => {
  const rows = columns[0]!.cells.length
  let at = 4
  const chunks = columns.map((column) => {
    const page = Buffer.concat([levels(column.cells), plain(column)])
    const packed = column.pack?.(page) ?? page
    const [, header] = struct({
      1: int(0),
      2: int(column.unpacked ?? page.length),
      3: int(packed.length),
      5: struct({ 1: int(rows), 2: int(0), 3: int(3), 4: int(3) })
    })
    const bytes = Buffer.concat([header, packed])
    const from = at
    at += bytes.length
    const data = struct({
      1: int(types.indexOf(column.type)),
      2: list([int(0)]),
      3: list([text(column.name)]),
      4: int(column.codec ?? 0),
      5: long(rows),
      6: long(header.length + page.length),
      7: long(bytes.length),
      9: long(from)
    })
    return { bytes, meta: struct({ 2: long(from), 3: data }), size: bytes.length }
  })
  const schema = columns.map((column) =>
    struct({
      1: int(types.indexOf(column.type)),
      2: column.type_length === undefined ? undefined : int(column.type_length),
      3: int(1),
      4: text(column.name),
      6: column.converted_type === undefined ? undefined : int(convertedTypes.indexOf(column.converted_type)),
      7: column.scale === undefined ? undefined : int(column.scale),
      10: logicalType(column.logical_type)
    })
  )
  const group = struct({
    1: list(chunks.map(({ meta }) => meta)),
    2: long(chunks.reduce((sum, { size }) => sum + size, 0)),
    3: long(rows)
  })
  const [, footer] = struct({
    1: int(1),
    2: list([struct({ 4: text("schema"), 5: int(columns.length) }), ...schema]),
    3: long(rowsInAll ?? rows),
    4: list([group])
  })
  const length = Buffer.alloc(4)
  length.writeUInt32LE(footer.length)
  return new Uint8Array(
    Buffer.concat([
      Buffer.from("PAR1"),
      ...chunks.map(({ bytes }) => bytes),
      footer,
      length,
      Buffer.from("PAR1")
    ])
  )
}
