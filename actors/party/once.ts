/**
 * What a party does once in a run, however often it is asked to and however often it dies meanwhile. What came of it is in stable
 * storage before anybody is told; who asks while it is under way waits for the same; after a crash or an error it is
 * taken up again. Whoever takes it up again must come to what others have seen already: see `root.ts`.
 */
import { Deferred, Effect, type Exit, Option } from "effect"
import type { MalformedMessage } from "../../protocol/messages/codec.ts"
import { Stable, type StoreError, StoreFailed } from "../../runtime/storage/store.ts"

/** How something is kept: a `Format`, or what takes more to be there again. */
export interface Keeping<A, E, R> {
  readonly encode: (value: A) => Effect.Effect<Uint8Array, MalformedMessage>
  readonly decode: (bytes: Uint8Array) => Effect.Effect<A, E, R>
}

export interface Once<A, E, R> {
  /** Does it, or waits for who does, or gives what an earlier process has kept. */
  readonly done: Effect.Effect<A, E | StoreError | MalformedMessage, R>
  /** Completed once it is done; at the start already, if it was done before. */
  readonly outcome: Deferred.Deferred<A>
}

/** `name` is that of the entry in stable storage; `work` may be begun again and again, never twice at a time. */
export const once = <A, E1, R1, E, R>(
  name: string,
  keeping: Keeping<A, E1, R1>,
  work: Effect.Effect<A, E, R>
): Effect.Effect<Once<A, E, R>, E1 | StoreError, Stable | R1> =>
  Effect.gen(function* () {
    const stable = yield* Stable
    const outcome = yield* Deferred.make<A>()
    const kept = yield* stable.get(name)
    if (Option.isSome(kept)) yield* Deferred.succeed(outcome, yield* keeping.decode(kept.value))
    type Failure = E | StoreError | MalformedMessage
    let underWay: Deferred.Deferred<A, Failure> | undefined
    const attempt = Effect.tap(work, (value) =>
      Effect.flatMap(keeping.encode(value), (bytes) =>
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

/** The same, done at once. */
export const remembered = <A, E1, R1, E, R>(
  name: string,
  keeping: Keeping<A, E1, R1>,
  work: Effect.Effect<A, E, R>
): Effect.Effect<A, E | E1 | StoreError | MalformedMessage, Stable | R | R1> =>
  Effect.flatMap(once(name, keeping, work), ({ done }) => done)

/** What is known to have been kept; that it is gone is an error. */
export const recalled = <A, E, R>(
  name: string,
  keeping: Keeping<A, E, R>
): Effect.Effect<A, E | StoreError, Stable | R> =>
  Effect.gen(function* () {
    const stable = yield* Stable
    const kept = yield* stable.get(name)
    if (Option.isNone(kept))
      return yield* new StoreFailed({ operation: "read", place: name, reason: "it is not there any more" })
    return yield* keeping.decode(kept.value)
  })
