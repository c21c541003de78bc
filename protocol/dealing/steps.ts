/** The steps of a plan as a cloud deals for them, and what each of its lanes gets of a step. */
import { layerShapes } from "../computation/cost.ts"
import { type Rows, sliceOf } from "../computation/lanes.ts"
import type { MaskDifference } from "../computation/masks.ts"
import { type DealerProgram, type OpenMasks, StepPrograms } from "../computation/programs.ts"
import { opensLabels, outputs } from "../learning/network.ts"
import type { Shape } from "../learning/operations.ts"
import type { BatchOrder } from "../learning/order.ts"
import type { TrainingPlan } from "../learning/plan.ts"
import type { Prg } from "../ring/prg.ts"
import type { Ring } from "../ring/ring.ts"
import { cutCorrections } from "./cut.ts"
import type { DealtStep } from "./deal.ts"
import { ownMasks } from "./own-masks.ts"

/** A cloud's own part of a run's masks. */
export interface OwnMasks {
  readonly ring: Ring
  readonly prg: Prg
  readonly plan: TrainingPlan
  readonly order: BatchOrder
}

/** What is to be dealt for a training step, or for a slice of an evaluation. */
export const dealtStep = ({ ring, prg, plan, order }: OwnMasks, step: number): DealtStep => ({
  step,
  program: new StepPrograms(plan, order, ownMasks(ring, prg, plan)).of(step)
})

const shapeOnly = ({ rows, cols }: Shape): MaskDifference => ({ rows, cols, at: 0, of: "factor" })

/** In place of masks, where only shapes count. */
const shapesOnly = (plan: TrainingPlan): OpenMasks => ({
  batch: ({ length: rows }) => {
    const labels = { rows, cols: outputs(plan.network) }
    return {
      inputs: shapeOnly({ rows, cols: plan.network.inputs }),
      ...(plan.rowWeights && { rowWeights: shapeOnly({ rows, cols: 1 }) }),
      labels: opensLabels(plan.network)
        ? { opened: true, value: { ...labels, at: 0, of: "labels" } }
        : { opened: false, value: labels }
    }
  },
  evaluated: ({ from, end }) => {
    const rows = end - from
    const chosen = { rows, cols: outputs(plan.network) }
    return {
      inputs: shapeOnly({ rows, cols: plan.network.inputs }),
      ...(plan.validation?.classes && { chosen: shapeOnly(chosen) })
    }
  },
  weights: () => layerShapes(plan).map(({ weights }) => shapeOnly(weights))
})

/** What is dealt for a step, or for a slice of an evaluation, where only sizes count. */
export const programOfShapes = (plan: TrainingPlan, step: number): DealerProgram =>
  new StepPrograms(plan, () => new Uint32Array(plan.batch), shapesOnly(plan)).of(step)

/** What a lane with these rows gets of a step, and with `update` also what updates the weights; cut from the whole. */
export const cutStep = (
  { plan, order }: Pick<OwnMasks, "plan" | "order">,
  step: number,
  whole: Uint8Array,
  { update, ...held }: Rows & { readonly update: boolean }
): { readonly gradients: Uint8Array; readonly update: Uint8Array } => {
  const programs = new StepPrograms(plan, order, shapesOnly(plan))
  const { rows, ...slice } = sliceOf(order(step), held)
  return {
    gradients:
      rows.length === 0
        ? new Uint8Array(0)
        : cutCorrections(step, whole, programs.gradients(step, rows), slice),
    update: update ? cutCorrections(step, whole, programs.update(step)) : new Uint8Array(0)
  }
}
