/**
 * One value from each of several parties, in whatever order they come: declarations and partial decryptions among the
 * users, uploads at a cloud. Waiting for the rest has a deadline, and the error names who has not sent.
 */
import { Data, Deferred, Effect } from "effect"
import { within } from "../runtime/deadline.ts"

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
  /** What a party sent; a later value of the same party replaces the earlier. */
  readonly put: (party: string, value: A) => Effect.Effect<void, NotExpected>
  /** All values, once they are there, in the order of the parties. */
  readonly all: (deadlineMs: number) => Effect.Effect<ReadonlyArray<A>, StillMissing>
}

/** Gathers one value from each of `parties`. `what` says in errors what is gathered. */
export const gather = <A>(what: string, parties: ReadonlyArray<string>): Effect.Effect<Gathering<A>> =>
  Effect.gen(function* () {
    const values = new Map<string, A>()
    const complete = yield* Deferred.make<void>()
    if (parties.length === 0) yield* Deferred.succeed(complete, undefined)
    return {
      put: (party, value) =>
        Effect.gen(function* () {
          if (!parties.includes(party)) return yield* new NotExpected({ what, party })
          values.set(party, value)
          if (values.size === parties.length) yield* Deferred.succeed(complete, undefined)
        }),
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
