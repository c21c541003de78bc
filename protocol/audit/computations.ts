/** The ledgers of what a process of a cloud computes in a training session, alone, as the leader of lanes, or as a lane. */
import { batchShapes, layerShapes } from "../computation/cost.ts"
import type { Round, Shape } from "../learning/operations.ts"
import type { TrainingPlan } from "../learning/plan.ts"
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
    const rows = rowsOfLane(this.plan.rows, lane, lanes)
    yield this.#data(rows)
    for (let step = after + 1; step <= this.plan.steps; step++) {
      if (lanes === 1) yield this.whole(step)
      else {
        if (lane === 0) yield this.weights(step)
        yield* this.gradients(step, rows)
        if (lane === 0) yield this.update(step)
      }
    }
  }

  #data({ from, end }: Rows): StepLedger {
    const { network, rows } = this.plan
    const { inputs, labels } = batchShapes(network, end - from)
    const portion = { first: from, rows: end - from, of: rows }
    return this.#ledger(0, (ops) => openData(ops, network, inputs, labels.value), portion)
  }

  whole(step: number): StepLedger {
    const { network, batch } = this.plan
    return this.#ledger(step, (ops) =>
      trainingStep(ops, this.plan, this.#layers, batchShapes(network, batch))
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
    const batch = batchShapes(this.plan.network, portion.rows)
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
