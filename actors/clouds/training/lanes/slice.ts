/**
 * What every process of a cloud computes in a session, the leader like any lane: it opens the rows that it
 * holds, and in each step finds the gradients on its slice of the batch, together with the other cloud's
 * process of the same rows.
 */
import { cloudOperations, rowsOf } from "../../../../protocol/computation/cloud.ts"
import { Corrections } from "../../../../protocol/computation/corrections.ts"
import type { OpenedLabels } from "../../../../protocol/computation/labels.ts"
import { noGradients, type Rows, sliceOf } from "../../../../protocol/computation/lanes.ts"
import type { OpenedMatrix, Share } from "../../../../protocol/computation/product.ts"
import type { BatchOrder } from "../../../../protocol/learning/order.ts"
import { rowsOpened, type TrainingPlan } from "../../../../protocol/learning/plan.ts"
import {
  type Gradient,
  gradients,
  type Layer,
  type OpenedData,
  openData
} from "../../../../protocol/learning/step.ts"
import type { Prg } from "../../../../protocol/ring/prg.ts"
import type { Matrix, Ring } from "../../../../protocol/ring/ring.ts"
import type { Computation } from "../../../../runtime/messaging/contract.ts"

/** A process's share of the work: its rows, and what it computes on them with. */
export interface SliceShare {
  readonly plan: TrainingPlan
  readonly cloud: 0 | 1
  readonly prg: Prg
  readonly order: BatchOrder
  readonly ring: Ring
  readonly rows: Rows
  /** This cloud's shares of the rows. Opening the features overwrites them. */
  readonly features: Matrix
  readonly labels: Matrix
}

/** The rows as opened under the masks of both clouds. */
export type OpenedRows = OpenedData<Matrix, OpenedMatrix, OpenedLabels>

export const openRows = (share: SliceShare): Computation<OpenedRows> => {
  const { plan, cloud, prg, ring, rows, features, labels } = share
  const slice = { first: rows.from, of: rowsOpened(plan) }
  const ops = cloudOperations({ ring, party: cloud, prg, step: 0, slice })
  return openData(ops, plan, features, labels)
}

/** What a process needs to find the gradients of a step. */
export interface StepInput {
  readonly step: number
  readonly weights: ReadonlyArray<OpenedMatrix>
  readonly layers: ReadonlyArray<Pick<Layer<Matrix>, "bias">>
  /** At C1, the corrections for them. */
  readonly dealt: Uint8Array | undefined
}

/** The gradients on this process's slice of the batch of a step. New memory. */
export function* gradientsOnSlice(
  { plan, cloud, prg, order, ring, rows }: SliceShare,
  opened: OpenedRows,
  { step, weights, layers, dealt }: StepInput
): Computation<ReadonlyArray<Gradient<Share>>> {
  const slice = sliceOf(order(step), rows)
  if (slice.rows.length === 0) return noGradients(ring, plan.network)
  const ops = cloudOperations({ ring, party: cloud, prg, step, slice, ...parsed(step, dealt) })
  return yield* gradients(ops, plan, layers, weights, rowsOf(ring, opened, slice.rows))
}

/** The corrections of a step, as an option of `cloudOperations`. */
export const parsed = (step: number, dealt: Uint8Array | undefined) =>
  dealt === undefined ? {} : { corrections: Corrections.parse(step, dealt) }
