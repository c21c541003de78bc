/**
 * A cloud that serves a model: it opens the weights once a session, under masks, and answers rows with them. It holds one
 * share of the model, of the rows and of their outputs, and all that it receives is uniformly random to it.
 */
import { concatenate, wordBytes } from "../bytes.ts"
import { cloudOperations } from "../computation/cloud.ts"
import { Corrections } from "../computation/corrections.ts"
import { layerShapes } from "../computation/cost.ts"
import { MaskReused } from "../computation/errors.ts"
import { matricesOf } from "../computation/layer-words.ts"
import type { OpenedMatrix } from "../computation/product.ts"
import { operation, type Round } from "../learning/operations.ts"
import type { ForwardPlan } from "../learning/plan.ts"
import { type Layer, openWeights, predictWith } from "../learning/step.ts"
import type { Prg } from "../ring/prg.ts"
import type { Matrix, Ring } from "../ring/ring.ts"
import { rowsOfStep } from "./steps.ts"

export interface ServingCloudOptions {
  /** Nothing else may use it. */
  readonly ring: Ring
  readonly cloud: 0 | 1
  /** This cloud's generator for the session. */
  readonly prg: Prg
  readonly plan: ForwardPlan
  /** This cloud's share of the model, in the order of its words. */
  readonly share: Uint8Array
}

/** One session at one cloud. Both clouds call the same in the same order. */
export class ServingCloud {
  readonly #with: ServingCloudOptions
  readonly #layers: ReadonlyArray<Layer<Matrix>>
  #weights: ReadonlyArray<OpenedMatrix> | undefined
  /** The last step with so many rows: steps with the same number of rows ascend, so none is made twice. */
  readonly #last = new Map<number, number>()

  constructor(options: ServingCloudOptions) {
    const { plan, ring, share } = options
    this.#with = options
    const shapes = layerShapes({ network: plan.network })
    const matrices = matricesOf(
      ring,
      shapes.flatMap(({ weights, bias }) => [weights, bias]),
      share
    )
    this.#layers = shapes.map((_, i) => ({ weights: matrices[2 * i]!, bias: matrices[2 * i + 1]! }))
  }

  /** Opens the weights, once. */
  *openModel(): Round<void> {
    const { cloud, prg, ring } = this.#with
    this.#weights = yield* openWeights(cloudOperations({ ring, party: cloud, prg, step: 0 }), this.#layers)
  }

  /**
   * This cloud's share of the outputs for the rows of a batch, of which `rows` are its shares, fewer than the step has or as
   * many; at cloud 1 `dealt` is what is dealt for the step. Throws MaskReused for a step that is not new, RangeError for one
   * without rows or before the weights are open, or for too many rows.
   */
  *answer(step: number, rows: ReadonlyArray<Uint8Array>, dealt: Uint8Array | undefined): Round<Uint8Array> {
    const { cloud, plan, prg, ring } = this.#with
    const weights = this.#weights
    const padded = rowsOfStep(step)
    if (weights === undefined || padded === undefined)
      throw new RangeError(`step ${step} before the weights are open, or without rows`)
    if (step <= (this.#last.get(padded) ?? 0))
      throw new MaskReused({ step, operation: operation("openInput", 0) })
    this.#last.set(padded, step)
    const mark = ring.mark()
    const { inputs } = plan.network
    const features = ring.zeros(padded, inputs)
    const words = concatenate(rows)
    if (words.length > padded * inputs * wordBytes)
      throw new RangeError(`${words.length} bytes are too many for ${padded} rows`)
    ring.memory.set(words, features.at)
    const corrections = dealt && { corrections: Corrections.parse(step, dealt) }
    const ops = cloudOperations({ ring, party: cloud, prg, step, ...corrections })
    const output = yield* predictWith(ops, plan, this.#layers, weights, features)
    const count = words.length / (inputs * wordBytes)
    const share = ring.copyOut({ ...output, rows: count })
    ring.release(mark)
    return share
  }
}
