/**
 * The KGC as the trusted dealer of the training: it answers C1's requests for the corrections of some steps.
 * Dealing is a pure function of the PRG keys, the plan and the step, so that any process of the KGC can
 * answer, and answer again.
 */
import { Data, Effect } from "effect"
import type { DealerKeys } from "../../protocol/computation/masks.ts"
import { evaluationAt, evaluationStep } from "../../protocol/learning/evaluations.ts"
import { InvalidPlan } from "../../protocol/learning/network.ts"
import { rowsOpened, type TrainingPlan } from "../../protocol/learning/plan.ts"
import { Count, format } from "../../protocol/messages/message.ts"
import { Deal, type DealRequest } from "../../protocol/messages/training.ts"
import { Prg } from "../../protocol/ring/prg.ts"
import { Ring } from "../../protocol/ring/ring.ts"
import { Schema } from "../../protocol/schema.ts"
import { type AnswerRoom, Party } from "../../runtime/messaging/contract.ts"
import { Stable } from "../../runtime/storage/store.ts"
import type { PrgKeys, RowsOfRun } from "../group/requests.ts"
import { type Agreement, computationName, planOf } from "../party/agreement.ts"
import { onFromGroup } from "../party/handlers.ts"
import { remembered } from "../party/once.ts"
import { mostStepsAsked, partBytes } from "../party/stretches.ts"
import { raised } from "../party/typed-throws.ts"
import { yieldTurn } from "../party/yield-turn.ts"
import { masksOf, type RunMasks } from "./run-masks.ts"

/** The plan has no such step. */
export class NoSuchStep extends Data.TaggedError("NoSuchStep")<{
  readonly step: number
  readonly steps: number
}> {
  readonly retryable = false
  override get message(): string {
    return `Step ${this.step} is not in the plan, which has the steps 1 to ${this.steps}; start all parties with the same scenario`
  }
}

/** The request is for too many steps at once, or for rows that do not exist. */
export class DealRefused extends Data.TaggedError("DealRefused")<{
  readonly asked: string
  readonly most: string
}> {
  readonly retryable = false
  override get message(): string {
    return `Corrections were asked for ${this.asked}, but are dealt for at most ${this.most}; start all parties with the same scenario and version`
  }
}

/**
 * With another number of rows the same masks would hide the values of two training matrices, and show C1
 * their difference.
 */
export class OtherRows extends Data.TaggedError("OtherRows")<{
  readonly rows: number
  readonly first: number
}> {
  readonly retryable = false
  override get message(): string {
    return `Corrections were asked for ${this.rows} training rows in a run in which they are dealt for ${this.first}; resume with the data that the run began with, or start a new run`
  }
}

const RowsFormat = format("training rows", Schema.Struct({ rows: Count }))

/** Stores the first number of training rows that C1 names, before anything is dealt for it. */
export const firstNamed = Effect.gen(function* () {
  const stable = yield* Stable
  const oneAtATime = yield* Effect.makeSemaphore(1)
  return (rows: number) =>
    remembered("training-rows", RowsFormat, Effect.succeed({ rows })).pipe(
      Effect.map((first) => first.rows),
      Effect.provideService(Stable, stable),
      oneAtATime.withPermits(1)
    )
})

/** Deals to C1's processes. With k_0 and what is dealt, anyone could remove the masks. */
export const dealing = <E, R>(agreement: Agreement, prg: PrgKeys, rowsOfRun: RowsOfRun<E, R>) =>
  Effect.map(dealer(agreement, prg, rowsOfRun), (deal) =>
    onFromGroup("cloud1", Deal, (request, _, room) =>
      Effect.map(deal(request, room), (corrections) => ({ corrections }))
    )
  )

/**
 * A function from a request, and memory for the answer, to the corrections of the steps, in order. It deals
 * only for the rows of the run.
 */
export const dealer = <E, R>(
  agreement: Agreement,
  { key0, key1, orderKey }: PrgKeys,
  rowsOfRun: RowsOfRun<E, R>
) =>
  Effect.gen(function* () {
    const { run } = yield* Party
    const name = computationName(agreement, run)
    const keys: DealerKeys = { cloud0: Prg.ofRun(key0, name), cloud1: Prg.ofRun(key1, name) }
    const ring = yield* Effect.promise(() => Ring.load())
    const empty = ring.mark()
    let known: RunMasks | undefined
    const masksFor = (rows: number) =>
      Effect.gen(function* () {
        if (known !== undefined && rowsOpened(known.plan) === rows) return known
        const plan = yield* raised([InvalidPlan], () => planOf(agreement, rows))
        const first = yield* rowsOfRun(rows)
        if (first !== rows) return yield* new OtherRows({ rows, first })
        known = undefined
        ring.release(empty)
        known = yield* masksOf(ring, keys, plan, orderKey)
        return known
      })
    const dealt = Effect.fn("kgc.deal")(function* (request: DealRequest, room: AnswerRoom) {
      const masks = yield* masksFor(request.rows)
      yield* checkRequest(masks.plan, request)
      return yield* request.part === undefined
        ? wholeSteps(masks, request, room)
        : partsOfSteps(masks, { ...request, part: request.part }, room)
    })
    // C1 asks for several steps at a time; the masks are drawn once, and nothing else uses the ring
    // meanwhile.
    const oneAtATime = yield* Effect.makeSemaphore(1)
    return (request: DealRequest, room: AnswerRoom) => oneAtATime.withPermits(1)(dealt(request, room))
  })

const checkRequest = (
  plan: TrainingPlan,
  { rows, step, steps = 1, part }: DealRequest
): Effect.Effect<void, NoSuchStep | DealRefused> => {
  const last = step + steps - 1
  const evaluation = evaluationAt(plan, step) !== undefined && part === undefined
  const [least, most] = evaluation
    ? [evaluationStep(plan, 1), evaluationStep(plan, plan.epochs + 1) - 1]
    : [1, plan.steps]
  if (step < least || steps < 1 || last > most)
    return new NoSuchStep({ step: last > most ? last : step, steps: plan.steps })
  if (steps > mostStepsAsked)
    return new DealRefused({ asked: `${steps} steps at once`, most: `${mostStepsAsked}` })
  if (part !== undefined && (part.from > part.end || part.end > rows))
    return new DealRefused({
      asked: `rows from ${part.from} up to ${part.end}`,
      most: `those from 0 up to ${rows}`
    })
  return Effect.void
}

// Before each step this process takes a turn: answers leave, and those that wait learn that it is at work.

const wholeSteps = (masks: RunMasks, { step, steps = 1 }: DealRequest, room: AnswerRoom) =>
  Effect.gen(function* () {
    const bytes = Array.from({ length: steps }, (_, i) => masks.bytesOf(step + i))
    const message = room(bytes.reduce((sum, each) => sum + each, 0))
    let at = 0
    for (const [i, each] of bytes.entries()) {
      yield* yieldTurn
      masks.dealStep(step + i, message.subarray(at, at + each))
      at += each
    }
    return message
  })

const partsOfSteps = (
  masks: RunMasks,
  { step, steps = 1, part }: DealRequest & Required<Pick<DealRequest, "part">>,
  room: AnswerRoom
) =>
  Effect.gen(function* () {
    const bytes = Array.from({ length: steps }, (_, i) => partBytes(masks.plan, masks.order(step + i), part))
    const message = room(bytes.reduce((sum, { gradients, update }) => sum + gradients + update, 0))
    let at = 0
    for (const [i, { gradients, update }] of bytes.entries()) {
      yield* yieldTurn
      masks.dealPart(step + i, part, {
        gradients: message.subarray(at, at + gradients),
        update: message.subarray(at + gradients, at + gradients + update)
      })
      at += gradients + update
    }
    return message
  })
