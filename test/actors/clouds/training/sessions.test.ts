/** How the clouds come to a session, over a hub, where messages and disks take their time. */
import { describe, expect } from "@effect/vitest"
import { Context, Effect, Fiber, Option, Redacted, Supervisor } from "effect"
import { randomnessFromKgc } from "../../../../actors/clouds/randomness/from-kgc.ts"
import { CheckpointStore } from "../../../../actors/clouds/training/checkpoints.ts"
import { lanesOf } from "../../../../actors/clouds/training/lanes/leader.ts"
import { Assign, Enter, LaneRows } from "../../../../actors/clouds/training/lanes/requests.ts"
import type { Trains } from "../../../../actors/clouds/training/session.ts"
import { sessionsAtCloud0, sessionsAtCloud1 } from "../../../../actors/clouds/training/sessions.ts"
import { onShares } from "../../../../actors/clouds/training/training.ts"
import { emptyTable } from "../../../../actors/clouds/transformation/joint-table.ts"
import type { Agreement } from "../../../../actors/party/agreement.ts"
import { Join } from "../../../../protocol/messages/training.ts"
import { on, Party } from "../../../../runtime/messaging/contract.ts"
import { workLimits } from "../../../../runtime/messaging/limits.ts"
import { memoryStore, type StoreService } from "../../../../runtime/storage/store.ts"
import { type Hub, makeHub } from "../../../../runtime/transport/memory.ts"
import { agreed, agreedBut, processOf } from "../../../support/on-a-hub.ts"
import { patienceMs } from "../../../support/patience.ts"
import { inVirtualTime } from "../../../support/virtual-time.ts"

const ask = { deadlineMs: patienceMs }
const rows = 64

const sixteen = () => new Uint8Array(16)

/** How a cloud trains: on a table of noughts, which takes some time. */
const trainingAt = (cloud: 0 | 1, agreement: Agreement, tableMs = 0) =>
  Effect.succeed({
    train: onShares({
      agreement,
      cloud,
      table: Effect.delay(emptyTable(agreement, rows), tableMs),
      randomness: randomnessFromKgc(agreement, cloud, Redacted.make(sixteen())),
      orderKey: sixteen(),
      root: sixteen
    })
  })

/** C1 as it waits for C0. */
const cloud1On = (
  hub: Hub,
  stable?: StoreService,
  checkpoints: Option.Option<StoreService> = Option.none()
) =>
  Effect.gen(function* () {
    const context = yield* processOf(hub, "cloud1", stable)
    const agreement = yield* agreed
    const sessions = yield* sessionsAtCloud1(agreement, trainingAt(1, agreement)).pipe(
      Effect.provideService(CheckpointStore, checkpoints),
      Effect.provide(context)
    )
    yield* Context.get(context, Party).serve(sessions.handlers)
    return Context.get(context, Party)
  })

const join = (epoch: number, steps: ReadonlyArray<number> = []) => ({ epoch, steps, lanes: [] })

/** Interrupts whoever starts a fiber. */
class Interrupting extends Supervisor.AbstractSupervisor<void> {
  override value = Effect.void
  override onStart<A, E, R>(
    _context: Context.Context<R>,
    _effect: Effect.Effect<A, E, R>,
    parent: Option.Option<Fiber.RuntimeFiber<unknown, unknown>>
  ): void {
    if (Option.isSome(parent)) parent.value.unsafeInterruptAsFork(parent.value.id())
  }
}

describe("sessions", () => {
  inVirtualTime(
    "a cloud waits for the other, which still puts its table together, longer than for a round",
    () =>
      Effect.gen(function* () {
        const hub = makeHub()
        const agreement = yield* agreedBut({ roundTimeoutMs: 100 })
        const [main0, main1] = [yield* processOf(hub, "cloud0"), yield* processOf(hub, "cloud1")]
        const at1 = yield* Effect.provide(sessionsAtCloud1(agreement, trainingAt(1, agreement, 400)), main1)
        yield* Context.get(main1, Party).serve(at1.handlers)
        const at0 = yield* Effect.provide(sessionsAtCloud0(agreement, trainingAt(0, agreement)), main0)
        // There is nobody who deals, so that C1 stays out in the round after the opening of the table.
        const error = yield* Effect.flip(Effect.provide(at0.trained, main0))
        expect(error).toMatchObject({
          _tag: "RoundDeadlineExceeded",
          party: "cloud1",
          phase: "train",
          round: 2
        })
      })
  )

  inVirtualTime(
    "C1 keeps to the later of two words to train, though it is done with the earlier one last",
    () =>
      Effect.gen(function* () {
        const hub = makeHub()
        const stable = memoryStore()
        const atLast = yield* Effect.makeLatch()
        let lists = 0
        const slow: StoreService = {
          ...stable,
          list: Effect.suspend(() =>
            ++lists === 1 ? Effect.zipRight(atLast.await, stable.list) : stable.list
          )
        }
        const party = yield* cloud1On(hub, slow)
        const cloud0 = Context.get(yield* processOf(hub, "cloud0"), Party)
        const first = yield* Effect.fork(Effect.exit(cloud0.ask("cloud1", Join, join(1), ask)))
        yield* Effect.repeat(Effect.sleep(10), { until: () => lists === 1 })
        // C0 has lost a lane meanwhile, say, and joins again.
        yield* cloud0.ask("cloud1", Join, join(2), ask)
        yield* atLast.open
        expect((yield* Fiber.join(first))._tag).toBe("Failure")
        const sent = Effect.map(party.traffic, (traffic) =>
          traffic
            .filter(({ direction, tag }) => direction === "sent" && tag.startsWith("round:"))
            .map(({ tag }) => tag)
        )
        yield* Effect.repeat(Effect.sleep(10), { until: () => Effect.map(sent, (tags) => tags.length > 0) })
        yield* Effect.sleep(200)
        expect(yield* sent).toEqual(["round:train.2"])
      })
  )

  inVirtualTime(
    "a session is broken off by the next, also where who began it was interrupted as it began",
    () =>
      Effect.gen(function* () {
        const main = yield* processOf(makeHub(), "cloud0")
        let sessions = 0
        const brought = Effect.acquireUseRelease(
          Effect.sync(() => ++sessions),
          (): Effect.Effect<Trains<never, never>> => Effect.never,
          () => Effect.sync(() => --sessions)
        )
        const at0 = yield* Effect.provide(sessionsAtCloud0(yield* agreed, brought), main)
        const trained = Effect.provide(at0.trained, main)
        const interrupted = yield* Effect.fork(Effect.supervised(trained, new Interrupting()))
        yield* Fiber.await(interrupted)
        yield* Effect.repeat(Effect.sleep(10), { until: () => sessions === 1 })
        yield* Effect.fork(trained)
        yield* Effect.sleep(50)
        expect(sessions).toBe(1)
      })
  )

  inVirtualTime("a lane of C1 is let in at once, also while C0 is away", () =>
    Effect.gen(function* () {
      const hub = makeHub()
      yield* cloud1On(hub)
      const lane = yield* processOf(hub, "cloud1.l-1")
      expect(yield* Context.get(lane, Party).ask("cloud1", Enter, {}, ask)).toEqual({})
    })
  )

  inVirtualTime("rows are handed out to no lane when a session did not come about", () =>
    Effect.gen(function* () {
      const hub = makeHub()
      const agreement = yield* agreed
      const main = yield* processOf(hub, "cloud0")
      const limits = { ...workLimits, aliveEveryMs: 50, leaseMs: 300 }
      const lanes = yield* lanesOf(agreement, () => Effect.void, limits).pipe(Effect.provide(main))
      yield* Context.get(main, Party).serve(lanes.handlers)
      const lane = Context.get(yield* processOf(hub, "cloud0.l-1"), Party)
      const asked = yield* Effect.makeLatch()
      yield* lane.serve([on(Assign, () => Effect.zipRight(asked.open, Effect.never))])
      yield* lane.ask("cloud0", Enter, {}, ask)
      const wanted = lane.ask("cloud0", LaneRows, { epoch: 1, first: 0, count: 1 }, ask)
      const enlisting = {
        epoch: 1,
        step: 0,
        pairs: [{ own: "cloud0.l-1", peer: "cloud1.l-1" }],
        table: yield* emptyTable(agreement, rows),
        prgKey: sixteen(),
        orderKey: sixteen()
      }
      const outcome = yield* Effect.fork(Effect.flip(Effect.scoped(lanes.enlist(enlisting))))
      yield* asked.await
      yield* wanted
      expect(yield* Fiber.join(outcome)).toMatchObject({ _tag: "LaneLost", lane: "cloud0.l-1" })
      expect(yield* Effect.flip(wanted)).toMatchObject({ error: { _tag: "NotExpected" } })
    })
  )

  inVirtualTime("checkpoints at the broker of an earlier run of the same name are none of this one's", () =>
    Effect.gen(function* () {
      const hub = makeHub()
      const [bucket0, bucket1] = [memoryStore(), memoryStore()]
      for (const bucket of [bucket0, bucket1])
        for (const step of [512, 576, 640]) yield* bucket.put(`weights-${step}`, sixteen())
      yield* cloud1On(hub, memoryStore(), Option.some(bucket1))
      const cloud0 = yield* processOf(hub, "cloud0")
      const agreement = yield* agreed
      const { trained } = yield* sessionsAtCloud0(agreement, trainingAt(0, agreement)).pipe(
        Effect.provideService(CheckpointStore, Option.some(bucket0)),
        Effect.provide(cloud0)
      )
      yield* Effect.forkScoped(Effect.provide(trained, cloud0))
      const rounds = Effect.map(Context.get(cloud0, Party).traffic, (traffic) =>
        traffic.some(({ tag }) => tag === "round:train")
      )
      yield* Effect.repeat(Effect.sleep(10), { until: () => rounds })
      expect(yield* bucket0.list).toEqual([])
      expect(yield* bucket1.list).toEqual([])
    })
  )
})
