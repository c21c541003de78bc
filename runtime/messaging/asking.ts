/**
 * The asking half of a party: sends requests, repeats them until they are answered or their deadline has
 * passed, and matches the answers. A request that is known to have arrived, or that is large, is not sent
 * whole again: the receiver is polled for its reply and says so if it does not know the request. A request to
 * a group goes to one of its known members (`group.ts`), and to the group where none is known or the member
 * that was asked falls silent.
 */
import { Effect, Either, Random } from "effect"
import { decode, type MalformedMessage } from "../../protocol/messages/codec.ts"
import { type Envelope, encodeEnvelope } from "../../protocol/messages/envelope.ts"
import type { Ask } from "../../protocol/messages/message.ts"
import { actorOf, isGroup, parseSubject } from "../../protocol/messages/subjects.ts"
import type { PermissionDenied, TransportError } from "../transport/transport.ts"
import { type AskError, type AskOptions, DeadlineExceeded, RemoteFailure } from "./contract.ts"
import { type Frames, framesOf, sizeOf } from "./framing.ts"
import { KnownMembers } from "./group.ts"
import { type Post, traceHeaders } from "./post.ts"
import type { Counter } from "./traffic.ts"

type Headers = Readonly<Record<string, string>>

export interface Asking {
  readonly ask: <A, R>(
    to: string,
    message: Ask<A, R>,
    payload: A,
    options: AskOptions
  ) => Effect.Effect<R, AskError>
  /** Takes a `reply`, `failure`, `working` or `unknown` from `from`. */
  readonly receive: (envelope: Envelope, from: string) => void
  /** The broker is there again: what was under way may be lost. */
  readonly reconnected: () => void
  readonly closed: (error: TransportError) => void
  readonly denied: (error: PermissionDenied) => void
  /** How many requests have no answer yet. */
  readonly open: () => number
}

/** What a request needs to be sent. */
interface Outgoing {
  readonly id: string
  readonly to: string
  readonly tag: string
  /** Of the whole request. */
  readonly frames: Frames
  /** A factor around 1, so that several parties do not repeat in step. */
  readonly jitter: number
  readonly options: AskOptions
  readonly headers: Headers | undefined
}

/** `unsent` also where the receiver has said that it does not know the request. */
type State = "unsent" | "sent" | "working"

/** A request that is under way, until its answer, its deadline or an interruption ends it. */
class Request {
  readonly #post: Post
  readonly #outgoing: Outgoing
  /** Those of the group that is asked; undefined where `to` is no group. */
  readonly #members: KnownMembers | undefined
  readonly #onEnd: (result: Effect.Effect<Uint8Array, AskError>) => void
  readonly #counter: Counter
  readonly #large: boolean
  readonly #started: number
  readonly #cancelDeadline: () => void
  #state: State = "unsent"
  /**
   * How often the whole request was sent. A poll carries it, so that an answer to an older poll is
   * recognised.
   */
  #attempt = 0
  /** The member of a group that has the request or was asked by name. */
  #holder: string | undefined
  /** Since when the member, or the group, was asked and has said nothing. */
  #silentSince: number | undefined
  /** Since when a party that was at work has left polls unanswered. */
  #polledSince: number | undefined
  #pauseMs: number
  #pausing = false
  /** Ends the pause or the sending. */
  #breakOff = () => {}

  constructor(
    post: Post,
    outgoing: Outgoing,
    members: KnownMembers | undefined,
    holder: string | undefined,
    onEnd: (result: Effect.Effect<Uint8Array, AskError>) => void
  ) {
    this.#post = post
    this.#outgoing = outgoing
    this.#members = members
    this.#holder = holder
    this.#onEnd = onEnd
    const { to, tag, frames, options } = outgoing
    this.#counter = post.ledger.counter("sent", to, tag)
    this.#large = sizeOf(frames) > post.limits.resendWholeBytes
    this.#pauseMs = post.limits.resendFirstMs
    this.#started = post.clock.unsafeCurrentTimeMillis()
    this.#cancelDeadline = post.after(options.deadlineMs, () => this.end(Effect.fail(this.#late())))
  }

  get to(): string {
    return this.#outgoing.to
  }

  get tag(): string {
    return this.#outgoing.tag
  }

  get holder(): string | undefined {
    return this.#holder
  }

  /** Sends the request, or a poll where the receiver should have it, and again after a pause. */
  send(): void {
    this.#pausing = false
    // While the broker is away nothing is sent; `reconnected` wakes the request when it is back.
    if (this.#post.transport.status() !== "connected" || this.#membersAreBusy()) {
      this.#pause()
      return
    }
    const { id, tag, frames, headers } = this.#outgoing
    const to = this.#holder ?? this.to
    if (this.#state === "unsent" || (this.#state === "sent" && !this.#large)) {
      this.#state = "sent"
      this.#attempt++
      this.#breakOff =
        this.#post.begin(to, "ask", frames, this.#counter, this.#sent, headers) ?? this.#breakOff
    } else {
      this.#polledSince ??= this.#post.clock.unsafeCurrentTimeMillis()
      const poll: Envelope = { kind: "poll", id, tag, number: this.#attempt, of: 0, body: noBytes }
      this.#breakOff =
        this.#post.begin(to, "ask", [encodeEnvelope(poll)], this.#counter, this.#sent) ?? this.#breakOff
    }
  }

  /** Ends the request and gives its result to the asker. */
  end(result: Effect.Effect<Uint8Array, AskError>): void {
    this.cancel()
    this.#onEnd(result)
  }

  /** Stops all that is under way for it. */
  cancel(): void {
    this.#breakOff()
    this.#cancelDeadline()
  }

  /** Whether a message from `from` may be the answer. */
  isAnsweredBy(from: string): boolean {
    return isGroup(this.to) ? actorOf(from) === actorOf(this.to) : from === this.to
  }

  /** Takes an answer of a party that was asked. */
  receive({ kind, number, body }: Envelope, from: string): void {
    switch (kind) {
      case "reply":
        this.#members?.heard(from)
        this.end(Effect.succeed(body))
        break
      case "failure":
        // A member that fails immediately would seem the least busy of all.
        this.#members?.forget(from)
        this.end(Effect.fail(new RemoteFailure({ party: from, request: this.tag, error: readError(body) })))
        break
      case "working":
        this.#state = "working"
        this.#polledSince = undefined
        if (this.#members !== undefined) {
          this.#members.heard(from)
          this.#holder = from
          this.#silentSince = undefined
        }
        break
      case "unknown":
        if (number === this.#attempt) this.unknownTo(from)
    }
  }

  /** `from` does not know the request: it is sent whole again immediately. */
  unknownTo(from: string): void {
    if (this.#holder !== undefined && this.#holder !== from) return
    this.#unsend()
    this.#wake()
  }

  /** The broker was away: what a group got may be lost. */
  reconnected(): void {
    this.#silentSince = undefined
    this.#polledSince = undefined
    if (this.#members !== undefined && this.#holder === undefined) this.#state = "unsent"
    this.#wake()
  }

  /**
   * Whether the group has the request, and one of its members may be at work on it. Gives up a member that is
   * silent.
   */
  #membersAreBusy(): boolean {
    const members = this.#members
    if (members === undefined) return false
    const now = this.#post.clock.unsafeCurrentTimeMillis()
    if (this.#silentSince !== undefined && now - this.#silentSince > this.#post.limits.memberSilentMs) {
      if (this.#holder !== undefined) members.forget(this.#holder)
      this.#unsend()
    }
    // The member that got it from the group may be at work and deaf; another would do the same again.
    if (this.#state === "sent" && this.#holder === undefined && members.any()) return true
    this.#silentSince ??= now
    return false
  }

  #unsend(): void {
    this.#holder = undefined
    this.#silentSince = undefined
    this.#state = "unsent"
  }

  /** Ends the pause before the next sending. */
  #wake(): void {
    if (!this.#pausing) return
    this.#breakOff()
    this.send()
  }

  readonly #sent = (error: TransportError | undefined): void => {
    if (error === undefined) this.#pause()
    else this.end(Effect.fail(error))
  }

  #pause(): void {
    const { after, limits } = this.#post
    this.#pausing = true
    this.#breakOff = after(this.#pauseMs * this.#outgoing.jitter, () => this.send())
    this.#pauseMs = Math.min(this.#pauseMs * limits.resendGrowth, limits.resendLongestMs)
  }

  #late(): DeadlineExceeded {
    const now = this.#post.clock.unsafeCurrentTimeMillis()
    const silentMs = this.#polledSince === undefined ? 0 : now - this.#polledSince
    return new DeadlineExceeded({
      party: this.to,
      request: this.tag,
      phase: this.#outgoing.options.phase,
      waitedMs: Math.round(now - this.#started),
      working: this.#state === "working",
      silentMs: silentMs > this.#post.limits.memberSilentMs ? silentMs : undefined,
      broker: this.#post.transport.status()
    })
  }
}

/** The requests of a party that are under way. */
class Requests {
  readonly #post: Post
  readonly #newId: () => string
  readonly #pending = new Map<string, Request>()
  readonly #groups = new Map<string, KnownMembers>()

  constructor(post: Post, newId: () => string) {
    this.#post = post
    this.#newId = newId
  }

  /**
   * Sends a request until it is answered, its deadline has passed or the asker is interrupted. Gives the
   * reply's body.
   */
  answered(body: Uint8Array, outgoing: Omit<Outgoing, "id" | "frames">): Effect.Effect<Uint8Array, AskError> {
    const id = this.#newId()
    const envelope = { kind: "ask", id, tag: outgoing.tag, number: 0, of: 0, body } as const
    return Effect.flatMap(framesOf(envelope, this.#post.transport), (frames) =>
      this.#underWayUntilEnd({ ...outgoing, id, frames })
    )
  }

  #underWayUntilEnd(outgoing: Outgoing): Effect.Effect<Uint8Array, AskError> {
    return Effect.async((resume) => {
      const { id } = outgoing
      const members = this.#membersOf(outgoing.to)
      const holder = members?.next((member) => this.#underWay(member))
      const request = new Request(this.#post, outgoing, members, holder, (result) => {
        this.#pending.delete(id)
        resume(result)
      })
      this.#pending.set(id, request)
      request.send()
      return Effect.sync(() => {
        request.cancel()
        this.#pending.delete(id)
      })
    })
  }

  receive(envelope: Envelope, from: string): void {
    if (envelope.kind === "unknown" && envelope.id === everyRequest) {
      for (const request of this.#pending.values()) if (request.isAnsweredBy(from)) request.unknownTo(from)
      return
    }
    const request = this.#pending.get(envelope.id)
    // A reply that comes twice, or after the deadline, is ordinary.
    if (request === undefined) return
    const { to: asked, tag } = request
    if (request.isAnsweredBy(from)) request.receive(envelope, from)
    else this.#post.note("an answer came from another than was asked", { from, asked, tag })
  }

  reconnected(): void {
    for (const request of this.#pending.values()) request.reconnected()
  }

  closed(error: TransportError): void {
    for (const request of this.#pending.values()) request.end(Effect.fail(error))
  }

  denied(error: PermissionDenied): void {
    const denied = parseSubject(error.subject)
    if (denied === undefined || denied.channel !== "ask" || denied.from !== this.#post.name) return
    for (const request of this.#pending.values())
      if (denied.to === request.to || denied.to === request.holder) request.end(Effect.fail(error))
  }

  #membersOf(to: string): KnownMembers | undefined {
    if (!isGroup(to)) return undefined
    const known = this.#groups.get(to) ?? new KnownMembers(this.#post.limits)
    this.#groups.set(to, known)
    return known
  }

  get open(): number {
    return this.#pending.size
  }

  /** How many of our requests a member has. */
  #underWay(member: string): number {
    let requests = 0
    for (const { holder } of this.#pending.values()) if (holder === member) requests++
    return requests
  }
}

export const makeAsking = (post: Post, newId: () => string): Asking => {
  const { limits } = post
  const requests = new Requests(post, newId)

  const request = <A, R>(
    to: string,
    message: Ask<A, R>,
    payload: A,
    options: AskOptions,
    headers: Headers | undefined
  ): Effect.Effect<R, AskError> =>
    Effect.gen(function* () {
      const { tag } = message
      const body = yield* Effect.orDie(message.payload.encode(payload))
      const jitter = yield* Random.nextRange(1 - limits.resendJitter, 1 + limits.resendJitter)
      const reply = yield* requests.answered(body, { to, tag, jitter, options, headers })
      return yield* Effect.mapError(
        message.reply.decode(reply),
        (error) => new RemoteFailure({ party: to, request: tag, error: wireError(error) })
      )
    })

  return {
    ask: (to, message, payload, options) =>
      post.traced
        ? Effect.useSpan(
            `ask ${message.tag}`,
            {
              kind: "client",
              captureStackTrace: false,
              attributes: { to, ...(options.phase === undefined ? {} : { phase: options.phase }) }
            },
            (span) => Effect.withParentSpan(request(to, message, payload, options, traceHeaders(span)), span)
          )
        : request(to, message, payload, options, undefined),
    receive: (envelope, from) => requests.receive(envelope, from),
    reconnected: () => requests.reconnected(),
    closed: (error) => requests.closed(error),
    denied: (error) => requests.denied(error),
    open: () => requests.open
  }
}

const noBytes = new Uint8Array(0)

/** In place of an id: a party that has just begun knows of no request. */
export const everyRequest = ""

const wireError = (error: MalformedMessage): RemoteFailure["error"] => ({
  _tag: error._tag,
  message: error.message,
  retryable: error.retryable
})

const readError = (body: Uint8Array): RemoteFailure["error"] => {
  const value = Either.getOrElse(decode("failure", body), () => undefined)
  if (typeof value === "object" && value !== null) {
    const { _tag, message, retryable } = value as Record<string, unknown>
    if (typeof _tag === "string" && typeof message === "string" && typeof retryable === "boolean")
      return { _tag, message, retryable }
  }
  return { _tag: "MalformedMessage", message: "it failed, and its error can't be read", retryable: false }
}
