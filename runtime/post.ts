/**
 * What the three halves of a party share: asking (`asking.ts`), answering (`answering.ts`) and rounds (`rounds.ts`) all send frames,
 * count them, read one clock and note what they drop. Made once by `party.ts`.
 */
import { type Clock, Effect, Option, Tracer } from "effect"
import { type Channel, subjectOf } from "../protocol/messages/subjects.ts"
import type { Frames, Sent } from "./framing.ts"
import type { Limits } from "./limits.ts"
import type { Counter, Ledger } from "./traffic.ts"
import { publish, type TransportError, type TransportService } from "./transport.ts"

export interface Post {
  readonly name: string
  readonly transport: TransportService
  readonly limits: Limits
  readonly ledger: Ledger
  readonly clock: Clock.Clock
  /** Whether spans are recorded; where not, none is made. */
  readonly traced: boolean
  readonly send: (
    to: string,
    channel: Channel,
    frames: Frames,
    counter: Counter,
    headers?: Readonly<Record<string, string>>
  ) => Effect.Effect<void, TransportError>
  /** Sends frames without headers and without waiting for the broker to take them; gives the error where it can't. */
  readonly sendNow: (
    to: string,
    channel: Channel,
    frames: Frames,
    counter: Counter
  ) => TransportError | undefined
  /** Sends frames that are kept to be sent again; they stay what they are until it is done. */
  readonly sendKept: (
    to: string,
    channel: Channel,
    sent: Sent,
    counter: Counter
  ) => Effect.Effect<void, TransportError>
  /** Gives back the frames of what nobody will ask for again, as soon as no sending of them is under way. */
  readonly forget: (sent: Sent) => void
  /** Runs what a callback needs done; its failure is noted. */
  readonly run: (effect: Effect.Effect<void, TransportError>) => void
  /** Logs that something was dropped or refused: of each kind of event the first, and then ever fewer. */
  readonly note: (what: string, details: Readonly<Record<string, unknown>>) => void
}

export const makePost = (
  party: { readonly name: string; readonly run: string },
  parts: Pick<Post, "transport" | "limits" | "ledger" | "clock" | "traced">,
  fork: (effect: Effect.Effect<void>) => void
): Post => {
  const subjects = new Map<string, string>()
  const subject = (to: string, channel: Channel) => {
    const key = `${to}.${channel}`
    const known = subjects.get(key)
    if (known !== undefined) return known
    const made = subjectOf({ run: party.run, to, from: party.name, channel })
    subjects.set(key, made)
    return made
  }
  const times = new Map<string, number>()
  const note: Post["note"] = (what, details) => {
    const count = (times.get(what) ?? 0) + 1
    times.set(what, count)
    if ((count & (count - 1)) === 0)
      fork(Effect.logWarning(what).pipe(Effect.annotateLogs({ ...details, count })))
  }
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
            counter.bytes += frame.length
            return publish(parts.transport, subject(to, channel), frame, headers)
          },
          { discard: true }
        )
      }),
    sendNow: (to, channel, frames, counter) => {
      counter.messages++
      for (const frame of frames) {
        counter.bytes += frame.length
        const error = parts.transport.send(subject(to, channel), frame)
        if (error !== undefined) return error
      }
      return undefined
    },
    sendKept: (to, channel, sent, counter) =>
      Effect.suspend(() => {
        sent.underWay++
        return post.send(to, channel, sent.frames, counter)
      }).pipe(
        Effect.ensuring(
          Effect.sync(() => {
            sent.underWay--
            if (sent.forgotten) post.forget(sent)
          })
        )
      ),
    forget: (sent) => {
      sent.forgotten = true
      if (sent.underWay === 0) for (const frame of sent.frames) parts.transport.release(frame)
    },
    run: (effect) =>
      fork(
        Effect.catchAll(effect, (error) =>
          Effect.sync(() => note("a message was not sent", { error: error.message }))
        )
      )
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
