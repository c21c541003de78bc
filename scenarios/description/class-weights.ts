/** Weights of classes as a scenario says them: by the name of each class, or balanced. */
import { weightBounds } from "../../protocol/data/class-weights.ts"
import { type ClassLabel, classesOf, type DataDescription } from "../../protocol/data/description.ts"
import { placeReader } from "../../protocol/data/labels.ts"
import { didYouMean } from "../../protocol/data/near-names.ts"
import { Schema } from "../../protocol/schema.ts"
import { withHint } from "../text/hints.ts"
import { listed } from "../text/units.ts"
import { type Inconsistency, repeated } from "./inconsistency.ts"

const { least, most } = weightBounds

/** Weights by the names that a scenario has for the classes. */
type ByName = ReadonlyMap<string, number>

/** A map, as files are read, or an object. */
const entriesOf = (written: object): ReadonlyArray<readonly [unknown, unknown]> =>
  written instanceof Map ? [...written] : Object.entries(written)

const isWeight = (weight: unknown): boolean => typeof weight === "number" && weight >= least && weight <= most

const Written = Schema.declare(
  (input): input is "balanced" | object =>
    input === "balanced" ||
    (typeof input === "object" &&
      input !== null &&
      entriesOf(input).every(([name, weight]) => typeof name === "string" && isWeight(weight))),
  {
    message: ({ actual }) =>
      withHint(
        `must be balanced, or a section with each class and its weight, a number from ${least} to ${most}`,
        typeof actual === "string" ? "did you mean balanced?" : undefined
      ),
    jsonSchema: {
      anyOf: [
        { const: "balanced", type: "string", enum: ["balanced"] },
        { type: "object", additionalProperties: { type: "number", minimum: least, maximum: most } }
      ],
      description:
        "By how much a row counts in the training, by its class: balanced, rows ÷ (classes × rows of the class), which the users find together; or a section with each class and its weight, such as { benign: 1, malignant: 3 }. Rows to validate and to test on count alike, as all do when it is left out"
    }
  }
)

export const ClassWeights = Schema.transform(
  Written,
  Schema.declare((input): input is "balanced" | ByName => input === "balanced" || input instanceof Map),
  {
    strict: true,
    decode: (written) => (written === "balanced" ? written : (new Map(entriesOf(written)) as ByName)),
    encode: (weights) => weights
  }
)
type ClassWeights = typeof ClassWeights.Type

/** The weights of the classes in their order, as far as there are weights for them. */
const weightsByPlace = (values: ReadonlyArray<string>, weights: ByName): ReadonlyMap<number, number> => {
  const placeOf = placeReader(values, "label")
  const found = new Map<number, number>()
  for (const [name, weight] of weights) {
    const place = placeOf(name)
    if (typeof place === "number") found.set(place, weight)
  }
  return found
}

/** A label with its weights. What the weights lack is found out elsewhere. */
export const weightedLabel = (label: ClassLabel, weights: ClassWeights | undefined): ClassLabel => {
  if (weights === undefined) return label
  if (weights === "balanced") return { ...label, weights }
  const byPlace = weightsByPlace(label.values, weights)
  return { ...label, weights: label.values.map((_, place) => byPlace.get(place) ?? 1) }
}

/** Weights are of the classes that there are, each of them once. */
export const classWeightProblems = (
  data: Pick<DataDescription, "label">,
  weights: ClassWeights | undefined
): ReadonlyArray<Inconsistency> => {
  if (weights === undefined) return []
  const path = ["training", "classWeights"]
  const values = classesOf(data)
  if (values === undefined)
    return [{ path, message: "are of a label with values, which are classes; leave them out for numbers" }]
  if (weights === "balanced") return []
  const placeOf = placeReader(values, "label")
  const names = [...weights.keys()]
  const places = names.map((name) => placeOf(name))
  const strange = names.filter((_, i) => typeof places[i] !== "number")
  const twice = repeated(places.map((place, i) => (typeof place === "number" ? `${place}` : names[i]!)))
  const weighed = weightsByPlace(values, weights)
  const missing = values.filter((_, place) => !weighed.has(place))
  return [
    ...strange.map((name) => ({
      path: [...path, name],
      message: `is none of the values of data.label; correct the name or leave it out${didYouMean(name, values)}`
    })),
    ...twice.map((index) => ({
      path: [...path, names[index]!],
      message: "has a weight already, as the same number; give each class one weight"
    })),
    ...(missing.length === 0
      ? []
      : [{ path, message: `have no weight for ${listed(missing)}; give each class one, such as 1` }])
  ]
}
