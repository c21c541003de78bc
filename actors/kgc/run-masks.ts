/**
 * The masks of a run as the dealer knows them, and the corrections that follow from them (section 5 of
 * docs/concepts/protocol.md). Everything here is derived from the two PRG keys. The mask differences of the data set
 * never change, so they are cached.
 */
import { Effect } from "effect"
import { layerShapes, stepCost } from "../../protocol/computation/cost.ts"
import { deal } from "../../protocol/computation/dealer.ts"
import { labelsOperation, rowsFrom } from "../../protocol/computation/evaluating.ts"
import { sliceOf } from "../../protocol/computation/lanes.ts"
import {
  type DealContext,
  type DealerKeys,
  type LabelMask,
  labelMask,
  type MaskDifference,
  maskDifference,
  maskDifferenceInPieces
} from "../../protocol/computation/masks.ts"
import { gatherRows } from "../../protocol/computation/product.ts"
import { StepPrograms } from "../../protocol/computation/programs.ts"
import { type EvaluatedRows, evaluationAt } from "../../protocol/learning/evaluations.ts"
import { opensLabels, outputs } from "../../protocol/learning/network.ts"
import { operation, type Shape } from "../../protocol/learning/operations.ts"
import { type BatchOrder, batchOrder } from "../../protocol/learning/order.ts"
import { evaluates, rowsOpened, type TrainingPlan } from "../../protocol/learning/plan.ts"
import type { Batch } from "../../protocol/learning/step.ts"
import type { DealtPart } from "../../protocol/messages/training.ts"
import type { Ring } from "../../protocol/ring/ring.ts"
import { sliceBytes } from "../party/stretches.ts"
import { yieldTurn } from "../party/yield-turn.ts"

/**
 * The masks of the data set: the difference of the clouds' masks of the features, their sum for labels that
 * are opened.
 */
interface DataMasks {
  readonly features: MaskDifference
  readonly labels: LabelMask | undefined
  readonly rowWeights: MaskDifference | undefined
  /** Of labels of validation rows that are opened as factors. */
  readonly chosen: MaskDifference | undefined
}

export class RunMasks {
  readonly plan: TrainingPlan
  readonly order: BatchOrder
  /** Bytes of a training step's corrections. */
  readonly stepBytes: number
  readonly #ring: Ring
  readonly #keys: DealerKeys
  readonly #data: DataMasks
  readonly #programs: StepPrograms
  /** Mask differences of the weights, and the step that they are of; 0 before the first. */
  readonly #weights: ReadonlyArray<MaskDifference>
  #weightsStep = 0

  constructor(ring: Ring, keys: DealerKeys, plan: TrainingPlan, orderKey: Uint8Array, data: DataMasks) {
    this.plan = plan
    this.order = batchOrder(plan, orderKey)
    this.stepBytes = stepCost(plan).dealtBytes
    this.#ring = ring
    this.#keys = keys
    this.#data = data
    this.#programs = new StepPrograms(plan, this.order, {
      batch: (rows) => this.#batch(rows),
      evaluated: (rows) => this.#evaluated(rows),
      weights: (step) => this.#weightsAt(step)
    })
    this.#weights = layerShapes(plan).map(({ weights: { rows, cols } }) => ({
      ...ring.matrix(rows, cols),
      of: "factor"
    }))
  }

  #at(step: number): DealContext {
    return { ring: this.#ring, keys: this.#keys, step }
  }

  /** Bytes of the corrections of a whole step, or of a slice of an evaluation. */
  bytesOf(step: number): number {
    return evaluationAt(this.plan, step) === undefined ? this.stepBytes : sliceBytes(this.plan, step)
  }

  /** Writes the corrections of a whole step, or of a slice of an evaluation, to `message`. */
  dealStep(step: number, message: Uint8Array): void {
    deal(this.#at(step), this.#programs.of(step), { message })
  }

  /**
   * Writes the corrections of a lane's part of a step to the given bytes, whose sizes `partBytes` states.
   */
  dealPart(
    step: number,
    part: DealtPart,
    to: { readonly gradients: Uint8Array; readonly update: Uint8Array }
  ): void {
    const batch = this.order(step)
    const slice = sliceOf(batch, part)
    if (slice.rows.length > 0) {
      const rows = batch.subarray(slice.first, slice.first + slice.rows.length)
      deal(this.#at(step), this.#programs.gradients(step, rows), { message: to.gradients, slice })
    }
    if (part.update) deal(this.#at(step), this.#programs.update(step), { message: to.update })
  }

  #evaluated({ from, end }: EvaluatedRows) {
    const { features, chosen } = this.#data
    const { rows } = this.plan
    return {
      inputs: rowsFrom(features, { from: rows + from, end: rows + end }),
      ...(chosen && { chosen: rowsFrom(chosen, { from, end }) })
    }
  }

  /**
   * Differences of the masks under which the clouds' leaders open the weights of a step. They are cached,
   * because all lanes ask for their parts of a step at about the same time.
   */
  #weightsAt(step: number): ReadonlyArray<MaskDifference> {
    if (this.#weightsStep !== step) {
      const mark = this.#ring.mark()
      this.#weights.forEach((kept, index) => {
        const drawn = maskDifference(this.#at(step), operation("openWeights", index + 1), kept)
        this.#ring.copy(kept, drawn)
      })
      this.#ring.release(mark)
      this.#weightsStep = step
    }
    return this.#weights
  }

  /** The masks of some rows of the data set. */
  #batch(rows: Uint32Array): Batch<Shape, MaskDifference, LabelMask> {
    const { features, labels, rowWeights } = this.#data
    return {
      inputs: gatherRows(this.#ring, features, rows),
      ...(rowWeights && { rowWeights: gatherRows(this.#ring, rowWeights, rows) }),
      labels:
        labels === undefined
          ? { opened: false, value: { rows: rows.length, cols: outputs(this.plan.network) } }
          : { opened: true, value: gatherRows(this.#ring, labels, rows) }
    }
  }
}

/** The masks of a run, drawn in turns: those of a large data set take seconds. New memory. */
export const masksOf = (ring: Ring, keys: DealerKeys, plan: TrainingPlan, orderKey: Uint8Array) =>
  Effect.gen(function* () {
    const { network, rows } = plan
    const features = yield* inTurns(
      maskDifferenceInPieces({ ring, keys }, operation("openInput", 0), {
        rows: rowsOpened(plan),
        cols: network.inputs
      })
    )
    const labels = opensLabels(network)
      ? labelMask({ ring, keys, step: 0 }, operation("openLabels", network.layers.length), {
          rows,
          cols: outputs(network)
        })
      : undefined
    const weights = { rows, cols: 1 }
    const rowWeights = plan.rowWeights
      ? maskDifference({ ring, keys, step: 0 }, operation("openRowWeights", 0), weights)
      : undefined
    const chosen =
      evaluates(plan) && plan.validation.classes
        ? maskDifference(
            { ring, keys, step: 0 },
            labelsOperation(plan),
            { rows: plan.validation.rows, cols: outputs(network) },
            rows * outputs(network)
          )
        : undefined
    return new RunMasks(ring, keys, plan, orderKey, { features, labels, rowWeights, chosen })
  })

/** Runs a generator to its end, and yields a turn after each piece. */
const inTurns = <A>(pieces: Generator<void, A>): Effect.Effect<A> =>
  Effect.gen(function* () {
    for (;;) {
      const next = pieces.next()
      if (next.done) return next.value
      yield* yieldTurn
    }
  })
