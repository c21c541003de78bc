/**
 * One value from each of several parties, in any order: declarations and partial decryptions among the users,
 * C0's share of the model at C1. A value is stored before it is confirmed, because its sender will not send
 * it again. The wait for the rest has a deadline, and its error names who is missing.
 */
import { Data, Deferred, Effect, Option } from "effect"
import type { MalformedMessage } from "../../protocol/messages/codec.ts"
import { within } from "../../runtime/deadline.ts"
import { Stable, type StoreError } from "../../runtime/storage/store.ts"
import { NotExpected } from "./handlers.ts"
import type { StorageFormat } from "./once.ts"

/** Not everyone sent what was due. */
export class StillMissing extends Data.TaggedError("StillMissing")<{
  readonly what: string
  readonly parties: ReadonlyArray<string>
  readonly waitedMs: number
}> {
  readonly retryable = true
  override get message(): string {
    return `${this.parties.join(", ")} did not send ${this.what} within ${this.waitedMs} ms; check that they run and reach the broker`
  }
}

export interface Gathering<A> {
  /**
   * Takes a party's value; stored when this returns. A later value of the same party replaces the earlier
   * one.
   */
  readonly put: (party: string, value: A) => Effect.Effect<void, NotExpected | StoreError | MalformedMessage>
  /** The party's value, if it has sent one. */
  readonly of: (party: string) => Option.Option<A>
  /** Waits for all values, and returns them in the order of the parties. */
  readonly all: (deadlineMs: number) => Effect.Effect<ReadonlyArray<A>, StillMissing>
}

/**
 * Gathers one value from each of `parties`, including those that an earlier process stored. `what` names the
 * value in errors; `name` is the prefix of the entries in stable storage.
 */
export const gather = <A, E, R>(
  what: string,
  parties: ReadonlyArray<string>,
  name: string,
  format: StorageFormat<A, E, R>
): Effect.Effect<Gathering<A>, E | StoreError, Stable | R> =>
  Effect.gen(function* () {
    const stable = yield* Stable
    const entry = (party: string) => `${name}-${party}`
    const values = new Map<string, A>()
    for (const party of parties) {
      const stored = yield* stable.get(entry(party))
      if (Option.isSome(stored)) values.set(party, yield* format.decode(stored.value))
    }
    const complete = yield* Deferred.make<void>()
    const checkComplete = Effect.suspend(() =>
      values.size === parties.length ? Effect.asVoid(Deferred.succeed(complete, undefined)) : Effect.void
    )
    const missing = (waitedMs: number) =>
      new StillMissing({ what, parties: parties.filter((party) => !values.has(party)), waitedMs })
    yield* checkComplete
    return {
      put: (party, value) =>
        Effect.gen(function* () {
          if (!parties.includes(party)) return yield* new NotExpected({ what, party })
          yield* stable.put(entry(party), yield* format.encode(value))
          values.set(party, value)
          yield* checkComplete
        }),
      of: (party) => Option.fromNullable(values.get(party)),
      all: (deadlineMs) =>
        Deferred.await(complete).pipe(
          within(deadlineMs, () => missing(deadlineMs)),
          Effect.map(() => parties.map((party) => values.get(party)!))
        )
    }
  })
