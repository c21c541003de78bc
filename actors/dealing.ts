/**
 * What the KGC deals for a step of a run (section 5 of docs/protocol.md): the corrections that C1 needs beside its own
 * PRG. The masks of the data set are the same in every step and kept; they follow from the keys, as everything here.
 */
import { Data, Effect } from "effect"
import {
  type DealerKeys,
  type DealerOperations,
  deal,
  openingMaskInPieces
} from "../protocol/computation/dealer.ts"
import { layerShapes, stepCost } from "../protocol/learning/cost.ts"
import { InvalidPlan, opensLabels, outputs } from "../protocol/learning/network.ts"
import { type Operation, operation, type Shape } from "../protocol/learning/operations.ts"
import { type BatchOrder, batchOrder } from "../protocol/learning/order.ts"
import type { TrainingPlan } from "../protocol/learning/plan.ts"
import { trainingStep } from "../protocol/learning/step.ts"
import { Prg } from "../protocol/ring/prg.ts"
import { type Matrix, Ring } from "../protocol/ring/ring.ts"
import { Party } from "../runtime/actor.ts"
import { type Agreement, computationName, planOf } from "./agreement.ts"
import { raised } from "./raised.ts"
import { othersTurn } from "./turn.ts"

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

/** What stays the same over the steps of a run. */
interface Dealing {
  readonly rows: number
  readonly plan: TrainingPlan
  /** Bytes of a step's corrections. */
  readonly stepBytes: number
  readonly order: BatchOrder
  readonly features: Matrix
  readonly labels: Matrix | undefined
}

/** Bytes of corrections that are asked for at once, where a step has fewer. */
const bytesAsked = 2 ** 20
/** More steps would keep the KGC from answering others for too long. */
const mostStepsAsked = 16

/** Steps whose corrections are asked for in one request: small ones by the dozen, for a request costs as much as a small step. */
export const stepsAsked = (plan: TrainingPlan): number =>
  Math.max(1, Math.min(mostStepsAsked, plan.steps, Math.floor(bytesAsked / stepCost(plan).dealtBytes)))

/** A function from (training rows, first step, how many steps) to the corrections of those steps, one behind the other. */
export const dealer = (agreement: Agreement, { key0, key1, orderKey }: PrgKeys) =>
  Effect.gen(function* () {
    const { run } = yield* Party
    const name = computationName(agreement, run)
    const keys: DealerKeys = { cloud0: Prg.ofRun(key0, name), cloud1: Prg.ofRun(key1, name) }
    const ring = yield* Effect.promise(() => Ring.load())
    const empty = ring.mark()
    let known: Dealing | undefined

    const draw = (op: Operation, shape: Shape) =>
      Effect.gen(function* () {
        const pieces = openingMaskInPieces(ring, keys, 0, op, shape)
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
        const { network } = plan
        const last = network.layers.length
        known = undefined
        ring.release(empty)
        const features = yield* draw(operation("openInput", 0), { rows, cols: network.inputs })
        const labels = opensLabels(network)
          ? yield* draw(operation("openLabels", last), { rows, cols: outputs(network) })
          : undefined
        const stepBytes = stepCost(plan).dealtBytes
        known = { rows, plan, stepBytes, order: batchOrder(plan, orderKey), features, labels }
        return known
      })
    // Steps are asked for several at a time; the masks are drawn once, and nothing else uses the ring meanwhile.
    const oneAtATime = yield* Effect.makeSemaphore(1)

    const dealt = Effect.fn("kgc.deal")(function* (rows: number, step: number, steps = 1) {
      const dealing = yield* prepare(rows)
      const { plan, stepBytes } = dealing
      const last = step + steps - 1
      if (step < 1 || steps < 1 || last > plan.steps)
        return yield* new NoSuchStep({ step: last > plan.steps ? last : step, steps: plan.steps })
      const message = new Uint8Array(steps * stepBytes)
      for (let i = 0; i < steps; i++) {
        const part = message.subarray(i * stepBytes, (i + 1) * stepBytes)
        deal(ring, keys, step + i, (ops) => dealtStep(ring, ops, dealing, step + i), part)
      }
      return message
    })
    return (rows: number, step: number, steps?: number) => oneAtATime.withPermits(1)(dealt(rows, step, steps))
  })

/** The training step over shapes and masks. */
const dealtStep = (ring: Ring, ops: DealerOperations, dealing: Dealing, step: number) => {
  const { plan, order, features, labels } = dealing
  const batch = order(step)
  const gather = (from: Matrix): Matrix => {
    const out = ring.matrix(batch.length, from.cols)
    ring.gatherRows(out, from, batch)
    return out
  }
  const inputs = gather(features)
  return trainingStep(ops, plan, layerShapes(plan.network), {
    inputs,
    labels:
      labels === undefined
        ? { opened: false, value: { rows: batch.length, cols: outputs(plan.network) } }
        : { opened: true, value: gather(labels) }
  })
}
