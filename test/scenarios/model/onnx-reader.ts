/** A small interpreter of the graphs that are exported: it reads the file's bytes, and knows their operators and no others. */
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire"

export interface Value {
  readonly dims: ReadonlyArray<number>
  readonly data: ReadonlyArray<number | string>
}

type Fields = ReadonlyMap<number, ReadonlyArray<Uint8Array | bigint | number>>

/** The fields of a message by their numbers. */
const fieldsOf = (bytes: Uint8Array): Fields => {
  const reader = new BinaryReader(bytes)
  const found = new Map<number, Array<Uint8Array | bigint | number>>()
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag()
    const value =
      type === WireType.LengthDelimited
        ? reader.bytes()
        : type === WireType.Bit32
          ? reader.float()
          : BigInt(reader.int64())
    found.set(field, [...(found.get(field) ?? []), value])
  }
  return found
}

const messages = (fields: Fields, field: number) =>
  (fields.get(field) ?? []).map((bytes) => fieldsOf(bytes as Uint8Array))
const texts = (fields: Fields, field: number) =>
  (fields.get(field) ?? []).map((bytes) => new TextDecoder().decode(bytes as Uint8Array))
const integers = (fields: Fields, field: number) => (fields.get(field) ?? []).map(Number)

const tensorOf = (fields: Fields): Value => {
  const [raw] = fields.get(9) ?? []
  const dims = integers(fields, 1)
  if (integers(fields, 2)[0] === 8) return { dims, data: texts(fields, 6) }
  const { buffer } = Uint8Array.from(raw as Uint8Array)
  const data = integers(fields, 2)[0] === 11 ? new Float64Array(buffer) : new BigInt64Array(buffer)
  return { dims, data: Array.from(data, Number) }
}

/** Both values by each other's rows and columns, as far as they have one of either. */
const elementwise =
  (f: (x: never, y: never) => number) =>
  (x: Value, y: Value): Value => {
    const size = (side: 0 | 1) => Math.max(...[x, y].map(({ dims }) => [1, 1, ...dims].slice(-2)[side]!))
    const [rows, columns] = [size(0), size(1)]
    const at = ({ dims, data }: Value, row: number, column: number) => {
      const [ownRows, own] = [1, 1, ...dims].slice(-2) as [number, number]
      return data[(ownRows === 1 ? 0 : row) * own + (own === 1 ? 0 : column)]
    }
    const data: Array<number> = []
    for (let row = 0; row < rows; row++)
      for (let column = 0; column < columns; column++)
        data.push(f(at(x, row, column) as never, at(y, row, column) as never))
    return { dims: [rows, columns], data }
  }

const each = (x: Value, f: (x: number) => number): Value => ({
  dims: x.dims,
  data: (x.data as number[]).map(f)
})

const rowsOf = ({ dims: [rows, columns], data }: Value): ReadonlyArray<ReadonlyArray<number | string>> =>
  Array.from({ length: rows! }, (_, row) => data.slice(row * columns!, (row + 1) * columns!))
const matrix = (rows: ReadonlyArray<ReadonlyArray<number | string>>): Value => ({
  dims: [rows.length, rows[0]?.length ?? 0],
  data: rows.flat()
})
const rowwise = (x: Value, f: (row: ReadonlyArray<number>) => ReadonlyArray<number>) =>
  matrix(rowsOf(x).map((row) => f(row as number[])))

interface Attributes {
  readonly integer: (name: string) => number | undefined
  readonly texts: (name: string) => ReadonlyArray<string>
  readonly integers: (name: string) => ReadonlyArray<number>
}

const operators: Readonly<Record<string, (given: ReadonlyArray<Value>, attributes: Attributes) => Value>> = {
  Add: ([x, y]) => elementwise((a: number, b: number) => a + b)(x!, y!),
  Sub: ([x, y]) => elementwise((a: number, b: number) => a - b)(x!, y!),
  Mul: ([x, y]) => elementwise((a: number, b: number) => a * b)(x!, y!),
  Div: ([x, y]) => elementwise((a: number, b: number) => a / b)(x!, y!),
  Max: ([x, y]) => elementwise((a: number, b: number) => Math.max(a, b))(x!, y!),
  Min: ([x, y]) => elementwise((a: number, b: number) => Math.min(a, b))(x!, y!),
  Equal: ([x, y]) => elementwise((a: number, b: number) => Number(a === b))(x!, y!),
  Greater: ([x, y]) => elementwise((a: number, b: number) => Number(a > b))(x!, y!),
  Where: ([condition, x, y]) => {
    const chosen = elementwise((c: number, a: number) => (c ? a : Number.NaN))(condition!, x!)
    const other = elementwise((c: number, b: number) => (c ? Number.NaN : b))(condition!, y!)
    return elementwise((a: number, b: number) => (Number.isNaN(a) ? b : a))(chosen, other)
  },
  IsNaN: ([x]) => each(x!, (a) => Number(Number.isNaN(a))),
  Cast: ([x]) => x!,
  Relu: ([x]) => each(x!, (a) => Math.max(0, a)),
  Sigmoid: ([x]) => each(x!, (a) => 1 / (1 + Math.exp(-a))),
  Softmax: ([x]) =>
    rowwise(x!, (row) => {
      const powers = row.map((a) => Math.exp(a - Math.max(...row)))
      return powers.map((power) => power / powers.reduce((sum, p) => sum + p, 0))
    }),
  ReduceSum: ([x]) => rowwise(x!, (row) => [row.reduce((sum, a) => sum + a, 0)]),
  ArgMax: ([x]) => ({
    dims: [x!.dims[0]!],
    data: rowsOf(x!).map((row) => row.indexOf(Math.max(...(row as number[]))))
  }),
  Concat: (given) => {
    const parts = given.map(rowsOf)
    return matrix(parts[0]!.map((_, row) => parts.flatMap((part) => part[row]!)))
  },
  Gather: ([x, places], { integer }) =>
    integer("axis") === 1
      ? matrix(rowsOf(x!).map((row) => (places!.data as number[]).map((place) => row[place]!)))
      : { dims: places!.dims, data: (places!.data as number[]).map((place) => x!.data[place]!) },
  Gemm: ([x, y, bias]) => {
    const right = rowsOf(y!) as number[][]
    const product = rowwise(x!, (row) =>
      right[0]!.map((_, unit) => row.reduce((sum, a, i) => sum + a * right[i]![unit]!, 0))
    )
    return elementwise((a: number, b: number) => a + b)(product, bias!)
  },
  LabelEncoder: ([x], attributes) => {
    const places = new Map(
      attributes.texts("keys_strings").map((key, i) => [key, attributes.integers("values_int64s")[i]!])
    )
    return {
      dims: x!.dims,
      data: (x!.data as string[]).map((text) => places.get(text) ?? attributes.integer("default_int64")!)
    }
  }
}

/** Runs a model on its inputs, by their names; gives its outputs by theirs, and the names of both. */
export const runOnnx = (bytes: Uint8Array, given: Readonly<Record<string, Value>>) => {
  const [graph] = messages(fieldsOf(bytes), 7)
  const values = new Map(Object.entries(given))
  for (const tensor of messages(graph!, 5)) values.set(texts(tensor, 8)[0]!, tensorOf(tensor))
  for (const node of messages(graph!, 1)) {
    const attributes = new Map(messages(node, 5).map((attribute) => [texts(attribute, 1)[0]!, attribute]))
    const of = (name: string): Fields => attributes.get(name) ?? new Map()
    const [op] = texts(node, 4)
    const run = operators[op!]
    if (run === undefined) throw new Error(`no operator ${op}`)
    const inputs = texts(node, 1).map((name) => {
      const value = values.get(name)
      if (value === undefined) throw new Error(`${name} is used before it is made`)
      return value
    })
    values.set(
      texts(node, 2)[0]!,
      run(inputs, {
        integer: (name) => integers(of(name), 3)[0],
        texts: (name) => texts(of(name), 9),
        integers: (name) => integers(of(name), 8)
      })
    )
  }
  const names = (field: number) => messages(graph!, field).map((value) => texts(value, 1)[0]!)
  return { inputs: names(11), outputs: names(12), value: (name: string) => values.get(name)! }
}
