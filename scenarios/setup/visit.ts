/**
 * How the sites of parties examine each other before a run: questions and answers over the broker, each sealed by its
 * sender's key to its receiver's (Noise K), so that nobody is believed because of a name. They need no session and keep
 * nothing, so a party that is examined may run meanwhile. They go under a run's name of their own.
 *
 *     length of the head (4) ‖ head, JSON ‖ filler
 */
import { randomUUID } from "node:crypto"
import { Clock, Data, Deferred, Effect, Either, Option, type Scope } from "effect"
import type { PartyKeys } from "../../actors/party/directory.ts"
import { concatenate } from "../../protocol/bytes.ts"
import { CanonicalWriter } from "../../protocol/canonical.ts"
import { type Identity, openOneWay, sealOneWay } from "../../protocol/channels/noise.ts"
import { channels, inboxOf, mayPublish, parseSubject, subjectOf } from "../../protocol/messages/subjects.ts"
import { Schema } from "../../protocol/schema.ts"
import { within } from "../../runtime/deadline.ts"
import type { Delivery, TransportError, TransportService } from "../../runtime/transport/transport.ts"

/** The run under whose name visits go. */
export const visitsRun = "visits"
/** Bytes of filler that a question brings or asks for at most. */
export const mostFillerBytes = 128 * 1024

const Question = Schema.Struct({
  kind: Schema.Literal("question"),
  id: Schema.String,
  /** Bytes of filler that the answer is to have. */
  wants: Schema.Int.pipe(Schema.between(0, mostFillerBytes))
})

const Answer = Schema.Struct({
  kind: Schema.Literal("answer"),
  id: Schema.String,
  /** The program's version. */
  version: Schema.String.pipe(Schema.maxLength(64)),
  /** The digest of the agreement. */
  agreement: Schema.String.pipe(Schema.maxLength(64)),
  /** By the party's own clock. */
  nowMs: Schema.Number
})
export type Answer = typeof Answer.Type

const Head = Schema.parseJson(Schema.Union(Question, Answer))
const decodeHead = Schema.decodeUnknownOption(Head)
const longestHead = 1024

const lengthBytes = 4

const frameOf = (head: typeof Question.Type | Answer, filler: number): Uint8Array => {
  const text = new TextEncoder().encode(JSON.stringify(head))
  const length = new Uint8Array(lengthBytes)
  new DataView(length.buffer).setUint32(0, text.length)
  return concatenate([length, text, new Uint8Array(filler)])
}

const headOf = (frame: Uint8Array) => {
  if (frame.length < lengthBytes) return undefined
  const length = new DataView(frame.buffer, frame.byteOffset).getUint32(0)
  if (length > longestHead || frame.length < lengthBytes + length) return undefined
  const text = Buffer.from(frame.subarray(lengthBytes, lengthBytes + length)).toString("utf8")
  return Option.getOrUndefined(decodeHead(text))
}

export interface VisitorOptions {
  readonly actor: string
  readonly identity: Identity
  readonly keys: PartyKeys
  readonly version: string
  readonly agreement: string
}

/** A reply, and how long it took. */
export interface Visited {
  readonly answer: Answer
  readonly ms: number
  /** By this machine's clock, in the middle of the wait. */
  readonly hereMs: number
}

export interface Visitor {
  /** Asks a party once; nothing if it does not answer within the time. */
  readonly ask: (
    party: string,
    filler: number,
    withinMs: number
  ) => Effect.Effect<Option.Option<Visited>, TransportError>
}

/** The subject on which one may write to another: a party that asks none may reply to all. */
export const wayTo = (from: string, to: string): string => {
  const channel = channels.find((each) => mayPublish(from, to, each)) ?? "reply"
  return subjectOf({ run: visitsRun, to, from, channel })
}

/** A question was not answered in time. */
class Late extends Data.TaggedError("Late") {
  readonly retryable = true
  override get message(): string {
    return "no answer came in time"
  }
}

/** Answers all that ask, until the scope ends, and asks. */
export const visitor = (
  options: VisitorOptions,
  transport: TransportService
): Effect.Effect<Visitor, TransportError, Scope.Scope> =>
  Effect.gen(function* () {
    const { actor, agreement, identity, keys, version } = options
    const clock = yield* Effect.clock
    const waiting = new Map<
      string,
      { readonly party: string; readonly answered: Deferred.Deferred<Answer> }
    >()
    const side = (from: string, to: string) => {
      const peer = from === to ? identity.publicKey : keys.get(from === actor ? to : from)
      const prologue = new CanonicalWriter().string("bicameral visit").string(from).string(to).finish()
      return peer === undefined ? undefined : { own: identity, peer, prologue }
    }
    const send = (to: string, frame: Uint8Array): TransportError | undefined => {
      const own = side(actor, to)
      const sealed = own === undefined ? undefined : Either.getOrUndefined(sealOneWay(own, frame))
      return sealed === undefined ? undefined : transport.send(wayTo(actor, to), sealed)
    }
    const receive = ({ data, subject }: Delivery) => {
      const from = parseSubject(subject)?.from ?? ""
      const own = side(from, actor)
      const opened = own === undefined ? undefined : Either.getOrUndefined(openOneWay(own, data))
      const head = opened === undefined ? undefined : headOf(opened)
      if (head === undefined) return
      if (head.kind === "question") {
        const nowMs = clock.unsafeCurrentTimeMillis()
        send(from, frameOf({ kind: "answer", id: head.id, version, agreement, nowMs }, head.wants))
        return
      }
      const asked = waiting.get(head.id)
      if (asked?.party === from) Deferred.unsafeDone(asked.answered, Effect.succeed(head))
    }
    yield* transport.subscribe(inboxOf(visitsRun, actor), receive)
    const ask: Visitor["ask"] = (party, filler, withinMs) =>
      Effect.suspend(() => {
        const id = randomUUID()
        const question = Effect.gen(function* () {
          const answered = yield* Deferred.make<Answer>()
          waiting.set(id, { party, answered })
          const [began, beganMs] = [performance.now(), yield* Clock.currentTimeMillis]
          const error = send(party, frameOf({ kind: "question", id, wants: filler }, filler))
          if (error !== undefined) return yield* error
          const answer = yield* Deferred.await(answered)
          const ms = performance.now() - began
          return Option.some({ answer, ms, hereMs: beganMs + ms / 2 })
        })
        return question.pipe(
          within(withinMs, () => new Late()),
          Effect.catchTag("Late", () => Effect.succeedNone),
          Effect.ensuring(Effect.sync(() => waiting.delete(id)))
        )
      })
    return { ask }
  })
