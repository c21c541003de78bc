/**
 * What is dealt for in each step of a training: the same step as the clouds run, over shapes and masks. For the KGC, which
 * knows the masks of both clouds, and for a cloud that deals together with the other and knows its own.
 */
import { type EvaluatedData, evaluateRows } from "../learning/evaluation.ts"
import { type EvaluatedRows, evaluationAt, evaluationStep, slicesOf } from "../learning/evaluations.ts"
import { outputs } from "../learning/network.ts"
import type { Round, Shape } from "../learning/operations.ts"
import type { BatchOrder } from "../learning/order.ts"
import { evaluates, planOfStep, type TrainingPlan } from "../learning/plan.ts"
import { type Batch, gradients, trainingStep } from "../learning/step.ts"
import { layerShapes } from "./cost.ts"
import type { DealerOperations } from "./dealer.ts"
import { dealtUpdate } from "./lanes.ts"
import type { DealtValue, GateMask, LabelMask, MaskDifference } from "./masks.ts"

/** What a dealer runs for a step. */
export type DealerProgram = (ops: DealerOperations) => Round<unknown>

/** The masks of what is open when a program begins. Whatever is not kept is in new memory. */
export interface OpenMasks {
  /** Of training rows, ascending. */
  readonly batch: (rows: Uint32Array) => Batch<Shape, MaskDifference, LabelMask>
  /** Of validation rows. */
  readonly evaluated: (rows: EvaluatedRows) => Pick<EvaluatedData<Shape, MaskDifference>, "inputs" | "chosen">
  /** Those under which the weights of a step are opened, for lanes and for evaluations. */
  readonly weights: (step: number) => ReadonlyArray<MaskDifference>
}

/** The programs of a training, given the masks that they begin with. */
export class StepPrograms {
  readonly #plan: TrainingPlan
  readonly #order: BatchOrder
  readonly #masks: OpenMasks

  constructor(plan: TrainingPlan, order: BatchOrder, masks: OpenMasks) {
    this.#plan = plan
    this.#order = order
    this.#masks = masks
  }

  /** For a whole step, or for a slice of an evaluation. */
  of(step: number): DealerProgram {
    const plan = this.#plan
    const place = evaluationAt(plan, step)
    if (place !== undefined) return this.#slice(evaluationStep(plan, place.epoch), place.slice)
    return (ops) =>
      trainingStep(ops, planOfStep(plan, step), layerShapes(plan), this.#masks.batch(this.#order(step)))
  }

  /** For the gradients on some rows of a step's batch. */
  gradients(step: number, rows: Uint32Array): DealerProgram {
    const plan = this.#plan
    return (ops) =>
      gradients<DealtValue, MaskDifference, GateMask, LabelMask>(
        ops,
        plan,
        layerShapes(plan),
        this.#masks.weights(step),
        this.#masks.batch(rows)
      )
  }

  /** For the update of a step whose gradients lanes have found. */
  update(step: number): DealerProgram {
    const plan = this.#plan
    return (ops) =>
      dealtUpdate(ops, planOfStep(plan, step), layerShapes(plan), this.#masks.batch(this.#order(step)).inputs)
  }

  #slice(first: number, slice: number): DealerProgram {
    const plan = this.#plan
    if (!evaluates(plan)) throw new RangeError("a plan without validation rows has no evaluations")
    const rows = slicesOf(plan)[slice]!
    return (ops) =>
      evaluateRows<DealtValue, MaskDifference, GateMask, LabelMask>(
        ops,
        plan,
        layerShapes(plan),
        this.#masks.weights(first),
        {
          ...this.#masks.evaluated(rows),
          labels: { rows: rows.end - rows.from, cols: outputs(plan.network) }
        }
      )
  }
}
