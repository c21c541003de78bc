/** Lanes and the main processes that they belong to, over a hub, with leases short enough to wait for. */
import { describe, expect, it } from "@effect/vitest"
import { Context, Effect, Fiber, Layer } from "effect"
import { lane } from "../../../../actors/clouds/training/lanes/lane.ts"
import { lanesOf } from "../../../../actors/clouds/training/lanes/leader.ts"
import {
  Assign,
  Enter,
  gatherRound,
  gradientsOf,
  handOutRound,
  lanePhase,
  weightsOf
} from "../../../../actors/clouds/training/lanes/requests.ts"
import { emptyTable } from "../../../../actors/clouds/transformation/joint-table.ts"
import { groupMembers } from "../../../../actors/group/members.ts"
import { askInGroup, onInGroup, ProcessGroup } from "../../../../actors/group/process-group.ts"
import type { Agreement } from "../../../../actors/party/agreement.ts"
import { layer as bcpPool } from "../../../../actors/party/bcp-pool.ts"
import { NotExpected } from "../../../../actors/party/handlers.ts"
import { exchange, Party } from "../../../../runtime/messaging/contract.ts"
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

/** Waits for it to hold. */
const until = (holds: Effect.Effect<boolean>) => Effect.repeat(Effect.sleep(10), { until: () => holds })

describe("lanes", () => {
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
      const played = yield* processOf(hub, "cloud0.l-1")
      yield* Effect.gen(function* () {
        const party = yield* Party
        yield* party.serve([onInGroup(Assign, () => Effect.succeed({}))])
        yield* Effect.forkScoped(Effect.forever(Effect.delay(askInGroup("cloud0", Enter, {}, ask), 50)))
      }).pipe(Effect.provide(played))
      yield* until(Effect.map(lanes.ready, ({ length }) => length === 1))
      const { gradients } = yield* lanes.enlist(enlisting)
      const found = yield* Effect.fork(gradients(1, new Uint8Array([7])))
      yield* Effect.sleep(400)
      const given = yield* Effect.gen(function* () {
        const party = yield* Party
        const house = yield* ProcessGroup
        const rounds = yield* party.rounds("cloud0", lanePhase(1))
        const handed = yield* exchange(rounds, handOutRound(1), new Uint8Array(0))
        const sums = yield* house.seal("cloud0", gradientsOf(1, 1), new Uint8Array([8]))
        yield* exchange(rounds, gatherRound(1), sums)
        return yield* house.unseal("cloud0", weightsOf(1, 1), handed)
      }).pipe(Effect.provide(played))
      expect(given).toEqual(new Uint8Array([7]))
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
      const played = yield* processOf(hub, "cloud0.l-1")
      const enter = Effect.provide(askInGroup("cloud0", Enter, {}, ask), played)
      const refusing = onInGroup(Assign, () => new NotExpected({ what: "rows", party: "cloud0" }))
      yield* Effect.provide(Context.get(played, Party).serve([refusing]), played)
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

  it.scopedLive("are not taken for silent by a main process that was itself not there", () =>
    Effect.gen(function* () {
      const hub = makeHub()
      const { lanes } = yield* mainOn(hub, "cloud0", yield* agreedBut({}))
      yield* Effect.provide(askInGroup("cloud0", Enter, {}, ask), yield* processOf(hub, "cloud0.l-1"))
      standStill(2 * limits.leaseMs)
      expect(yield* lanes.ready).toEqual(["cloud0.l-1"])
      yield* until(Effect.map(lanes.ready, ({ length }) => length === 0))
    })
  )
})
