/** C1 of a run in which the KGC deals ahead: it fetches the corrections of all steps, and trains with what it has stored. */
import { type Deferred, Effect, type Redacted } from "effect"
import { batchOrder } from "../../protocol/learning/order.ts"
import { DealAhead } from "../../protocol/messages/control.ts"
import { format } from "../../protocol/messages/message.ts"
import { Schema } from "../../protocol/schema.ts"
import { type Agreement, planOf } from "../party/agreement.ts"
import { onDirector } from "../party/handlers.ts"
import { once } from "../party/once.ts"
import { reached } from "../party/prerequisites.ts"
import type { Root } from "../party/root.ts"
import { stretchesOf } from "../party/stretches.ts"
import { randomnessFromKgc } from "./randomness/from-kgc.ts"
import { dealAhead, randomnessFromStore } from "./randomness/from-store.ts"
import { stretchStore } from "./randomness/stored.ts"
import type { CredentialsFor } from "./setup/credentials.ts"
import type { TableOutline } from "./transformation/joint-table.ts"

const what = "deal ahead"

/** In stable storage once all is dealt ahead. */
export const dealtAheadEntry = "dealt-ahead"
export const dealtAheadFormat = format("end of the dealing", Schema.Struct({}))

/** The request to deal ahead, and what a training is supplied from once that is done. */
export const dealingAhead = (from: {
  readonly agreement: Agreement
  readonly credentials: CredentialsFor
  readonly transformation: { readonly outcome: Deferred.Deferred<TableOutline> }
  readonly root: Root
}) =>
  Effect.gen(function* () {
    const { agreement, credentials, root, transformation } = from
    const opened = Effect.gen(function* () {
      const { membership, prgKey } = yield* credentials(what)
      const { rows } = yield* reached(transformation.outcome, what, "the data were transformed")
      const plan = planOf(agreement, rows)
      const { orderKey } = membership
      return { plan, orderKey, prgKey, store: yield* stretchStore(root, { plan, orderKey, prgKey }) }
    })
    const dealt = yield* once(
      dealtAheadEntry,
      dealtAheadFormat,
      Effect.gen(function* () {
        const { plan, orderKey, prgKey, store } = yield* opened
        const order = batchOrder(plan, orderKey)
        const request = { session: 1, plan, order, stretches: stretchesOf(plan, 0) }
        yield* dealAhead(randomnessFromKgc(agreement, 1, prgKey), store, request)
        return {}
      })
    )
    return {
      handlers: [onDirector(DealAhead, () => dealt.done)],
      randomness: (prgKey: Redacted.Redacted<Uint8Array>) =>
        Effect.gen(function* () {
          yield* reached(dealt.outcome, "train", "it had stored the corrections of all steps")
          const { store } = yield* opened
          return randomnessFromStore(store, prgKey)
        })
    }
  })
