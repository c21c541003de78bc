/** What a party has once a phase is over, and the refusal of what is asked for before. */
import { Data, Deferred, Effect, Option } from "effect"
import { Party } from "../runtime/actor.ts"
import { within } from "../runtime/deadline.ts"

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

/** Asked to do again what may be done once in a run. */
export class OnlyOnce extends Data.TaggedError("OnlyOnce")<{
  readonly party: string
  readonly what: string
}> {
  readonly retryable = false
  override get message(): string {
    return `${this.party} was asked to ${this.what} although it had begun to before; start a new run`
  }
}

/** A phase that may begin once in a run: what it opens under a mask must never be opened under the same mask again. */
export interface SinglePhase {
  /** Begins it; fails from the second time on, also where the first has failed. */
  readonly begin: Effect.Effect<void, OnlyOnce>
  /** Fails once it has begun: for what must come before. `what` is what was asked for. */
  readonly before: (what: string) => Effect.Effect<void, OnlyOnce>
}

export const singlePhase = (what: string) =>
  Effect.map(Party, ({ name: party }): SinglePhase => {
    let begun = false
    const before = (asked: string) =>
      Effect.suspend(() => (begun ? new OnlyOnce({ party, what: asked }) : Effect.void))
    const begin = Effect.tap(before(what), () => {
      begun = true
    })
    return { begin, before }
  })

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
