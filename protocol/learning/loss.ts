/**
 * Losses, and how the probabilities of a cross-entropy are found on shares (section 5 of docs/concepts/protocol.md). The
 * error of the output layer is p − y for each cross-entropy, so training needs the probabilities and no loss.
 */
import { type Operations, operation, type Round, together } from "./operations.ts"
import { sigmoidScale, softmaxScale } from "./scales.ts"

/**
 * What training makes small, as a mean over the batch: Σ −y·ln p over the classes with p the softmax, Σ −y·ln p − (1−y)·
 * ln(1−p) over the outputs with p their sigmoid, or ½Σ(f−y)².
 */
export const losses = ["softmax", "sigmoid", "squared-error"] as const
export type Loss = (typeof losses)[number]

/**
 * The probabilities of a batch from the logits of the last layer, which are not rescaled yet. A softmax takes eleven
 * rounds, of two classes or a sigmoid four, where a rescale takes one.
 */
export function* probabilities<V, O, G, L>(
  ops: Operations<V, O, G, L>,
  {
    loss,
    classes,
    f
  }: { readonly loss: "softmax" | "sigmoid"; readonly classes: number; readonly f: number },
  layer: number,
  z: V
): Round<V> {
  if (loss === "sigmoid" || classes === 2)
    return yield* ops.sigmoids(layer, z, sigmoidScale(f, loss === "softmax"))
  const scale = softmaxScale(f, classes)
  const exponentials = yield* ops.exponentials(layer, z, scale)
  const numerators = yield* ops.normalise(layer, exponentials, scale)
  const [shares, reciprocals] = yield* together(
    ops.open(operation("openNumerators", layer), numerators),
    ops.reciprocals(layer, ops.rowSums(numerators), scale)
  )
  const factors = yield* ops.open(operation("openReciprocals", layer), reciprocals)
  const product = ops.rowProduct(operation("probability", layer), shares, factors)
  return yield* ops.rescale(operation("probability", layer), product, scale.probabilityShift, 1)
}
