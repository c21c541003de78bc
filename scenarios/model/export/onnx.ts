/** A model as ONNX: raw columns in, labels with probabilities or numbers out, all of it in float64. Pure. */
import { type ClassLabel, isStandard, type NumberLabel } from "../../../protocol/data/description.ts"
import { deviationOf } from "../../../protocol/data/encoding.ts"
import type { Model } from "../../../protocol/learning/model.ts"
import { width } from "../../../protocol/learning/network.ts"
import { GraphBuilder } from "./graph-builder.ts"
import { type GraphValue, onnxBytes } from "./onnx-messages.ts"
import { graphInputs, preparationGraph } from "./preparation-graph.ts"

/** A name for an output that no input has. */
const freeName = (wanted: string, model: Model): string =>
  graphInputs(model.data).some(({ name }) => name === wanted) ? freeName(`${wanted}_`, model) : wanted

export const onnxOf = (model: Model, version: string): Uint8Array => {
  const { data } = model
  const graph = new GraphBuilder(data.features.map(({ name }) => name))
  const outputs = networkGraph(graph, model, preparationGraph(graph, data))
  const found =
    "values" in data.label
      ? classesGraph(graph, model, data.label, outputs)
      : numbersGraph(graph, model, data.label, outputs)
  return onnxBytes(
    {
      name: "bicameral model",
      description: "The preparation of a row and the network, as bicameral predict applies them",
      inputs: graphInputs(data),
      outputs: found,
      nodes: graph.nodes,
      constants: graph.constants
    },
    {
      version,
      metadata: {
        columns: JSON.stringify(data.features.map(({ name }) => name)),
        outputs: JSON.stringify(
          "values" in data.label ? data.label.values : data.label.numbers.map(({ name }) => name)
        ),
        loss: model.loss
      }
    }
  )
}

/** The layers, of inputs that are prepared. */
const networkGraph = (graph: GraphBuilder, { network, layers }: Model, inputs: string): string =>
  layers.reduce((fed, { weights, bias }, i) => {
    const [rows, columns] = [width(network, i), width(network, i + 1)]
    const sums = graph.node("Gemm", [
      fed,
      graph.matrix(`weights ${i + 1}`, rows, columns, weights.flat()),
      graph.row(`bias ${i + 1}`, bias)
    ])
    return network.layers[i]!.activation === "relu" ? graph.node("Relu", [sums]) : sums
  }, inputs)

/** The label of each row, and rows × classes probabilities, as `protocol/metrics/outcomes.ts` has them. */
const classesGraph = (
  graph: GraphBuilder,
  model: Model,
  { column, values }: ClassLabel,
  outputs: string
): ReadonlyArray<GraphValue> => {
  const { loss } = model
  const greatest = graph.node("ArgMax", [outputs], { axis: 1n, keepdims: 0n })
  const label = graph.node(
    "Gather",
    [graph.texts("labels", values), greatest],
    { axis: 0n },
    { output: freeName("label", model) }
  )
  const named = { output: freeName("probabilities", model) }
  if (loss === "softmax") graph.node("Softmax", [outputs], { axis: 1n }, named)
  else {
    const parts =
      loss === "sigmoid"
        ? graph.node("Sigmoid", [outputs])
        : graph.node("Min", [graph.node("Max", [outputs, graph.row("zero", [0])]), graph.row("one", [1])])
    const sum = graph.node("ReduceSum", [parts, graph.integers("over classes", [1])], { keepdims: 1n })
    const some = graph.node("Greater", [sum, graph.row("nothing", [0])])
    const divisor = graph.node("Where", [some, sum, graph.row("any", [1])])
    const alike = graph.row(
      "all alike",
      values.map(() => 1 / values.length)
    )
    graph.node("Where", [some, graph.node("Div", [parts, divisor]), alike], {}, named)
  }
  return [
    { name: label, type: "string", description: column },
    {
      name: named.output,
      type: "double",
      columns: values.length,
      description: `of ${values.join(", ")}, in this order`
    }
  ]
}

/** Numbers in the units of their columns, rows × numbers. */
const numbersGraph = (
  graph: GraphBuilder,
  model: Model,
  { numbers }: NumberLabel,
  outputs: string
): ReadonlyArray<GraphValue> => {
  const [low, high] = model.data.scaleTo
  const of = numbers.map((number) => {
    if (isStandard(number)) return { minus: 0, by: 1, times: deviationOf(number), plus: number.mean! }
    const [least, greatest] = number.range!
    return { minus: low, by: high - low, times: greatest - least, plus: least }
  })
  const row = (part: "minus" | "by" | "times" | "plus") =>
    graph.row(
      `label_${part}`,
      of.map((each) => each[part])
    )
  const shares = graph.node("Div", [graph.node("Sub", [outputs, row("minus")]), row("by")])
  const name = graph.node(
    "Add",
    [graph.node("Mul", [shares, row("times")]), row("plus")],
    {},
    { output: freeName("predictions", model) }
  )
  return [
    { name, type: "double", columns: numbers.length, description: numbers.map(({ name }) => name).join(", ") }
  ]
}
