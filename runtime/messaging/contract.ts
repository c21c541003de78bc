/**
 * The contract of an actor with the runtime: `Party`, which names the actor in a run and reaches every other
 * actor, and the errors that end a wait. `party.ts` holds the layer that implements it over any transport.
 */
import { Context, Data, Effect, type Scope } from "effect"
import type { MalformedMessage } from "../../protocol/messages/codec.ts"
import type { Ask, Tell } from "../../protocol/messages/message.ts"
import type { TransportError, TransportStatus } from "../transport/transport.ts"

export interface AskOptions {
  /** Time to wait for the reply in all, including repetitions of the request. */
  readonly deadlineMs: number
  /** The phase of the run, for the error that ends the wait. */
  readonly phase?: string
}

/** Bytes on the wire, envelopes and seals included, and the messages that carried them, since the party started. */
export interface PeerTraffic {
  readonly direction: "sent" | "received"
  readonly peer: string
  /** The message's tag; `round:<phase>` for rounds, `nack:<phase>` for requests to repeat one. */
  readonly tag: string
  readonly messages: number
  readonly bytes: number
}

/** A piece of a round. The peer's in its place has as many bytes, or `receives`. */
export interface RoundPiece {
  (): Uint8Array
  readonly receives?: number
  /** Called once, and awaited before any piece of the round is read. */
  readonly prepared?: () => Promise<void>
}

/**
 * A computation in rounds. It yields this party's part of a round, in pieces that are read and copied before
 * it resumes, and is resumed with the peer's part, cut likewise. The peer's part must not be used after the
 * next yield.
 */
export type Computation<A> = Generator<ReadonlyArray<RoundPiece>, A, ReadonlyArray<Uint8Array>>

/** The result of a computation, the number of rounds it took, and how long it waited for the peer in them. */
export interface Driven<A> {
  readonly value: A
  readonly rounds: number
  readonly waitedMs: number
}

/** Symmetric numbered exchanges with one peer. One fiber at a time may use it. */
export interface Rounds {
  /**
   * Runs a computation to its end. Its rounds are numbered from `first`, and the numbers of a later call
   * follow those of the call before. What is sent is kept until the peer's next round shows that it has
   * arrived; a missing round is requested again. An exception of the computation is a defect.
   */
  readonly drive: <A>(first: number, computation: Computation<A>) => Effect.Effect<Driven<A>, RoundError>
}

/** One round: sends the payload and waits for the peer's, which is returned in memory of its own. */
export const exchange = (
  rounds: Rounds,
  round: number,
  payload: Uint8Array
): Effect.Effect<Uint8Array, RoundError> =>
  Effect.map(
    rounds.drive(
      round,
      (function* (): Computation<Uint8Array> {
        return new Uint8Array((yield [() => payload])[0]!)
      })()
    ),
    ({ value }) => value
  )

export class Party extends Context.Tag("runtime/Party")<
  Party,
  {
    readonly name: string
    readonly run: string
    /**
     * Sends a request and waits for its reply. Delivery is at least once: the request is repeated under the
     * same id, with growing jittered pauses, until the reply or the deadline, and the receiver acts on an id
     * once.
     *
     * Any member of a group may answer a request to it. Members that have answered before are asked by name,
     * the least busy first, and the group if none is known. A member that no longer reports that it is at
     * work is taken for dead, and the group is asked again.
     *
     * A payload that its own schema refuses is a defect.
     */
    readonly ask: <A, R>(
      to: string,
      message: Ask<A, R>,
      payload: A,
      options: AskOptions
    ) => Effect.Effect<R, AskError>
    /** Sends a message once. It may be lost with the broker, so what must arrive is an `ask`. */
    readonly tell: <A>(to: string, message: Tell<A>, payload: A) => Effect.Effect<void, TransportError>
    /**
     * Answers messages until the scope ends. Earlier messages wait in the bounded mailbox. Handlers run
     * concurrently (bounded); a failure or defect of one becomes the asker's `RemoteFailure` and ends nothing
     * else. A tag without a handler is refused, so all handlers of an actor are passed in one call.
     */
    readonly serve: <H extends Handler<unknown, unknown>>(
      handlers: ReadonlyArray<H>
    ) => Effect.Effect<void, never, EnvironmentOf<H> | Scope.Scope>
    /**
     * Also answers, until the scope ends, requests to a group of its process group, such as `kgc.deal`. Each
     * request goes to one of the members that have joined. Retries may reach another member, so handlers must
     * be idempotent.
     */
    readonly joinGroup: (group: string) => Effect.Effect<void, TransportError, Scope.Scope>
    /**
     * Tells peers that this party has begun to answer and knows no earlier request, so that they repeat their
     * open requests now and not after the next pause.
     */
    readonly announce: (peers: ReadonlyArray<string>) => Effect.Effect<void, TransportError>
    /**
     * The exchanges of a phase with a peer that opens the same phase. What the peer sends before is kept
     * (bounded). A round may take `deadlineMs`; the first, for which the peer may not be ready, `firstMs`,
     * which is the same by default.
     */
    readonly rounds: (
      peer: string,
      phase: string,
      options?: { readonly deadlineMs?: number; readonly firstMs?: number }
    ) => Effect.Effect<Rounds, never, Scope.Scope>
    readonly traffic: Effect.Effect<ReadonlyArray<PeerTraffic>>
  }
>() {}

/** The services that the handlers of an actor need, all together. */
export type EnvironmentOf<H> = H extends Handler<unknown, infer Env> ? Env : never

/**
 * Memory of the given size for an answer that consists of bytes: an answer written there, in full, is sent
 * without a copy. It serves the answer to this request only and must not be used after the answer is
 * returned.
 */
export type AnswerRoom = (bytes: number) => Uint8Array

/** A message and its handler in an actor; made with `on`. */
export interface Handler<E, Env> {
  readonly tag: string
  readonly kind: "ask" | "tell"
  /**
   * Decodes, handles and encodes; fails with the handler's error or `MalformedMessage`. A tell is answered
   * with no bytes.
   */
  readonly handle: (
    payload: Uint8Array,
    from: string,
    room: AnswerRoom
  ) => Effect.Effect<Uint8Array, E | MalformedMessage, Env>
  /** Whether the bytes of an answer are freed once they have been copied into frames. */
  readonly freesAnswer: boolean
  /** It only waits, so it does not count among the handlers that may run at a time. */
  readonly waits?: boolean
}

/**
 * The handler of a message: `handler` gets the checked payload and the sender, for whose name the broker
 * vouches.
 */
export const on: {
  <A, R, E, Env>(
    message: Ask<A, R>,
    handler: (payload: A, from: string, room: AnswerRoom) => Effect.Effect<R, E, Env>
  ): Handler<E, Env>
  <A, E, Env>(
    message: Tell<A>,
    handler: (payload: A, from: string) => Effect.Effect<void, E, Env>
  ): Handler<E, Env>
} = <A, R, E, Env>(
  message: Ask<A, R> | Tell<A>,
  handler: (payload: A, from: string, room: AnswerRoom) => Effect.Effect<R, E, Env>
): Handler<E, Env> => ({
  tag: message.tag,
  kind: message.kind,
  freesAnswer: message.kind === "ask" && message.reply.ownBuffer === true,
  handle: (bytes, from, room) =>
    Effect.flatMap(message.payload.decode(bytes), (payload) =>
      Effect.flatMap(handler(payload, from, room), (reply) =>
        message.kind === "ask" ? message.reply.encode(reply) : noBytes
      )
    )
})

const noBytes = Effect.succeed(new Uint8Array(0))

/** The reply did not come in time. */
export class DeadlineExceeded extends Data.TaggedError("DeadlineExceeded")<{
  readonly party: string
  /** The tag of the message that was not answered. */
  readonly request: string
  readonly phase: string | undefined
  readonly waitedMs: number
  /** Whether the party reported in the meantime that it is at work on the request. */
  readonly working: boolean
  /** For how long it has then left a poll unanswered; undefined if not for so long that it must be down. */
  readonly silentMs?: number | undefined
  /** The state of the connection to the broker when the wait ended. */
  readonly broker: TransportStatus
}> {
  readonly retryable = true
  override get message(): string {
    const phase = this.phase === undefined ? "" : ` in phase ${this.phase}`
    return `${this.party} did not answer ${this.request}${phase} within ${this.waitedMs} ms: ${remedy(this.party, this.broker, this.working, this.silentMs)}`
  }
}

/** The party answered that it failed, or that it refuses. */
export class RemoteFailure extends Data.TaggedError("RemoteFailure")<{
  readonly party: string
  readonly request: string
  /**
   * The party's own tagged error; `Defect` if its code broke, `MalformedMessage` if its message can't be
   * read.
   */
  readonly error: { readonly _tag: string; readonly message: string; readonly retryable: boolean }
}> {
  get retryable(): boolean {
    return this.error.retryable
  }
  override get message(): string {
    return `${this.party} failed at ${this.request}: ${this.error.message} (${this.error._tag})`
  }
}

/** The peer's part of a round did not come in time. */
export class RoundDeadlineExceeded extends Data.TaggedError("RoundDeadlineExceeded")<{
  readonly party: string
  readonly phase: string
  readonly round: number
  readonly waitedMs: number
  readonly broker: TransportStatus
}> {
  readonly retryable = true
  override get message(): string {
    return `${this.party} did not send round ${this.round} of phase ${this.phase} within ${this.waitedMs} ms: ${remedy(this.party, this.broker, false)}`
  }
}

const remedy = (party: string, broker: TransportStatus, working: boolean, silentMs?: number) => {
  if (broker !== "connected") return "the connection to the broker is lost, see that it runs"
  const look = `see that ${party} runs and reaches the broker`
  if (!working) return look
  if (silentMs === undefined) return "it is at work on it; allow it more time"
  return `it was at work on it, and has been silent for ${Math.round(silentMs / 1000)} s; ${look}`
}

export type AskError = DeadlineExceeded | RemoteFailure | TransportError
export type RoundError = RoundDeadlineExceeded | TransportError
