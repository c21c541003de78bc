/**
 * What must hold between the parts of a model for its predictions to mean what they say: a file may be edited by hand, and
 * fixed-point numbers that are too large wrap around silently. Pure.
 */
import {
  classesOf,
  featureCount,
  isCategory,
  isStandard,
  labelColumns,
  labelCount,
  type Scaled
} from "../../protocol/data/description.ts"
import type { Model } from "../../protocol/learning/model.ts"
import { InvalidPlan, outputs, validateNetwork, width } from "../../protocol/learning/network.ts"
import { maximumFractionalBits, minimumFractionalBits } from "../../protocol/learning/plan.ts"
import { rangeText, sumLimit, valueLimit } from "../../protocol/learning/range.ts"
import { repeated } from "../description/inconsistency.ts"
import { describePath } from "../text/problems.ts"

/** A part of a model that can't be used. */
export interface UnsoundPart {
  /** As `data.features[0].range`. */
  readonly field: string
  readonly reason: string
}

type Problems = (model: Model) => ReadonlyArray<UnsoundPart>

const problem = (path: ReadonlyArray<PropertyKey>, reason: string): UnsoundPart => ({
  field: describePath(path),
  reason
})

/** The first part of a model that can't be used, if there is one. */
export const unsoundPart = (model: Model): UnsoundPart | undefined => {
  for (const problems of everyProblem) {
    const [found] = problems(model)
    if (found !== undefined) return found
  }
  return undefined
}

const bitsProblems: Problems = ({ fractionalBits: bits }) =>
  bits >= minimumFractionalBits && bits <= maximumFractionalBits
    ? []
    : [
        problem(
          ["fractionalBits"],
          `${bits} is not from ${minimumFractionalBits} to ${maximumFractionalBits}`
        )
      ]

const networkProblems: Problems = ({ network }) => {
  try {
    validateNetwork(network)
    return []
  } catch (error) {
    if (!(error instanceof InvalidPlan)) throw error
    const { field, reason } = error
    return [{ field, reason }]
  }
}

/** What keeps a column of numbers from being scaled. */
const scalingProblems = (path: ReadonlyArray<PropertyKey>, of: Scaled): ReadonlyArray<UnsoundPart> => {
  const { deviation = 0, mean, range } = of
  if (isStandard(of) || range === undefined) {
    if (mean === undefined) return [problem(path, `has neither a range nor the mean of ${of.name}`)]
    return deviation < 0 ? [problem([...path, "deviation"], `${deviation} is below 0`)] : []
  }
  const width = range[1] - range[0]
  return width > 0 && Number.isFinite(width)
    ? []
    : [problem([...path, "range"], `${JSON.stringify(range)} has no width that values could be scaled by`)]
}

const twiceIn = (
  path: ReadonlyArray<PropertyKey>,
  texts: ReadonlyArray<string>
): ReadonlyArray<UnsoundPart> =>
  repeated(texts).map((index) => problem([...path, index], `${JSON.stringify(texts[index])} is there twice`))

const featureProblems: Problems = ({ data: { features } }) =>
  features.flatMap((feature, index) => {
    const path = ["data", "features", index]
    if (!isCategory(feature)) return scalingProblems(path, feature)
    const { fill, name, values } = feature
    return [
      ...twiceIn([...path, "values"], values),
      ...(typeof fill === "object" && !values.includes(fill.value)
        ? [problem([...path, "fill"], `${JSON.stringify(fill.value)} is none of the values of ${name}`)]
        : [])
    ]
  })

const labelProblems: Problems = ({ data: { label } }) => {
  const path = ["data", "label"]
  if (!("values" in label))
    return label.numbers.flatMap((each, index) => scalingProblems([...path, "numbers", index], each))
  return [
    ...twiceIn([...path, "values"], label.values),
    ...(label.kind === "boolean" && label.values.length !== 2
      ? [problem([...path, "values"], `are ${label.values.length}, and of a boolean two`)]
      : [])
  ]
}

/** A column has one name and one role. */
const nameProblems: Problems = ({ data }) => {
  const places = [
    ...data.features.map(({ name }, index) => ({ name, path: ["data", "features", index, "name"] })),
    ...labelColumns(data).map((name) => ({ name, path: ["data", "label"] })),
    { name: data.id, path: ["data", "id"] }
  ]
  return repeated(places.map(({ name }) => name)).map((index) => {
    const { name, path } = places[index]!
    return problem(path, `${JSON.stringify(name)} is the name of another column too`)
  })
}

const scaleProblems: Problems = ({ data: { scaleTo }, fractionalBits }) => {
  const [low, high] = scaleTo
  const limit = valueLimit(fractionalBits)
  return low < high && -low < limit && high < limit
    ? []
    : [problem(["data", "scaleTo"], `${JSON.stringify(scaleTo)} is no interval of numbers below ${limit}`)]
}

const sizeProblems: Problems = ({ data, network, layers }) => {
  const differ = (path: ReadonlyArray<PropertyKey>, own: number, wanted: number, of: string) =>
    own === wanted ? [] : [problem(path, `are ${own}, and ${of} are ${wanted}`)]
  const predicted = classesOf(data) === undefined ? "the columns that are predicted" : "the classes"
  return [
    ...differ(["network", "inputs"], network.inputs, featureCount(data), "the columns of the features"),
    ...differ(["network", "layers"], outputs(network), labelCount(data), predicted),
    ...differ(["layers"], layers.length, network.layers.length, "the layers of the network"),
    ...layers.flatMap(({ weights, bias }, i) => [
      ...differ(["layers", i, "weights"], weights.length, width(network, i), "the inputs of the layer"),
      ...weights.flatMap((row, input) =>
        differ(["layers", i, "weights", input], row.length, width(network, i + 1), "the units of the layer")
      ),
      ...differ(["layers", i, "bias"], bias.length, width(network, i + 1), "the units of the layer")
    ])
  ]
}

/** A bias is added to sums of products, and no weight that is as large comes of a training. */
const numberProblems: Problems = ({ fractionalBits, layers }) => {
  const limit = sumLimit(fractionalBits)
  const beyond = (path: ReadonlyArray<PropertyKey>, row: ReadonlyArray<number>) =>
    row.flatMap((value, place) =>
      Math.abs(value) < limit
        ? []
        : [
            problem(
              [...path, place],
              `${value} is beyond the fixed-point numbers of the model (${rangeText(fractionalBits)})`
            )
          ]
    )
  return layers.flatMap(({ weights, bias }, i) => [
    ...weights.flatMap((row, input) => beyond(["layers", i, "weights", input], row)),
    ...beyond(["layers", i, "bias"], bias)
  ])
}

/** In an order in which each may rely on those before. */
const everyProblem: ReadonlyArray<Problems> = [
  bitsProblems,
  networkProblems,
  featureProblems,
  labelProblems,
  nameProblems,
  scaleProblems,
  sizeProblems,
  numberProblems
]
