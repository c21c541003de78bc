/**
 * Writes small Parquet files of any type that a column can have (parquet.thrift, Thrift's compact protocol): pages of version
 * 1, values one after another, one row group. Independent of the reader under test.
 */
import { gzipSync } from "node:zlib"

/** A value of Thrift's compact protocol: its type, and how it is written. */
interface Thrift {
  readonly type: number
  readonly write: (out: Array<number>) => void
}

const varint = (out: Array<number>, value: bigint): void => {
  let left = value
  while (left > 0x7fn) {
    out.push(Number((left & 0x7fn) | 0x80n))
    left >>= 7n
  }
  out.push(Number(left))
}

const zigzag = (value: bigint): bigint => (value < 0n ? -2n * value - 1n : 2n * value)
const whole = (type: number, value: number): Thrift => ({
  type,
  write: (out) => varint(out, zigzag(BigInt(value)))
})
const int = (value: number): Thrift => whole(5, value)
const long = (value: number): Thrift => whole(6, value)
const byte = (value: number): Thrift => ({ type: 3, write: (out) => void out.push(value) })
/** Inside a struct, where the type says the value. */
const flag = (value: boolean): Thrift => ({ type: value ? 1 : 2, write: () => {} })
const text = (value: string): Thrift => ({
  type: 8,
  write: (out) => {
    const bytes = Buffer.from(value)
    varint(out, BigInt(bytes.length))
    out.push(...bytes)
  }
})
const list = (items: ReadonlyArray<Thrift>): Thrift => ({
  type: 9,
  write: (out) => {
    const type = items[0]?.type ?? 5
    if (items.length < 15) out.push((items.length << 4) | type)
    else {
      out.push(0xf0 | type)
      varint(out, BigInt(items.length))
    }
    for (const item of items) item.write(out)
  }
})
const struct = (fields: ReadonlyArray<readonly [id: number, value: Thrift | undefined]>): Thrift => ({
  type: 12,
  write: (out) => {
    let before = 0
    for (const [id, value] of fields) {
      if (value === undefined) continue
      out.push(((id - before) << 4) | value.type)
      value.write(out)
      before = id
    }
    out.push(0)
  }
})
const written = (value: Thrift): Buffer => {
  const out: Array<number> = []
  value.write(out)
  return Buffer.from(out)
}

/** How a type of column is stored: its physical type, what it says it is, and the bytes of a value. */
interface Stored {
  readonly physical: number
  readonly length?: number
  readonly converted?: number
  readonly logical?: Thrift
  readonly bytes: (value: never) => Buffer
}

const little = (size: number, put: (buffer: Buffer) => unknown): Buffer => {
  const buffer = Buffer.alloc(size)
  put(buffer)
  return buffer
}
const long64 = (value: bigint) => little(8, (b) => b.writeBigInt64LE(BigInt.asIntN(64, value)))
const long32 = (value: number) => little(4, (b) => b.writeInt32LE(value | 0))
const counted = (value: Uint8Array) =>
  Buffer.concat([little(4, (b) => b.writeUInt32LE(value.length)), Buffer.from(value)])
const empty = struct([])
const timestamp = (unit: number, utc: boolean): Stored => ({
  physical: 2,
  logical: struct([
    [
      8,
      struct([
        [1, flag(utc)],
        [2, struct([[unit, empty]])]
      ])
    ]
  ]),
  bytes: long64
})
const integer = (physical: number, width: number, signed: boolean, bytes: Stored["bytes"]): Stored => ({
  physical,
  logical: struct([
    [
      10,
      struct([
        [1, byte(width)],
        [2, flag(signed)]
      ])
    ]
  ]),
  bytes
})

const stored = {
  text: {
    physical: 6,
    converted: 0,
    logical: struct([[1, empty]]),
    bytes: (value: string) => counted(Buffer.from(value))
  },
  /** Bytes that say that they are text. */
  textBytes: { physical: 6, converted: 0, logical: struct([[1, empty]]), bytes: counted },
  /** Bytes that do not say what they are. */
  bytes: { physical: 6, bytes: counted },
  int8: integer(1, 8, true, long32),
  int16: integer(1, 16, true, long32),
  int32: { physical: 1, bytes: long32 },
  uint32: integer(1, 32, false, long32),
  int64: { physical: 2, bytes: long64 },
  uint64: integer(2, 64, false, long64),
  float: { physical: 4, bytes: (value: number) => little(4, (b) => b.writeFloatLE(value)) },
  double: { physical: 5, bytes: (value: number) => little(8, (b) => b.writeDoubleLE(value)) },
  date: { physical: 1, converted: 6, logical: struct([[6, empty]]), bytes: long32 },
  milliseconds: timestamp(1, true),
  microseconds: timestamp(2, true),
  nanoseconds: timestamp(3, true),
  localMilliseconds: timestamp(1, false),
  localMicroseconds: timestamp(2, false),
  localNanoseconds: timestamp(3, false),
  /** As files before logical types say it. */
  convertedMilliseconds: { physical: 2, converted: 9, bytes: long64 },
  convertedMicroseconds: { physical: 2, converted: 10, bytes: long64 },
  uuid: {
    physical: 7,
    length: 16,
    logical: struct([[14, empty]]),
    bytes: (value: string) => Buffer.from(value.replaceAll("-", ""), "hex")
  }
} satisfies Record<string, Stored>

export type ColumnType = keyof typeof stored | "boolean"

export interface ParquetColumn {
  readonly name: string
  readonly type: ColumnType
  /** Null where the row has none. */
  readonly values: ReadonlyArray<string | number | bigint | boolean | Uint8Array | null>
}

const codecs = { none: 0, gzip: 2, zstd: 6 } as const

/** Flags, least significant bit first. */
const bits = (flags: ReadonlyArray<boolean>): Buffer => {
  const bytes = Buffer.alloc(Math.ceil(flags.length / 8))
  flags.forEach((on, i) => {
    if (on) bytes[i >> 3]! |= 1 << (i & 7)
  })
  return bytes
}

/** Whether each row has a value: one run of packed bits, after its length. */
const presence = (values: ParquetColumn["values"]): Buffer => {
  const packed = bits(values.map((value) => value !== null))
  const run = Buffer.concat([Buffer.from([(packed.length << 1) | 1]), packed])
  return Buffer.concat([little(4, (b) => b.writeUInt32LE(run.length)), run])
}

/** A Parquet file of these columns, all equally long. */
export const parquetFile = (
  columns: ReadonlyArray<ParquetColumn>,
  codec: keyof typeof codecs = "none"
): Uint8Array => {
  const rows = columns[0]!.values.length
  const parts: Array<Buffer> = [Buffer.from("PAR1")]
  let at = 4
  const chunks = columns.map(({ name, type, values }) => {
    const form: Stored | undefined = type === "boolean" ? undefined : stored[type]
    const there = values.filter((value) => value !== null)
    const plain =
      form === undefined
        ? bits(there.map(Boolean))
        : Buffer.concat(there.map((value) => form.bytes(value as never)))
    const page = Buffer.concat([presence(values), plain])
    const packed = codec === "gzip" ? gzipSync(page) : page
    const header = written(
      struct([
        [1, int(0)],
        [2, int(page.length)],
        [3, int(packed.length)],
        [
          5,
          struct([
            [1, int(values.length)],
            [2, int(0)],
            [3, int(3)],
            [4, int(3)]
          ])
        ]
      ])
    )
    parts.push(header, packed)
    const size = header.length + packed.length
    const chunk = struct([
      [2, long(at)],
      [
        3,
        struct([
          [1, int(form?.physical ?? 0)],
          [2, list([int(0), int(3)])],
          [3, list([text(name)])],
          [4, int(codecs[codec])],
          [5, long(values.length)],
          [6, long(header.length + page.length)],
          [7, long(size)],
          [9, long(at)]
        ])
      ]
    ])
    at += size
    return chunk
  })
  const schema = columns.map(({ name, type }) => {
    const form: Stored | undefined = type === "boolean" ? undefined : stored[type]
    return struct([
      [1, int(form?.physical ?? 0)],
      [2, form?.length === undefined ? undefined : int(form.length)],
      [3, int(1)],
      [4, text(name)],
      [6, form?.converted === undefined ? undefined : int(form.converted)],
      [10, form?.logical]
    ])
  })
  const footer = written(
    struct([
      [1, int(2)],
      [
        2,
        list([
          struct([
            [4, text("schema")],
            [5, int(columns.length)]
          ]),
          ...schema
        ])
      ],
      [3, long(rows)],
      [
        4,
        list([
          struct([
            [1, list(chunks)],
            [2, long(at - 4)],
            [3, long(rows)]
          ])
        ])
      ],
      [6, text("the tests of bicameral")]
    ])
  )
  const length = little(4, (b) => b.writeUInt32LE(footer.length))
  return new Uint8Array(Buffer.concat([...parts, footer, length, Buffer.from("PAR1")]))
}
