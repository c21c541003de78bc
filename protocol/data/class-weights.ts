/**
 * Weights of classes: by how much the gradient of a row counts in the training, by its class. The users multiply the
 * labels of rows to train on by them before they upload, so no cloud learns the weight of a row, or of balanced classes
 * how many rows they have. Labels of rows to validate or to test on stay as they are.
 */
import { Data } from "effect"
import type { ClassLabel, DataDescription, Prepared } from "./description.ts"
import { shown } from "./spelling.ts"

/** A weight is at least and at most this much. With it a probability fits into a word wherever a gradient does. */
export const weightBounds = { least: 0.001, most: 1000 } as const

/** Balanced weights are not above this, for which a batch has room even where it has two such rows (`gainOf`). */
const mostBalanced = 64

/** A class has so few rows that balanced weights have no room for its own. */
export class RareClass extends Data.TaggedError("RareClass")<{ readonly label: string }> {
  readonly retryable = false
  override get message(): string {
    return `the label ${shown(this.label)} has so few training rows that balanced would give each of them a weight above ${mostBalanced}; give classWeights as numbers, or leave the label out`
  }
}

/**
 * The weight of each class under which all classes count alike: rows ÷ (classes · rows of the class), as scikit-learn
 * has it. Classes without rows are not among the classes, and weigh 1. Throws `RareClass`.
 */
export const balancedWeights = (
  { values }: Pick<ClassLabel, "values">,
  counts: ReadonlyArray<number>
): ReadonlyArray<number> => {
  const rows = counts.reduce((sum, count) => sum + count, 0)
  const classes = counts.filter((count) => count > 0).length
  return counts.map((count, place) => {
    if (count === 0) return 1
    const weight = rows / (classes * count)
    if (weight > mostBalanced) throw new RareClass({ label: values[place]! })
    return weight
  })
}

/** How the classes are weighed; undefined where they are not. */
export const classWeightsOf = ({ label }: Pick<DataDescription, "label">): ClassLabel["weights"] =>
  "values" in label ? label.weights : undefined

/** The weights by the names of the classes, once they are numbers; undefined without weights. */
export const weightsByClass = ({
  label
}: Prepared): ReadonlyArray<{ readonly label: string; readonly weight: number }> | undefined => {
  if (!("values" in label)) return undefined
  const { values, weights } = label
  if (weights === undefined || weights === "balanced") return undefined
  return values.map((text, place) => ({ label: text, weight: weights[place]! }))
}

/** A batch of balanced rows may have more of a rare class than its share: of 32 rows, two with the greatest weight. */
const gainOfBalanced = 4

/** By how much the weights may make the mean gradient of a batch larger: given ones as if all its rows were of one class. */
export const gainOf = (weights: NonNullable<ClassLabel["weights"]>): number =>
  weights === "balanced" ? gainOfBalanced : Math.max(...weights)
