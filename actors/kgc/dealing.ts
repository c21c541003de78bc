/**
 * What the KGC deals for a step of a run (section 5 of docs/protocol.md): the corrections that C1 needs beside its own
 * PRG. Of the masks of the data set the differences are the same in every step and kept; they follow from the keys, as everything here.
 */
import { Data, Effect } from "effect"
import {
  type DealerKeys,
  type DealerOperations,
  type DealtValue,
  deal,
  type GateMask,
  type LabelMask,
  labelMask,
  type MaskDifference,
  maskDifference,
  maskDifferenceInPieces
} from "../../protocol/computation/dealer.ts"
import { dealtUpdate, sliceOf } from "../../protocol/computation/lanes.ts"
import { gatherRows } from "../../protocol/computation/product.ts"
import { layerShapes, sliceCost, stepCost, updateCost } from "../../protocol/learning/cost.ts"
import { InvalidPlan, opensLabels, outputs } from "../../protocol/learning/network.ts"
import { operation, type Shape } from "../../protocol/learning/operations.ts"
import { type BatchOrder, batchOrder } from "../../protocol/learning/order.ts"
import type { TrainingPlan } from "../../protocol/learning/plan.ts"
import { type Batch, gradients, trainingStep } from "../../protocol/learning/step.ts"
import type { DealRequest, DealtPart } from "../../protocol/messages/training.ts"
import { Prg } from "../../protocol/ring/prg.ts"
import { Ring } from "../../protocol/ring/ring.ts"
import { type AnswerRoom, Party } from "../../runtime/messaging/contract.ts"
import { type Agreement, computationName, planOf } from "../party/agreement.ts"
import { raised } from "../party/typed-throws.ts"
import { othersTurn } from "../party/yield-turn.ts"

/** k_0, k_1 and the public key of the batch order, 16 bytes each. */
export interface PrgKeys {
  readonly key0: Uint8Array
  readonly key1: Uint8Array
  readonly orderKey: Uint8Array
}

/** A step that is not in the plan. */
export class NoSuchStep extends Data.TaggedError("NoSuchStep")<{
  readonly step: number
  readonly steps: number
}> {
  readonly retryable = false
  override get message(): string {
    return `step ${this.step} is not in the plan, which has the steps 1 to ${this.steps}; start all parties with the same scenario`
  }
}

/** More than a step is cut into, or at once. */
export class DealRefused extends Data.TaggedError("DealRefused")<{
  readonly asked: string
  readonly most: string
}> {
  readonly retryable = false
  override get message(): string {
    return `corrections were asked for ${this.asked}, and are dealt for ${this.most}; start all parties with the same scenario and version`
  }
}

/** The same masks would hide the values of two training matrices, whose difference C1 would then see. */
export class OtherRows extends Data.TaggedError("OtherRows")<{
  readonly rows: number
  readonly first: number
}> {
  readonly retryable = false
  override get message(): string {
    return `corrections were asked for ${this.rows} training rows in a run in which they are dealt for ${this.first}; go on with the data that the run began with, or start a new run`
  }
}

/** How many rows the training matrix of the run has: what is named here, unless another number was named before. */
export type RowsOfRun<E, R> = (named: number) => Effect.Effect<number, E, R>

/** What stays the same over the steps of a run. */
interface Dealing {
  readonly rows: number
  readonly plan: TrainingPlan
  /** Bytes of a step's corrections. */
  readonly stepBytes: number
  readonly order: BatchOrder
  /** Differences of the clouds' masks. */
  readonly features: MaskDifference
  readonly labels: LabelMask | undefined
  /** Those of the weights in one step, for all lanes; of none in step 0. */
  readonly weights: { step: number; readonly differences: ReadonlyArray<MaskDifference> }
}

/** Bytes of corrections that are asked for at once, where a step has fewer: nats.conf lets one message have as many. */
const bytesAsked = 15 * 2 ** 20
/** More steps would keep the KGC from answering others for too long. */
const mostStepsAsked = 16

/** Steps whose corrections are asked for in one request, which costs as much as a small step. */
export const stepsAsked = (plan: TrainingPlan): number =>
  Math.max(1, Math.min(mostStepsAsked, plan.steps, Math.floor(bytesAsked / stepCost(plan).dealtBytes)))

/**
 * A function from a request, and memory for what is dealt, to the corrections of the steps, one behind the other. It deals for the rows
 * of the run only.
 */
export const dealer = <E, R>(
  agreement: Agreement,
  { key0, key1, orderKey }: PrgKeys,
  rowsOfRun: RowsOfRun<E, R>
) =>
  Effect.gen(function* () {
    const { run } = yield* Party
    const name = computationName(agreement, run)
    const keys: DealerKeys = { cloud0: Prg.ofRun(key0, name), cloud1: Prg.ofRun(key1, name) }
    const ring = yield* Effect.promise(() => Ring.load())
    const empty = ring.mark()
    let known: Dealing | undefined

    const featureDifference = (shape: Shape) =>
      Effect.gen(function* () {
        const pieces = maskDifferenceInPieces(ring, keys, operation("openInput", 0), shape)
        for (;;) {
          const next = pieces.next()
          if (next.done) return next.value
          yield* othersTurn
        }
      })

    const prepare = (rows: number) =>
      Effect.gen(function* () {
        if (known?.rows === rows) return known
        const plan = yield* raised([InvalidPlan], () => planOf(agreement, rows))
        const first = yield* rowsOfRun(rows)
        if (first !== rows) return yield* new OtherRows({ rows, first })
        const { network } = plan
        const last = network.layers.length
        known = undefined
        ring.release(empty)
        const features = yield* featureDifference({ rows, cols: network.inputs })
        const labels = opensLabels(network)
          ? labelMask(ring, keys, 0, operation("openLabels", last), { rows, cols: outputs(network) })
          : undefined
        const stepBytes = stepCost(plan).dealtBytes
        const weights = {
          step: 0,
          differences: layerShapes(network).map(
            ({ weights: { rows, cols } }): MaskDifference => ({ ...ring.matrix(rows, cols), of: "factor" })
          )
        }
        known = { rows, plan, stepBytes, order: batchOrder(plan, orderKey), features, labels, weights }
        return known
      })
    // Steps are asked for several at a time; the masks are drawn once, and nothing else uses the ring meanwhile.
    const oneAtATime = yield* Effect.makeSemaphore(1)

    // Before each step others have their turn: an answer gets out, and whoever asks for one that waits is told that it does.
    const dealt = Effect.fn("kgc.deal")(function* (
      { rows, step, steps = 1, part }: DealRequest,
      room: AnswerRoom
    ) {
      const dealing = yield* prepare(rows)
      const { plan, stepBytes } = dealing
      const last = step + steps - 1
      if (step < 1 || steps < 1 || last > plan.steps)
        return yield* new NoSuchStep({ step: last > plan.steps ? last : step, steps: plan.steps })
      if (steps > mostStepsAsked)
        return yield* new DealRefused({ asked: `${steps} steps at once`, most: `${mostStepsAsked}` })
      if (part !== undefined && (part.from > part.end || part.end > rows))
        return yield* new DealRefused({
          asked: `rows from ${part.from} up to ${part.end}`,
          most: `those from 0 up to ${rows}`
        })
      if (part !== undefined) {
        const bytes = Array.from({ length: steps }, (_, i) => partBytes(plan, dealing.order(step + i), part))
        const message = room(bytes.reduce((sum, { gradients, update }) => sum + gradients + update, 0))
        let at = 0
        for (const [i, { gradients, update }] of bytes.entries()) {
          yield* othersTurn
          dealPart(ring, keys, dealing, step + i, part, {
            gradients: message.subarray(at, at + gradients),
            update: message.subarray(at + gradients, at + gradients + update)
          })
          at += gradients + update
        }
        return message
      }
      const message = room(steps * stepBytes)
      for (let i = 0; i < steps; i++) {
        yield* othersTurn
        const part = message.subarray(i * stepBytes, (i + 1) * stepBytes)
        deal(ring, keys, step + i, (ops) => dealtStep(ring, ops, dealing, step + i), part)
      }
      return message
    })
    return (request: DealRequest, room: AnswerRoom) => oneAtATime.withPermits(1)(dealt(request, room))
  })

/** The training step over shapes and masks. */
const dealtStep = (ring: Ring, ops: DealerOperations, dealing: Dealing, step: number) => {
  const { plan, order } = dealing
  return trainingStep(ops, plan, layerShapes(plan.network), maskedBatch(ring, dealing, order(step)))
}

/** Bytes of what a lane needs of the step of a batch: for the gradients on its slice, if any of the batch is in its rows, and for the update if it makes it. */
export const partBytes = (plan: TrainingPlan, batch: Uint32Array, part: DealtPart) => {
  const slice = sliceOf(batch, part)
  return {
    gradients: slice.rows.length === 0 ? 0 : sliceCost(plan, slice, slice.rows.length).dealtBytes,
    update: part.update ? updateCost(plan).dealtBytes : 0
  }
}

/** Deals a lane's part of a step, to the bytes that are given. */
const dealPart = (
  ring: Ring,
  keys: DealerKeys,
  dealing: Dealing,
  step: number,
  part: DealtPart,
  to: { readonly gradients: Uint8Array; readonly update: Uint8Array }
): void => {
  const { plan, order, features } = dealing
  const layers = layerShapes(plan.network)
  const batch = order(step)
  const slice = sliceOf(batch, part)
  const end = slice.first + slice.rows.length
  if (slice.rows.length > 0) {
    const weights = weightDifferences(ring, keys, dealing, step)
    const own = (ops: DealerOperations) => {
      const sliced = maskedBatch(ring, dealing, batch.subarray(slice.first, end))
      return gradients<DealtValue, MaskDifference, GateMask, LabelMask>(ops, plan, layers, weights, sliced)
    }
    deal(ring, keys, step, own, to.gradients, slice)
  }
  if (part.update)
    deal(
      ring,
      keys,
      step,
      (ops) => dealtUpdate(ops, plan, layers, gatherRows(ring, features, batch)),
      to.update
    )
}

/** Of the masks under which lane 0 opens the weights of a step: kept, for all lanes' parts of a step are asked for at about the same time. */
const weightDifferences = (
  ring: Ring,
  keys: DealerKeys,
  { weights }: Dealing,
  step: number
): ReadonlyArray<MaskDifference> => {
  if (weights.step !== step) {
    const mark = ring.mark()
    weights.differences.forEach((kept, index) => {
      ring.copy(kept, maskDifference(ring, keys, step, operation("openWeights", index + 1), kept))
    })
    ring.release(mark)
    weights.step = step
  }
  return weights.differences
}

/** These rows of the data set, as the dealer has them. */
const maskedBatch = (
  ring: Ring,
  { plan, features, labels }: Dealing,
  rows: Uint32Array
): Batch<Shape, MaskDifference, LabelMask> => ({
  inputs: gatherRows(ring, features, rows),
  labels:
    labels === undefined
      ? { opened: false, value: { rows: rows.length, cols: outputs(plan.network) } }
      : { opened: true, value: gatherRows(ring, labels, rows) }
})
