/**
 * What each lane of a cloud does in a session, lane 0 like any other: it opens the rows that it holds, and in each step finds the
 * gradients on its slice of the batch, both together with the other cloud's lane of the same rows.
 */
import { cloudOperations, rowsOf } from "../../../protocol/computation/cloud.ts"
import { Corrections } from "../../../protocol/computation/corrections.ts"
import type { OpenedLabels } from "../../../protocol/computation/labels.ts"
import { noGradients, type Rows, sliceOf } from "../../../protocol/computation/lanes.ts"
import type { OpenedMatrix, Share } from "../../../protocol/computation/product.ts"
import type { BatchOrder } from "../../../protocol/learning/order.ts"
import type { TrainingPlan } from "../../../protocol/learning/plan.ts"
import {
  type Gradient,
  gradients,
  type Layer,
  type OpenedData,
  openData
} from "../../../protocol/learning/step.ts"
import type { Prg } from "../../../protocol/ring/prg.ts"
import type { Matrix, Ring } from "../../../protocol/ring/ring.ts"
import type { Computation } from "../../../runtime/messaging/contract.ts"

export interface LaneShare {
  readonly plan: TrainingPlan
  readonly cloud: 0 | 1
  readonly prg: Prg
  readonly order: BatchOrder
  readonly ring: Ring
  readonly rows: Rows
  /** This cloud's shares of the rows. The place in memory of the features is taken by what is opened. */
  readonly features: Matrix
  readonly labels: Matrix
}

/** The rows as both clouds know them. */
export const openRows = ({
  plan,
  cloud,
  prg,
  ring,
  rows,
  features,
  labels
}: LaneShare): Computation<OpenedData<Matrix, OpenedMatrix, OpenedLabels>> => {
  const slice = { first: rows.from, of: plan.rows }
  return openData(
    cloudOperations({ ring, party: cloud, prg, step: 0, slice }),
    plan.network,
    features,
    labels
  )
}

/** The gradients on this lane's slice of a step's batch; `dealt` is what the dealer has for them, at C1. New memory. */
export function* gradientsOnSlice(
  { plan, cloud, prg, order, ring, rows }: LaneShare,
  opened: OpenedData<Matrix, OpenedMatrix, OpenedLabels>,
  step: number,
  weights: ReadonlyArray<OpenedMatrix>,
  layers: ReadonlyArray<Pick<Layer<Matrix>, "bias">>,
  dealt: Uint8Array | undefined
): Computation<ReadonlyArray<Gradient<Share>>> {
  const slice = sliceOf(order(step), rows)
  if (slice.rows.length === 0) return noGradients(ring, plan.network)
  const corrections = dealt === undefined ? {} : { corrections: Corrections.parse(step, dealt) }
  const ops = cloudOperations({ ring, party: cloud, prg, step, slice, ...corrections })
  return yield* gradients(ops, plan, layers, weights, rowsOf(ring, opened, slice.rows))
}
