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
  /** Waits for the values of some parties, and returns those that are there at the deadline. */
  readonly arrived: (
    parties: ReadonlyArray<string>,
    deadlineMs: number
  ) => Effect.Effect<ReadonlyMap<string, A>>
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
    const arrivals = new Map<string, Deferred.Deferred<void>>()
    for (const party of parties) arrivals.set(party, yield* Deferred.make<void>())
    const arrive = (party: string) => Deferred.succeed(arrivals.get(party)!, undefined)
    yield* Effect.forEach(values.keys(), arrive, { discard: true })
    const allOf = (awaited: ReadonlyArray<string>, deadlineMs: number) => {
      const missing = () => awaited.filter((party) => !values.has(party))
      return Effect.forEach(awaited, (party) => Deferred.await(arrivals.get(party)!), { discard: true }).pipe(
        within(deadlineMs, () => new StillMissing({ what, parties: missing(), waitedMs: deadlineMs }))
      )
    }
    return {
      put: (party, value) =>
        Effect.gen(function* () {
          if (!parties.includes(party)) return yield* new NotExpected({ what, party })
          yield* stable.put(entry(party), yield* format.encode(value))
          values.set(party, value)
          yield* arrive(party)
        }),
      of: (party) => Option.fromNullable(values.get(party)),
      all: (deadlineMs) =>
        Effect.map(allOf(parties, deadlineMs), () => parties.map((party) => values.get(party)!)),
      arrived: (awaited, deadlineMs) =>
        Effect.map(
          Effect.ignore(allOf(awaited, deadlineMs)),
          () => new Map([...values].filter(([party]) => awaited.includes(party)))
        )
    }
  })
