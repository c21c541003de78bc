/**
 * Corrections that C1 stores before the training: a stretch of steps an entry of what it leaves behind, sealed under a
 * key that follows from its root. They serve the plan, the rows, the order and the key that they were dealt for, and are
 * erased with the rest at the end of the run.
 */
import { createHash } from "node:crypto"
import { Data, Effect, Option, Redacted } from "effect"
import { derive } from "../../../protocol/aead.ts"
import {
  openingStretch,
  type StretchName,
  type StretchUnreadable,
  sealStretch
} from "../../../protocol/dealing/sealed.ts"
import { rowsOpened, type TrainingPlan } from "../../../protocol/learning/plan.ts"
import type { MalformedMessage } from "../../../protocol/messages/codec.ts"
import { Count, format } from "../../../protocol/messages/message.ts"
import { Schema } from "../../../protocol/schema.ts"
import { Party } from "../../../runtime/messaging/contract.ts"
import { type Stable, Store, type StoreError } from "../../../runtime/storage/store.ts"
import { remembered } from "../../party/once.ts"
import type { Root } from "../../party/root.ts"
import type { Stretch } from "../../party/stretches.ts"
import { inTurns } from "../../party/yield-turn.ts"

/** What corrections are dealt for. */
export interface DealtFor {
  readonly plan: TrainingPlan
  readonly orderKey: Uint8Array
  /** k_1. */
  readonly prgKey: Redacted.Redacted<Uint8Array>
}

/** The entry of C1's store that a stretch is in. */
const entryOf = ({ first }: Pick<Stretch, "first">): string => `dealt-${first}`

/** Whether an entry of C1's store is of corrections. */
export const isDealt = (name: string): boolean => /^dealt-\d+$/.test(name)

/** The stored corrections were dealt for something else. With them the masks of one thing would cover another. */
export class DealtForOther extends Data.TaggedError("DealtForOther")<{
  readonly party: string
  readonly what: string
}> {
  readonly retryable = false
  override get message(): string {
    return `The corrections that ${this.party} has stored are for another ${this.what} than this training has; put back what the run began with, or start a new run`
  }
}

/** Corrections that nobody deals any more are not there. */
export class StretchMissing extends Data.TaggedError("StretchMissing")<Stretch & { readonly party: string }> {
  readonly retryable = false
  override get message(): string {
    return `${this.party} has no corrections of steps ${this.first} to ${this.last}, and nobody deals them any more; put back what ${this.party} had stored, or start a new run`
  }
}

/** What may be wrong with stored corrections. */
export type StoredDealingError =
  | DealtForOther
  | StretchMissing
  | StretchUnreadable
  | StoreError
  | MalformedMessage

/** Digests, so that what is recorded opens nothing. */
const DealtForRecord = format(
  "what corrections are stored for",
  Schema.Struct({ rows: Count, plan: Schema.String, order: Schema.String, key: Schema.String })
)
type DealtForRecord = Effect.Effect.Success<ReturnType<typeof DealtForRecord.decode>>

const digest = (bytes: string | Uint8Array): string => createHash("sha256").update(bytes).digest("hex")
const marked = (key: Uint8Array, what: string): string =>
  digest(derive(key, "", `bicameral mark of a ${what}`, 32))

const recordOf = ({ plan, orderKey, prgKey }: DealtFor): DealtForRecord => ({
  rows: rowsOpened(plan),
  plan: digest(JSON.stringify(plan)),
  order: marked(orderKey, "batch order"),
  key: marked(Redacted.value(prgKey), "key of the masks")
})

const named: Readonly<Record<keyof DealtForRecord, string>> = {
  rows: "number of rows",
  plan: "plan",
  order: "order of the batches",
  key: "key of the masks"
}

/** The corrections of a run at C1. */
export interface StretchStore {
  /** Those of the stretches that are not there. */
  readonly missing: (stretches: ReadonlyArray<Stretch>) => Effect.Effect<ReadonlyArray<Stretch>, StoreError>
  readonly put: (stretch: Stretch, corrections: Uint8Array) => Effect.Effect<void, StoreError>
  readonly get: (
    stretch: Stretch
  ) => Effect.Effect<Uint8Array, StoreError | StretchUnreadable | StretchMissing>
}

/** Opens the store for a training. The first one fixes what its corrections are for; any other is refused. */
export const stretchStore = (
  root: Root,
  dealtFor: DealtFor
): Effect.Effect<StretchStore, DealtForOther | StoreError | MalformedMessage, Party | Stable | Store> =>
  Effect.gen(function* () {
    const { name: party, run } = yield* Party
    const store = yield* Store
    const own = recordOf(dealtFor)
    const first = yield* remembered("dealt-for", DealtForRecord, Effect.succeed(own))
    for (const each of ["rows", "plan", "order", "key"] as const)
      if (first[each] !== own[each]) return yield* new DealtForOther({ party, what: named[each] })
    const key = root("dealt")
    const nameOf = ({ first, last }: Stretch): StretchName => ({
      ...{ run, first, last },
      dealtFor: digest(JSON.stringify([own.rows, own.plan, own.order, own.key]))
    })
    return {
      missing: (stretches) =>
        Effect.map(store.list, (names) => {
          const stored = new Set(names)
          return stretches.filter((stretch) => !stored.has(entryOf(stretch)))
        }),
      put: (stretch, corrections) =>
        Effect.suspend(() => store.put(entryOf(stretch), sealStretch(key, nameOf(stretch), corrections))),
      get: (stretch) =>
        Effect.gen(function* () {
          const sealed = yield* store.get(entryOf(stretch))
          if (Option.isNone(sealed)) return yield* new StretchMissing({ ...stretch, party })
          return yield* yield* inTurns(openingStretch(key, nameOf(stretch), sealed.value))
        })
    }
  })
