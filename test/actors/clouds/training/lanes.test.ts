/** Lanes and the main processes that they belong to, over a hub, with leases short enough to wait for. */
import { describe, expect, it } from "@effect/vitest"
import { Context, Effect, Fiber, Layer } from "effect"
import { lane } from "../../../../actors/clouds/training/lanes/lane.ts"
import { lanesOf } from "../../../../actors/clouds/training/lanes/leader.ts"
import {
  Assign,
  Enter,
  gatherRound,
  handOutRound,
  LaneFailed,
  LaneRows,
  laneDeadlines,
  lanePhase
} from "../../../../actors/clouds/training/lanes/requests.ts"
import { emptyTable } from "../../../../actors/clouds/transformation/joint-table.ts"
import { groupMembers } from "../../../../actors/group/members.ts"
import { type Agreement, planOf } from "../../../../actors/party/agreement.ts"
import { layer as bcpPool } from "../../../../actors/party/bcp-pool.ts"
import { NotExpected } from "../../../../actors/party/handlers.ts"
import { exchange, on, Party } from "../../../../runtime/messaging/contract.ts"
import { workLimits } from "../../../../runtime/messaging/limits.ts"
import { type Hub, makeHub } from "../../../../runtime/transport/memory.ts"
import { agreedBut, processOf, standStill } from "../../../support/on-a-hub.ts"
import { patienceMs } from "../../../support/patience.ts"
import { inVirtualTime } from "../../../support/virtual-time.ts"

const limits = { ...workLimits, aliveEveryMs: 50, leaseMs: 600, patienceMs: 5_000 }
const ask = { deadlineMs: patienceMs }
const rows = 64

/** A main process that has lanes, and a table of noughts for them. */
const mainOn = (hub: Hub, name: string, agreement: Agreement) =>
  Effect.gen(function* () {
    const context = Context.merge(yield* processOf(hub, name), yield* Layer.build(bcpPool(0)))
    const members = yield* Effect.provide(groupMembers({ agreement }, limits), context)
    const lanes = yield* Effect.provide(
      lanesOf(agreement, () => Effect.void, limits),
      context
    )
    const party = Context.get(context, Party)
    yield* party.serve([...members.handlers, ...lanes.handlers])
    const enlisting = {
      epoch: 1,
      step: 0,
      pairs: [{ own: `${name}.l-1`, peer: `${name === "cloud0" ? "cloud1" : "cloud0"}.l-1` }],
      table: yield* emptyTable(agreement, rows),
      prgKey: new Uint8Array(16),
      orderKey: new Uint8Array(16)
    }
    return { context, party, lanes, enlisting }
  })

/** A lane, as it is started. */
const laneOn = (hub: Hub, name: string) =>
  Effect.gen(function* () {
    const context = yield* processOf(hub, name)
    return yield* Effect.fork(Effect.provide(lane(limits), context))
  })

/** What the other cloud would have a lane train on. */
const assignment = {
  ...{ epoch: 1, step: 0, of: rows, from: 0, end: rows },
  prgKey: new Uint8Array(16),
  orderKey: new Uint8Array(16)
}

/** Waits for it to hold. */
const until = (holds: Effect.Effect<boolean>) => Effect.repeat(Effect.sleep(10), { until: () => holds })

describe("lanes", () => {
  inVirtualTime("are given the time in which their leader evaluates the model", () =>
    Effect.gen(function* () {
      const agreement = yield* agreedBut({ roundTimeoutMs: 100 })
      const plan = planOf(agreement, rows)
      expect(laneDeadlines(agreement, plan).deadlineMs).toBe(200)
      const slices = 3
      const validation = { rows: (slices - 1) * plan.batch + 1, classes: true }
      expect(laneDeadlines(agreement, { ...plan, validation }).deadlineMs).toBe(200 * (1 + slices))
    })
  )

  inVirtualTime("wait for the other cloud's lane of their rows until it has them too", () =>
    Effect.gen(function* () {
      const hub = makeHub()
      const agreement = yield* agreedBut({ roundTimeoutMs: 100 })
      const mains = yield* Effect.forEach(["cloud0", "cloud1"], (name) => mainOn(hub, name, agreement))
      for (const { party } of mains) yield* laneOn(hub, `${party.name}.l-1`)
      for (const { lanes } of mains) yield* until(Effect.map(lanes.ready, ({ length }) => length === 1))
      const [main0, main1] = mains
      yield* main0!.lanes.enlist(main0!.enlisting)
      yield* Effect.sleep(400)
      yield* main1!.lanes.enlist(main1!.enlisting)
      // With the rows opened it asks for the weights of the first step.
      const asked = Effect.map(main0!.party.traffic, (traffic) =>
        traffic.some(({ direction, tag }) => direction === "received" && tag === `round:${lanePhase(1)}`)
      )
      yield* until(asked)
    })
  )

  inVirtualTime("are waited for until they have opened their rows", () =>
    Effect.gen(function* () {
      const hub = makeHub()
      const agreement = yield* agreedBut({ roundTimeoutMs: 100 })
      const { lanes, enlisting } = yield* mainOn(hub, "cloud0", agreement)
      const played = Context.get(yield* processOf(hub, "cloud0.l-1"), Party)
      yield* played.serve([on(Assign, () => Effect.succeed({}))])
      yield* Effect.forkScoped(Effect.forever(Effect.delay(played.ask("cloud0", Enter, {}, ask), 50)))
      yield* until(Effect.map(lanes.ready, ({ length }) => length === 1))
      const { gradients } = yield* lanes.enlist(enlisting)
      const found = yield* Effect.fork(gradients(1, new Uint8Array([7])))
      yield* Effect.sleep(400)
      const rounds = yield* played.rounds("cloud0", lanePhase(1))
      expect(yield* exchange(rounds, handOutRound(1), new Uint8Array(0))).toEqual(new Uint8Array([7]))
      yield* exchange(rounds, gatherRound(1), new Uint8Array([8]))
      expect(yield* Fiber.join(found)).toEqual([new Uint8Array([8])])
    })
  )

  inVirtualTime("that fail say so, and the session is over at once", () =>
    Effect.gen(function* () {
      const hub = makeHub()
      const { lanes, enlisting } = yield* mainOn(hub, "cloud0", yield* agreedBut({}))
      yield* laneOn(hub, "cloud0.l-1")
      yield* until(Effect.map(lanes.ready, ({ length }) => length === 1))
      const { lost } = yield* lanes.enlist(enlisting)
      const peer = Context.get(yield* processOf(hub, "cloud1.l-1"), Party)
      // Not as long as the rows are.
      yield* exchange(yield* peer.rounds("cloud0.l-1", "train"), 1, new Uint8Array(8))
      const error = yield* Effect.flip(lost).pipe(Effect.timeout(2_000))
      expect(error).toMatchObject({
        _tag: "LaneLost",
        lane: "cloud0.l-1",
        reason: expect.stringContaining("openInput")
      })
    })
  )

  inVirtualTime("that have failed three times are not taken again, also when they were away meanwhile", () =>
    Effect.gen(function* () {
      const hub = makeHub()
      const { lanes, enlisting } = yield* mainOn(hub, "cloud0", yield* agreedBut({}))
      const played = Context.get(yield* processOf(hub, "cloud0.l-1"), Party)
      const enter = played.ask("cloud0", Enter, {}, ask)
      yield* played.serve([on(Assign, () => new NotExpected({ what: "rows", party: "cloud0" }))])
      const fails = (epoch: number) =>
        Effect.gen(function* () {
          yield* enter
          expect(yield* lanes.ready).toEqual(["cloud0.l-1"])
          const error = yield* Effect.flip(Effect.scoped(lanes.enlist({ ...enlisting, epoch })))
          expect(error).toMatchObject({ _tag: "LaneLost", reason: expect.stringContaining("NotExpected") })
        })
      yield* fails(1)
      yield* fails(2)
      yield* Effect.sleep(1.5 * limits.leaseMs)
      expect(yield* lanes.ready).toEqual([])
      yield* fails(3)
      yield* enter
      expect(yield* lanes.ready).toEqual([])
    })
  )

  inVirtualTime(
    "are their own cloud's: processes of the other are refused by name, and enlisted by none",
    () =>
      Effect.gen(function* () {
        const hub = makeHub()
        const { lanes } = yield* mainOn(hub, "cloud0", yield* agreedBut({}))
        yield* laneOn(hub, "cloud0.l-1")
        yield* until(Effect.map(lanes.ready, ({ length }) => length === 1))
        const rows = { epoch: 1, first: 0, count: 1 }
        for (const name of ["cloud1", "cloud1.l-1", "cloud1.w-1"]) {
          const { ask: asking } = Context.get(yield* processOf(hub, name), Party)
          const refused = yield* Effect.all([
            Effect.flip(asking("cloud0", Enter, {}, ask)),
            Effect.flip(asking("cloud0", LaneRows, rows, ask)),
            Effect.flip(asking("cloud0", LaneFailed, { epoch: 1, reason: "none" }, ask)),
            Effect.flip(asking("cloud0.l-1", Assign, { ...assignment, peer: name }, ask))
          ])
          for (const error of refused) {
            expect(error).toMatchObject({ _tag: "RemoteFailure", error: { _tag: "NotExpected" } })
            expect(error.message).toContain(`${name} sent `)
          }
        }
        expect(yield* lanes.ready).toEqual(["cloud0.l-1"])
      })
  )

  it.scopedLive("are not taken for silent by a main process that was itself not there", () =>
    Effect.gen(function* () {
      const hub = makeHub()
      const { lanes } = yield* mainOn(hub, "cloud0", yield* agreedBut({}))
      yield* Context.get(yield* processOf(hub, "cloud0.l-1"), Party).ask("cloud0", Enter, {}, ask)
      standStill(2 * limits.leaseMs)
      expect(yield* lanes.ready).toEqual(["cloud0.l-1"])
      yield* until(Effect.map(lanes.ready, ({ length }) => length === 0))
    })
  )
})
