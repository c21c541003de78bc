/**
 * Handlers that state whom they serve. Anyone else is refused with an error that names the sender, which the
 * channel proves.
 */
import { Data, type Effect } from "effect"
import type { Ask } from "../../protocol/messages/message.ts"
import { actorOf } from "../../protocol/messages/subjects.ts"
import { type AnswerRoom, type Handler, on } from "../../runtime/messaging/contract.ts"

/** Only the director may ask for this. */
export class NotTheDirector extends Data.TaggedError("NotTheDirector")<{ readonly party: string }> {
  readonly retryable = false
  override get message(): string {
    return `${this.party} is not the director and cannot direct a run`
  }
}

/** A party sent what it has no part in, or sent something twice with different content. */
export class NotExpected extends Data.TaggedError("NotExpected")<{
  readonly what: string
  readonly party: string
}> {
  readonly retryable = false
  override get message(): string {
    return `${this.party} sent ${this.what}, which it may not send; start every party with the same scenario`
  }
}

type Serve<A, R, E, Env> = (payload: A, from: string, room: AnswerRoom) => Effect.Effect<R, E, Env>

/** Serves the director. */
export const onDirector = <A, R, E, Env>(
  message: Ask<A, R>,
  handler: (payload: A) => Effect.Effect<R, E, Env>
): Handler<E | NotTheDirector, Env> =>
  on<A, R, E | NotTheDirector, Env>(message, (payload, from) =>
    from === "director" ? handler(payload) : new NotTheDirector({ party: from })
  )

/** Serves one actor's main process, or those of several actors. */
export const onFrom = <A, R, E, Env>(
  senders: string | ReadonlyArray<string>,
  message: Ask<A, R>,
  handler: Serve<A, R, E, Env>
): Handler<E | NotExpected, Env> => {
  const served = [senders].flat()
  return serving(message, (from) => served.includes(from), handler)
}

/** Serves every process of an actor. */
export const onFromGroup = <A, R, E, Env>(
  actor: string,
  message: Ask<A, R>,
  handler: Serve<A, R, E, Env>
): Handler<E | NotExpected, Env> => serving(message, (from) => actorOf(from) === actor, handler)

/** Serves the workers and lanes of an actor. Its main process has no request for them that it answers itself. */
export const onMembers = <A, R, E, Env>(
  actor: string,
  message: Ask<A, R>,
  handler: Serve<A, R, E, Env>
): Handler<E | NotExpected, Env> =>
  serving(message, (from) => from !== actor && actorOf(from) === actor, handler)

const serving = <A, R, E, Env>(
  message: Ask<A, R>,
  serves: (from: string) => boolean,
  handler: Serve<A, R, E, Env>
) =>
  on<A, R, E | NotExpected, Env>(message, (payload, from, room) =>
    serves(from) ? handler(payload, from, room) : new NotExpected({ what: message.tag, party: from })
  )
