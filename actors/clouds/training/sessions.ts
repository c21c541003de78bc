/**
 * How the clouds begin to train together, and again after one of them died (section 6 of docs/protocol.md). C0 joins: it names a new
 * epoch and the steps whose weights it has, C1 answers with the latest that it has too, and both train from there in
 * rounds of that epoch. C1, when it has died, has C0 join again. A cloud that is done already takes part for the other's sake.
 */
import { Effect, Fiber, Option } from "effect"
import type { MalformedMessage } from "../../../protocol/messages/codec.ts"
import { Count, format } from "../../../protocol/messages/message.ts"
import { Join, LanesReady, Rejoin } from "../../../protocol/messages/training.ts"
import { Schema } from "../../../protocol/schema.ts"
import { within } from "../../../runtime/deadline.ts"
import { type AskError, on, Party } from "../../../runtime/messaging/contract.ts"
import { Stable, type StoreError } from "../../../runtime/storage/store.ts"
import { type Agreement, partTimeoutMs } from "../../party/agreement.ts"
import { NotExpected, StillMissing } from "../../party/gathering.ts"
import type { SharedTable } from "../transformation/shared-table.ts"
import { CheckpointStore, checkpointsIn } from "./checkpoints.ts"
import { LaneLost, type LanePair, type Lanes, lanesOf } from "./lanes.ts"
import { MoreLanes, type Session, type TrainedShare, type TrainingShare, train } from "./training.ts"

const KeptEpoch = format("epoch", Schema.Struct({ epoch: Count }))
const epochEntry = "epoch"
/** There as soon as C1 has been in a session. */
const begunEntry = "training-begun"

/** All of `TrainingShare` that the cloud brings; the table is made when a session begins. */
export interface Brought<E, R> extends Pick<TrainingShare, "cloud" | "prgKey" | "orderKey" | "root"> {
  readonly table: Effect.Effect<SharedTable, E, R>
}

/**
 * The training at a cloud: what it does when the director asks for it, and what it answers the other cloud. `brought` gives what it
 * trains with, or fails where it is too early.
 */
const sessions = <E, R, E1, R1>(
  agreement: Agreement,
  brought: Effect.Effect<Brought<E1, R1>, E, R>,
  lanes: Pick<Lanes, "enlist">,
  /** How many lanes beside lane 0 a session could have now. */
  wanted: Effect.Effect<number>,
  /** Has another session begin, which breaks off this one. */
  again: Effect.Effect<void, JoinError>
) =>
  Effect.gen(function* () {
    const stable = yield* Stable
    const services = yield* Effect.context<R | R1 | Party>()
    const scope = yield* Effect.scope
    const checkpoints = checkpointsIn(Option.getOrElse(yield* CheckpointStore, () => stable))
    const oneAtATime = yield* Effect.makeSemaphore(1)
    /** Open when a session has begun since it was closed. */
    const begun = yield* Effect.makeLatch()

    /** Other lanes than the session's are there: waits for the next one, which ends this. */
    const otherLanes = (reason: LaneLost | MoreLanes) =>
      Effect.logInfo(reason.message).pipe(Effect.zipRight(again), Effect.zipRight(Effect.never))

    /** Begins a session, after breaking off the one that is under way. */
    const inSession = (agreed: Effect.Effect<Session, JoinError>) =>
      Effect.gen(function* () {
        const own = yield* brought
        const session = yield* agreed
        const table = yield* own.table
        const share: TrainingShare = { ...own, agreement, checkpoints, table, lanes, wanted }
        return yield* train(share, session)
      }).pipe(Effect.catchIf(changed, otherLanes), Effect.provide(services))
    type Failure = Effect.Effect.Error<ReturnType<typeof inSession>>
    let underWay: Fiber.Fiber<TrainedShare, Failure> | undefined
    const begin = (agreed: Effect.Effect<Session, JoinError>): Effect.Effect<void> =>
      Effect.gen(function* () {
        const last = underWay
        const next =
          last === undefined ? inSession(agreed) : Effect.zipRight(Fiber.interrupt(last), inSession(agreed))
        underWay = yield* Effect.forkIn(Effect.interruptible(next), scope)
        yield* begun.open
        // A session that nobody knows of would never be broken off.
      }).pipe(Effect.uninterruptible, oneAtATime.withPermits(1))

    /** How the latest session ended; nothing if none has, or one is under way. */
    const ended = Effect.suspend(() => (underWay === undefined ? Effect.succeedNone : Fiber.poll(underWay)))
    /** Waits for the end of the session that no other follows. */
    const end: Effect.Effect<TrainedShare, Failure> = Effect.suspend(() => {
      const mine = underWay!
      return Effect.flatMap(Fiber.await(mine), (exit) => (mine === underWay ? exit : end))
    })
    return { checkpoints, begin, begun, ended, end }
  })

const changed = (error: unknown): error is LaneLost | MoreLanes =>
  error instanceof LaneLost || error instanceof MoreLanes

/** The lanes that two lists make: the first of each, and so on. */
const paired = (own: ReadonlyArray<string>, peers: ReadonlyArray<string>): ReadonlyArray<LanePair> =>
  own.slice(0, peers.length).map((name, i) => ({ own: name, peer: peers[i]! }))

type JoinError = AskError | StoreError | MalformedMessage

/** The training at C0. */
export const sessions0 = <E, R, E1, R1>(
  agreement: Agreement,
  brought: Effect.Effect<Brought<E1, R1>, E, R>
) =>
  Effect.gen(function* () {
    const party = yield* Party
    const stable = yield* Stable
    /** Lanes that C1 has. */
    let theirs = 0
    const lanes = yield* lanesOf(agreement, () => Effect.void)
    const wanted = Effect.map(lanes.ready, ({ length }) => Math.min(length, theirs))
    let again: Effect.Effect<void> = Effect.void
    const joinAgain = Effect.suspend(() => again)
    const { begin, checkpoints, end } = yield* sessions(agreement, brought, lanes, wanted, joinAgain)
    const kept = yield* stable.get(epochEntry)
    let epoch = kept._tag === "Some" ? (yield* KeptEpoch.decode(kept.value)).epoch : 0

    // The epoch is in stable storage before C1 hears of it: no later one is the same.
    const join = begin(
      Effect.gen(function* () {
        const mine = ++epoch
        if (mine === 1) yield* checkpoints.clear
        yield* stable.put(epochEntry, yield* KeptEpoch.encode({ epoch: mine }))
        const steps = yield* checkpoints.steps
        const own = yield* lanes.ready
        const ask = { deadlineMs: agreement.deadlines.replyTimeoutMs, phase: "train" }
        const joined = yield* party.ask("cloud1", Join, { epoch: mine, steps, lanes: own }, ask)
        theirs = joined.lanes.length
        return { epoch: mine, step: joined.step, lanes: paired(own, joined.lanes) }
      })
    )
    again = join
    return {
      trained: Effect.zipRight(join, end),
      handlers: [
        ...lanes.handlers,
        on(LanesReady, (ready, from) =>
          Effect.gen(function* () {
            if (from !== "cloud1")
              return yield* new NotExpected({ what: "word of cloud1's lanes", party: from })
            theirs = ready.lanes
            return {}
          })
        ),
        on(Rejoin, (_, from) =>
          Effect.gen(function* () {
            if (from !== "cloud1")
              return yield* new NotExpected({ what: "a call to train again", party: from })
            // Where it has not begun, it will join when the director asks it to train.
            if (epoch > 0) yield* join
            return {}
          })
        )
      ]
    }
  })

/** The training at C1. */
export const sessions1 = <E, R, E1, R1>(
  agreement: Agreement,
  brought: Effect.Effect<Brought<E1, R1>, E, R>
) =>
  Effect.gen(function* () {
    const party = yield* Party
    const stable = yield* Stable
    const ask = { deadlineMs: agreement.deadlines.replyTimeoutMs, phase: "train" }
    const lanes = yield* lanesOf(agreement, (ready) =>
      // C0 hears of them again when it joins.
      Effect.ignore(party.ask("cloud0", LanesReady, { lanes: ready }, ask))
    )
    const rejoin = Effect.asVoid(party.ask("cloud0", Rejoin, {}, ask))
    const { begin, begun, checkpoints, end, ended } = yield* sessions(
      agreement,
      brought,
      lanes,
      Effect.succeed(0),
      rejoin
    )
    let before = (yield* stable.get(begunEntry))._tag === "Some"
    let epoch = 0

    const trained = Effect.gen(function* () {
      // Too early is told at once, not when C0 stays out.
      yield* brought
      const last = yield* ended
      if (last._tag === "Some" && last.value._tag === "Success") return last.value.value
      const lost = last._tag === "Some" || (before && epoch === 0)
      if (lost) {
        yield* begun.close
        yield* rejoin
      }
      const waitedMs = partTimeoutMs(agreement)
      yield* begun.await.pipe(
        within(
          waitedMs,
          () => new StillMissing({ what: "word that it trains", parties: ["cloud0"], waitedMs })
        )
      )
      return yield* end
    })
    return {
      trained,
      /** Has C0 join again, which may wait for rounds of a process that died. */
      rejoin,
      handlers: [
        ...lanes.handlers,
        on(Join, (joining, from) =>
          Effect.gen(function* () {
            if (from !== "cloud0") return yield* new NotExpected({ what: "word that it trains", party: from })
            yield* brought
            if (joining.epoch <= epoch)
              return yield* new NotExpected({ what: "word of an earlier epoch", party: from })
            epoch = joining.epoch
            if (!before) {
              yield* checkpoints.clear
              yield* stable.put(begunEntry, new Uint8Array(0))
            }
            before = true
            const own = yield* checkpoints.steps
            const step = Math.max(0, ...own.filter((each) => joining.steps.includes(each)))
            const mine = yield* lanes.ready
            // Meanwhile C0 may have joined again, and would not be found in the rounds of this epoch.
            if (joining.epoch !== epoch)
              return yield* new NotExpected({ what: "word of an earlier epoch", party: from })
            const session = { epoch: joining.epoch, step, lanes: paired(mine, joining.lanes) }
            yield* begin(Effect.succeed(session))
            return { step, lanes: mine }
          })
        )
      ]
    }
  })
