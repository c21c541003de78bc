/**
 * The messages of an ONNX file, as onnx.proto numbers their fields: as much of them as an exported model has. The only file
 * that imports `@bufbuild/protobuf`. Pure.
 */
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire"

/** By the names of onnx.proto's TensorProto.DataType. */
export const elementTypes = { int64: 7, string: 8, double: 11 } as const
export type ElementType = keyof typeof elementTypes

export interface Tensor {
  readonly dims: ReadonlyArray<number>
  readonly values: Float64Array | BigInt64Array | ReadonlyArray<string>
}

export type Attribute = number | bigint | ReadonlyArray<string> | BigInt64Array

export interface GraphNode {
  readonly op: string
  /** The operators of ONNX itself where left out. */
  readonly domain?: "ai.onnx.ml"
  readonly inputs: ReadonlyArray<string>
  readonly output: string
  /** A bigint or big integers are integers, a number is a float. */
  readonly attributes: Readonly<Record<string, Attribute>>
}

/** A matrix of a number of rows that is not said. */
export interface GraphValue {
  readonly name: string
  readonly type: ElementType
  /** Undefined for a list with one entry a row. */
  readonly columns?: number
  readonly description?: string
}

export interface Graph {
  readonly name: string
  readonly description: string
  readonly inputs: ReadonlyArray<GraphValue>
  readonly outputs: ReadonlyArray<GraphValue>
  readonly nodes: ReadonlyArray<GraphNode>
  readonly constants: ReadonlyMap<string, Tensor>
}

/** Debian's python3-onnx knows these versions of the operators. */
const operatorVersions = { "": 15, "ai.onnx.ml": 2 } as const
const irVersion = 8

type Write = (to: BinaryWriter) => void

const text =
  (field: number, value: string): Write =>
  (to) =>
    to.tag(field, WireType.LengthDelimited).string(value)

const integer =
  (field: number, value: number | bigint): Write =>
  (to) =>
    to.tag(field, WireType.Varint).int64(value)

const message =
  (field: number, ...fields: ReadonlyArray<Write>): Write =>
  (to) => {
    to.tag(field, WireType.LengthDelimited).fork()
    for (const write of fields) write(to)
    to.join()
  }

const tensorType = ({ values }: Tensor): ElementType =>
  values instanceof Float64Array ? "double" : values instanceof BigInt64Array ? "int64" : "string"

const tensorFields = (name: string, tensor: Tensor): ReadonlyArray<Write> => {
  const { dims, values } = tensor
  return [
    ...dims.map((dim) => integer(1, dim)),
    integer(2, elementTypes[tensorType(tensor)]),
    ...(values instanceof Float64Array || values instanceof BigInt64Array
      ? [raw(9, values)]
      : values.map((value) => text(6, value))),
    text(8, name)
  ]
}

/** Little-endian, as all machines are that Node.js runs on. */
const raw =
  (field: number, { buffer, byteOffset, byteLength }: Float64Array | BigInt64Array): Write =>
  (to) =>
    to.tag(field, WireType.LengthDelimited).bytes(new Uint8Array(buffer, byteOffset, byteLength))

const attributeFields = (name: string, value: Attribute): ReadonlyArray<Write> => {
  if (typeof value === "bigint") return [text(1, name), integer(3, value), integer(20, 2)]
  if (typeof value === "number")
    return [text(1, name), (to) => to.tag(2, WireType.Bit32).float(value), integer(20, 1)]
  return value instanceof BigInt64Array
    ? [text(1, name), ...Array.from(value, (each) => integer(8, each)), integer(20, 7)]
    : [text(1, name), ...value.map((each) => text(9, each)), integer(20, 8)]
}

const nodeFields = ({ op, domain, inputs, output, attributes }: GraphNode): ReadonlyArray<Write> => [
  ...inputs.map((name) => text(1, name)),
  text(2, output),
  text(3, output),
  text(4, op),
  ...Object.entries(attributes).map(([name, value]) => message(5, ...attributeFields(name, value))),
  ...(domain === undefined ? [] : [text(7, domain)])
]

const valueFields = ({ name, type, columns, description }: GraphValue): ReadonlyArray<Write> => [
  text(1, name),
  message(
    2,
    message(
      1,
      integer(1, elementTypes[type]),
      message(
        2,
        message(1, text(2, "rows")),
        ...(columns === undefined ? [] : [message(1, integer(1, columns))])
      )
    )
  ),
  ...(description === undefined ? [] : [text(3, description)])
]

const graphFields = (graph: Graph): ReadonlyArray<Write> => [
  ...graph.nodes.map((node) => message(1, ...nodeFields(node))),
  text(2, graph.name),
  ...Array.from(graph.constants, ([name, tensor]) => message(5, ...tensorFields(name, tensor))),
  text(10, graph.description),
  ...graph.inputs.map((value) => message(11, ...valueFields(value))),
  ...graph.outputs.map((value) => message(12, ...valueFields(value)))
]

/** The bytes of a model with this graph. */
export const onnxBytes = (
  graph: Graph,
  { version, metadata }: { readonly version: string; readonly metadata: Readonly<Record<string, string>> }
): Uint8Array => {
  const to = new BinaryWriter()
  const fields = [
    integer(1, irVersion),
    text(2, "bicameral"),
    text(3, version),
    message(7, ...graphFields(graph)),
    ...Object.entries(operatorVersions).map(([domain, number]) =>
      message(8, text(1, domain), integer(2, number))
    ),
    ...Object.entries(metadata).map(([key, value]) => message(14, text(1, key), text(2, value)))
  ]
  for (const write of fields) write(to)
  return to.finish()
}
