/**
 * Training at a cloud (section 6 of docs/protocol.md): opens the data set once, then runs the plan's steps on shares, one
 * exchange with the other cloud a round. C1 fetches the dealer's corrections ahead, so that it never waits for
 * them. Both clouds run this code; neither learns anything but sizes. From time to time each keeps its share of the weights, and
 * may begin again there: what is opened then is what was opened before, under the same masks.
 */
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
import { free } from "../protocol/free.ts"
import { initialWeightsShare } from "../protocol/learning/initial.ts"
import { biasShape, weightShape } from "../protocol/learning/network.ts"
import { batchOrder } from "../protocol/learning/order.ts"
import type { TrainingPlan } from "../protocol/learning/plan.ts"
import { gatherBatch, type Layer, openData, trainingStep } from "../protocol/learning/step.ts"
import { Progress } from "../protocol/messages/control.ts"
import { dealers } from "../protocol/messages/subjects.ts"
import { Deal } from "../protocol/messages/training.ts"
import { Prg } from "../protocol/ring/prg.ts"
import type { Matrix, Ring } from "../protocol/ring/ring.ts"
import { seededKey } from "../protocol/seeding.ts"
import { wordBytes } from "../protocol/sharing/split.ts"
import { concatenate } from "../protocol/sharing/work.ts"
import { type AskError, type Computation, Party } from "../runtime/actor.ts"
import type { StoreError } from "../runtime/store.ts"
import { sharedBytes } from "../runtime/transport.ts"
import { type Agreement, computationName, planOf } from "./agreement.ts"
import type { Checkpoints } from "./checkpoints.ts"
import { stepsAsked } from "./dealing.ts"
import { raisedWithin } from "./raised.ts"
import type { Root } from "./root.ts"
import type { SharedTable } from "./shared-table.ts"

/** Requests for corrections that are under way or answered ahead of the step that C1 is at. */
const requestsAhead = 3
/** Steps between two checkpoints, at least: what a crash loses is some seconds, what one costs some milliseconds. */
const stepsACheckpoint = 64
/** Steps between two reports of progress, at least. */
const stepsAReport = 10

/** What a cloud brings to the training. */
export interface TrainingShare {
  readonly agreement: Agreement
  readonly cloud: 0 | 1
  /** Its place in memory is taken by what is opened: it serves one session. */
  readonly table: SharedTable
  /** k_0 or k_1. */
  readonly prgKey: Redacted.Redacted<Uint8Array>
  readonly orderKey: Uint8Array
  readonly root: Root
  /** Where this cloud's shares of the weights are kept. */
  readonly checkpoints: Checkpoints
}

/** Where both clouds begin, and in which rounds. */
export interface Session {
  /** From 1, greater than those of all earlier rounds. */
  readonly epoch: number
  /** The step whose weights both have; 0 before the first. */
  readonly step: number
}

/** This cloud's share of the trained model, in the order of a model's words, and what the training took. */
export interface TrainedShare {
  readonly words: Uint8Array
  readonly steps: number
  readonly rounds: number
}

const computationErrors = [CorrectionsRefused, MaskReused, OpeningRefused, RescaleOutOfRange] as const

/** Rounds of an earlier epoch are told apart by the name of their phase. */
const phaseOf = (epoch: number): string => (epoch === 1 ? "train" : `train.${epoch}`)

/** Trains to the end of the plan. */
export const train = (share: TrainingShare, session: Session = { epoch: 1, step: 0 }) =>
  Effect.gen(function* () {
    const { agreement, cloud, table, prgKey, orderKey, checkpoints, root } = share
    const party = yield* Party
    const plan = planOf(agreement, table.rows)
    const { ring } = table
    const prg = Prg.ofRun(Redacted.value(prgKey), computationName(agreement, party.run))
    const rounds = yield* party.rounds(cloud === 0 ? "cloud1" : "cloud0", phaseOf(session.epoch), {
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
    const stretches = stretchesOf(plan, session.step)
    const corrections = cloud === 1 ? yield* correctionsAhead(agreement, plan, stretches) : undefined

    const opened = yield* drive(
      openData(
        cloudOperations({ ring, party: cloud, prg, step: 0 }),
        plan.network,
        table.features,
        table.labels
      )
    )
    const order = batchOrder(plan, orderKey)
    const layers = initialLayers(ring, plan, initialKey(agreement, cloud, root))
    if (session.step > 0) loadLayers(ring, layers, yield* checkpoints.load(session.step))
    /** A stretch of steps, with the dealer's message for them at C1. */
    function* steps({ first, last }: Stretch, dealt: Uint8Array | undefined): Computation<void> {
      const each = dealt === undefined ? 0 : Math.floor(dealt.length / (last - first + 1))
      for (let step = first; step <= last; step++) {
        const at = (step - first) * each
        const corrections =
          dealt === undefined ? {} : { corrections: Corrections.parse(step, dealt.subarray(at, at + each)) }
        const mark = ring.mark()
        const ops = cloudOperations({ ring, party: cloud, prg, step, ...corrections })
        const rows = order(step)
        const batch = gatherBatch(
          opened,
          (x) => gatherRows(ring, x, rows),
          (x) => gatherOpened(ring, x, rows)
        )
        const updated = yield* trainingStep(ops, plan, layers, batch)
        layers.forEach(({ weights, bias }, l) => {
          ring.copy(weights, updated[l]!.weights)
          ring.copy(bias, updated[l]!.bias)
        })
        ring.release(mark)
      }
    }

    let reported = session.step
    let kept = session.step
    let keeping: Fiber.Fiber<void, StoreError> = Fiber.void
    for (const stretch of stretches) {
      const dealt = corrections === undefined ? undefined : yield* corrections
      const { first, last } = stretch
      yield* drive(steps(stretch, dealt)).pipe(
        Effect.withSpan("steps", { attributes: { first, last }, captureStackTrace: false })
      )
      if (dealt !== undefined && dealt.length > sharedBytes) free(dealt)
      if (agreement.reveal.progress && (last - reported >= stepsAReport || last === plan.steps)) {
        reported = last
        yield* party.tell("director", Progress, { phase: "train", done: last, total: plan.steps })
      }
      if (last - kept >= stepsACheckpoint || last === plan.steps) {
        kept = last
        yield* Fiber.join(keeping)
        // The training goes on meanwhile.
        keeping = yield* Effect.fork(checkpoints.keep(last, layerWords(ring, layers)))
      }
    }
    yield* Fiber.join(keeping)
    const trained: TrainedShare = { words: layerWords(ring, layers), steps: plan.steps, rounds: done }
    return trained
  }).pipe(Effect.scoped, Effect.withSpan("cloud.train"))

/** Steps whose corrections come in one message; between two stretches a cloud does whatever else there is. */
interface Stretch {
  readonly first: number
  readonly last: number
}

/** Those after a step, at whose end a stretch ended. */
const stretchesOf = (plan: TrainingPlan, after: number): ReadonlyArray<Stretch> => {
  const length = stepsAsked(plan)
  return Array.from({ length: Math.ceil((plan.steps - after) / length) }, (_, i) => ({
    first: after + i * length + 1,
    last: Math.min(after + (i + 1) * length, plan.steps)
  }))
}

/** Gives the corrections of each stretch in turn, asked for ahead of time. */
const correctionsAhead = (agreement: Agreement, plan: TrainingPlan, stretches: ReadonlyArray<Stretch>) =>
  Effect.gen(function* () {
    const party = yield* Party
    const scope = yield* Effect.scope
    const ask = { deadlineMs: agreement.deadlines.replyTimeoutMs, phase: "train" }
    const fetch = ({ first, last }: Stretch) =>
      Effect.map(
        party.ask(dealers, Deal, { rows: plan.rows, step: first, steps: last - first + 1 }, ask),
        ({ corrections }) => corrections
      )
    const underWay: Array<Fiber.Fiber<Uint8Array, AskError>> = []
    let next = 0
    const askAhead = Effect.gen(function* () {
      for (; next < stretches.length && underWay.length <= requestsAhead; next++)
        underWay.push(yield* Effect.forkIn(fetch(stretches[next]!), scope))
    })
    // At once: before its first answer the dealer draws the masks of the data set, which the clouds open meanwhile.
    yield* askAhead
    return Effect.gen(function* () {
      yield* askAhead
      return yield* Fiber.join(underWay.shift()!)
    })
  })

const gatherRows = (ring: Ring, x: Matrix, rows: Uint32Array): Matrix => {
  const out = ring.matrix(rows.length, x.cols)
  ring.gatherRows(out, x, rows)
  return out
}

/** Each cloud draws its own share of the first weights; only a reproducible run takes the key from the seed. */
const initialKey = ({ seed }: Agreement, cloud: 0 | 1, root: Root): Uint8Array =>
  seed === undefined ? root("weights") : seededKey(seed, cloud === 0 ? "initial0" : "initial1")

const initialLayers = (ring: Ring, plan: TrainingPlan, key: Uint8Array): ReadonlyArray<Layer<Matrix>> =>
  plan.network.layers.map((_, i) => {
    const { rows, cols } = weightShape(plan.network, i + 1)
    const share = initialWeightsShare(plan.network, i + 1, key, plan.fractionalBits)
    const weights = ring.from(rows, cols, new Uint8Array(share.buffer, share.byteOffset, share.byteLength))
    return { weights, bias: ring.zeros(1, biasShape(plan.network, i + 1).cols) }
  })

/** All shares of the weights, layer by layer, in the order of a model's words. */
const layerWords = (ring: Ring, layers: ReadonlyArray<Layer<Matrix>>): Uint8Array =>
  concatenate(layers.flatMap(({ weights, bias }) => [ring.copyOut(weights), ring.copyOut(bias)]))

/** Puts kept words in place of the layers' own. */
const loadLayers = (ring: Ring, layers: ReadonlyArray<Layer<Matrix>>, words: Uint8Array): void => {
  const mark = ring.mark()
  let at = 0
  for (const matrix of layers.flatMap(({ weights, bias }) => [weights, bias])) {
    const bytes = matrix.rows * matrix.cols * wordBytes
    ring.copy(matrix, ring.from(matrix.rows, matrix.cols, words.slice(at, at + bytes)))
    at += bytes
  }
  ring.release(mark)
}
