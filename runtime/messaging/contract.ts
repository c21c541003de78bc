/**
 * What an actor is given: `Party`, its own name in a run and its ways to every other actor, and the errors that end a wait.
 * `party.ts` holds the layer that implements it over any transport.
 */
import { Context, Data, Effect, type Scope } from "effect"
import type { MalformedMessage } from "../../protocol/messages/codec.ts"
import type { Ask, Tell } from "../../protocol/messages/message.ts"
import type { TransportError, TransportStatus } from "../transport/transport.ts"

export interface AskOptions {
  /** How long to wait for the reply in all, re-sending in between. */
  readonly deadlineMs: number
  /** The phase of the run, for the error that ends the wait. */
  readonly phase?: string
}

/** Bytes on the wire, envelopes included, and messages that carried them, since the party started. */
export interface PeerTraffic {
  readonly direction: "sent" | "received"
  readonly peer: string
  /** The message's tag; `round:<phase>` for rounds, `nack:<phase>` for what asks for one again. */
  readonly tag: string
  readonly messages: number
  readonly bytes: number
}

/**
 * A computation in rounds: yields this party's part of a round, in pieces that are asked for and copied before it goes on, and is resumed with the
 * peer's part, cut to the same lengths, which it must have done with when it yields again.
 */
export type Computation<A> = Generator<ReadonlyArray<() => Uint8Array>, A, ReadonlyArray<Uint8Array>>

/** What a computation came to, and how many rounds it took. */
export interface Driven<A> {
  readonly value: A
  readonly rounds: number
}

/** Symmetric numbered exchanges with one peer. One fiber at a time may use it. */
export interface Rounds {
  /**
   * Runs a computation to its end, its rounds numbered from `first` on; each call's numbers follow on those before. What is sent is kept
   * until the peer shows, by its next round, that it has arrived; a round that stays out is asked for again. What the
   * computation throws is a defect.
   */
  readonly drive: <A>(first: number, computation: Computation<A>) => Effect.Effect<Driven<A>, RoundError>
}

/** One round: sends the payload and waits for the peer's, which is given in memory of its own. */
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
     * Sends a request and waits for its reply. Delivery is at least once: the same id is sent again, with growing jittered pauses,
     * until the reply or the deadline, and the receiver acts on an id once. Asked of a group, any of its house may answer: whoever has
     * answered before and has the fewest requests is asked by name, the group where nobody is known; who does not say
     * any more that it is at work is taken for dead, and the group is asked again. A payload that its own schema refuses is a defect.
     */
    readonly ask: <A, R>(
      to: string,
      message: Ask<A, R>,
      payload: A,
      options: AskOptions
    ) => Effect.Effect<R, AskError>
    /** Sends a message once; it may be lost with the broker, so what must arrive is an `ask`. */
    readonly tell: <A>(to: string, message: Tell<A>, payload: A) => Effect.Effect<void, TransportError>
    /**
     * Begins to answer, until the scope ends. Messages that came before wait in the bounded mailbox. Handlers run concurrently (bounded);
     * a failure or a defect of one becomes the asker's `RemoteFailure` and ends nothing else.
     * A tag that no handler of this actor serves is refused, so all handlers of an actor are given in one call.
     */
    readonly serve: <H extends Handler<unknown, unknown>>(
      handlers: ReadonlyArray<H>
    ) => Effect.Effect<void, never, EnvironmentOf<H> | Scope.Scope>
    /**
     * Answers also, until the scope ends, what is asked of a group of its house, such as `kgc.deal`: one of those who have joined gets each
     * request, and gets it again only by chance, so that it must not matter who answers or how often.
     */
    readonly joinGroup: (group: string) => Effect.Effect<void, TransportError, Scope.Scope>
    /**
     * Tells peers that this party has begun to answer and knows of no earlier request, so that what they asked of a process that
     * died, or too early, they ask again at once and not after their next pause.
     */
    readonly announce: (peers: ReadonlyArray<string>) => Effect.Effect<void, TransportError>
    /**
     * The exchanges of a phase with a peer, who opens the same phase. What the peer sends before is kept (bounded). A round may stay out for
     * `deadlineMs`; the first, for which the peer may not be ready yet, for `firstMs`, the same where that is left out.
     */
    readonly rounds: (
      peer: string,
      phase: string,
      options?: { readonly deadlineMs?: number; readonly firstMs?: number }
    ) => Effect.Effect<Rounds, never, Scope.Scope>
    readonly traffic: Effect.Effect<ReadonlyArray<PeerTraffic>>
  }
>() {}

/** What the handlers of an actor need, all together. */
export type EnvironmentOf<H> = H extends Handler<unknown, infer Env> ? Env : never

/**
 * Memory of so many bytes for an answer that is bytes as it is: written there, all of it, it is not copied when it is sent. It serves for the
 * answer to this request only, and is not to be read or written to after that is given: it is the frame's, and then another's.
 */
export type AnswerRoom = (bytes: number) => Uint8Array

/** A message and what an actor does on it; made with `on`. */
export interface Handler<E, Env> {
  readonly tag: string
  readonly kind: "ask" | "tell"
  /** Decodes, handles and encodes; fails with the handler's error or `MalformedMessage`. The bytes of a tell's answer are empty. */
  readonly handle: (
    payload: Uint8Array,
    from: string,
    room: AnswerRoom
  ) => Effect.Effect<Uint8Array, E | MalformedMessage, Env>
  /** Whether an answer's bytes are freed when they have been put in frames, unless they lie in one. */
  readonly freesAnswer: boolean
  /** It does nothing but wait, so it takes no place among the handlers that may run at once. */
  readonly waits?: boolean
}

/** What an actor does on a message: `handler` gets the checked payload and the sender, which the broker vouches for. */
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
  /** Whether the party said in the meantime that it is at work on the request. */
  readonly working: boolean
  /** The state of the connection to the broker when the wait ended. */
  readonly broker: TransportStatus
}> {
  readonly retryable = true
  override get message(): string {
    const phase = this.phase === undefined ? "" : ` in phase ${this.phase}`
    return `${this.party} did not answer ${this.request}${phase} within ${this.waitedMs} ms: ${remedy(this.party, this.broker, this.working)}`
  }
}

/** The party answered that it failed, or that it refuses. */
export class RemoteFailure extends Data.TaggedError("RemoteFailure")<{
  readonly party: string
  readonly request: string
  /** The party's own tagged error; `Defect` where its code broke, `MalformedMessage` where what it sent can't be read. */
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

const remedy = (party: string, broker: TransportStatus, working: boolean) =>
  broker !== "connected"
    ? "the connection to the broker is lost, see that it runs"
    : working
      ? "it is at work on it; allow it more time"
      : `see that ${party} runs and reaches the broker`

export type AskError = DeadlineExceeded | RemoteFailure | TransportError
export type RoundError = RoundDeadlineExceeded | TransportError
