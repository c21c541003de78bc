/** Weights of classes as a scenario says them: by the name of each class, or balanced. */
import { weightBounds } from "../../protocol/data/class-weights.ts"
import { type ClassLabel, classesOf } from "../../protocol/data/description.ts"
import { placeReader } from "../../protocol/data/labels.ts"
import { didYouMean } from "../../protocol/data/near-names.ts"
import { Schema } from "../../protocol/schema.ts"
import { withHint } from "../text/hints.ts"
import { listed } from "../text/units.ts"
import { oneOf, value } from "./fields.ts"
import { type Inconsistency, repeated } from "./inconsistency.ts"
import type { Scenario } from "./schema.ts"

const ClassWeight = value(
  Schema.Number,
  (x) => x >= weightBounds.least && x <= weightBounds.most,
  `a number from ${weightBounds.least} to ${weightBounds.most}`,
  { minimum: weightBounds.least, maximum: weightBounds.most }
)

export const ClassWeights = Schema.Union(
  oneOf(["balanced"], "Weights under which all classes count alike"),
  Schema.Record({ key: Schema.String, value: ClassWeight })
).annotations({
  message: ({ actual }) => ({
    message: withHint(
      `must be balanced, or a section with each class and its weight, a number from ${weightBounds.least} to ${weightBounds.most}`,
      typeof actual === "string" && actual !== "balanced" ? "did you mean balanced?" : undefined
    ),
    override: true
  }),
  description:
    "By how much a row counts in the training, by its class: balanced, rows ÷ (classes × rows of the class), which the users find together; or a section with each class and its weight, such as { benign: 1, malignant: 3 }. Rows to validate and to test on count alike, as all do when it is left out"
})

/** Class weights as they are written. */
type Written = typeof ClassWeights.Type

/** The weights of the classes in their order, as far as there are weights for them. */
const weightsByPlace = (
  values: ReadonlyArray<string>,
  weights: Exclude<Written, "balanced">
): ReadonlyMap<number, number> => {
  const place = placeReader(values, "label")
  return new Map(
    Object.entries(weights).flatMap(([text, weight]) => {
      const found = place(text)
      return typeof found === "number" ? [[found, weight] as const] : []
    })
  )
}

/** A label with its weights. What the weights lack is found out elsewhere. */
export const weightedLabel = <A extends { readonly values: ReadonlyArray<string> }>(
  label: A,
  weights: Written | undefined
): A & Pick<ClassLabel, "weights"> => {
  if (weights === undefined || weights === "balanced") return { ...label, ...(weights && { weights }) }
  const byPlace = weightsByPlace(label.values, weights)
  return { ...label, weights: label.values.map((_, place) => byPlace.get(place) ?? 1) }
}

/** Weights are of the classes that there are, each of them once. */
export const classWeightProblems = ({
  data,
  training: { classWeights }
}: Scenario): ReadonlyArray<Inconsistency> => {
  if (classWeights === undefined) return []
  const path = ["training", "classWeights"]
  const values = classesOf(data)
  if (values === undefined)
    return [{ path, message: "are of a label with values, which are classes; leave them out for numbers" }]
  if (classWeights === "balanced") return []
  const placeOf = placeReader(values, "label")
  const places = Object.keys(classWeights).map((text) => ({ text, place: placeOf(text) }))
  const weighed = weightsByPlace(values, classWeights)
  const missing = values.filter((_, place) => !weighed.has(place))
  return [
    ...places.flatMap(({ text, place }) =>
      typeof place === "number"
        ? []
        : [
            {
              path: [...path, text],
              message: `is none of the values of data.label; correct the name or leave it out${didYouMean(text, values)}`
            }
          ]
    ),
    ...repeated(places.map(({ text, place }) => (typeof place === "number" ? `${place}` : text))).map(
      (index) => ({
        path: [...path, places[index]!.text],
        message: "has a weight already, as the same number; give each class one weight"
      })
    ),
    ...(missing.length === 0
      ? []
      : [{ path, message: `have no weight for ${listed(missing)}; give each class one, such as 1` }])
  ]
}
