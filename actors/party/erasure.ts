/**
 * The end of a run at a party: it erases what no result needs (keys of the run, roots, shares, checkpoints), and
 * says what stays. What is to be erased is recorded first, in the party's folder: a party that is killed meanwhile
 * finishes when it is started again, and never takes up a run of which it has lost a part. Whatever a file system
 * keeps of what was overwritten is under the state key, which is destroyed once nothing is stored under it.
 */
import { Data, Effect, Option } from "effect"
import type { Erase } from "../../protocol/messages/control.ts"
import { format } from "../../protocol/messages/message.ts"
import { Schema } from "../../protocol/schema.ts"
import { StateKey } from "../../runtime/storage/state-key.ts"
import { Stable, Store, type StoreService } from "../../runtime/storage/store.ts"

/** What of a party's storage outlives the run. The same at every start, so that erasing can be resumed. */
export interface Remains {
  /** What stays in the party's folder as it is, in words. */
  readonly kept: ReadonlyArray<string>
  /** What stays in stable storage, under the state key: by its entry, in words. */
  readonly sealed: Readonly<Record<string, string>>
  /** Whether an entry of what the party leaves behind is erased. */
  readonly erases: (name: string) => boolean
  /** Other stores of the party, of which nothing stays. */
  readonly others: ReadonlyArray<StoreService>
}

/** Nothing stays. */
export const nothing: Remains = { kept: [], sealed: {}, erases: () => false, others: [] }

/** What a party has erased and kept, for the director. */
export type Erased = Effect.Effect.Success<ReturnType<typeof Erase.reply.decode>>

/** The record of the end in the party's folder. */
export const endEntry = "ended"

const End = format(
  "end of a run",
  Schema.Struct({
    stage: Schema.Literal("erasing", "erased", "finished"),
    erased: Schema.Array(Schema.String),
    kept: Schema.Array(Schema.String),
    sealed: Schema.Array(Schema.String)
  })
)
type End = Effect.Effect.Success<ReturnType<typeof End.decode>>

/** How the run of this party's folder ended; nothing while it has not. */
const endOf = Effect.gen(function* () {
  const stored = yield* (yield* Store).get(endEntry)
  return Option.isNone(stored) ? Option.none<End>() : Option.some(yield* End.decode(stored.value))
})

const recordEnd = (end: End) =>
  Effect.gen(function* () {
    yield* (yield* Store).put(endEntry, yield* End.encode(end))
  })

/** Whether this party has erased what it stored, or begun to. */
export const hasEnded = Effect.map(endOf, Option.isSome)

/** The run of this folder is over: there is nothing to resume. */
export class RunEnded extends Data.TaggedError("RunEnded")<{
  readonly party: string
  readonly kept: ReadonlyArray<string>
}> {
  readonly retryable = false
  override get message(): string {
    const kept = this.kept.length === 0 ? "nothing" : this.kept.join(", ")
    return `the run of ${this.party} in this folder has ended, and what it stored is erased; kept: ${kept}. Start a new run under another name, in another folder`
  }
}

/** Fails where the director has let this party end. */
export const refuseFinished = (party: string) =>
  Effect.flatMap(endOf, (end) =>
    Option.isSome(end) && end.value.stage === "finished"
      ? new RunEnded({ party, kept: [...end.value.kept, ...end.value.sealed] })
      : Effect.void
  )

/** Records that the director has let the party end, if there is nothing left that it could resume. */
export const recordFinish = Effect.flatMap(
  endOf,
  Option.match({
    onNone: () => Effect.void,
    onSome: (end) => recordEnd({ ...end, stage: "finished" })
  })
)

/**
 * Erases all but the `remains`, once however often it is asked for. `preparing` stores those of them that are not
 * stored yet; it is not repeated once erasing has begun.
 */
export const erasing = <E, R>(remains: Remains, preparing: Effect.Effect<unknown, E, R>) => {
  const oneAtATime = Effect.unsafeMakeSemaphore(1)
  return Effect.gen(function* () {
    const before = yield* endOf
    if (Option.isSome(before) && before.value.stage !== "erasing") return repliesWith(before.value)
    if (Option.isNone(before)) yield* preparing
    const going = yield* toErase(remains)
    const { kept } = remains
    const sealed = Object.values(remains.sealed)
    const end = Option.getOrElse(
      before,
      (): End => ({ stage: "erasing", erased: kindsOf(going.map(({ name }) => name)), kept, sealed })
    )
    if (Option.isNone(before)) yield* recordEnd(end)
    for (const { store, name } of going) yield* store.erase(name)
    if (sealed.length === 0) yield* destroyStateKey
    yield* recordEnd({ ...end, stage: "erased" })
    return repliesWith(end)
  }).pipe(oneAtATime.withPermits(1), Effect.withSpan("erase"))
}

const repliesWith = ({ erased, kept, sealed }: End): Erased => ({ erased, kept, sealed })

/** Every entry that does not stay. */
const toErase = ({ sealed, erases, others }: Remains) =>
  Effect.gen(function* () {
    const of = (store: StoreService, goes: (name: string) => boolean) =>
      Effect.map(store.list, (names) => names.filter(goes).map((name) => ({ store, name })))
    const all = [
      of(yield* Stable, (name) => !Object.hasOwn(sealed, name)),
      of(yield* Store, erases),
      ...others.map((store) => of(store, () => true))
    ]
    return (yield* Effect.all(all)).flat()
  })

const destroyStateKey = Effect.gen(function* () {
  const holder = yield* StateKey
  if (Option.isNone(holder)) return
  yield* holder.value.destroy
  const { elsewhere } = holder.value
  if (elsewhere !== undefined)
    yield* Effect.logWarning("the state key is not this party's to destroy; destroy it").pipe(
      Effect.annotateLogs({ elsewhere })
    )
})

/** The names of entries without whose and which they are: `declaration` of `declaration-user2`. */
const kindsOf = (names: ReadonlyArray<string>): ReadonlyArray<string> =>
  [...new Set(names.map((name) => name.replace(/(-of)?(-(user\d+|cloud[01]|\d+))+$/, "")))].sort()
