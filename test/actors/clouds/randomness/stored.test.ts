/** Corrections that C1 stores: what they serve, what they are refused for, and who deals those that are not there. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { dealAhead, randomnessFromStore } from "../../../../actors/clouds/randomness/from-store.ts"
import type { RandomnessProvider, SupplyRequest } from "../../../../actors/clouds/randomness/provider.ts"
import { type DealtFor, isDealt, stretchStore } from "../../../../actors/clouds/randomness/stored.ts"
import { type Root, rootFrom } from "../../../../actors/party/root.ts"
import { type Stretch, stretchesOf } from "../../../../actors/party/stretches.ts"
import { batchOrder } from "../../../../protocol/learning/order.ts"
import { trainingPlan } from "../../../../protocol/learning/plan.ts"
import { memoryStore, Stable, Store } from "../../../../runtime/storage/store.ts"
import { makeHub } from "../../../../runtime/transport/memory.ts"
import { processOf } from "../../../support/on-a-hub.ts"

const key = (fill: number) => new Uint8Array(16).fill(fill)
const network = { inputs: 3, layers: [{ units: 1, activation: "identity" as const }] }
const settings = { network, rows: 64, batch: 8, epochs: 6, learningRate: 0.25, fractionalBits: 20 }
const dealtFor: DealtFor = {
  plan: trainingPlan(settings),
  orderKey: key(1),
  prgKey: Redacted.make(key(2))
}
const { plan } = dealtFor
const root = rootFrom(new Uint8Array(32).fill(7))
const request: SupplyRequest = {
  ...{ session: 1, plan, order: batchOrder(plan, dealtFor.orderKey) },
  stretches: stretchesOf(plan, 0)
}
const bytesOf = ({ first, last }: Stretch) => new Uint8Array(100).fill(first + last)

/** Deals bytes that tell the stretch, and counts the stretches. */
const counting = () => {
  const dealt: Array<Stretch> = []
  const provider: RandomnessProvider = {
    prgKey: dealtFor.prgKey,
    supply: ({ stretches }) => {
      const left = [...stretches]
      const next = Effect.sync(() => {
        dealt.push(left[0]!)
        return bytesOf(left.shift()!)
      })
      return Effect.succeed({ next, release: (bytes) => bytes?.fill(0) })
    }
  }
  return { dealt, provider }
}

/** The storage of a C1, and a process that has it. */
const cloud1 = Effect.gen(function* () {
  const [left, stable] = [memoryStore(), memoryStore()]
  const context = yield* processOf(makeHub(), "cloud1", stable)
  const opened = (of: DealtFor, key: Root = root) =>
    stretchStore(key, of).pipe(
      Effect.provideService(Store, left),
      Effect.provideService(Stable, stable),
      Effect.provide(context)
    )
  return { left, context, opened }
})

describe("a store of corrections", () => {
  it.scoped("is filled once, however often the dealing begins, and supplies what was dealt", () =>
    Effect.gen(function* () {
      const { left, context, opened } = yield* cloud1
      const store = yield* opened(dealtFor)
      const { dealt, provider } = counting()
      const { stretches } = request
      yield* dealAhead(provider, store, { ...request, stretches: stretches.slice(0, 2) }).pipe(
        Effect.provide(context)
      )
      yield* dealAhead(provider, yield* opened(dealtFor), request).pipe(Effect.provide(context))
      expect(dealt).toEqual(stretches)
      expect((yield* left.list).filter(isDealt)).toHaveLength(stretches.length)
      const { supply } = randomnessFromStore(yield* opened(dealtFor), dealtFor.prgKey)
      const { next } = yield* supply({ ...request, stretches: stretches.slice(1) }).pipe(
        Effect.provide(context)
      )
      for (const stretch of stretches.slice(1)) expect(yield* next).toEqual(bytesOf(stretch))
    })
  )

  it.scoped("serves no other rows, plan, order or key", () =>
    Effect.gen(function* () {
      const { opened } = yield* cloud1
      yield* opened(dealtFor)
      const others: ReadonlyArray<readonly [what: string, change: Partial<DealtFor>]> = [
        ["number of rows", { plan: trainingPlan({ ...settings, rows: 65 }) }],
        ["plan", { plan: trainingPlan({ ...settings, learningRate: 0.125 }) }],
        ["order of the batches", { orderKey: key(3) }],
        ["key of the masks", { prgKey: Redacted.make(key(3)) }]
      ]
      for (const [what, change] of others) {
        const { message } = yield* Effect.flip(opened({ ...dealtFor, ...change }))
        expect(message).toBe(
          `The corrections that cloud1 has stored are for another ${what} than this training has; put back what the run began with, or start a new run`
        )
      }
    })
  )

  it.scoped("gives nothing that is cut, erased, in another's place, or under another root", () =>
    Effect.gen(function* () {
      const { left, opened } = yield* cloud1
      const store = yield* opened(dealtFor)
      const [first, second] = request.stretches as [Stretch, Stretch]
      for (const each of [first, second]) yield* store.put(each, bytesOf(each))
      const names = (yield* left.list).filter(isDealt)
      const sealed = yield* Effect.forEach(names, (name) => Effect.flatMap(left.get(name), (x) => x))
      const unreadable = { _tag: "StretchUnreadable", ...first }
      const other = yield* opened(dealtFor, rootFrom(new Uint8Array(32).fill(8)))
      expect(yield* Effect.flip(other.get(first))).toMatchObject(unreadable)
      yield* left.put(names[0]!, sealed[0]!.slice(0, -1))
      expect(yield* Effect.flip(store.get(first))).toMatchObject(unreadable)
      yield* left.put(names[0]!, sealed[1]!)
      expect(yield* Effect.flip(store.get(first))).toMatchObject(unreadable)
      yield* left.erase(names[0]!)
      expect(yield* Effect.flip(store.get(first))).toMatchObject({ _tag: "StretchMissing", ...first })
      expect(yield* store.get(second)).toEqual(bytesOf(second))
    })
  )
})
