/** The ledgers of what a process of a cloud computes in a training session, alone, as the leader of lanes, or as a lane. */
import { batchShapes, evaluatedShapes, layerShapes } from "../computation/cost.ts"
import { evaluateRows, openEvaluated, revealSums } from "../learning/evaluation.ts"
import { evaluationAt, evaluationStep, slicesOf } from "../learning/evaluations.ts"
import type { Round, Shape } from "../learning/operations.ts"
import { type EvaluatingPlan, evaluates, type TrainingPlan } from "../learning/plan.ts"
import { gradients, type Layer, openData, openWeights, trainingStep, update } from "../learning/step.ts"
import { type EnteredShape, type Ledger, type LedgerOperations, ledgerOf, type Portion } from "./ledger.ts"
import type { Order } from "./order.ts"

/** Rows of the training table, from `from` up to but excluding `end`. */
export interface Rows {
  readonly from: number
  readonly end: number
}

/** The rows of a lane: the same number for all lanes, or one less. */
export const rowsOfLane = (rows: number, lane: number, lanes: number): Rows => ({
  from: Math.floor((rows * lane) / lanes),
  end: Math.floor((rows * (lane + 1)) / lanes)
})

/** The portion of a batch, whose rows ascend, that is among these rows. */
const portionOf = (batch: Uint32Array, { from, end }: Rows): Portion => ({
  first: batch.filter((row) => row < from).length,
  rows: batch.filter((row) => from <= row && row < end).length,
  of: batch.length
})

/** A ledger, and the step that it is of. */
export interface StepLedger extends Ledger {
  readonly step: number
}

export class Computations {
  readonly plan: TrainingPlan
  readonly #order: Order
  readonly #layers: ReadonlyArray<Layer<Shape>>

  constructor(plan: TrainingPlan, order: Order) {
    this.plan = plan
    this.#order = order
    this.#layers = layerShapes(plan)
  }

  /** What the process of lane `lane` of `lanes` computes with the other cloud's, in order, after a step. */
  *session(lane: number, lanes: number, after: number): Generator<StepLedger, void> {
    const { plan } = this
    const rows = rowsOfLane(plan.rows, lane, lanes)
    const evaluating = lane === 0 && evaluates(plan) ? plan : undefined
    yield this.#data(rows)
    if (evaluating !== undefined) {
      yield this.#evaluatedData(evaluating)
      // The evaluation of a session's first weights is made again.
      if (after > 0 && after % plan.stepsPerEpoch === 0) yield* this.#evaluation(evaluating, after)
    }
    for (let step = after + 1; step <= this.plan.steps; step++) {
      if (lanes === 1) yield this.whole(step)
      else {
        if (lane === 0) yield this.weights(step)
        yield* this.gradients(step, rows)
        if (lane === 0) yield this.update(step)
      }
      if (evaluating !== undefined && step % plan.stepsPerEpoch === 0)
        yield* this.#evaluation(evaluating, step)
    }
  }

  #evaluatedData(plan: EvaluatingPlan): StepLedger {
    const { rows } = plan.validation
    const { inputs, labels } = evaluatedShapes(plan, rows)
    const portion = { first: plan.rows, rows, of: plan.rows + rows }
    return this.#ledger(0, (ops) => openEvaluated(ops, plan, inputs, labels), portion)
  }

  /** The evaluation after the last step of an epoch. */
  *#evaluation(plan: EvaluatingPlan, step: number): Generator<StepLedger, void> {
    const first = evaluationStep(plan, step / plan.stepsPerEpoch)
    const slices = slicesOf(plan).length
    yield this.weights(first)
    for (let slice = 0; slice < slices; slice++) yield this.slice(plan, first + slice)
    const sum = { rows: 1, cols: 1 }
    const sums = { error: sum, ...(plan.validation.classes && { right: sum }) }
    yield this.#ledger(first + slices - 1, (ops) => revealSums(ops, sums))
  }

  /** A slice of an evaluation. */
  slice(plan: EvaluatingPlan, step: number): StepLedger {
    const { from, end } = slicesOf(plan)[evaluationAt(plan, step)!.slice]!
    const weights = this.#layers.map((layer) => layer.weights)
    const rows = evaluatedShapes(plan, end - from)
    return this.#ledger(step, (ops) => evaluateRows(ops, plan, this.#layers, weights, rows))
  }

  #data({ from, end }: Rows): StepLedger {
    const { rows } = this.plan
    const { inputs, labels } = batchShapes(this.plan, end - from)
    const portion = { first: from, rows: end - from, of: rows }
    return this.#ledger(0, (ops) => openData(ops, this.plan, inputs, labels.value), portion)
  }

  /** A whole step, or a slice of an evaluation. */
  dealtFor(step: number): StepLedger {
    const { plan } = this
    return evaluates(plan) && evaluationAt(plan, step) !== undefined
      ? this.slice(plan, step)
      : this.whole(step)
  }

  whole(step: number): StepLedger {
    const { batch } = this.plan
    return this.#ledger(step, (ops) =>
      trainingStep(ops, this.plan, this.#layers, batchShapes(this.plan, batch))
    )
  }

  weights(step: number): StepLedger {
    return this.#ledger(step, (ops) => openWeights(ops, this.#layers))
  }

  /** None if no row of the batch is among the lane's. */
  gradients(step: number, rows: Rows): ReadonlyArray<StepLedger> {
    const portion = portionOf(this.#order(step), rows)
    if (portion.rows === 0) return []
    const weights = this.#layers.map((layer) => layer.weights)
    const batch = batchShapes(this.plan, portion.rows)
    return [this.#ledger(step, (ops) => gradients(ops, this.plan, this.#layers, weights, batch), portion)]
  }

  update(step: number): StepLedger {
    const found = this.#layers.map(({ weights, bias }) => {
      const product: EnteredShape = { ...weights, product: true }
      return { weights: product, bias }
    })
    return this.#ledger(step, (ops) =>
      update<EnteredShape, Shape, Shape, Shape>(ops, this.plan, this.#layers, found)
    )
  }

  #ledger(
    step: number,
    computation: (ops: LedgerOperations) => Round<unknown>,
    portion?: Portion
  ): StepLedger {
    return { step, ...ledgerOf(step, computation, portion) }
  }
}
