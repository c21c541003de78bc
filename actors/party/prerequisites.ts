/** What a party needs from an earlier phase, and the refusal of a request that comes too early. */
import { Data, Deferred, Effect, Option } from "effect"
import { within } from "../../runtime/deadline.ts"
import { Party } from "../../runtime/messaging/contract.ts"

/** The request needs an earlier phase to be over. */
export class TooEarly extends Data.TaggedError("TooEarly")<{
  readonly party: string
  readonly what: string
  readonly before: string
}> {
  readonly retryable = false
  override get message(): string {
    return `${this.party} was asked to ${this.what} before ${this.before}`
  }
}

/** The result of an earlier phase; fails if there is none yet. */
export const reached = <A, E>(result: Deferred.Deferred<A, E>, what: string, before: string) =>
  Effect.gen(function* () {
    const { name: party } = yield* Party
    const known = yield* Deferred.poll(result)
    return yield* Option.isSome(known) ? known.value : new TooEarly({ party, what, before })
  })

/** The same, but waits: the sender may have learned of the phase before this party did. */
export const awaited = <A, E>(
  result: Deferred.Deferred<A, E>,
  what: string,
  before: string,
  timeoutMs: number
) =>
  Effect.flatMap(Party, ({ name: party }) =>
    Deferred.await(result).pipe(within(timeoutMs, () => new TooEarly({ party, what, before })))
  )
