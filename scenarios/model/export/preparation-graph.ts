/**
 * The preparation of a row inside a graph: from the raw columns of the features to the inputs of the network, in float64, as
 * `protocol/data/encoding.ts` makes them. Pure.
 */
import {
  type CategoryFeature,
  type DataDescription,
  defaultMissing,
  type Feature,
  featureCount,
  isCategory,
  isStandard,
  jointColumns,
  type NumberFeature,
  type Prepared
} from "../../../protocol/data/description.ts"
import { deviationOf, filling, mostDeviations } from "../../../protocol/data/encoding.ts"
import type { GraphBuilder } from "./graph-builder.ts"
import { elementTypes, type GraphValue } from "./onnx-messages.ts"

/** The single input of a model of numbers only. */
export const matrixInput = "features"

const asDouble = { to: BigInt(elementTypes.double) }
const alongColumns = { axis: 1n }

/** What a caller gives for a column. */
const describe = (feature: Feature): string => {
  if (isCategory(feature)) return 'a text; "" where it is missing'
  if (feature.kind === "boolean") return "1 for yes, 0 for no, NaN where it is missing"
  if (feature.kind === "date") return "days since 1970-01-01, NaN where it is missing"
  return "a number, NaN where it is missing"
}

/** One input a column; where all are numbers, one for them all, rows × features. */
export const graphInputs = ({ features }: Prepared): ReadonlyArray<GraphValue> =>
  features.some(isCategory)
    ? features.map((feature) => ({
        name: feature.name,
        type: isCategory(feature) ? "string" : "double",
        columns: 1,
        description: describe(feature)
      }))
    : [
        {
          name: matrixInput,
          type: "double",
          columns: features.length,
          description: features.map((feature) => `${feature.name}: ${describe(feature)}`).join("; ")
        }
      ]

/** What becomes of numbers, one row of constants for each part of the formula. */
const numbersOf = (features: ReadonlyArray<NumberFeature>, [low, high]: DataDescription["scaleTo"]) => {
  const of = features.map((feature) => {
    const { range, outside } = feature
    const clip = outside === "clip" && range !== undefined ? range : everything
    if (isStandard(feature))
      return {
        ...{ clip, minus: feature.mean!, by: deviationOf(feature), times: 1, plus: 0 },
        within: [-mostDeviations, mostDeviations] as const
      }
    const [least, greatest] = range!
    return { clip, minus: least, by: greatest - least, times: high - low, plus: low, within: everything }
  })
  return {
    fill: features.map(filling),
    least: of.map(({ clip }) => clip[0]),
    greatest: of.map(({ clip }) => clip[1]),
    minus: of.map(({ minus }) => minus),
    by: of.map(({ by }) => by),
    times: of.map(({ times }) => times),
    plus: of.map(({ plus }) => plus),
    lowest: of.map(({ within }) => within[0]),
    highest: of.map(({ within }) => within[1])
  }
}

const everything = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY] as const

/** Columns of the network's inputs that are side by side in the graph: their joint places are found at the end. */
interface Part {
  readonly of: string
  readonly columns: ReadonlyArray<string>
}

/** Numbers: filled, within their ranges, scaled; and which of them were missing. */
const numberParts = (
  graph: GraphBuilder,
  given: string,
  features: ReadonlyArray<NumberFeature>,
  scaleTo: DataDescription["scaleTo"]
): ReadonlyArray<Part> => {
  const constants = numbersOf(features, scaleTo)
  const of = (part: keyof typeof constants) => graph.row(`number_${part}`, constants[part])
  const missing = graph.node("IsNaN", [given])
  const filled = graph.node("Where", [missing, of("fill"), given])
  const within = graph.node("Min", [graph.node("Max", [filled, of("least")]), of("greatest")])
  const shares = graph.node("Div", [graph.node("Sub", [within, of("minus")]), of("by")])
  const scaled = graph.node("Add", [graph.node("Mul", [shares, of("times")]), of("plus")])
  const bounded = graph.node("Min", [graph.node("Max", [scaled, of("lowest")]), of("highest")])
  return [
    { of: bounded, columns: features.map(({ name }) => columnOf(name)) },
    {
      of: graph.node("Cast", [missing], asDouble),
      columns: features.map(({ name }) => columnOf(name, "missing"))
    }
  ]
}

const columnOf = (feature: string, ...part: ReadonlyArray<string | number>): string =>
  JSON.stringify([feature, ...part])

/** A category: the place of its value, then one column for each place. */
const categoryParts = (
  graph: GraphBuilder,
  feature: CategoryFeature,
  missing: ReadonlyArray<string>
): ReadonlyArray<Part> => {
  const { name, values, other } = feature
  const width = values.length + (other ? 1 : 0)
  const marks = missing.filter((text) => !values.includes(text))
  const noPlace = -1
  const isMissing = -2
  const place = graph.node(
    "LabelEncoder",
    [name],
    {
      keys_strings: [...values, ...marks],
      values_int64s: BigInt64Array.from([...values.keys(), ...marks.map(() => isMissing)], BigInt),
      default_int64: BigInt(other ? values.length : noPlace)
    },
    { domain: "ai.onnx.ml" }
  )
  const absent = graph.node("Equal", [place, graph.integers(`${name} is missing`, [isMissing])])
  const fill = filling(feature)
  const filled = Number.isNaN(fill)
    ? place
    : graph.node("Where", [absent, graph.integers(`${name} where missing`, [fill]), place])
  const places = graph.integers(`${name} places`, [...Array(width).keys()])
  return [
    {
      of: graph.node("Cast", [graph.node("Equal", [filled, places])], asDouble),
      columns: Array.from({ length: width }, (_, value) => columnOf(name, value))
    },
    { of: graph.node("Cast", [absent], asDouble), columns: [columnOf(name, "missing")] }
  ]
}

/** A graph compares texts as they are, and the usual marks count in any case: those that are likely. */
const usualMarks = [
  ...new Set(
    defaultMissing.flatMap((text) => [
      text,
      text.toLowerCase(),
      text.toUpperCase(),
      text.slice(0, 1).toUpperCase() + text.slice(1).toLowerCase()
    ])
  )
]

/** The inputs of the network in their order, rows × inputs. */
export const preparationGraph = (graph: GraphBuilder, data: Prepared): string => {
  const { features, scaleTo, missing = usualMarks } = data
  const numbers = features.filter((feature): feature is NumberFeature => !isCategory(feature))
  const categories = features.filter(isCategory)
  const given =
    categories.length === 0
      ? matrixInput
      : numbers.length === 0
        ? undefined
        : graph.node(
            "Concat",
            numbers.map(({ name }) => name),
            alongColumns
          )
  const parts = [
    ...(given === undefined ? [] : numberParts(graph, given, numbers, scaleTo)),
    ...categories.flatMap((feature) => categoryParts(graph, feature, missing))
  ]
  const places = new Map(parts.flatMap(({ columns }) => columns).map((column, place) => [column, place]))
  const order = jointColumns(data)
    .slice(0, featureCount(data))
    .map(({ source, what }) =>
      what === "number" ? columnOf(source) : columnOf(source, what === "missing" ? what : what.value)
    )
  const all = graph.node(
    "Concat",
    parts.map(({ of }) => of),
    alongColumns
  )
  const inOrder = graph.integers(
    "order of inputs",
    order.map((column) => places.get(column)!)
  )
  return graph.node("Gather", [all, inOrder], alongColumns)
}
