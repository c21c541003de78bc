/** A training step on ciphertexts: the step of `protocol/learning/step.ts`, whose batch is opened in the round of the weights. */
import { type Operations, operation, type Round, together } from "../learning/operations.ts"
import type { StepPlan } from "../learning/plan.ts"
import { type Batch, gradients, type Layer, openWeights, update } from "../learning/step.ts"

/** Rows of the data set, or the whole of it. */
export interface Rows<V> {
  /** rows × features. */
  readonly features: V
  /** rows × outputs. */
  readonly labels: V
}

/** The new layers. Both clouds run it, and the reference. */
export function* ciphertextStep<V, O, G, L>(
  ops: Operations<V, O, G, L>,
  plan: StepPlan,
  layers: ReadonlyArray<Layer<V>>,
  { features, labels }: Rows<V>
): Round<ReadonlyArray<Layer<V>>> {
  const [inputs, weights] = yield* together(
    ops.open(operation("openInput", 0), features),
    openWeights(ops, layers)
  )
  const batch: Batch<V, O, L> = { inputs, labels: { opened: false, value: labels } }
  return yield* update(ops, plan, layers, yield* gradients(ops, plan, layers, weights, batch))
}
