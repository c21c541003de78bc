/**
 * A lane of a cloud: a process that is started with nothing but the party's identity. Its
 * leader assigns its rows whenever a training session begins. It stores nothing, and may join or leave at any
 * time.
 */
import { Cause, Data, Duration, Effect, Fiber, Redacted } from "effect"
import { free, wordBytes } from "../../../../protocol/bytes.ts"
import { takenIn } from "../../../../protocol/computation/lanes.ts"
import { layerWords } from "../../../../protocol/computation/layer-words.ts"
import { featureCount, labelCount } from "../../../../protocol/data/description.ts"
import { batchOrder } from "../../../../protocol/learning/order.ts"
import { actorOf } from "../../../../protocol/messages/subjects.ts"
import { Prg } from "../../../../protocol/ring/prg.ts"
import { type Matrix, Ring } from "../../../../protocol/ring/ring.ts"
import { type Computation, exchange, Party, type Rounds } from "../../../../runtime/messaging/contract.ts"
import { type WorkLimits, workLimits } from "../../../../runtime/messaging/limits.ts"
import { admission, attending } from "../../../group/requests.ts"
import {
  type Agreement,
  computationName,
  planOf,
  roundDeadlines,
  trainsOnCiphertexts
} from "../../../party/agreement.ts"
import { drivenBy } from "../../../party/driven.ts"
import { onFrom } from "../../../party/handlers.ts"
import { partsOfStretch, stretchesOfLane } from "../../../party/stretches.ts"
import { wordsAtATime } from "../../../sharing/share-words.ts"
import { randomnessOfLane } from "../../randomness/from-kgc.ts"
import { dealingOfLane } from "./dealing.ts"
import {
  Assign,
  type Assignment,
  Enter,
  gatherRound,
  handOutRound,
  LaneFailed,
  LaneRows,
  laneDeadlines,
  lanePhase
} from "./requests.ts"
import { computationErrors, type Drive, phaseOf } from "./rounds.ts"
import { gradientsOnSlice, type OpenedRows, openRows, type SliceShare } from "./slice.ts"

/** A lane came to a run that trains on ciphertexts. */
export class LaneNotNeeded extends Data.TaggedError("LaneNotNeeded")<{ readonly party: string }> {
  readonly retryable = false
  override get message(): string {
    return `${this.party} trains on ciphertexts, in one process, and has no lanes; start a worker of it instead, which shares the work on ciphertexts`
  }
}

/**
 * Trains whenever it is assigned rows, until the main process releases it or cannot be reached for a while.
 */
export const lane = (limits: WorkLimits = workLimits) =>
  Effect.gen(function* () {
    const party = yield* Party
    const main = actorOf(party.name)
    const ask = { deadlineMs: limits.patienceMs }
    const { agreement } = yield* admission(ask)
    if (trainsOnCiphertexts(agreement)) return yield* new LaneNotNeeded({ party: main })
    const scope = yield* Effect.scope
    const oneAtATime = yield* Effect.makeSemaphore(1)
    let underWay: Fiber.Fiber<void, unknown> = Fiber.void
    yield* party.serve([
      onFrom(main, Assign, (assigned) =>
        Effect.gen(function* () {
          yield* Fiber.interrupt(underWay)
          const share = yield* shareOf(agreement, assigned)
          underWay = yield* Effect.forkIn(
            reported(assigned.epoch, session(agreement, assigned, share), ask),
            scope
          )
          return {}
        }).pipe(oneAtATime.withPermits(1))
      ),
      yield* dealingOfLane(agreement)
    ])
    const present = Effect.forever(
      Effect.zipLeft(party.ask(main, Enter, {}, ask), Effect.sleep(Duration.millis(limits.aliveEveryMs)))
    )
    yield* Effect.raceFirst(attending(0, limits), present)
  }).pipe(Effect.scoped)

/**
 * Reports to the leader if the session fails, so that it does not wait in vain. It then begins another
 * session.
 */
const reported = <E, R>(
  epoch: number,
  work: Effect.Effect<void, E, R>,
  ask: { readonly deadlineMs: number }
) =>
  Effect.tapErrorCause(work, (cause) =>
    Effect.gen(function* () {
      const party = yield* Party
      const error = Cause.squash(cause)
      const reason = error instanceof Error ? error.message : String(error)
      yield* Effect.logWarning("a session of this lane ended", cause)
      yield* Effect.ignore(party.ask(actorOf(party.name), LaneFailed, { epoch, reason }, ask))
    })
  )

/** This cloud's shares of the lane's rows, fetched from the main process. */
const shareOf = (agreement: Agreement, { epoch, of, from, end, prgKey, orderKey }: Assignment) =>
  Effect.gen(function* () {
    const party = yield* Party
    const main = actorOf(party.name)
    const plan = planOf(agreement, of)
    const ring = yield* Effect.promise(() => Ring.load())
    const features = ring.matrix(end - from, featureCount(agreement.data))
    const labels = ring.matrix(end - from, labelCount(agreement.data))
    const each = Math.max(1, Math.floor(wordsAtATime / (features.cols + labels.cols)))
    const place = (to: Matrix, first: number, words: Uint8Array) =>
      ring.memory.set(words, to.at + (first - from) * to.cols * wordBytes)
    for (let first = from; first < end; first += each) {
      const count = Math.min(each, end - first)
      const rows = yield* party.ask(
        main,
        LaneRows,
        { epoch, first, count },
        { deadlineMs: agreement.deadlines.replyTimeoutMs, phase: "train" }
      )
      place(features, first, rows.features)
      place(labels, first, rows.labels)
    }
    const share: SliceShare = {
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

/** Trains from the step after the one whose weights the leader has to the last of the plan. */
const session = (agreement: Agreement, assigned: Assignment, share: SliceShare) =>
  Effect.gen(function* () {
    const party = yield* Party
    const { epoch, peer } = assigned
    const { plan, rows } = share
    const { drive } = drivenBy(
      yield* party.rounds(peer, phaseOf(epoch), roundDeadlines(agreement)),
      computationErrors
    )
    const withLeader = yield* party.rounds(
      actorOf(party.name),
      lanePhase(epoch),
      laneDeadlines(agreement, plan)
    )
    const stretches = stretchesOfLane(plan, assigned.step)
    const part = { ...rows, update: false }
    const randomness = randomnessOfLane(agreement, actorOf(party.name), Redacted.make(assigned.prgKey))
    const supply = yield* randomness.supply({ session: epoch, plan, order: share.order, stretches, part })
    const opened = yield* drive(openRows(share))
    const makeStep = stepWith({ share, opened, drive, withLeader })
    for (const stretch of stretches) {
      const dealt = yield* supply.next
      for (const [step, own] of partsOfStretch(plan, share.order, stretch, part, dealt))
        if (!(yield* makeStep(step, own))) return
      supply.release(dealt)
    }
  }).pipe(Effect.scoped, Effect.withSpan("lane.train"))

/**
 * Makes one step: takes the weights from the leader, and returns the gradients on the lane's slice. False if the
 * leader has no weights for it, because the training has ended.
 */
const stepWith = ({
  share,
  opened,
  drive,
  withLeader
}: {
  readonly share: SliceShare
  readonly opened: OpenedRows
  readonly drive: Drive
  readonly withLeader: Rounds
}) => {
  const { plan, ring } = share
  function* gradients(
    step: number,
    handed: Uint8Array,
    dealt: Uint8Array | undefined
  ): Computation<Uint8Array> {
    const { weights, layers } = takenIn(ring, plan.network, handed)
    free(handed)
    return layerWords(ring, yield* gradientsOnSlice(share, opened, { step, weights, layers, dealt }))
  }
  return (step: number, dealt: Uint8Array | undefined) =>
    Effect.gen(function* () {
      const handed = yield* exchange(withLeader, handOutRound(step), new Uint8Array(0))
      if (handed.length === 0) return false
      const mark = ring.mark()
      const words = yield* drive(gradients(step, handed, dealt))
      ring.release(mark)
      yield* exchange(withLeader, gatherRound(step), words)
      free(words)
      return true
    })
}
