/** What a party has once a phase is over, and the refusal of what is asked for before. */
import { Data, Deferred, Effect, Option } from "effect"
import { within } from "../../runtime/deadline.ts"
import { Party } from "../../runtime/messaging/contract.ts"

/** Asked for something that another phase must come before. */
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

/** What a phase left, if it is over. */
export const reached = <A, E>(result: Deferred.Deferred<A, E>, what: string, before: string) =>
  Effect.gen(function* () {
    const { name: party } = yield* Party
    const known = yield* Deferred.poll(result)
    return yield* Option.isSome(known) ? known.value : new TooEarly({ party, what, before })
  })

/** The same, waited for: the party that asks may have heard of the phase before this one. */
export const awaited = <A, E>(
  result: Deferred.Deferred<A, E>,
  what: string,
  before: string,
  timeoutMs: number
) =>
  Effect.flatMap(Party, ({ name: party }) =>
    Deferred.await(result).pipe(within(timeoutMs, () => new TooEarly({ party, what, before })))
  )
