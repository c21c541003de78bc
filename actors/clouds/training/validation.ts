/**
 * The validation at a cloud's main process: after each epoch it evaluates the model together with the other cloud, on
 * rows that no step trains on. Both are told the same, and so both decide alike when the training ends and which
 * epoch's model is its result.
 */
import { Effect } from "effect"
import { wordBytes } from "../../../protocol/bytes.ts"
import {
  CloudEvaluation,
  type EvaluatingCloud,
  type OpenedEvaluated,
  openEvaluatedRows,
  rowsFrom
} from "../../../protocol/computation/evaluating.ts"
import { layerWords } from "../../../protocol/computation/layer-words.ts"
import { bestEpoch, type Evaluated, endsAfter } from "../../../protocol/learning/evaluations.ts"
import type { EvaluatingPlan } from "../../../protocol/learning/plan.ts"
import type { Layer } from "../../../protocol/learning/step.ts"
import type { Matrix } from "../../../protocol/ring/ring.ts"
import type { Computation } from "../../../runtime/messaging/contract.ts"
import { type Stretch, slicesOfStretch } from "../../party/stretches.ts"
import type { SharedTable } from "../transformation/joint-table.ts"
import type { StepParts } from "./steps.ts"

/** Opens the validation rows, which are the last of the table. */
export const validating = ({ own, layers, drive }: StepParts, plan: EvaluatingPlan, table: SharedTable) =>
  Effect.gen(function* () {
    const cloud = { ...own, plan }
    const [features, labels] = [table.features, table.labels].map((x) =>
      rowsFrom(x, { from: plan.rows, end: table.rows })
    )
    const data = yield* drive(openEvaluatedRows(cloud, features!, labels!))
    const validation = new Validation(cloud, layers, data)
    const evaluate = (stretch: Stretch, dealt: Uint8Array | undefined) =>
      drive(validation.slices(stretch, dealt))
    return { validation, evaluate }
  })

/** What was found so far. */
export class Validation {
  readonly #cloud: EvaluatingCloud
  readonly #layers: ReadonlyArray<Layer<Matrix>>
  readonly #data: OpenedEvaluated
  readonly #curve: Array<Evaluated> = []
  /** This cloud's share of the best model, if the training may end before its time. */
  #best: Uint8Array | undefined
  #underWay: CloudEvaluation | undefined

  constructor(cloud: EvaluatingCloud, layers: ReadonlyArray<Layer<Matrix>>, data: OpenedEvaluated) {
    this.#cloud = cloud
    this.#layers = layers
    this.#data = data
  }

  /** Evaluates a stretch of slices. At C1 `dealt` is the corrections for them. */
  *slices(stretch: Stretch, dealt: Uint8Array | undefined): Computation<void> {
    for (const [step, own] of slicesOfStretch(this.#cloud.plan, stretch, dealt)) {
      this.#underWay ??= new CloudEvaluation(this.#cloud, this.#layers, this.#data)
      const told = yield* this.#underWay.slice(step, own)
      if (told === undefined) continue
      this.#underWay = undefined
      this.#curve.push(told)
      if (this.#mayStop && bestEpoch(this.#curve) === this.#curve.length)
        this.#best = layerWords(this.#cloud.ring, this.#layers)
    }
  }

  get #mayStop(): boolean {
    return this.#cloud.plan.validation.patience !== undefined
  }

  /** Whether the training ends with the last epoch that was evaluated. */
  get ended(): boolean {
    return endsAfter(this.#cloud.plan, this.#curve)
  }

  /** The share of the model that the training ends with. */
  get result() {
    const { plan, ring } = this.#cloud
    return {
      words: this.#best ?? layerWords(ring, this.#layers),
      steps: this.#curve.length * plan.stepsPerEpoch,
      curve: this.#curve
    }
  }

  /** All that a checkpoint needs: how many epochs were evaluated, what was told of each, and the best share. */
  words(): ReadonlyArray<Uint8Array> {
    const numbers = [this.#curve.length, ...this.#curve.flatMap(({ error, right = 0 }) => [error, right])]
    return [
      new Uint8Array(Float64Array.from(numbers).buffer),
      ...(this.#best === undefined ? [] : [this.#best])
    ]
  }

  /** Takes up what a checkpoint has. */
  resume(words: Uint8Array): void {
    const view = new DataView(words.buffer, words.byteOffset, words.length)
    const number = (i: number) => view.getFloat64(i * wordBytes, true)
    const epochs = number(0)
    for (let epoch = 0; epoch < epochs; epoch++) {
      const [error, right] = [number(2 * epoch + 1), number(2 * epoch + 2)]
      this.#curve.push(this.#cloud.plan.validation.classes ? { error, right } : { error })
    }
    const best = words.slice((2 * epochs + 1) * wordBytes)
    if (best.length > 0) this.#best = best
  }
}
