/**
 * What clouds that deal for themselves are supplied with: what C1 has stored, and from there on what both deal beside the
 * training. They can deal all of it ahead, in a session that trains nothing.
 */
import { Effect, Redacted } from "effect"
import { batchOrder } from "../../../protocol/learning/order.ts"
import type { Party } from "../../../runtime/messaging/contract.ts"
import type { Stable, Store } from "../../../runtime/storage/store.ts"
import { type Agreement, planOf } from "../../party/agreement.ts"
import type { Root } from "../../party/root.ts"
import { stretchesOf } from "../../party/stretches.ts"
import { randomnessFromClouds } from "./from-clouds.ts"
import type { LaneDealer, RandomnessProvider, SupplyError } from "./provider.ts"
import { stretchStore } from "./stored.ts"

/** The dealing of two clouds ahead of their training. */
export interface DealingAhead {
  /** How many stretches of the plan, from the first, C1 has stored; at C0 none. */
  readonly dealt: Effect.Effect<number, SupplyError>
  /** Deals what follows them with the other cloud, which does the same in a session of this number; C1 stores it. */
  readonly deal: (session: AheadSession) => Effect.Effect<void, SupplyError>
}

/** A session in which the clouds only deal: its number, what C1 has stored, and the lanes that deal for this training. */
export interface AheadSession {
  readonly epoch: number
  readonly dealt: number
  readonly dealersFor: (training: LaneTraining) => ReadonlyArray<LaneDealer>
}

/** What a lane must know of a training to deal for it. `of` is the number of rows. */
interface LaneTraining {
  readonly step: number
  readonly of: number
  readonly prgKey: Uint8Array
  readonly orderKey: Uint8Array
}

/** What a training is supplied by; where the clouds deal, their dealing ahead. */
export interface Supplied {
  readonly randomness: RandomnessProvider
  readonly ahead?: DealingAhead
}

/** What the supply of a training depends on. */
export interface SuppliedFor {
  readonly prgKey: Redacted.Redacted<Uint8Array>
  readonly orderKey: Uint8Array
  /** Uploaded rows. */
  readonly rows: number
}

/** Randomness of a cloud from both clouds, and its dealing ahead. */
export const suppliedByClouds = (
  agreement: Agreement,
  cloud: 0 | 1,
  root: Root,
  { prgKey, orderKey, rows }: SuppliedFor
) =>
  Effect.gen(function* () {
    const services = yield* Effect.context<Party | Stable | Store>()
    const plan = planOf(agreement, rows)
    const order = batchOrder(plan, orderKey)
    const all = stretchesOf(plan, 0)
    const store = cloud === 0 ? undefined : yield* stretchStore(root, { plan, orderKey, prgKey })
    const randomness = randomnessFromClouds(agreement, cloud, prgKey, store?.get)
    const ahead: DealingAhead = {
      dealt:
        store === undefined
          ? Effect.succeed(0)
          : Effect.map(store.missing(all), ([first]) =>
              first === undefined ? all.length : all.indexOf(first)
            ),
      deal: ({ dealersFor, dealt, epoch }) =>
        Effect.gen(function* () {
          const stretches = all.slice(dealt)
          const dealers = dealersFor({ step: 0, of: rows, prgKey: Redacted.value(prgKey), orderKey })
          const { next } = yield* randomness.supply({ session: epoch, plan, order, stretches, dealers })
          for (const stretch of stretches) {
            const corrections = yield* next
            if (store !== undefined && corrections !== undefined) yield* store.put(stretch, corrections)
          }
        }).pipe(Effect.scoped, Effect.withSpan("cloud.dealAhead"), Effect.provide(services))
    }
    return { randomness, ahead }
  })
