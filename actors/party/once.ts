/**
 * Work that a party does once in a run, no matter how often it is asked for or how often the party crashes.
 * The result is persisted before anyone is notified; concurrent callers await the same result; after a crash
 * or an error the work starts again. Repeated work must give what other parties have already seen: see
 * `root.ts`.
 */
import { Deferred, Effect, type Exit, Option } from "effect"
import type { MalformedMessage } from "../../protocol/messages/codec.ts"
import { Stable, type StoreError, StoreFailed, type StoreService } from "../../runtime/storage/store.ts"

/** How a value is stored: a `Format`, or one whose decoding can fail in other ways. */
export interface StorageFormat<A, E, R> {
  readonly encode: (value: A) => Effect.Effect<Uint8Array, MalformedMessage>
  readonly decode: (bytes: Uint8Array) => Effect.Effect<A, E, R>
}

export interface Once<A, E, R> {
  /** Does the work, joins the attempt under way, or returns the stored result. */
  readonly done: Effect.Effect<A, E | StoreError | MalformedMessage, R>
  /** Completed once the work is done; from the start if an earlier process did it. */
  readonly outcome: Deferred.Deferred<A>
}

/**
 * `name` is the entry in stable storage; `work` may be attempted several times, but never twice at a time.
 */
export const once = <A, E1, R1, E, R>(
  name: string,
  format: StorageFormat<A, E1, R1>,
  work: Effect.Effect<A, E, R>
): Effect.Effect<Once<A, E, R>, E1 | StoreError, Stable | R1> =>
  Effect.gen(function* () {
    const stable = yield* Stable
    const outcome = yield* Deferred.make<A>()
    const stored = yield* stable.get(name)
    if (Option.isSome(stored)) yield* Deferred.succeed(outcome, yield* format.decode(stored.value))
    type Failure = E | StoreError | MalformedMessage
    let underWay: Deferred.Deferred<A, Failure> | undefined
    const attempt = Effect.tap(work, (value) =>
      Effect.flatMap(format.encode(value), (bytes) =>
        Effect.zipRight(stable.put(name, bytes), Deferred.succeed(outcome, value))
      )
    )
    const done = Effect.gen(function* () {
      if (yield* Deferred.isDone(outcome)) return yield* Deferred.await(outcome)
      if (underWay !== undefined) return yield* Deferred.await(underWay)
      const mine = yield* Deferred.make<A, Failure>()
      underWay = mine
      const finish = (exit: Exit.Exit<A, Failure>) =>
        Effect.suspend(() => {
          underWay = undefined
          return Deferred.done(mine, exit)
        })
      return yield* Effect.onExit(attempt, finish)
    })
    return { done, outcome }
  })

/** The stored value; where there is none yet, the result of `work`, stored before it is returned. */
export const remembered = <A, E1, R1, E, R>(
  name: string,
  format: StorageFormat<A, E1, R1>,
  work: Effect.Effect<A, E, R>
): Effect.Effect<A, E | E1 | StoreError | MalformedMessage, Stable | R | R1> =>
  Effect.flatMap(once(name, format, work), ({ done }) => done)

/** A value that is known to have been stored; it is an error if it is gone. */
export const recalled = <A, E, R>(
  name: string,
  format: StorageFormat<A, E, R>
): Effect.Effect<A, E | StoreError, Stable | R> =>
  Effect.flatMap(Stable, (stable) => Effect.flatMap(existing(stable, name), format.decode))

/** The bytes of an entry that is known to have been stored. */
export const existing = (store: StoreService, name: string): Effect.Effect<Uint8Array, StoreError> =>
  Effect.flatMap(
    store.get(name),
    Option.match({
      onNone: () => new StoreFailed({ operation: "read", place: name, reason: "it is no longer there" }),
      onSome: Effect.succeed
    })
  )
