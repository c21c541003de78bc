/**
 * Training at a cloud (section 6 of docs/protocol.md): opens the data set once, then runs the plan's steps on shares, one
 * exchange with the other cloud a round. C1 fetches the dealer's corrections ahead, so that it never waits for
 * them. Both clouds run this code; neither learns anything but sizes.
 */
import { randomBytes } from "node:crypto"
import { Effect, Fiber, Redacted } from "effect"
import { cloudOperations } from "../protocol/computation/cloud.ts"
import { Corrections } from "../protocol/computation/corrections.ts"
import {
  CorrectionsRefused,
  MaskReused,
  OpeningRefused,
  RescaleOutOfRange
} from "../protocol/computation/errors.ts"
import { gatherOpened } from "../protocol/computation/product.ts"
import { initialWeightsShare } from "../protocol/learning/initial.ts"
import { biasShape, weightShape } from "../protocol/learning/network.ts"
import { batchOrder } from "../protocol/learning/order.ts"
import type { TrainingPlan } from "../protocol/learning/plan.ts"
import { gatherBatch, type Layer, openData, trainingStep } from "../protocol/learning/step.ts"
import { Progress } from "../protocol/messages/control.ts"
import { Deal } from "../protocol/messages/training.ts"
import { Prg } from "../protocol/ring/prg.ts"
import type { Matrix, Ring } from "../protocol/ring/ring.ts"
import { seededKey } from "../protocol/seeding.ts"
import { type Computation, Party } from "../runtime/actor.ts"
import { type Agreement, computationName, planOf } from "./agreement.ts"
import { stepsAsked } from "./dealing.ts"
import { raised, raisedWithin } from "./raised.ts"
import type { SharedTable } from "./shared-table.ts"

/** Requests for corrections that are under way or answered ahead of the step that C1 is at. */
const requestsAhead = 3
/** Steps between two reports of progress. */
const stepsAReport = 10

/** What a cloud brings to the training. */
export interface TrainingShare {
  readonly agreement: Agreement
  readonly cloud: 0 | 1
  readonly table: SharedTable
  /** k_0 or k_1. */
  readonly prgKey: Redacted.Redacted<Uint8Array>
  readonly orderKey: Uint8Array
}

/** This cloud's share of the trained model, in the order of a model's words, and what the training took. */
export interface TrainedShare {
  readonly words: Uint8Array
  readonly steps: number
  readonly rounds: number
}

const computationErrors = [CorrectionsRefused, MaskReused, OpeningRefused, RescaleOutOfRange] as const

/** Trains to the end of the plan. */
export const train = (share: TrainingShare) =>
  Effect.gen(function* () {
    const { agreement, cloud, table, prgKey, orderKey } = share
    const party = yield* Party
    const plan = planOf(agreement, table.rows)
    const { ring } = table
    const prg = Prg.ofRun(Redacted.value(prgKey), computationName(agreement, party.run))
    const rounds = yield* party.rounds(cloud === 0 ? "cloud1" : "cloud0", "train", {
      deadlineMs: agreement.deadlines.roundTimeoutMs
    })
    let done = 0
    const drive = <A>(computation: Computation<A>) =>
      rounds.drive(done + 1, computation).pipe(
        raisedWithin(computationErrors),
        Effect.map(({ value, rounds }) => {
          done += rounds
          return value
        })
      )
    const corrections = cloud === 1 ? yield* correctionsAhead(agreement, plan) : undefined

    const opened = yield* drive(
      openData(
        cloudOperations({ ring, party: cloud, prg, step: 0 }),
        plan.network,
        table.features,
        table.labels
      )
    )
    const order = batchOrder(plan, orderKey)
    const layers = initialLayers(ring, plan, initialKey(agreement, cloud))
    const oneStep = (step: number) =>
      Effect.gen(function* () {
        const dealt = corrections === undefined ? {} : { corrections: yield* corrections(step) }
        const mark = ring.mark()
        const ops = cloudOperations({ ring, party: cloud, prg, step, ...dealt })
        const rows = order(step)
        const batch = gatherBatch(
          opened,
          (x) => gatherRows(ring, x, rows),
          (x) => gatherOpened(ring, x, rows)
        )
        const before = done
        const updated = yield* drive(trainingStep(ops, plan, layers, batch))
        yield* Effect.annotateCurrentSpan("rounds", done - before)
        layers.forEach(({ weights, bias }, l) => {
          ring.copy(weights, updated[l]!.weights)
          ring.copy(bias, updated[l]!.bias)
        })
        ring.release(mark)
      }).pipe(Effect.withSpan("step", { attributes: { step }, captureStackTrace: false }))

    for (let step = 1; step <= plan.steps; step++) {
      yield* oneStep(step)
      if (agreement.reveal.progress && (step % stepsAReport === 0 || step === plan.steps)) {
        yield* party.tell("director", Progress, { phase: "train", done: step, total: plan.steps })
      }
    }
    const words = Buffer.concat(
      layers.flatMap(({ weights, bias }) => [ring.copyOut(weights), ring.copyOut(bias)])
    )
    const trained: TrainedShare = { words: new Uint8Array(words), steps: plan.steps, rounds: done }
    return trained
  }).pipe(Effect.scoped, Effect.withSpan("cloud.train"))

/** The corrections of each step in turn, asked for ahead of time, those of several steps in one request. */
const correctionsAhead = (agreement: Agreement, plan: TrainingPlan) =>
  Effect.gen(function* () {
    const party = yield* Party
    const scope = yield* Effect.scope
    const ask = { deadlineMs: agreement.deadlines.replyTimeoutMs, phase: "train" }
    const asked = stepsAsked(plan)
    const fetch = (step: number) =>
      Effect.gen(function* () {
        const steps = Math.min(asked, plan.steps + 1 - step)
        const { corrections } = yield* party.ask("kgc", Deal, { rows: plan.rows, step, steps }, ask)
        return { corrections, each: Math.floor(corrections.length / steps) }
      })
    type Fetched = ReturnType<typeof fetch>
    const underWay: Array<Fiber.Fiber<Effect.Effect.Success<Fetched>, Effect.Effect.Error<Fetched>>> = []
    let [next, first] = [1, 1]
    let here: Effect.Effect.Success<Fetched>
    return (step: number) =>
      Effect.gen(function* () {
        if ((step - 1) % asked === 0) {
          for (; next <= plan.steps && underWay.length <= requestsAhead; next += asked)
            underWay.push(yield* Effect.forkIn(fetch(next), scope))
          here = yield* Fiber.join(underWay.shift()!)
          first = step
        }
        const at = (step - first) * here.each
        return yield* raised([CorrectionsRefused], () =>
          Corrections.parse(step, here.corrections.subarray(at, at + here.each))
        )
      })
  })

const gatherRows = (ring: Ring, x: Matrix, rows: Uint32Array): Matrix => {
  const out = ring.matrix(rows.length, x.cols)
  ring.gatherRows(out, x, rows)
  return out
}

/** Each cloud draws its own share of the first weights; only a reproducible run takes the key from the seed. */
const initialKey = ({ seed }: Agreement, cloud: 0 | 1): Uint8Array =>
  seed === undefined
    ? new Uint8Array(randomBytes(16))
    : seededKey(seed, cloud === 0 ? "initial0" : "initial1")

const initialLayers = (ring: Ring, plan: TrainingPlan, key: Uint8Array): ReadonlyArray<Layer<Matrix>> =>
  plan.network.layers.map((_, i) => {
    const { rows, cols } = weightShape(plan.network, i + 1)
    const share = initialWeightsShare(plan.network, i + 1, key, plan.fractionalBits)
    const weights = ring.from(rows, cols, new Uint8Array(share.buffer, share.byteOffset, share.byteLength))
    return { weights, bias: ring.zeros(1, biasShape(plan.network, i + 1).cols) }
  })
