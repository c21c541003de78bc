/**
 * The answering half of a party: a bounded mailbox, handlers that run concurrently, and the memory of what
 * was answered. A request that is sent again gets the stored reply, so nothing is done twice.
 */
import { Cause, Effect, Exit, FiberSet, type Scope } from "effect"
import { free } from "../../protocol/bytes.ts"
import { encode } from "../../protocol/messages/codec.ts"
import { type Envelope, encodeEnvelope } from "../../protocol/messages/envelope.ts"
import type { TransportError } from "../transport/transport.ts"
import { everyRequest } from "./asking.ts"
import type { EnvironmentOf, Handler, RemoteFailure } from "./contract.ts"
import { BodyRoom, type Frames, type Sent, sentAt, sizeOf, takeAgain } from "./framing.ts"
import type { Limits } from "./limits.ts"
import { type Post, remoteSpan } from "./post.ts"

/** What the body of a `failure` holds. */
type RemoteError = RemoteFailure["error"]
type Headers = Readonly<Record<string, string>>
type About = Pick<Envelope, "id" | "tag" | "number">

export interface Answering {
  readonly serve: <H extends Handler<unknown, unknown>>(
    handlers: ReadonlyArray<H>
  ) => Effect.Effect<void, never, EnvironmentOf<H> | Scope.Scope>
  /** Tells a peer that nothing is known here of what it asked before. */
  readonly announce: (to: string) => Effect.Effect<void, TransportError>
  /**
   * Takes an `ask`, `tell` or `poll` from `from`. A request to a group is acknowledged immediately, so that
   * the asker turns to no other member.
   */
  readonly receive: (envelope: Envelope, from: string, headers: Headers, ofGroup?: boolean) => void
  /** How many requests wait for a handler. */
  readonly waiting: () => number
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

/** A request that is known: waiting or at work while it has no reply. */
interface Known {
  /** When it arrived; once it is answered, when it was. */
  since: number
  reply: Sent | undefined
  /** Of its reply, once that is sent. */
  bytes: number
}

/** The requests that a party knows, and its replies as long as they may be asked for again. */
class Memory {
  readonly #limits: Limits
  readonly #release: (reply: Sent) => void
  /** The oldest first. */
  readonly #known = new Map<string, Known>()
  #bytes = 0

  constructor(limits: Limits, release: (reply: Sent) => void) {
    this.#limits = limits
    this.#release = release
  }

  get(key: string): Known | undefined {
    return this.#known.get(key)
  }

  add(key: string, nowMs: number): void {
    this.#forgetOldest(nowMs)
    this.#known.set(key, { since: nowMs, reply: undefined, bytes: 0 })
  }

  forget(key: string): void {
    const entry = this.#known.get(key)
    this.#bytes -= entry?.bytes ?? 0
    if (entry?.reply !== undefined) this.#release(entry.reply)
    this.#known.delete(key)
  }

  /**
   * The request is answered. It is remembered from its answer on: work that took long is not repeated for a
   * lost reply.
   */
  answered(key: string, reply: Sent, nowMs: number): void {
    const entry = this.#known.get(key)
    if (entry === undefined) return
    entry.reply = reply
    entry.since = nowMs
    this.#known.delete(key)
    this.#known.set(key, entry)
  }

  /**
   * Counts the bytes of a reply once it is sent. Until then they are held anyway, and nothing need be
   * forgotten for them.
   */
  count(key: string, reply: Sent, bytes: number, nowMs: number): void {
    const entry = this.#known.get(key)
    if (entry?.reply !== reply) return
    entry.bytes = bytes
    this.#bytes += bytes
    if (this.#bytes > this.#limits.rememberedBytes) this.#forgetOldest(nowMs)
  }

  /**
   * Forgets the oldest replies beyond the limits. Requests at work stay, and so does a reply that is being
   * sent: the word that it is unknown here would overtake it, and the work would be repeated.
   */
  #forgetOldest(nowMs: number): void {
    const { rememberedBytes, rememberedForMs, rememberedRequests } = this.#limits
    for (const [key, entry] of this.#known) {
      const old = nowMs - entry.since > rememberedForMs
      if (!old && this.#known.size < rememberedRequests && this.#bytes <= rememberedBytes) return
      if (entry.reply?.underWay === 0) this.forget(key)
    }
  }
}

/** The mailbox of a party and its handlers at work. */
class Mailbox {
  readonly #post: Post
  readonly #memory: Memory
  readonly #served = new Map<string, Served>()
  readonly #waiting: Array<Waiting> = []
  #waitingBytes = 0
  #atWork = 0

  constructor(post: Post) {
    this.#post = post
    this.#memory = new Memory(post.limits, post.forget)
  }

  /** Adds a handler; false where its tag has one. */
  serve(tag: string, handler: Served): boolean {
    if (this.#served.has(tag)) return false
    this.#served.set(tag, handler)
    return true
  }

  unserve(tag: string): void {
    this.#served.delete(tag)
  }

  receive(envelope: Envelope, from: string, headers: Headers, ofGroup: boolean): void {
    const key = `${from} ${envelope.id}`
    const known = this.#memory.get(key)
    if (known !== undefined) this.#repeated(envelope, from, known)
    else if (envelope.kind === "poll") this.#notify(from, "unknown", envelope)
    else if (this.#isFull(envelope.body.length))
      this.#post.note("the mailbox is full, a message was dropped", { from, tag: envelope.tag })
    else {
      this.#memory.add(key, this.#now())
      this.#put(envelope, from, key, headers)
      if (ofGroup && envelope.kind === "ask") this.#notify(from, "working", envelope)
      this.pump()
    }
  }

  get waiting(): number {
    return this.#waiting.length
  }

  /** Starts what waits, as long as there is room and handlers serve. */
  pump(): void {
    while (
      this.#served.size > 0 &&
      this.#atWork < this.#post.limits.handlersAtOnce &&
      this.#waiting.length > 0
    ) {
      const request = this.#waiting.shift()!
      this.#waitingBytes -= request.body.length
      const handler = this.#served.get(request.tag)
      if (handler === undefined || handler.kind !== request.kind) {
        const message = `${this.#post.name} does not answer ${request.kind} ${request.tag}`
        this.#refuse(request, { _tag: "UnknownMessage", message, retryable: false })
        continue
      }
      this.#atWork += handler.places
      handler.start(request, (exit) => this.#finished(request, handler, exit))
    }
  }

  #isFull(bytes: number): boolean {
    const { mailboxBytes, mailboxMessages } = this.#post.limits
    return this.#waiting.length >= mailboxMessages || this.#waitingBytes + bytes > mailboxBytes
  }

  #put({ body, id, kind, tag }: Envelope, from: string, key: string, headers: Headers): void {
    this.#waitingBytes += body.length
    this.#waiting.push({
      kind: kind === "tell" ? "tell" : "ask",
      key,
      id,
      tag,
      from,
      // A small body is copied, so that it does not hold on to the transport's whole receive buffer.
      body: body.length < 16_384 ? body.slice() : body,
      headers,
      room: new BodyRoom({ id, tag }, this.#post.transport)
    })
  }

  /** A request that came before: its reply again, or that it is at work. */
  #repeated(envelope: Envelope, from: string, { reply }: Known): void {
    if (envelope.kind === "tell") return
    if (reply !== undefined && takeAgain(reply, this.#now())) this.#send(from, envelope.tag, reply)
    else this.#notify(from, "working", envelope)
  }

  #finished(request: Waiting, { freesAnswer, places }: Served, exit: Exit.Exit<Uint8Array, unknown>): void {
    this.#atWork -= places
    if (Exit.isSuccess(exit)) {
      this.#settle(request, "reply", exit.value)
      if (freesAnswer && !request.room.holds(exit.value)) free(exit.value)
    }
    // The actor stops answering: the asker may ask its next incarnation.
    else if (Cause.isInterruptedOnly(exit.cause)) this.#memory.forget(request.key)
    else this.#refuse(request, describe(exit.cause))
    this.pump()
  }

  #refuse(request: Waiting, error: RemoteError): void {
    const { from, tag } = request
    this.#post.note("a request failed or was refused", { from, tag, error: error.message })
    this.#settle(request, "failure", failureBody(error))
  }

  #settle(request: Waiting, kind: "reply" | "failure", body: Uint8Array): void {
    const { from, id, key, tag } = request
    if (request.kind === "tell") {
      const entry = this.#memory.get(key)
      if (entry !== undefined) entry.reply = nothing
      return
    }
    const framed = request.room.framesOf({ kind, id, tag, number: 0, of: 0, body })
    if (framed._tag === "Left") {
      this.#refuse(request, framed.left)
      return
    }
    const frames = framed.right
    const reply = sentAt(frames, this.#now(), this.#post.limits)
    this.#memory.answered(key, reply, this.#now())
    this.#send(from, tag, reply, () => this.#memory.count(key, reply, sizeOf(frames), this.#now()))
  }

  #send(to: string, tag: string, reply: Sent, done?: () => void): void {
    this.#post.postKept(to, "reply", reply, this.#post.ledger.counter("sent", to, tag), done)
  }

  #notify(to: string, kind: "working" | "unknown", about: About): void {
    this.#post.post(to, "reply", notice(kind, about), this.#post.ledger.counter("sent", to, about.tag))
  }

  #now(): number {
    return this.#post.clock.unsafeCurrentTimeMillis()
  }
}

const notice = (kind: "working" | "unknown", { id, tag, number }: About): Frames => [
  encodeEnvelope({ kind, id, tag, number, of: 0, body: new Uint8Array(0) })
]

export const makeAnswering = (post: Post): Answering => {
  const mailbox = new Mailbox(post)

  const traced = <Env>(request: Waiting, waits: boolean, work: Effect.Effect<Uint8Array, unknown, Env>) => {
    if (!post.traced) return work
    const parent = remoteSpan(request.headers)
    return Effect.useSpan(
      `${request.kind === "ask" ? "answer" : "take"} ${request.tag}`,
      {
        kind: "server",
        captureStackTrace: false,
        attributes: { from: request.from, ...(waits ? { waits } : {}) },
        ...(parent._tag === "Some" ? { parent: parent.value } : { root: true })
      },
      (span) => Effect.withParentSpan(work, span)
    )
  }

  return {
    serve: <H extends Handler<unknown, unknown>>(handlers: ReadonlyArray<H>) =>
      Effect.gen(function* () {
        const fork = yield* FiberSet.makeRuntime<EnvironmentOf<H>>()
        for (const { tag, kind, handle, freesAnswer, waits = false } of handlers as ReadonlyArray<
          Handler<unknown, EnvironmentOf<H>>
        >) {
          const start: Served["start"] = (request, finish) => {
            const work = Effect.suspend(() =>
              handle(request.body, request.from, (bytes) => request.room.take(bytes))
            )
            fork(traced(request, waits, work)).addObserver(finish)
          }
          if (!mailbox.serve(tag, { kind, freesAnswer, places: waits ? 0 : 1, start }))
            return yield* Effect.dieMessage(`${post.name} has two handlers for ${tag}`)
        }
        yield* Effect.addFinalizer(() =>
          Effect.sync(() => {
            for (const { tag } of handlers) mailbox.unserve(tag)
          })
        )
        mailbox.pump()
      }),

    announce: (to) => {
      const frames = notice("unknown", { id: everyRequest, tag: "hello", number: 0 })
      return post.send(to, "reply", frames, post.ledger.counter("sent", to, "hello"))
    },

    receive: (envelope, from, headers, ofGroup = false) => mailbox.receive(envelope, from, headers, ofGroup),
    waiting: () => mailbox.waiting
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
