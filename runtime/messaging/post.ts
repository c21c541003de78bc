/**
 * What the three halves of a party share: asking (`asking.ts`), answering (`answering.ts`) and rounds
 * (`rounds.ts`) send frames, count them, read one clock and note what they drop. `party.ts` makes one for
 * each party.
 */
import { type Clock, Effect, type Fiber, Option, Tracer } from "effect"
import { type Channel, subjectOf } from "../../protocol/messages/subjects.ts"
import { publish, sharedBytes, type TransportError, type TransportService } from "../transport/transport.ts"
import type { Frames, Sent } from "./framing.ts"
import type { Limits } from "./limits.ts"
import type { Counter, Ledger } from "./traffic.ts"

export interface Post {
  readonly name: string
  readonly transport: TransportService
  readonly limits: Limits
  readonly ledger: Ledger
  readonly clock: Clock.Clock
  /** Whether spans are recorded; if not, none is made. */
  readonly traced: boolean
  /** Calls `happen` after `ms` milliseconds; returns a canceller. */
  readonly after: (ms: number, happen: () => void) => () => void
  readonly send: (
    to: string,
    channel: Channel,
    frames: Frames,
    counter: Counter,
    headers?: Readonly<Record<string, string>>
  ) => Effect.Effect<void, TransportError>
  /** Sends frames without waiting until the broker takes them; returns the error if it can't. */
  readonly sendNow: (
    to: string,
    channel: Channel,
    frames: Frames,
    counter: Counter,
    headers?: Readonly<Record<string, string>>
  ) => TransportError | undefined
  /**
   * Sends frames and calls `done` once the broker has taken them, or with the error. A single small frame is
   * sent before this returns, without a fiber. Returns a canceller, or undefined if already sent.
   */
  readonly begin: (
    to: string,
    channel: Channel,
    frames: Frames,
    counter: Counter,
    done: (error: TransportError | undefined) => void,
    headers?: Readonly<Record<string, string>>
  ) => (() => void) | undefined
  /** Sends frames in the background; a failure is noted. */
  readonly post: (to: string, channel: Channel, frames: Frames, counter: Counter) => void
  /**
   * The same with frames that are kept for repetition and must not change; `done` is called when they are
   * sent.
   */
  readonly postKept: (to: string, channel: Channel, sent: Sent, counter: Counter, done?: () => void) => void
  /** Gives back frames that nobody will request again, once no sending of them is in progress. */
  readonly forget: (sent: Sent) => void
  /** Logs that something was dropped or refused: of each kind of event the first, and then ever fewer. */
  readonly note: (what: string, details: Readonly<Record<string, unknown>>) => void
}

/** The subject of a channel to another party; there are few, and each is made once. */
const subjectsOf = ({ name, run }: { readonly name: string; readonly run: string }) => {
  const known = new Map<string, string>()
  return (to: string, channel: Channel): string => {
    const key = `${to}.${channel}`
    const before = known.get(key)
    if (before !== undefined) return before
    const made = subjectOf({ run, to, from: name, channel })
    known.set(key, made)
    return made
  }
}

export const makePost = (
  party: { readonly name: string; readonly run: string },
  parts: Pick<Post, "transport" | "limits" | "ledger" | "clock" | "traced" | "after">,
  fork: (effect: Effect.Effect<void>) => Fiber.RuntimeFiber<void>
): Post => {
  const subject = subjectsOf(party)
  const times = new Map<string, number>()
  const note: Post["note"] = (what, details) => {
    const count = (times.get(what) ?? 0) + 1
    times.set(what, count)
    if ((count & (count - 1)) === 0)
      fork(Effect.logWarning(what).pipe(Effect.annotateLogs({ ...details, count })))
  }
  const noteUnsent = (error: TransportError | undefined) => {
    if (error !== undefined) note("a message was not sent", { error: error.message })
  }
  const onWire = (to: string, frame: Uint8Array) => frame.length + parts.transport.overheadBytes(to)
  const post: Post = {
    name: party.name,
    ...parts,
    note,
    send: (to, channel, frames, counter, headers) =>
      Effect.suspend(() => {
        counter.messages++
        return Effect.forEach(
          frames,
          (frame) => {
            counter.bytes += onWire(to, frame)
            return publish(parts.transport, subject(to, channel), frame, headers)
          },
          { discard: true }
        )
      }),
    sendNow: (to, channel, frames, counter, headers) => {
      counter.messages++
      for (const frame of frames) {
        counter.bytes += onWire(to, frame)
        const error = parts.transport.send(subject(to, channel), frame, headers)
        if (error !== undefined) return error
      }
      return undefined
    },
    begin: (to, channel, frames, counter, done, headers) => {
      if (frames.length === 1 && frames[0]!.length <= sharedBytes) {
        done(post.sendNow(to, channel, frames, counter, headers))
        return undefined
      }
      const fiber = fork(
        Effect.match(post.send(to, channel, frames, counter, headers), {
          onFailure: done,
          onSuccess: () => done(undefined)
        })
      )
      return fiber.unsafePoll() === null ? () => fiber.unsafeInterruptAsFork(fiber.id()) : undefined
    },
    post: (to, channel, frames, counter) => void post.begin(to, channel, frames, counter, noteUnsent),
    postKept: (to, channel, sent, counter, done) => {
      sent.underWay++
      post.begin(to, channel, sent.frames, counter, (error) => {
        sent.underWay--
        // The last of it has only now begun its way.
        sent.quietUntil = parts.clock.unsafeCurrentTimeMillis() + sent.transitMs
        if (sent.forgotten) post.forget(sent)
        noteUnsent(error)
        done?.()
      })
    },
    forget: (sent) => {
      sent.forgotten = true
      if (sent.underWay === 0) for (const frame of sent.frames) parts.transport.release(frame)
    }
  }
  return post
}

/** The W3C trace context of a span, to go with a message. */
export const traceHeaders = (span: Tracer.AnySpan): Record<string, string> => ({
  traceparent: `00-${span.traceId}-${span.spanId}-${span.sampled ? "01" : "00"}`
})

/** The sender's span, if the message carries one. */
export const remoteSpan = (headers: Readonly<Record<string, string>>): Option.Option<Tracer.ExternalSpan> => {
  const match = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(headers.traceparent ?? "")
  if (match === null) return Option.none()
  const [, traceId, spanId, flags] = match as unknown as [string, string, string, string]
  return Option.some(Tracer.externalSpan({ traceId, spanId, sampled: flags === "01" }))
}
