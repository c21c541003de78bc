/**
 * The answering half of a party: a bounded mailbox, handlers that run concurrently, and the memory of what was answered, so
 * that a request that is sent again is answered with the stored reply and nothing is done twice.
 */
import { Cause, Effect, Exit, FiberSet, type Scope } from "effect"
import { free } from "../../protocol/free.ts"
import { encode } from "../../protocol/messages/codec.ts"
import { type Envelope, encodeEnvelope } from "../../protocol/messages/envelope.ts"
import type { TransportError } from "../transport/transport.ts"
import { everyRequest } from "./asking.ts"
import type { EnvironmentOf, Handler, RemoteFailure } from "./contract.ts"
import { BodyRoom, type Frames, type Sent, sentAt, sizeOf, takeAgain } from "./framing.ts"
import { type Post, remoteSpan } from "./post.ts"

/** What the body of a `failure` holds. */
type RemoteError = RemoteFailure["error"]
type Headers = Readonly<Record<string, string>>

/** A request that is known: waiting or at work while it has no reply. */
interface Known {
  /** When it arrived; once it is answered, when it was. */
  since: number
  reply: Sent | undefined
  /** Of its reply, once that is sent. */
  bytes: number
}

interface Waiting {
  readonly kind: "ask" | "tell"
  readonly key: string
  readonly id: string
  readonly tag: string
  readonly from: string
  readonly body: Uint8Array
  readonly headers: Headers
  /** Where the answer's body may be written. */
  readonly room: BodyRoom
}

/** A handler with all it needs, given a fiber of its own by `start`. */
interface Served {
  readonly kind: "ask" | "tell"
  readonly freesAnswer: boolean
  /** How many of the places at work it takes. */
  readonly places: number
  readonly start: (request: Waiting, finish: (exit: Exit.Exit<Uint8Array, unknown>) => void) => void
}

export interface Answering {
  readonly serve: <H extends Handler<unknown, unknown>>(
    handlers: ReadonlyArray<H>
  ) => Effect.Effect<void, never, EnvironmentOf<H> | Scope.Scope>
  /** Tells a peer that nothing is known here of what it asked before. */
  readonly announce: (to: string) => Effect.Effect<void, TransportError>
  /** Takes an `ask`, `tell` or `poll` from `from`; one of a group's is told at once who has it, so that it is not asked of another. */
  readonly receive: (envelope: Envelope, from: string, headers: Headers, ofGroup?: boolean) => void
}

export const makeAnswering = (post: Post): Answering => {
  const { limits, clock, transport } = post
  const served = new Map<string, Served>()
  const known = new Map<string, Known>()
  const mailbox: Array<Waiting> = []
  let mailboxBytes = 0
  let rememberedBytes = 0
  let atWork = 0

  const answer = (to: string, tag: string, reply: Sent, done?: () => void) =>
    post.postKept(to, "reply", reply, post.ledger.counter("sent", to, tag), done)

  const notice = (
    kind: "working" | "unknown",
    { id, tag, number }: Pick<Envelope, "id" | "tag" | "number">
  ): Frames => [encodeEnvelope({ kind, id, tag, number, of: 0, body: new Uint8Array(0) })]

  const notify = (to: string, kind: "working" | "unknown", about: Pick<Envelope, "id" | "tag" | "number">) =>
    post.post(to, "reply", notice(kind, about), post.ledger.counter("sent", to, about.tag))

  const forget = (key: string) => {
    const entry = known.get(key)
    rememberedBytes -= entry?.bytes ?? 0
    if (entry?.reply !== undefined) post.forget(entry.reply)
    known.delete(key)
  }

  /**
   * Forgets the oldest replies beyond the limits; what is still at work stays, and so does a reply that is being sent: that it is unknown
   * here would overtake it, and all be done again.
   */
  const forgetOldest = (nowMs: number) => {
    for (const [key, entry] of known) {
      const old = nowMs - entry.since > limits.rememberedForMs
      if (!old && known.size < limits.rememberedRequests && rememberedBytes <= limits.rememberedBytes) return
      if (entry.reply?.underWay === 0) forget(key)
    }
  }

  const settle = (request: Waiting, kind: "reply" | "failure", body: Uint8Array) => {
    if (request.kind === "tell") {
      const entry = known.get(request.key)
      if (entry !== undefined) entry.reply = nothing
      return
    }
    const { id, tag, from, key } = request
    const frames = request.room.framesOf({ kind, id, tag, number: 0, of: 0, body })
    const now = clock.unsafeCurrentTimeMillis()
    const reply = sentAt(frames, now, limits)
    const entry = known.get(key)
    if (entry !== undefined) {
      entry.reply = reply
      // Remembered from its answer on: what took long to do must not be done again because its reply was lost.
      entry.since = now
      known.delete(key)
      known.set(key, entry)
    }
    answer(from, tag, reply, () => {
      const answered = known.get(key)
      if (answered?.reply !== reply) return
      // While it is sent its bytes are held anyway, and others need not be forgotten for it.
      answered.bytes = sizeOf(frames)
      rememberedBytes += answered.bytes
      if (rememberedBytes > limits.rememberedBytes) forgetOldest(clock.unsafeCurrentTimeMillis())
    })
  }

  const refuse = (request: Waiting, error: RemoteError) => {
    post.note("a request failed or was refused", {
      from: request.from,
      tag: request.tag,
      error: error.message
    })
    settle(request, "failure", failureBody(error))
  }

  const finished = (
    request: Waiting,
    { places, freesAnswer }: Served,
    exit: Exit.Exit<Uint8Array, unknown>
  ) => {
    atWork -= places
    if (Exit.isSuccess(exit)) {
      settle(request, "reply", exit.value)
      if (freesAnswer && !request.room.holds(exit.value)) free(exit.value)
    }
    // The actor stops answering: whoever asked may ask its next incarnation.
    else if (Cause.isInterruptedOnly(exit.cause)) forget(request.key)
    else refuse(request, describe(exit.cause))
    pump()
  }

  /** Starts what waits, as long as there is room and somebody serves. */
  const pump = () => {
    while (served.size > 0 && atWork < limits.handlersAtOnce && mailbox.length > 0) {
      const request = mailbox.shift()!
      mailboxBytes -= request.body.length
      const handler = served.get(request.tag)
      if (handler === undefined || handler.kind !== request.kind) {
        const message = `${post.name} does not answer ${request.kind} ${request.tag}`
        refuse(request, { _tag: "UnknownMessage", message, retryable: false })
        continue
      }
      atWork += handler.places
      handler.start(request, (exit) => finished(request, handler, exit))
    }
  }

  const traced = <Env>(request: Waiting, work: Effect.Effect<Uint8Array, unknown, Env>) => {
    if (!post.traced) return work
    const parent = remoteSpan(request.headers)
    return Effect.useSpan(
      `${request.kind === "ask" ? "answer" : "take"} ${request.tag}`,
      {
        kind: "server",
        captureStackTrace: false,
        attributes: { from: request.from },
        ...(parent._tag === "Some" ? { parent: parent.value } : { root: true })
      },
      (span) => Effect.withParentSpan(work, span)
    )
  }

  return {
    serve: <H extends Handler<unknown, unknown>>(handlers: ReadonlyArray<H>) =>
      Effect.gen(function* () {
        const fork = yield* FiberSet.makeRuntime<EnvironmentOf<H>>()
        for (const { tag, kind, handle, freesAnswer, waits } of handlers as ReadonlyArray<
          Handler<unknown, EnvironmentOf<H>>
        >) {
          if (served.has(tag)) return yield* Effect.dieMessage(`${post.name} has two handlers for ${tag}`)
          served.set(tag, {
            kind,
            freesAnswer,
            places: waits === true ? 0 : 1,
            start: (request, finish) => {
              const work = Effect.suspend(() =>
                handle(request.body, request.from, (bytes) => request.room.take(bytes))
              )
              fork(traced(request, work)).addObserver(finish)
            }
          })
        }
        yield* Effect.addFinalizer(() =>
          Effect.sync(() => {
            for (const { tag } of handlers) served.delete(tag)
          })
        )
        pump()
      }),

    announce: (to) => {
      const nothingKnown = { id: everyRequest, tag: "hello", number: 0 }
      const frames = notice("unknown", nothingKnown)
      return post.send(to, "reply", frames, post.ledger.counter("sent", to, "hello"))
    },

    receive: (envelope, from, headers, ofGroup = false) => {
      const { id, tag, kind } = envelope
      const key = `${from} ${id}`
      const before = known.get(key)
      if (before !== undefined) {
        if (kind === "tell") return
        const { reply } = before
        const again = reply !== undefined && takeAgain(reply, clock.unsafeCurrentTimeMillis())
        return again ? answer(from, tag, reply) : notify(from, "working", envelope)
      }
      if (kind === "poll") return notify(from, "unknown", envelope)
      const bytes = envelope.body.length
      if (mailbox.length >= limits.mailboxMessages || mailboxBytes + bytes > limits.mailboxBytes)
        return post.note("the mailbox is full, a message was dropped", { from, tag })
      const now = clock.unsafeCurrentTimeMillis()
      forgetOldest(now)
      known.set(key, { since: now, reply: undefined, bytes: 0 })
      mailboxBytes += bytes
      // A small body is copied, so that it does not hold on to the transport's whole receive buffer.
      const body = bytes < 16_384 ? envelope.body.slice() : envelope.body
      const room = new BodyRoom({ id, tag }, transport)
      mailbox.push({ kind: kind === "tell" ? "tell" : "ask", key, id, tag, from, body, headers, room })
      if (ofGroup && kind === "ask") notify(from, "working", envelope)
      pump()
    }
  }
}

/** The answer to a tell. */
const nothing: Sent = { frames: [], transitMs: 0, quietUntil: 0, underWay: 0, forgotten: false }

const failureBody = (error: RemoteError): Uint8Array =>
  Effect.runSync(encode("failure", { _tag: error._tag, message: error.message, retryable: error.retryable }))

/** What an asker learns of a failure: the tagged error itself, or that the code broke. */
const describe = (cause: Cause.Cause<unknown>): RemoteError => {
  const error = Cause.squash(cause)
  const message = error instanceof Error ? error.message : String(error)
  if (Cause.isFailure(cause) && typeof error === "object" && error !== null && "_tag" in error) {
    const retryable = "retryable" in error && error.retryable === true
    return { _tag: String(error._tag), message, retryable }
  }
  return { _tag: "Defect", message, retryable: false }
}
