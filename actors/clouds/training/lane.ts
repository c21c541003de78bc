/**
 * A lane of a cloud other than lane 0: a process that is started with nothing but the party's credentials and is told by the main process
 * which rows are its own, whenever a session of the training begins. It keeps nothing, and may come and go at any moment of a run.
 */
import { Cause, Duration, Effect, Fiber } from "effect"
import { takenIn } from "../../../protocol/computation/lanes.ts"
import { layerWords } from "../../../protocol/computation/layer-words.ts"
import { featureCount } from "../../../protocol/data/encoding.ts"
import { free } from "../../../protocol/free.ts"
import { batchOrder } from "../../../protocol/learning/order.ts"
import { actorOf } from "../../../protocol/messages/subjects.ts"
import { Prg } from "../../../protocol/ring/prg.ts"
import { type Matrix, Ring } from "../../../protocol/ring/ring.ts"
import { computationVersion } from "../../../protocol/version.ts"
import { type Computation, exchange, Party } from "../../../runtime/messaging/contract.ts"
import { type WorkLimits, workLimits } from "../../../runtime/messaging/limits.ts"
import { freeReceived } from "../../../runtime/transport/transport.ts"
import { Admission } from "../../group/members.ts"
import { askHouse, House, onHouse } from "../../group/process-group.ts"
import { type Agreement, computationName, planOf, roundDeadlines } from "../../party/agreement.ts"
import { NotExpected } from "../../party/gathering.ts"
import { attending } from "../../party/lifecycle.ts"
import { runWords } from "../transformation/shared-table.ts"
import { gradientsOnSlice, type LaneShare, openRows } from "./lane-share.ts"
import {
  Assign,
  type Assignment,
  Enter,
  gatherRound,
  gradientsOf,
  handOutRound,
  LaneFailed,
  LaneRows,
  laneDeadlines,
  lanePhase,
  weightsOf
} from "./lanes.ts"
import { correctionsAhead, drivenBy, partsOfStretch, phaseOf, stretchesOf } from "./training.ts"

/** Trains when it is told to, until the main process lets it go or can't be reached for long. */
export const lane = (limits: WorkLimits = workLimits) =>
  Effect.gen(function* () {
    const party = yield* Party
    const main = actorOf(party.name)
    const ask = { deadlineMs: limits.patienceMs }
    const { agreement: text } = yield* askHouse(main, Admission, { version: computationVersion }, ask)
    const agreement = JSON.parse(text) as Agreement
    const scope = yield* Effect.scope
    const oneAtATime = yield* Effect.makeSemaphore(1)
    let underWay: Fiber.Fiber<void, unknown> = Fiber.void
    yield* party.serve([
      onHouse(Assign, (assigned, from) =>
        Effect.gen(function* () {
          if (from !== main) return yield* new NotExpected({ what: "word which rows to hold", party: from })
          yield* Fiber.interrupt(underWay)
          const share = yield* shareOf(agreement, assigned)
          underWay = yield* session(agreement, assigned, share).pipe(
            Effect.tapErrorCause((cause) => {
              const error = Cause.squash(cause)
              const reason = error instanceof Error ? error.message : String(error)
              return Effect.zipRight(
                Effect.logWarning("a session of this lane ended", cause),
                // So that the main process need not wait in vain. It begins another session.
                Effect.ignore(askHouse(main, LaneFailed, { epoch: assigned.epoch, reason }, ask))
              )
            }),
            Effect.forkIn(scope)
          )
          return {}
        }).pipe(oneAtATime.withPermits(1))
      )
    ])
    const present = Effect.forever(
      Effect.zipLeft(askHouse(main, Enter, {}, ask), Effect.sleep(Duration.millis(limits.aliveEveryMs)))
    )
    yield* Effect.raceFirst(attending(0, limits), present)
  }).pipe(Effect.scoped)

/** This cloud's shares of the lane's rows, asked of the main process. */
const shareOf = (agreement: Agreement, { epoch, of, from, end, prgKey, orderKey }: Assignment) =>
  Effect.gen(function* () {
    const party = yield* Party
    const main = actorOf(party.name)
    const plan = planOf(agreement, of)
    const ring = yield* Effect.promise(() => Ring.load())
    const features = ring.matrix(end - from, featureCount(agreement.data))
    const labels = ring.matrix(end - from, agreement.data.label.values.length)
    const each = Math.max(1, Math.floor(runWords / (features.cols + labels.cols)))
    const place = (to: Matrix, first: number, words: Uint8Array) =>
      ring.memory.set(words, to.at + (first - from) * to.cols * 8)
    for (let first = from; first < end; first += each) {
      const count = Math.min(each, end - first)
      const rows = yield* askHouse(
        main,
        LaneRows,
        { epoch, first, count },
        { deadlineMs: agreement.deadlines.replyTimeoutMs, phase: "train" }
      )
      place(features, first, rows.features)
      place(labels, first, rows.labels)
    }
    const share: LaneShare = {
      plan,
      cloud: main === "cloud0" ? 0 : 1,
      prg: Prg.ofRun(prgKey, computationName(agreement, party.run)),
      order: batchOrder(plan, orderKey),
      ring,
      rows: { from, end },
      features,
      labels
    }
    return share
  })

/** From the step whose weights lane 0 has to the last of the plan. */
const session = (agreement: Agreement, { epoch, step: kept, peer }: Assignment, share: LaneShare) =>
  Effect.gen(function* () {
    const party = yield* Party
    const house = yield* House
    const main = actorOf(party.name)
    const { plan, cloud, ring, rows } = share
    const { drive } = drivenBy(yield* party.rounds(peer, phaseOf(epoch), roundDeadlines(agreement)))
    const withMain = yield* party.rounds(main, lanePhase(epoch), laneDeadlines(agreement))
    const stretches = stretchesOf(plan, kept)
    const part = { ...rows, update: false }
    const corrections = cloud === 1 ? yield* correctionsAhead(agreement, plan, stretches, part) : undefined
    const opened = yield* drive(openRows(share))
    const stepOf = (step: number, dealt: Uint8Array | undefined) =>
      Effect.gen(function* () {
        const sealed = yield* exchange(withMain, handOutRound(step), new Uint8Array(0))
        const handed = yield* house.unseal(main, weightsOf(epoch, step), sealed)
        free(sealed)
        const mark = ring.mark()
        const words = yield* drive(
          (function* (): Computation<Uint8Array> {
            const { weights, layers } = takenIn(ring, plan.network, handed)
            free(handed)
            const found = yield* gradientsOnSlice(share, opened, step, weights, layers, dealt)
            return layerWords(ring, found)
          })()
        )
        ring.release(mark)
        const found = yield* house.seal(main, gradientsOf(epoch, step), words)
        free(words)
        yield* exchange(withMain, gatherRound(step), found)
        free(found)
      })
    for (const stretch of stretches) {
      const dealt = corrections === undefined ? undefined : yield* corrections
      for (const [step, own] of partsOfStretch(plan, share.order, stretch, part, dealt))
        yield* stepOf(step, own)
      if (dealt !== undefined) freeReceived(dealt)
    }
  }).pipe(Effect.scoped, Effect.withSpan("lane.train"))
