/**
 * Training at a cloud (section 6 of docs/protocol.md): opens the data set once, then runs the plan's steps on shares, one
 * exchange with the other cloud a round. C1 fetches the dealer's corrections ahead, so that it never waits for
 * them. Both clouds run this code; neither learns anything but sizes. From time to time each keeps its share of the weights, and
 * may begin again there: what is opened then is what was opened before, under the same masks.
 */
import { Data, Effect, Fiber, Redacted } from "effect"
import { cloudOperations, rowsOf } from "../../../protocol/computation/cloud.ts"
import { Corrections } from "../../../protocol/computation/corrections.ts"
import {
  CorrectionsRefused,
  MaskReused,
  OpeningRefused,
  RescaleOutOfRange
} from "../../../protocol/computation/errors.ts"
import { addGradients, handedOut, rowsOfLanes } from "../../../protocol/computation/lanes.ts"
import { layerWords, loadLayers } from "../../../protocol/computation/layer-words.ts"
import { free } from "../../../protocol/free.ts"
import { initialWeightsShare } from "../../../protocol/learning/initial.ts"
import { biasShape, weightShape } from "../../../protocol/learning/network.ts"
import { type BatchOrder, batchOrder } from "../../../protocol/learning/order.ts"
import type { TrainingPlan } from "../../../protocol/learning/plan.ts"
import { type Layer, openWeights, trainingStep, update } from "../../../protocol/learning/step.ts"
import { Progress } from "../../../protocol/messages/control.ts"
import { dealers } from "../../../protocol/messages/subjects.ts"
import { Deal, type DealtPart } from "../../../protocol/messages/training.ts"
import { Prg } from "../../../protocol/ring/prg.ts"
import type { Matrix, Ring } from "../../../protocol/ring/ring.ts"
import { seededKey } from "../../../protocol/seeding.ts"
import { type AskError, type Computation, Party, type Rounds } from "../../../runtime/messaging/contract.ts"
import type { StoreError } from "../../../runtime/storage/store.ts"
import { freeReceived } from "../../../runtime/transport/transport.ts"
import { partBytes, stepsAsked } from "../../kgc/dealing.ts"
import { type Agreement, computationName, planOf, roundDeadlines } from "../../party/agreement.ts"
import type { Root } from "../../party/root.ts"
import { raisedWithin } from "../../party/typed-throws.ts"
import type { SharedTable } from "../transformation/shared-table.ts"
import type { Checkpoints } from "./checkpoints.ts"
import { gradientsOnSlice, type LaneShare, openRows } from "./lane-share.ts"
import type { LanePair, Lanes } from "./lanes.ts"

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
  readonly lanes: Pick<Lanes, "enlist">
  /** How many lanes beside lane 0 a session could have now. */
  readonly wanted: Effect.Effect<number>
}

/** Where both clouds begin, and in which rounds. */
export interface Session {
  /** From 1, greater than those of all earlier rounds. */
  readonly epoch: number
  /** The step whose weights both have; 0 before the first. */
  readonly step: number
  /** The lanes beside the main processes. */
  readonly lanes: ReadonlyArray<LanePair>
}

/** This cloud's share of the trained model, in the order of a model's words, and what the training took. */
export interface TrainedShare {
  readonly words: Uint8Array
  readonly steps: number
  readonly rounds: number
}

const computationErrors = [CorrectionsRefused, MaskReused, OpeningRefused, RescaleOutOfRange] as const

/** Rounds of an earlier epoch are told apart by the name of their phase. */
export const phaseOf = (epoch: number): string => (epoch === 1 ? "train" : `train.${epoch}`)

/** There are more lanes than the session began with: it ends where they can join. */
export class MoreLanes extends Data.TaggedError("MoreLanes")<{ readonly lanes: number }> {
  readonly retryable = true
  override get message(): string {
    return `${this.lanes} lanes are ready to join the training`
  }
}

/** Runs computations one after the other in rounds with one peer, and says how many rounds that has taken. */
export const drivenBy = (rounds: Rounds) => {
  let done = 0
  const drive = <A>(computation: Computation<A>) =>
    rounds.drive(done + 1, computation).pipe(
      raisedWithin(computationErrors),
      Effect.map(({ value, rounds }) => {
        done += rounds
        return value
      })
    )
  return { drive, done: () => done }
}

/** Trains to the end of the plan, or until more lanes are `wanted` than the session has. */
export const train = (share: TrainingShare, session: Session = { epoch: 1, step: 0, lanes: [] }) =>
  Effect.gen(function* () {
    const { agreement, cloud, table, prgKey, orderKey, checkpoints, root, lanes } = share
    const party = yield* Party
    const plan = planOf(agreement, table.rows)
    const { ring } = table
    const prg = Prg.ofRun(Redacted.value(prgKey), computationName(agreement, party.run))
    const pairs = session.lanes
    const enlisted = yield* lanes.enlist({
      ...session,
      pairs,
      table,
      prgKey: Redacted.value(prgKey),
      orderKey
    })
    const { drive, done } = drivenBy(
      yield* party.rounds(
        cloud === 0 ? "cloud1" : "cloud0",
        phaseOf(session.epoch),
        roundDeadlines(agreement)
      )
    )
    const alone = pairs.length === 0
    const rows = rowsOfLanes(plan.rows, pairs.length + 1)[0]!
    const stretches = stretchesOf(plan, session.step)
    const part = alone ? undefined : { ...rows, update: true }
    const corrections = cloud === 1 ? yield* correctionsAhead(agreement, plan, stretches, part) : undefined

    const order = batchOrder(plan, orderKey)
    const first = (x: Matrix): Matrix => ({ ...x, rows: rows.end })
    const own: LaneShare = {
      ...{ plan, cloud, prg, order, ring, rows },
      features: first(table.features),
      labels: first(table.labels)
    }
    const opened = yield* drive(openRows(own))
    const layers = initialLayers(ring, plan, initialKey(agreement, cloud, root))
    if (session.step > 0) loadLayers(ring, layers, yield* checkpoints.load(session.step))
    const settle = (updated: ReadonlyArray<Layer<Matrix>>) =>
      layers.forEach(({ weights, bias }, l) => {
        ring.copy(weights, updated[l]!.weights)
        ring.copy(bias, updated[l]!.bias)
      })

    /** A stretch of steps, with the dealer's message for them at C1. */
    function* steps({ first, last }: Stretch, dealt: Uint8Array | undefined): Computation<void> {
      const each = dealt === undefined ? 0 : Math.floor(dealt.length / (last - first + 1))
      for (let step = first; step <= last; step++) {
        const at = (step - first) * each
        const corrections =
          dealt === undefined ? {} : { corrections: Corrections.parse(step, dealt.subarray(at, at + each)) }
        const mark = ring.mark()
        const ops = cloudOperations({ ring, party: cloud, prg, step, ...corrections })
        const batch = rowsOf(ring, opened, order(step))
        settle(yield* trainingStep(ops, plan, layers, batch))
        ring.release(mark)
      }
    }

    /** A step of which other lanes have the rest of the batch. */
    const stepInLanes = (step: number, dealt: Uint8Array | undefined) =>
      Effect.gen(function* () {
        const mark = ring.mark()
        const corrections = dealt === undefined ? {} : { corrections: Corrections.parse(step, dealt) }
        const ops = () => cloudOperations({ ring, party: cloud, prg, step, ...corrections })
        const weights = yield* drive(openWeights(ops(), layers))
        const handed = handedOut(ring, weights, layers)
        const others = yield* Effect.fork(enlisted.gradients(step, handed))
        const found = yield* drive(gradientsOnSlice(own, opened, step, weights, layers, dealt))
        for (const words of yield* Fiber.join(others)) {
          addGradients(ring, found, words)
          free(words)
        }
        free(handed)
        settle(yield* drive(update(ops(), plan, layers, found)))
        ring.release(mark)
      })

    const training = Effect.gen(function* () {
      let reported = session.step
      let kept = session.step
      let keeping: Fiber.Fiber<void, StoreError> = Fiber.void
      for (const stretch of stretches) {
        const dealt = corrections === undefined ? undefined : yield* corrections
        const { first, last } = stretch
        const stepped =
          part === undefined
            ? drive(steps(stretch, dealt))
            : Effect.forEach(
                partsOfStretch(plan, order, stretch, part, dealt),
                ([step, own]) => stepInLanes(step, own),
                { discard: true }
              )
        yield* stepped.pipe(
          Effect.withSpan("steps", { attributes: { first, last }, captureStackTrace: false })
        )
        if (dealt !== undefined) freeReceived(dealt)
        if (agreement.reveal.progress && (last - reported >= stepsAReport || last === plan.steps)) {
          reported = last
          yield* party.tell("director", Progress, { phase: "train", done: last, total: plan.steps })
        }
        if (last - kept >= stepsACheckpoint || last === plan.steps) {
          kept = last
          yield* Fiber.join(keeping)
          // The training goes on meanwhile.
          keeping = yield* Effect.fork(checkpoints.keep(last, layerWords(ring, layers)))
          const wanted = yield* share.wanted
          if (wanted > pairs.length && last < plan.steps) {
            yield* Fiber.join(keeping)
            return yield* new MoreLanes({ lanes: wanted })
          }
        }
      }
      yield* Fiber.join(keeping)
      const trained: TrainedShare = { words: layerWords(ring, layers), steps: plan.steps, rounds: done() }
      return trained
    })
    return yield* Effect.raceFirst(training, enlisted.lost)
  }).pipe(Effect.scoped, Effect.withSpan("cloud.train"))

/** Steps whose corrections come in one message; between two stretches a cloud does whatever else there is. */
export interface Stretch {
  readonly first: number
  readonly last: number
}

/** Those after a step, at whose end a stretch ended. */
export const stretchesOf = (plan: TrainingPlan, after: number): ReadonlyArray<Stretch> => {
  const length = stepsAsked(plan)
  return Array.from({ length: Math.ceil((plan.steps - after) / length) }, (_, i) => ({
    first: after + i * length + 1,
    last: Math.min(after + (i + 1) * length, plan.steps)
  }))
}

/** Cuts the dealer's message for a lane's part of a stretch into those of its steps. */
export const partsOfStretch = (
  plan: TrainingPlan,
  order: BatchOrder,
  { first, last }: Stretch,
  part: DealtPart,
  dealt: Uint8Array | undefined
): ReadonlyArray<readonly [step: number, dealt: Uint8Array | undefined]> => {
  let at = 0
  return Array.from({ length: last - first + 1 }, (_, i) => {
    const step = first + i
    if (dealt === undefined) return [step, undefined] as const
    const { gradients, update } = partBytes(plan, order(step), part)
    const bytes = gradients + update
    at += bytes
    return [step, dealt.subarray(at - bytes, at)] as const
  })
}

/** Gives the corrections of each stretch in turn, or a lane's part of them, asked for ahead of time. */
export const correctionsAhead = (
  agreement: Agreement,
  plan: TrainingPlan,
  stretches: ReadonlyArray<Stretch>,
  part?: DealtPart
) =>
  Effect.gen(function* () {
    const party = yield* Party
    const scope = yield* Effect.scope
    const ask = { deadlineMs: agreement.deadlines.replyTimeoutMs, phase: "train" }
    const fetch = ({ first, last }: Stretch) =>
      Effect.map(
        party.ask(
          dealers,
          Deal,
          { rows: plan.rows, step: first, steps: last - first + 1, ...(part && { part }) },
          ask
        ),
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
