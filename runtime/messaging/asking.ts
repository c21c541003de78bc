/**
 * The asking half of a party: sends requests, sends them again until they are answered or the deadline has passed, and
 * matches what comes back. A request that is known to have arrived, or that is large, is not sent whole again: the
 * receiver is polled for its reply and says if it does not know the request. What is asked of a group goes to one of its members that are known
 * (`group.ts`), and to the group where none is or the one asked falls silent.
 */
import { Effect, Either, Random } from "effect"
import { decode, type MalformedMessage } from "../../protocol/messages/codec.ts"
import { type Envelope, encodeEnvelope } from "../../protocol/messages/envelope.ts"
import type { Ask } from "../../protocol/messages/message.ts"
import { actorOf, isGroup, parseSubject } from "../../protocol/messages/subjects.ts"
import { type PermissionDenied, TransportClosed, type TransportError } from "../transport/transport.ts"
import { type AskError, type AskOptions, DeadlineExceeded, RemoteFailure } from "./contract.ts"
import { framesOf, sizeOf } from "./framing.ts"
import { KnownMembers } from "./group.ts"
import { type Post, traceHeaders } from "./post.ts"

type Headers = Readonly<Record<string, string>>

/** `unsent` also where the receiver has said that it does not know the request. */
type State = "unsent" | "sent" | "working"

interface Pending {
  readonly to: string
  readonly tag: string
  /** Those of a group; of nobody where `to` is none. */
  readonly members: KnownMembers | undefined
  /** Ends the wait. */
  readonly end: (result: Effect.Effect<Uint8Array, AskError>) => void
  /** Ends the pause before the next sending. */
  readonly wake: () => void
  state: State
  /** How often the whole request was sent; a poll carries it, so that an answer to an older poll is told. */
  attempt: number
  /** Who of a group has it or was asked by name; since when it, or the group, was asked and has said nothing. */
  holder: string | undefined
  silentSince: number | undefined
}

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
  readonly closed: () => void
  readonly denied: (error: PermissionDenied) => void
}

export const makeAsking = (post: Post, newId: () => string): Asking => {
  const pending = new Map<string, Pending>()
  const { limits, transport, clock } = post
  const groups = new Map<string, KnownMembers>()

  const membersOf = (to: string): KnownMembers | undefined => {
    if (!isGroup(to)) return undefined
    const known = groups.get(to) ?? new KnownMembers(limits)
    groups.set(to, known)
    return known
  }

  /** Requests that a member has of ours. */
  const underWay = (member: string): number => {
    let requests = 0
    for (const { holder } of pending.values()) if (holder === member) requests++
    return requests
  }

  /** Sends a request, again and again, until it is answered, the deadline has passed or who asks is interrupted. */
  const answered = (
    to: string,
    tag: string,
    body: Uint8Array,
    jitter: number,
    { deadlineMs, phase }: AskOptions,
    headers: Headers | undefined
  ) =>
    Effect.async<Uint8Array, AskError>((resume) => {
      const id = newId()
      const members = membersOf(to)
      const counter = post.ledger.counter("sent", to, tag)
      const whole = framesOf({ kind: "ask", id, tag, number: 0, of: 0, body }, transport)
      const large = sizeOf(whole) > limits.resendWholeBytes
      const started = clock.unsafeCurrentTimeMillis()
      let pauseMs = limits.resendFirstMs
      let pausing = false
      /** Ends the pause or the sending. */
      let breakOff = () => {}

      const send = () => {
        pausing = false
        // While the broker is away nothing is sent; `reconnected` wakes us when it is back.
        if (transport.status() !== "connected") return pause()
        if (members !== undefined) {
          const now = clock.unsafeCurrentTimeMillis()
          if (p.silentSince !== undefined && now - p.silentSince > limits.memberSilentMs) {
            if (p.holder !== undefined) members.forget(p.holder)
            p.holder = undefined
            p.state = "unsent"
            p.silentSince = undefined
          }
          // Whoever the group gave it to may be at work and deaf; another would do the same again.
          if (p.state === "sent" && p.holder === undefined && members.any()) return pause()
          p.silentSince ??= now
        }
        if (p.state === "unsent" || (p.state === "sent" && !large)) {
          p.state = "sent"
          p.attempt++
          breakOff = post.begin(p.holder ?? to, "ask", whole, counter, sent, headers) ?? breakOff
        } else {
          const poll: Envelope = { kind: "poll", id, tag, number: p.attempt, of: 0, body: noBytes }
          breakOff = post.begin(p.holder ?? to, "ask", [encodeEnvelope(poll)], counter, sent) ?? breakOff
        }
      }
      const sent = (error: TransportError | undefined) =>
        error === undefined ? pause() : p.end(Effect.fail(error))
      const pause = () => {
        pausing = true
        breakOff = post.after(pauseMs * jitter, send)
        pauseMs = Math.min(pauseMs * limits.resendGrowth, limits.resendLongestMs)
      }
      const forget = () => {
        breakOff()
        callOffDeadline()
        pending.delete(id)
      }

      const p: Pending = {
        to,
        tag,
        members,
        end: (result) => {
          forget()
          resume(result)
        },
        wake: () => {
          if (!pausing) return
          breakOff()
          send()
        },
        state: "unsent",
        attempt: 0,
        holder: members?.next(underWay),
        silentSince: undefined
      }
      pending.set(id, p)
      const callOffDeadline = post.after(deadlineMs, () =>
        p.end(
          Effect.fail(
            new DeadlineExceeded({
              party: to,
              request: tag,
              phase,
              waitedMs: Math.round(clock.unsafeCurrentTimeMillis() - started),
              working: p.state === "working",
              broker: transport.status()
            })
          )
        )
      )
      send()
      return Effect.sync(forget)
    })

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
      const reply = yield* answered(to, tag, body, jitter, options, headers)
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

    receive: (envelope, from) => {
      if (envelope.kind === "unknown" && envelope.id === everyRequest) {
        for (const p of pending.values()) {
          if (!answers(p, from) || (p.holder !== undefined && p.holder !== from)) continue
          p.holder = undefined
          p.silentSince = undefined
          p.state = "unsent"
          p.wake()
        }
        return
      }
      const p = pending.get(envelope.id)
      // A reply that comes twice, or after the deadline, is of the ordinary.
      if (p === undefined) return
      if (!answers(p, from))
        return post.note("an answer came from another than was asked", { from, asked: p.to, tag: p.tag })
      switch (envelope.kind) {
        case "reply":
          p.members?.heard(from)
          return p.end(Effect.succeed(envelope.body))
        case "failure":
          // It would be the least busy of all.
          p.members?.forget(from)
          return p.end(
            Effect.fail(new RemoteFailure({ party: from, request: p.tag, error: readError(envelope.body) }))
          )
        case "working":
          p.state = "working"
          if (p.members !== undefined) {
            p.members.heard(from)
            p.holder = from
            p.silentSince = undefined
          }
          return
        case "unknown":
          if (envelope.number !== p.attempt || (p.holder !== undefined && p.holder !== from)) return
          p.holder = undefined
          p.silentSince = undefined
          p.state = "unsent"
          p.wake()
      }
    },

    reconnected: () => {
      for (const p of pending.values()) {
        p.silentSince = undefined
        if (p.members !== undefined && p.holder === undefined) p.state = "unsent"
        p.wake()
      }
    },

    closed: () => {
      const error = new TransportClosed({ reason: "the connection was given up while a reply was awaited" })
      for (const p of pending.values()) p.end(Effect.fail(error))
    },

    denied: (error) => {
      const denied = parseSubject(error.subject)
      if (denied === undefined || denied.channel !== "ask" || denied.from !== post.name) return
      for (const p of pending.values())
        if (denied.to === p.to || denied.to === p.holder) p.end(Effect.fail(error))
    }
  }
}

/** Whether what `from` says may be the answer. */
const answers = ({ to }: Pending, from: string): boolean =>
  isGroup(to) ? actorOf(from) === actorOf(to) : from === to

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
