/**
 * One value from each of several parties, in whatever order they come: declarations and partial decryptions among the
 * users, uploads at a cloud. What is acknowledged is kept, since its sender will not send it again. Waiting for the rest has a
 * deadline, and the error names who has not sent.
 */
import { Data, Deferred, Effect, Option } from "effect"
import type { MalformedMessage } from "../../protocol/messages/codec.ts"
import { within } from "../../runtime/deadline.ts"
import { Stable, type StoreError } from "../../runtime/storage/store.ts"
import type { Keeping } from "./once.ts"

/** Not everybody sent what was due. */
export class StillMissing extends Data.TaggedError("StillMissing")<{
  readonly what: string
  readonly parties: ReadonlyArray<string>
  readonly waitedMs: number
}> {
  readonly retryable = true
  override get message(): string {
    return `${this.parties.join(", ")} did not send ${this.what} within ${this.waitedMs} ms; see that they run and reach the broker`
  }
}

/** A party that has no part in this sent something, or sent it twice with another content. */
export class NotExpected extends Data.TaggedError("NotExpected")<{
  readonly what: string
  readonly party: string
}> {
  readonly retryable = false
  override get message(): string {
    return `${this.party} sent ${this.what}, which is not its to send; start every party with the same scenario`
  }
}

export interface Gathering<A> {
  /** What a party sent, in stable storage when this returns; a later value of the same party replaces the earlier. */
  readonly put: (party: string, value: A) => Effect.Effect<void, NotExpected | StoreError | MalformedMessage>
  /** What this party has sent, if anything. */
  readonly of: (party: string) => Option.Option<A>
  /** All values, once they are there, in the order of the parties. */
  readonly all: (deadlineMs: number) => Effect.Effect<ReadonlyArray<A>, StillMissing>
}

/**
 * Gathers one value from each of `parties`, those of an earlier process included. `what` says in errors what is gathered,
 * `name` begins the names of the entries in stable storage.
 */
export const gather = <A, E, R>(
  what: string,
  parties: ReadonlyArray<string>,
  name: string,
  keeping: Keeping<A, E, R>
): Effect.Effect<Gathering<A>, E | StoreError, Stable | R> =>
  Effect.gen(function* () {
    const stable = yield* Stable
    const entry = (party: string) => `${name}-${party}`
    const values = new Map<string, A>()
    for (const party of parties) {
      const kept = yield* stable.get(entry(party))
      if (Option.isSome(kept)) values.set(party, yield* keeping.decode(kept.value))
    }
    const complete = yield* Deferred.make<void>()
    const ifComplete = Effect.suspend(() =>
      values.size === parties.length ? Effect.asVoid(Deferred.succeed(complete, undefined)) : Effect.void
    )
    yield* ifComplete
    return {
      put: (party, value) =>
        Effect.gen(function* () {
          if (!parties.includes(party)) return yield* new NotExpected({ what, party })
          yield* stable.put(entry(party), yield* keeping.encode(value))
          values.set(party, value)
          yield* ifComplete
        }),
      of: (party) => Option.fromNullable(values.get(party)),
      all: (deadlineMs) =>
        Deferred.await(complete).pipe(
          within(
            deadlineMs,
            () =>
              new StillMissing({
                what,
                parties: parties.filter((party) => !values.has(party)),
                waitedMs: deadlineMs
              })
          ),
          Effect.map(() => parties.map((party) => values.get(party)!))
        )
    }
  })
