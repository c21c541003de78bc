/** Clouds that deal with pairs of lanes, over a hub: what C1 is supplied with, beside what the KGC deals. */
import { describe, expect, it } from "@effect/vitest"
import { Context, Effect, Layer, Redacted } from "effect"
import { randomnessFromClouds } from "../../../../actors/clouds/randomness/from-clouds.ts"
import { lane } from "../../../../actors/clouds/training/lanes/lane.ts"
import { lanesOf } from "../../../../actors/clouds/training/lanes/leader.ts"
import { groupMembers } from "../../../../actors/group/members.ts"
import { dealer } from "../../../../actors/kgc/dealing.ts"
import { type Agreement, planOf } from "../../../../actors/party/agreement.ts"
import { layer as bcpPool } from "../../../../actors/party/bcp-pool.ts"
import { dealingGroups, stretchesOf } from "../../../../actors/party/stretches.ts"
import { batchOrder } from "../../../../protocol/learning/order.ts"
import { rowsOpened } from "../../../../protocol/learning/plan.ts"
import { Party } from "../../../../runtime/messaging/contract.ts"
import { workLimits } from "../../../../runtime/messaging/limits.ts"
import { type Hub, makeHub } from "../../../../runtime/transport/memory.ts"
import { agreed, processOf } from "../../../support/on-a-hub.ts"
import { patienceMs } from "../../../support/patience.ts"
import { full } from "../../../support/sweep.ts"

const rows = 64
const keys = [1, 2].map((byte) => new Uint8Array(16).fill(byte))
const orderKey = new Uint8Array(16).fill(3)
const clouds = [0, 1] as const
const limits = { ...workLimits, aliveEveryMs: 50 }

/** Waits for it to hold. */
const until = (holds: Effect.Effect<boolean>) => Effect.repeat(Effect.sleep(10), { until: () => holds })

/** What a cloud 1 has stored of a stretch, in this test. */
const storedBytes = new Uint8Array([1, 2, 3])

interface Supplied {
  readonly agreement: Agreement
  /** Further lanes of each cloud. */
  readonly further: number
  /** Stretches that cloud 1 has stored. */
  readonly dealt: number
}

/** A cloud of so many lanes, and the corrections of all stretches that it is supplied with. */
const suppliedTo = (hub: Hub, cloud: 0 | 1, { agreement, dealt, further }: Supplied) =>
  Effect.gen(function* () {
    const name = `cloud${cloud}`
    const context = Context.merge(yield* processOf(hub, name), yield* Layer.build(bcpPool(0)))
    const party = Context.get(context, Party)
    const members = yield* Effect.provide(groupMembers({ agreement }, limits), context)
    const lanes = yield* Effect.provide(
      lanesOf(agreement, () => Effect.void, limits),
      context
    )
    yield* party.serve([...members.handlers, ...lanes.handlers])
    const pairs = Array.from({ length: further }, (_, i) => ({
      own: `${name}.l-${i}`,
      peer: `cloud${1 - cloud}.l-${i}`
    }))
    for (const { own } of pairs)
      yield* Effect.forkScoped(Effect.provide(lane(limits), yield* processOf(hub, own)))
    yield* until(Effect.map(lanes.ready, ({ length }) => length === further))
    const plan = planOf(agreement, rows)
    const prgKey = keys[cloud]!
    const dealers = lanes.dealers({ epoch: 1, step: 0, pairs, of: rows, prgKey, orderKey, dealt })
    const order = batchOrder(plan, orderKey)
    const stretches = stretchesOf(plan, 0)
    const stored = () => Effect.succeed(cloud === 1 ? storedBytes : undefined)
    const { supply } = randomnessFromClouds(agreement, cloud, Redacted.make(prgKey), stored)
    const request = { session: 1, plan, order, stretches, dealers, dealt }
    const { next } = yield* Effect.provide(supply(request), context)
    const supplied = yield* Effect.forEach(stretches, () => next)
    const sent = yield* party.traffic
    const asked = sent.filter(({ direction, tag }) => direction === "sent" && tag === "DealGroup")
    return { supplied, asked: asked.reduce((sum, { messages }) => sum + messages, 0) }
  })

describe("clouds that deal in several pairs", () => {
  const whole = [
    { pairs: 1, dealt: 1 },
    { pairs: 2, dealt: 0 },
    { pairs: 2, dealt: 1 },
    { pairs: 3, dealt: 0 }
  ]
  it.scopedLive.each(full ? whole : whole.slice(2, 3))(
    "make what the KGC deals, in $pairs after $dealt stretches that are stored",
    ({ dealt, pairs }) =>
      Effect.gen(function* () {
        const small = yield* agreed
        const agreement: Agreement = {
          ...small,
          training: { ...small.training, epochs: 20, batch: 8 },
          security: { ...small.security, dealing: "clouds" }
        }
        const plan = planOf(agreement, rows)
        const stretches = stretchesOf(plan, 0)
        const groups = dealingGroups(plan, stretches.slice(dealt)).length
        expect(groups).toBeGreaterThan(2)
        const hub = makeHub()
        const [supplied0, supplied1] = yield* Effect.forEach(
          clouds,
          (cloud) => suppliedTo(hub, cloud, { agreement, dealt, further: pairs - 1 }),
          { concurrency: "unbounded" }
        )
        expect(new Set(supplied0!.supplied)).toEqual(new Set([undefined]))
        expect(supplied1!.asked > 0).toBe(pairs > 1)
        const kgc = yield* Effect.provide(
          dealer(agreement, { key0: keys[0]!, key1: keys[1]!, orderKey }, Effect.succeed<number>),
          yield* processOf(hub, "kgc")
        )
        const room = (bytes: number) => new Uint8Array(bytes)
        for (const stored of supplied1!.supplied.slice(0, dealt)) expect(stored).toBe(storedBytes)
        for (const [i, { first, last }] of stretches.entries()) {
          if (i < dealt) continue
          const asked = { rows: rowsOpened(plan), step: first, steps: last - first + 1 }
          expect({ first, same: Buffer.compare(supplied1!.supplied[i]!, yield* kgc(asked, room)) }).toEqual({
            first,
            same: 0
          })
        }
      }),
    patienceMs
  )
})
