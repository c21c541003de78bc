/**
 * How the clouds begin to train together, and begin again after one of them crashed (section 6 of
 * docs/concepts/protocol.md). C0 joins: it names the number of a new session (`epoch`) and the steps whose
 * weights it has; C1 answers with the latest step that it has too, and both train from there in rounds of
 * that session. On ciphertexts C0 has no weights, and the latest of C1 counts. After a crash of its own, C1 asks C0 to join
 * again. A cloud that has finished the training takes part again for the sake of the other. Clouds that deal for themselves
 * have sessions of the same kind in which they only deal, ahead of the training.
 */
import { Effect, Option } from "effect"
import type { MalformedMessage } from "../../../protocol/messages/codec.ts"
import { Count, format } from "../../../protocol/messages/message.ts"
import { Join, LanesReady, Rejoin } from "../../../protocol/messages/training.ts"
import { Schema } from "../../../protocol/schema.ts"
import { within } from "../../../runtime/deadline.ts"
import { type AskError, Party } from "../../../runtime/messaging/contract.ts"
import { Stable, type StoreError } from "../../../runtime/storage/store.ts"
import { type Agreement, partTimeoutMs, trainsOnCiphertexts } from "../../party/agreement.ts"
import { StillMissing } from "../../party/gathering.ts"
import { NotExpected, onFrom } from "../../party/handlers.ts"
import { LaneLost } from "../../party/lane-lost.ts"
import type { AheadSession, DealingAhead } from "../randomness/by-clouds-ahead.ts"
import type { SupplyError } from "../randomness/provider.ts"
import { CheckpointStore, checkpointsIn } from "./checkpoints.ts"
import { type LanePair, lanesOf } from "./lanes/leader.ts"
import { MoreLanes } from "./lanes/register.ts"
import { Latest } from "./latest.ts"
import type { OfAllSessions, Session, TrainedShare, Trains } from "./session.ts"

type JoinError = AskError | StoreError | MalformedMessage

/** A session as both clouds have agreed on it. */
interface Agreed extends Session {
  readonly dealt: number
  /** Whether they only deal in it. */
  readonly dealing: boolean
}

/** What a session ends with: the trained share, or that all is dealt. */
type Ended = TrainedShare | "dealt"

const trainedIn = (ended: Ended): ended is TrainedShare => ended !== "dealt"

/** What the sessions of a cloud depend on. */
interface Surroundings extends Pick<OfAllSessions, "lanes" | "available"> {
  /** Has another session begin, to train or only to deal, which interrupts the current one. */
  readonly again: (dealing: boolean) => Effect.Effect<void, JoinError>
}

/** The sessions of a cloud, of which the latest counts. `training` fails if it is too early to train. */
const sessions = <E, R, E1, R1>(
  { lanes, available, again }: Surroundings,
  training: Effect.Effect<Trains<E1, R1>, E, R>
) =>
  Effect.gen(function* () {
    const stable = yield* Stable
    const services = yield* Effect.context<R | R1 | Party>()
    const checkpoints = checkpointsIn(Option.getOrElse(yield* CheckpointStore, () => stable))
    /** The lanes have changed: has another session begin, and waits to be interrupted by it. */
    const onChangedLanes = (reason: LaneLost | MoreLanes, dealing: boolean) =>
      Effect.logInfo(reason.message).pipe(Effect.zipRight(again(dealing)), Effect.zipRight(Effect.never))
    const session = (agreed: Effect.Effect<Agreed, JoinError>) =>
      Effect.gen(function* () {
        const { train, ahead } = yield* training
        const session = yield* agreed
        const { dealing } = session
        const work: Effect.Effect<Ended, E1 | SupplyError | LaneLost | MoreLanes, R1> =
          dealing && ahead !== undefined
            ? dealtIn(ahead, session, lanes)
            : train(session, { checkpoints, lanes, available })
        return yield* Effect.catchIf(work, lanesChanged, (reason) => onChangedLanes(reason, dealing))
      }).pipe(Effect.provide(services))
    type Failure = Effect.Effect.Error<ReturnType<typeof session>>
    const latest = yield* Latest.make<Ended, Failure>()
    return {
      checkpoints,
      latest,
      begin: (agreed: Effect.Effect<Agreed, JoinError>) => latest.begin(session(agreed))
    }
  })

/** Deals ahead in a session, with its lanes. */
const dealtIn = (
  ahead: DealingAhead,
  { dealt, epoch, lanes: pairs }: Agreed,
  lanes: OfAllSessions["lanes"]
) => {
  const dealersFor: AheadSession["dealersFor"] = (training) =>
    lanes.dealers({ epoch, pairs, ...training, dealt })
  return ahead
    .deal({ epoch, dealt, dealersFor })
    .pipe(Effect.raceFirst(lanes.lost(pairs)), Effect.as("dealt" as const))
}

const lanesChanged = (error: unknown): error is LaneLost | MoreLanes =>
  error instanceof LaneLost || error instanceof MoreLanes

/** The pairs of two lists of lanes: the first of each, then the second, and so on. */
const paired = (own: ReadonlyArray<string>, peers: ReadonlyArray<string>): ReadonlyArray<LanePair> =>
  own.slice(0, peers.length).map((name, i) => ({ own: name, peer: peers[i]! }))

const onlyDealing = (dealing: boolean) => (dealing ? { dealing: true as const } : {})

const EpochFormat = format("epoch", Schema.Struct({ epoch: Count }))
const epochEntry = "epoch"

/** The number of the latest session of a cloud, over all its processes: 0 before the first. */
const storedEpoch = Effect.gen(function* () {
  const stored = yield* (yield* Stable).get(epochEntry)
  return Option.isSome(stored) ? (yield* EpochFormat.decode(stored.value)).epoch : 0
})
const storeEpoch = (epoch: number) =>
  Effect.flatMap(Effect.all([Stable, EpochFormat.encode({ epoch })]), ([stable, bytes]) =>
    stable.put(epochEntry, bytes)
  )

/** The training at C0. */
export const sessionsAtCloud0 = <E, R, E1, R1>(
  agreement: Agreement,
  training: Effect.Effect<Trains<E1, R1>, E, R>
) =>
  Effect.gen(function* () {
    const party = yield* Party
    const stable = yield* Stable
    /** Number of lanes that C1 has. */
    let theirs = 0
    const lanes = yield* lanesOf(agreement, () => Effect.void)
    const available = Effect.map(lanes.ready, ({ length }) => Math.min(length, theirs))
    /** From then on nothing is dealt ahead. */
    let trains = false
    const again = (dealing: boolean): Effect.Effect<void> => join(dealing)
    const { begin, checkpoints, latest } = yield* sessions({ lanes, available, again }, training)
    let epoch = yield* storedEpoch

    // The number is stored before C1 learns of it, so that no later session has the same.
    const join = (dealing: boolean) =>
      begin(
        Effect.gen(function* () {
          const mine = ++epoch
          if (mine === 1) yield* checkpoints.clear
          yield* Effect.provideService(storeEpoch(mine), Stable, stable)
          const steps = yield* checkpoints.steps
          const own = yield* lanes.ready
          const ask = { deadlineMs: agreement.deadlines.replyTimeoutMs, phase: "train" }
          const joining = { epoch: mine, steps, lanes: own, ...onlyDealing(dealing) }
          const { dealt = 0, ...joined } = yield* party.ask("cloud1", Join, joining, ask)
          theirs = joined.lanes.length
          return { epoch: mine, step: joined.step, lanes: paired(own, joined.lanes), dealt, dealing }
        })
      )
    /** For the sake of C1, which misses what was dealt, or only of this cloud's last rounds. */
    const rejoin = (dealing: boolean) =>
      Effect.suspend(() => (dealing && trains ? Effect.void : join(dealing)))
    const session = (dealing: boolean) => Effect.zipRight(join(dealing), latest.end)
    const trained = Effect.suspend(() => {
      trains = true
      return session(false)
    })
    return {
      trained: Effect.repeat(trained, { until: trainedIn }),
      dealt: Effect.asVoid(session(true)),
      rejoin,
      handlers: [
        ...lanes.handlers,
        onFrom("cloud1", LanesReady, (ready) =>
          Effect.sync(() => {
            theirs = ready.lanes
            return {}
          })
        ),
        // If this cloud has not begun, it joins when the director asks it to train.
        onFrom("cloud1", Rejoin, ({ dealing = false }) =>
          Effect.as(epoch > 0 ? rejoin(dealing) : Effect.void, {})
        )
      ]
    }
  })

/** The training at C1. */
export const sessionsAtCloud1 = <E, R, E1, R1>(
  agreement: Agreement,
  training: Effect.Effect<Trains<E1, R1>, E, R>
) =>
  Effect.gen(function* () {
    const party = yield* Party
    const stable = yield* Stable
    const ask = { deadlineMs: agreement.deadlines.replyTimeoutMs, phase: "train" }
    // If this request is lost, C0 learns of the lanes when it joins.
    const lanes = yield* lanesOf(agreement, (ready) =>
      Effect.ignore(party.ask("cloud0", LanesReady, { lanes: ready }, ask))
    )
    const rejoin = (dealing: boolean) => Effect.asVoid(party.ask("cloud0", Rejoin, onlyDealing(dealing), ask))
    const surroundings = { lanes, available: Effect.succeed(0), again: rejoin }
    const { begin, checkpoints, latest } = yield* sessions(surroundings, training)
    // On ciphertexts the weights are here alone.
    const weightsAtBoth = !trainsOnCiphertexts(agreement)
    let epoch = yield* storedEpoch
    /** The latest session of an earlier process, until this one is in one. */
    let before = epoch
    /** Whether nothing of another run is left. */
    let cleared = epoch > 0

    const ended = Effect.fnUntraced(function* (dealing: boolean) {
      // If it is too early, this fails now and not only when C0 stays away.
      yield* training
      const last = yield* latest.ended
      const succeeded = Option.isSome(last) && last.value._tag === "Success"
      if (succeeded && trainedIn(last.value.value) !== dealing) return last.value.value
      if (Option.isSome(last) || before > 0) {
        yield* latest.begun.close
        // From dealing to training C0 goes on of itself.
        if (!succeeded) yield* rejoin(dealing)
      }
      const waitedMs = partTimeoutMs(agreement)
      const what = "word that it trains"
      yield* latest.begun.await.pipe(
        within(waitedMs, () => new StillMissing({ what, parties: ["cloud0"], waitedMs }))
      )
      return yield* latest.end
    })
    const onJoin = onFrom("cloud0", Join, (joining, from) =>
      Effect.gen(function* () {
        const { ahead } = yield* training
        const earlier = new NotExpected({ what: "word of an earlier session", party: from })
        const { dealing = false } = joining
        if (joining.epoch <= epoch) {
          // That process began to deal in it, under keys that are lost with it, and C0 may have word of its own.
          if (joining.epoch === before) yield* Effect.ignore(rejoin(dealing))
          return yield* earlier
        }
        before = 0
        epoch = joining.epoch
        if (!cleared) yield* checkpoints.clear
        cleared = true
        // C0 may have joined again meanwhile, as below.
        if (joining.epoch !== epoch) return yield* earlier
        yield* Effect.provideService(storeEpoch(epoch), Stable, stable)
        const stored = yield* checkpoints.steps
        const common = weightsAtBoth ? stored.filter((each) => joining.steps.includes(each)) : stored
        const step = Math.max(0, ...common)
        const own = yield* lanes.ready
        const dealt = ahead === undefined ? 0 : yield* ahead.dealt
        // C0 may have joined again meanwhile, and would not take part in the rounds of this session.
        if (joining.epoch !== epoch) return yield* earlier
        yield* begin(Effect.succeed({ epoch, step, lanes: paired(own, joining.lanes), dealt, dealing }))
        return { step, lanes: own, ...(dealt > 0 ? { dealt } : {}) }
      })
    )
    return {
      trained: Effect.repeat(ended(false), { until: trainedIn }),
      dealt: Effect.asVoid(ended(true)),
      /** Asks C0 to join again, since it may be waiting for rounds of a process that has ended. */
      rejoin,
      handlers: [...lanes.handlers, onJoin]
    }
  })
