/** Builds a graph node by node. Pure. */
import type { Attribute, GraphNode, Tensor } from "./onnx-messages.ts"

export class GraphBuilder {
  readonly #prefix: string
  readonly nodes: Array<GraphNode> = []
  readonly constants = new Map<string, Tensor>()

  /** `taken` are the names of inputs and outputs. */
  constructor(taken: ReadonlyArray<string>) {
    let prefix = "/"
    while (taken.some((name) => name.startsWith(prefix))) prefix += "/"
    this.#prefix = prefix
  }

  /** A node; gives the name of its output, which is new unless it is said. */
  node(
    op: string,
    inputs: ReadonlyArray<string>,
    attributes: Readonly<Record<string, Attribute>> = {},
    {
      output = `${this.#prefix}${op.toLowerCase()}_${this.nodes.length + 1}`,
      domain
    }: Pick<GraphNode, "domain"> & { readonly output?: string } = {}
  ): string {
    this.nodes.push({ op, inputs, output, attributes, ...(domain && { domain }) })
    return output
  }

  /** Names of its own begin as none of a column does. */
  #constant(own: string, tensor: Tensor): string {
    const name = `${this.#prefix}${own}`
    this.constants.set(name, tensor)
    return name
  }

  /** A row of numbers, that all rows of a matrix are combined with. */
  row(name: string, values: ReadonlyArray<number>): string {
    return this.matrix(name, 1, values.length, values)
  }

  matrix(name: string, rows: number, columns: number, values: ReadonlyArray<number>): string {
    return this.#constant(name, { dims: [rows, columns], values: Float64Array.from(values) })
  }

  integers(name: string, values: ReadonlyArray<number>): string {
    return this.#constant(name, { dims: [values.length], values: BigInt64Array.from(values, BigInt) })
  }

  texts(name: string, values: ReadonlyArray<string>): string {
    return this.#constant(name, { dims: [values.length], values })
  }
}
