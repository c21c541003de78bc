/** An evaluation (`protocol/learning/evaluation.ts`) as a cloud makes it, slice by slice. */
import { wordBytes } from "../bytes.ts"
import {
  addSums,
  type EvaluatedData,
  type EvaluatedSums,
  evaluateRows,
  gatherEvaluated,
  openEvaluated,
  revealSums
} from "../learning/evaluation.ts"
import {
  type Evaluated,
  type EvaluatedRows,
  evaluationAt,
  evaluationStep,
  slicesOf
} from "../learning/evaluations.ts"
import { operation, type Round } from "../learning/operations.ts"
import type { EvaluatingPlan } from "../learning/plan.ts"
import { type Layer, openWeights } from "../learning/step.ts"
import type { Prg } from "../ring/prg.ts"
import type { Matrix, Ring } from "../ring/ring.ts"
import { type CloudOperations, cloudOperations } from "./cloud.ts"
import { Corrections } from "./corrections.ts"
import type { OpenedMatrix } from "./product.ts"

/** Some consecutive rows of a matrix: a view. */
export const rowsFrom = <Kind extends Matrix>(x: Kind, { from, end }: EvaluatedRows): Kind => ({
  ...x,
  rows: end - from,
  at: x.at + from * x.cols * wordBytes
})

/** What a cloud evaluates with. */
export interface EvaluatingCloud {
  readonly plan: EvaluatingPlan
  readonly cloud: 0 | 1
  readonly prg: Prg
  readonly ring: Ring
}

/** The validation rows as a cloud has opened them. */
export type OpenedEvaluated = EvaluatedData<Matrix, OpenedMatrix>

/** Opens this cloud's shares of the validation rows, of which it consumes the features: they follow all others. */
export const openEvaluatedRows = (
  { plan, cloud, prg, ring }: EvaluatingCloud,
  features: Matrix,
  labels: Matrix
): Round<OpenedEvaluated> => {
  const slice = { first: plan.rows, of: plan.rows + plan.validation.rows }
  const ops = cloudOperations({ ring, party: cloud, prg, step: 0, slice })
  return openEvaluated(ops, plan, features, labels)
}

/** The evaluation of the model after an epoch. Its slices must be taken in order. */
export class CloudEvaluation {
  readonly #with: EvaluatingCloud
  readonly #layers: ReadonlyArray<Layer<Matrix>>
  readonly #data: OpenedEvaluated
  /** The ring as it was before. */
  readonly #mark: number
  #weights: ReadonlyArray<OpenedMatrix> | undefined
  #sums: EvaluatedSums<Matrix> | undefined

  constructor(cloud: EvaluatingCloud, layers: ReadonlyArray<Layer<Matrix>>, data: OpenedEvaluated) {
    this.#with = cloud
    this.#layers = layers
    this.#data = data
    this.#mark = cloud.ring.mark()
  }

  #operations(step: number, dealt?: Uint8Array): CloudOperations {
    const { ring, cloud, prg } = this.#with
    const corrections = dealt && { corrections: Corrections.parse(step, dealt) }
    return cloudOperations({ ring, party: cloud, prg, step, ...corrections })
  }

  /** The slice with this number; at cloud 1 `dealt` is its corrections. After the last, what the evaluation tells. */
  *slice(step: number, dealt: Uint8Array | undefined): Round<Evaluated | undefined> {
    const { plan, ring } = this.#with
    const { epoch, slice } = evaluationAt(plan, step)!
    const slices = slicesOf(plan)
    const first = evaluationStep(plan, epoch)
    this.#weights ??= yield* openWeights(this.#operations(first), this.#layers)
    this.#sums ??= {
      error: ring.zeros(1, 1),
      ...(plan.validation.classes && { right: ring.zeros(1, 1) })
    }
    const mark = ring.mark()
    const view = <Kind extends Matrix>(x: Kind) => rowsFrom(x, slices[slice]!)
    const rows = gatherEvaluated(this.#data, { value: view, opened: view })
    const ops = this.#operations(step, dealt)
    const found = yield* evaluateRows(ops, plan, this.#layers, this.#weights, rows)
    const sums = addSums(ops, this.#sums, found)
    ring.copy(this.#sums.error, sums.error)
    if (this.#sums.right !== undefined) ring.copy(this.#sums.right, sums.right!)
    ring.release(mark)
    if (slice < slices.length - 1) return undefined
    const told = yield* revealSums(ops, this.#sums)
    ring.release(this.#mark)
    return told
  }
}

/** The operation under whose masks the labels of validation rows are opened. */
export const labelsOperation = ({ network }: EvaluatingPlan) => operation("openLabels", network.layers.length)
