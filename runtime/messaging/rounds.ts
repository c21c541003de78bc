/**
 * The rounds of a party: symmetric exchanges numbered by the plan. Each message acknowledges the one before
 * it, so a round without a fault costs one message each way. What was sent is kept until the peer's next
 * round shows that it arrived; a party that misses a round asks for it (`nack`). A round starts no fiber: the
 * computation continues in the callback that delivers the peer's part, and one watch a phase repeats the
 * request and enforces the deadline.
 */
import { Duration, Effect, Exit, type Scope } from "effect"
import { type Envelope, encodeEnvelope } from "../../protocol/messages/envelope.ts"
import { freeReceived, TransportClosed, type TransportError } from "../transport/transport.ts"
import {
  type Computation,
  type Driven,
  RoundDeadlineExceeded,
  type RoundError,
  type RoundPiece,
  type Rounds
} from "./contract.ts"
import { framesOfParts, type Sent, sentAt, takeAgain } from "./framing.ts"
import type { Post } from "./post.ts"
import { notedInSpan } from "./rounds-in-spans.ts"
import { type Counter, trafficTag } from "./traffic.ts"

/** How long a round may take, and the first of a phase. */
export interface RoundDeadlines {
  readonly deadlineMs: number
  readonly firstMs: number
}

export interface RoundKeeping {
  readonly open: (
    peer: string,
    phase: string,
    deadlines: RoundDeadlines
  ) => Effect.Effect<Rounds, never, Scope.Scope>
  /** Takes a `round` or `nack` from `from`. */
  readonly receive: (envelope: Envelope, from: string) => void
  /** A fragment of a round came from `from`: the rest is on its way, and is not requested again meanwhile. */
  readonly arriving: (fragment: Envelope, from: string) => void
  readonly reconnected: () => void
  readonly closed: (error: TransportError) => void
  /** What was exchanged with each peer so far. */
  readonly counts: () => ReadonlyArray<RoundCount>
}

interface RoundCount {
  readonly peer: string
  readonly rounds: number
  readonly waitedMs: number
}

interface Waiter {
  readonly round: number
  since: number
  readonly resume: (exit: Exit.Exit<Uint8Array, RoundError>) => void
  /** Whether the peer has sent no part of this phase yet: it may not have reached it. */
  readonly first: boolean
  askAgainAt: number
  pause: number
}

/**
 * The state of one phase with one peer. It exists before this party opens the phase, if the peer was faster,
 * and stays after this party has closed it.
 */
class Exchange {
  readonly peer: string
  readonly phase: string
  /** Of all times that this party opened it. */
  rounds = 0
  waitedMs = 0
  readonly #post: Post
  readonly #counter: Counter
  /** The round this party is at: its own part is sent, or it is the next. Unknown before the first. */
  #at: number | undefined
  /** Whether a round was exchanged since this party opened the phase. */
  #met = false
  #open = false
  /** The peer's rounds that this party has not waited for yet. */
  readonly #arrived = new Map<number, Uint8Array>()
  /** This party's sent rounds: the last that the peer certainly has, and those after it. */
  readonly #kept = new Map<number, Sent>()
  #waiter: Waiter | undefined
  #watchedAt = 0

  constructor(post: Post, peer: string, phase: string) {
    this.peer = peer
    this.phase = phase
    this.#post = post
    this.#counter = post.ledger.counter("sent", peer, trafficTag("round", "round", phase))
  }

  get isOpen(): boolean {
    return this.#open
  }

  get waiting(): boolean {
    return this.#waiter !== undefined
  }

  get arrivedBytes(): number {
    let bytes = 0
    for (const body of this.#arrived.values()) bytes += body.length
    return bytes
  }

  open(): void {
    this.#open = true
    this.#watchedAt = this.#post.clock.unsafeCurrentTimeMillis()
    this.#met = false
    this.#at = undefined
  }

  close(): void {
    this.#open = false
    this.#arrived.clear()
  }

  /** Takes the peer's part of a round. `roomBytes` is what may still be kept for phases that are not open. */
  receive(round: number, body: Uint8Array, roomBytes: () => number): void {
    // The peer is at `round`, so it has ours before it.
    for (const sent of this.#kept.keys()) if (sent < round - 1) this.#drop(sent)
    if (this.#waiter?.round === round) {
      this.#advance(round)
      this.#settle(Exit.succeed(body))
      return
    }
    const { peer, phase } = this
    const at = this.#at
    if (at !== undefined && round < at) return
    if (at === undefined ? this.#arrived.size >= 2 : round > at + 1)
      this.#post.note("a round far ahead was dropped", { peer, phase, round, at })
    else if (!this.#open && body.length > roomBytes())
      this.#post.note("a round came too early to be kept", { peer, phase, round })
    else this.#arrived.set(round, body)
  }

  /**
   * The peer requests a round again. One that was not sent yet will be; one that is forgotten, the peer has
   * shown to have.
   */
  repeat(round: number): void {
    const sent = this.#kept.get(round)
    if (sent === undefined || !takeAgain(sent, this.#post.clock.unsafeCurrentTimeMillis())) return
    this.#post.postKept(this.peer, "round", sent, this.#counter)
  }

  /** A part of a round came, by its name as fragments have it. */
  arriving(round: string): void {
    const waiter = this.#waiter
    if (waiter === undefined || String(waiter.round) !== round) return
    waiter.askAgainAt = this.#post.clock.unsafeCurrentTimeMillis() + waiter.pause
  }

  /** Requests the awaited round from the peer, if any. */
  askAgain(): void {
    const waiter = this.#waiter
    if (waiter === undefined) return
    const { peer, phase } = this
    const nack = { kind: "nack", id: "", tag: phase, number: waiter.round, of: 0, body: noBytes } as const
    this.#post.post(
      peer,
      "round",
      [encodeEnvelope(nack)],
      this.#post.ledger.counter("sent", peer, `nack:${phase}`)
    )
  }

  giveUp(error: TransportError): void {
    this.#settle(Exit.fail(error))
  }

  /**
   * Requests a missing round repeatedly, and ends the wait at its deadline. Called about every `everyMs`: where this process
   * computed for longer, the round may be here and not read yet, so that time does not count.
   */
  watch({ deadlineMs, firstMs }: RoundDeadlines, everyMs: number): void {
    const { clock, limits, transport } = this.#post
    const now = clock.unsafeCurrentTimeMillis()
    const away = now - this.#watchedAt - everyMs
    this.#watchedAt = now
    const waiter = this.#waiter
    if (waiter === undefined) return
    if (away > everyMs) {
      waiter.askAgainAt += away
      waiter.since += away
    }
    if (now - waiter.since >= (waiter.first ? firstMs : deadlineMs))
      this.#settle(Exit.fail(this.#late(waiter, now)))
    else if (now >= waiter.askAgainAt && transport.status() === "connected") {
      waiter.pause = Math.min(waiter.pause * limits.resendGrowth, limits.resendLongestMs)
      waiter.askAgainAt = now + waiter.pause
      this.askAgain()
    }
  }

  #late({ round, since }: Waiter, now: number): RoundDeadlineExceeded {
    const { peer: party, phase } = this
    const waitedMs = Math.round(now - since)
    return new RoundDeadlineExceeded({ party, phase, round, waitedMs, broker: this.#post.transport.status() })
  }

  /** Runs a computation: sends its part of each round and resumes it with the peer's. */
  drive<A>(first: number, computation: Computation<A>): Effect.Effect<Driven<A>, RoundError> {
    return Effect.async<Driven<A>, RoundError>((resume) => {
      if (this.waiting)
        return resume(
          Effect.dieMessage(
            `two fibers exchange rounds of phase ${this.phase} with ${this.peer} at the same time`
          )
        )
      type End = Exit.Exit<Driven<A>, RoundError>
      const now = () => this.#post.clock.unsafeCurrentTimeMillis()
      let round = first
      let waitedMs = 0
      let waitingSince = 0
      let lengths: ReadonlyArray<number> = []
      let interrupted = false
      /** Sends this party's part, and takes the peer's if it is here. */
      const exchange = (pieces: ReadonlyArray<RoundPiece>): Uint8Array | End | undefined => {
        const parts = pieces.map((part) => part())
        lengths = parts.map(({ length }, i) => pieces[i]!.receives ?? length)
        const error = this.#send(round, parts)
        if (error !== undefined) return Exit.fail(error)
        const came = this.#take(round++, onRound)
        if (came === undefined) waitingSince = now()
        return came
      }
      const advance = (received: Uint8Array | undefined): End | undefined => {
        for (let theirs = received; ; ) {
          const next = theirs === undefined ? computation.next([]) : computation.next(cut(theirs, lengths))
          if (theirs !== undefined) freeReceived(theirs)
          if (next.done) return Exit.succeed({ value: next.value, rounds: round - first, waitedMs })
          const preparation = preparationOf(next.value)
          if (preparation !== undefined) {
            preparation.then(
              () => run(() => (interrupted ? undefined : continued(exchange(next.value)))),
              (error) => resume(Exit.die(error))
            )
            return undefined
          }
          const came = exchange(next.value)
          if (!(came instanceof Uint8Array)) return came
          theirs = came
        }
      }
      const continued = (came: Uint8Array | End | undefined): End | undefined =>
        came instanceof Uint8Array ? advance(came) : came
      const run = (work: () => End | undefined) => {
        try {
          const end = work()
          if (end !== undefined) resume(end)
        } catch (defect) {
          resume(Exit.die(defect))
        }
      }
      const onRound: Waiter["resume"] = (exit) => {
        const lastedMs = now() - waitingSince
        waitedMs += lastedMs
        this.waitedMs += lastedMs
        if (Exit.isSuccess(exit)) run(() => advance(exit.value))
        else resume(Exit.failCause(exit.cause))
      }
      run(() => advance(undefined))
      return Effect.sync(() => {
        interrupted = true
        this.#waiter = undefined
      })
    })
  }

  /** Sends this party's part of a round and keeps it. */
  #send(round: number, parts: ReadonlyArray<Uint8Array>): TransportError | undefined {
    const { clock, limits, transport } = this.#post
    const envelope = { kind: "round", id: "", tag: this.phase, number: round, of: 0 } as const
    const framed = framesOfParts(envelope, parts, transport)
    if (framed._tag === "Left") return framed.left
    const frames = framed.right
    this.#at = round
    this.#kept.set(round, sentAt(frames, clock.unsafeCurrentTimeMillis(), limits))
    for (const sent of this.#kept.keys()) if (sent < round - 1 || sent > round) this.#drop(sent)
    for (const early of this.#arrived.keys())
      if (early < round || early > round + 1) this.#arrived.delete(early)
    return this.#post.sendNow(this.peer, "round", frames, this.#counter)
  }

  /**
   * The peer's part of a round if it is here; otherwise `resume` gets it later, or the error that ends the
   * wait.
   */
  #take(round: number, resume: Waiter["resume"]): Uint8Array | undefined {
    const arrived = this.#arrived.get(round)
    if (arrived !== undefined) {
      this.#advance(round)
      return arrived
    }
    const { clock, limits, transport } = this.#post
    const now = clock.unsafeCurrentTimeMillis()
    const pause = limits.roundResendMs
    this.#waiter = { round, since: now, resume, first: !this.#met, askAgainAt: now + pause, pause }
    if (transport.status() === "closed") this.giveUp(givenUp)
    return undefined
  }

  /** The peer's part of `round` is here: the next round is awaited from now on. */
  #advance(round: number): void {
    this.#at = round + 1
    this.#met = true
    this.rounds++
    this.#arrived.delete(round)
  }

  #settle(exit: Exit.Exit<Uint8Array, RoundError>): void {
    const waiter = this.#waiter
    this.#waiter = undefined
    waiter?.resume(exit)
  }

  /** Forgets the rounds that the peer has. */
  #drop(round: number): void {
    const sent = this.#kept.get(round)
    if (sent !== undefined) this.#post.forget(sent)
    this.#kept.delete(round)
  }
}

/** The exchanges of a party, by peer and phase. */
class Exchanges {
  readonly #post: Post
  readonly #all = new Map<string, Exchange>()

  constructor(post: Post) {
    this.#post = post
  }

  of(peer: string, phase: string): Exchange {
    const key = keyOf(peer, phase)
    const known = this.#all.get(key)
    if (known !== undefined) return known
    this.#forgetUnopened()
    const made = new Exchange(this.#post, peer, phase)
    this.#all.set(key, made)
    return made
  }

  receive({ kind, tag, number, body }: Envelope, from: string): void {
    if (kind === "nack") this.#all.get(keyOf(from, tag))?.repeat(number)
    else
      this.of(from, tag).receive(number, body, () => this.#post.limits.unopenedBytes - this.#unopenedBytes())
  }

  arriving({ id, tag }: Envelope, from: string): void {
    this.#all.get(keyOf(from, tag))?.arriving(id)
  }

  reconnected(): void {
    for (const exchange of this.#all.values()) exchange.askAgain()
  }

  closed(error: TransportError): void {
    for (const exchange of this.#all.values()) exchange.giveUp(error)
  }

  get counts(): ReadonlyArray<RoundCount> {
    const peers = new Map<string, RoundCount>()
    for (const { peer, rounds, waitedMs } of this.#all.values()) {
      const before = peers.get(peer) ?? { peer, rounds: 0, waitedMs: 0 }
      peers.set(peer, { peer, rounds: before.rounds + rounds, waitedMs: before.waitedMs + waitedMs })
    }
    return [...peers.values()]
  }

  /** Makes room for one more phase that this party has not opened. */
  #forgetUnopened(): void {
    const unopened = Array.from(this.#all.entries()).filter(([, { isOpen }]) => !isOpen)
    const tooMany = unopened.length + 1 - this.#post.limits.unopenedPhases
    for (const [key] of unopened.slice(0, Math.max(0, tooMany))) this.#all.delete(key)
  }

  #unopenedBytes(): number {
    let bytes = 0
    for (const exchange of this.#all.values()) if (!exchange.isOpen) bytes += exchange.arrivedBytes
    return bytes
  }
}

const keyOf = (peer: string, phase: string): string => `${peer} ${phase}`

export const makeRounds = (post: Post): RoundKeeping => {
  const exchanges = new Exchanges(post)
  return {
    open: (peer, phase, deadlines) =>
      Effect.gen(function* () {
        const exchange = exchanges.of(peer, phase)
        if (exchange.isOpen) return yield* Effect.dieMessage(`phase ${phase} with ${peer} is open already`)
        exchange.open()
        yield* Effect.addFinalizer(() => Effect.sync(() => exchange.close()))
        const pauseMs = Math.min(post.limits.roundResendMs / 4, deadlines.deadlineMs / 4)
        yield* Effect.sync(() => exchange.watch(deadlines, pauseMs)).pipe(
          Effect.delay(Duration.millis(pauseMs)),
          Effect.forever,
          Effect.forkScoped
        )
        return {
          drive: (first, computation) => {
            const driven = exchange.drive(first, computation)
            return post.traced ? notedInSpan(peer, driven) : driven
          }
        }
      }),
    receive: (envelope, from) => exchanges.receive(envelope, from),
    arriving: (fragment, from) => exchanges.arriving(fragment, from),
    reconnected: () => exchanges.reconnected(),
    closed: (error) => exchanges.closed(error),
    counts: () => exchanges.counts
  }
}

/** The peer's part, cut to the lengths that it should have. If it is shorter or longer, the last piece shows it. */
const cut = (received: Uint8Array, lengths: ReadonlyArray<number>): ReadonlyArray<Uint8Array> => {
  let at = 0
  return lengths.map((length, i) => {
    const end = i === lengths.length - 1 ? received.length : at + length
    const part = received.subarray(at, end)
    at = end
    return part
  })
}

/** Begins the preparations of a round; nothing is returned where there are none. */
const preparationOf = (pieces: ReadonlyArray<RoundPiece>): Promise<unknown> | undefined => {
  const begun = pieces.flatMap((piece) => (piece.prepared === undefined ? [] : [piece.prepared()]))
  return begun.length === 0 ? undefined : Promise.all(begun)
}

const noBytes = new Uint8Array(0)

const givenUp = new TransportClosed({ reason: "it was given up while a round was awaited" })
