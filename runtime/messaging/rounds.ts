/**
 * The rounds of a party: symmetric exchanges numbered by the plan, each its own acknowledgement, so that without a fault a round
 * costs one message each way. What was sent is kept until the peer's next round shows that it arrived; whoever
 * misses one asks for it (`nack`). A round starts no fiber: the computation goes on where the peer's part arrives, and one watch a
 * phase asks again and minds the deadline.
 */
import { Duration, Effect, Exit, type Scope } from "effect"
import { type Envelope, encodeEnvelope } from "../../protocol/messages/envelope.ts"
import { freeReceived, TransportClosed, type TransportError } from "../transport/transport.ts"
import {
  type Computation,
  type Driven,
  RoundDeadlineExceeded,
  type RoundError,
  type Rounds
} from "./contract.ts"
import { framesOfParts, type Sent, sentAt, takeAgain } from "./framing.ts"
import type { Post } from "./post.ts"
import { type Counter, trafficTag } from "./traffic.ts"

interface Waiter {
  readonly round: number
  readonly since: number
  readonly resume: (exit: Exit.Exit<Uint8Array, RoundError>) => void
  /** Whether the peer has sent no part of this phase yet: it may not have come to it. */
  readonly first: boolean
  askAgainAt: number
  pause: number
}

/** Where a phase with a peer stands. It exists before this party opens the phase, if the peer was faster, and stays when it has closed it. */
interface Exchange {
  readonly peer: string
  readonly phase: string
  readonly counter: Counter
  open: boolean
  /** Whether a round was exchanged since this party opened the phase. */
  met: boolean
  /** The round this party is at: its own part is sent, or it is the next. Unknown before the first. */
  at: number | undefined
  /** The peer's rounds that nobody has waited for yet. */
  readonly arrived: Map<number, Uint8Array>
  /** What this party sent, of the last round that the peer has surely got and of those after it. */
  readonly kept: Map<number, Sent>
  waiter: Waiter | undefined
}

/** How long a round may stay out, and the first of a phase. */
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
  readonly reconnected: () => void
  readonly closed: () => void
}

export const makeRounds = (post: Post): RoundKeeping => {
  const { limits, clock, transport } = post
  const exchanges = new Map<string, Exchange>()

  const exchangeOf = (peer: string, phase: string): Exchange => {
    const key = `${peer} ${phase}`
    const known = exchanges.get(key)
    if (known !== undefined) return known
    const made: Exchange = {
      peer,
      phase,
      counter: post.ledger.counter("sent", peer, trafficTag("round", "round", phase)),
      open: false,
      met: false,
      at: undefined,
      arrived: new Map(),
      kept: new Map(),
      waiter: undefined
    }
    exchanges.set(key, made)
    const unopened = Array.from(exchanges.entries()).filter(([, x]) => !x.open && x !== made)
    for (const [old] of unopened.slice(0, Math.max(0, unopened.length + 1 - limits.unopenedPhases)))
      exchanges.delete(old)
    return made
  }

  const unopenedBytes = () => {
    let bytes = 0
    for (const x of exchanges.values())
      if (!x.open) for (const body of x.arrived.values()) bytes += body.length
    return bytes
  }

  const askAgain = (x: Exchange, waiter: Waiter) => {
    const frame = encodeEnvelope({
      kind: "nack",
      id: "",
      tag: x.phase,
      number: waiter.round,
      of: 0,
      body: new Uint8Array(0)
    })
    post.post(x.peer, "round", [frame], post.ledger.counter("sent", x.peer, `nack:${x.phase}`))
  }

  const settle = (x: Exchange, exit: Exit.Exit<Uint8Array, RoundError>) => {
    const waiter = x.waiter
    x.waiter = undefined
    waiter?.resume(exit)
  }

  /** Ends the wait for a round with the peer's part of it. */
  const advance = (x: Exchange, round: number) => {
    x.at = round + 1
    x.met = true
    x.arrived.delete(round)
  }

  const receiveRound = (x: Exchange, round: number, body: Uint8Array) => {
    // The peer is at `round`, so it has got ours before it.
    for (const sent of x.kept.keys()) if (sent < round - 1) drop(x, sent)
    if (x.waiter?.round === round) {
      advance(x, round)
      return settle(x, Exit.succeed(body))
    }
    if (x.at === undefined ? x.arrived.size >= 2 : round > x.at + 1)
      return post.note("a round far ahead was dropped", { peer: x.peer, phase: x.phase, round, at: x.at })
    if (x.at !== undefined && round < x.at) return
    if (!x.open && unopenedBytes() + body.length > limits.unopenedBytes)
      return post.note("a round came too early to be kept", { peer: x.peer, phase: x.phase, round })
    x.arrived.set(round, body)
  }

  const watch = (x: Exchange, { deadlineMs, firstMs }: RoundDeadlines) =>
    Effect.sync(() => {
      const waiter = x.waiter
      if (waiter === undefined) return
      const now = clock.unsafeCurrentTimeMillis()
      if (now - waiter.since >= (waiter.first ? firstMs : deadlineMs))
        return settle(
          x,
          Exit.fail(
            new RoundDeadlineExceeded({
              party: x.peer,
              phase: x.phase,
              round: waiter.round,
              waitedMs: Math.round(now - waiter.since),
              broker: transport.status()
            })
          )
        )
      if (now < waiter.askAgainAt || transport.status() !== "connected") return
      waiter.pause = Math.min(waiter.pause * limits.resendGrowth, limits.resendLongestMs)
      waiter.askAgainAt = now + waiter.pause
      askAgain(x, waiter)
    }).pipe(Effect.delay(Duration.millis(Math.min(limits.roundResendMs / 4, deadlineMs / 4))), Effect.forever)

  /** Sends this party's part of a round and keeps it. */
  const begin = (
    x: Exchange,
    round: number,
    parts: ReadonlyArray<Uint8Array>
  ): TransportError | undefined => {
    const frames = framesOfParts(
      { kind: "round", id: "", tag: x.phase, number: round, of: 0 },
      parts,
      transport
    )
    x.at = round
    x.kept.set(round, sentAt(frames, clock.unsafeCurrentTimeMillis(), limits))
    for (const sent of x.kept.keys()) if (sent < round - 1 || sent > round) drop(x, sent)
    for (const early of x.arrived.keys()) if (early < round || early > round + 1) x.arrived.delete(early)
    return post.sendNow(x.peer, "round", frames, x.counter)
  }

  /** Forgets what the peer has got. */
  const drop = (x: Exchange, round: number) => {
    const sent = x.kept.get(round)
    if (sent !== undefined) post.forget(sent)
    x.kept.delete(round)
  }

  /** The peer's part of a round if it is here; else `resume` gets it, or the error that ends the wait. */
  const take = (x: Exchange, round: number, resume: Waiter["resume"]): Uint8Array | undefined => {
    const arrived = x.arrived.get(round)
    if (arrived !== undefined) {
      advance(x, round)
      return arrived
    }
    const now = clock.unsafeCurrentTimeMillis()
    x.waiter = {
      round,
      since: now,
      resume,
      first: !x.met,
      askAgainAt: now + limits.roundResendMs,
      pause: limits.roundResendMs
    }
    if (transport.status() === "closed") settle(x, Exit.fail(givenUp))
    return undefined
  }

  const drive = <A>(x: Exchange, first: number, computation: Computation<A>) =>
    Effect.async<Driven<A>, RoundError>((resume) => {
      if (x.waiter !== undefined)
        return resume(
          Effect.dieMessage(`two fibers exchange rounds of phase ${x.phase} with ${x.peer} at once`)
        )
      let round = first
      let lengths: ReadonlyArray<number> = []
      const goOn = (received: Uint8Array | undefined): Exit.Exit<Driven<A>, RoundError> | undefined => {
        for (let theirs = received; ; ) {
          const next = theirs === undefined ? computation.next([]) : computation.next(cut(theirs, lengths))
          if (theirs !== undefined) freeReceived(theirs)
          if (next.done) return Exit.succeed({ value: next.value, rounds: round - first })
          const parts = next.value.map((part) => part())
          lengths = parts.map(({ length }) => length)
          const error = begin(x, round, parts)
          if (error !== undefined) return Exit.fail(error)
          theirs = take(x, round++, (exit) =>
            Exit.isSuccess(exit) ? run(exit.value) : resume(Exit.failCause(exit.cause))
          )
          if (theirs === undefined) return undefined
        }
      }
      const run = (received: Uint8Array | undefined) => {
        try {
          const end = goOn(received)
          if (end !== undefined) resume(end)
        } catch (defect) {
          resume(Exit.die(defect))
        }
      }
      run(undefined)
      return Effect.sync(() => {
        x.waiter = undefined
      })
    })

  return {
    open: (peer, phase, deadlines) =>
      Effect.gen(function* () {
        const x = exchangeOf(peer, phase)
        if (x.open) return yield* Effect.dieMessage(`phase ${phase} with ${peer} is open already`)
        x.open = true
        x.met = false
        x.at = undefined
        yield* Effect.addFinalizer(() =>
          Effect.sync(() => {
            x.open = false
            x.arrived.clear()
          })
        )
        yield* Effect.forkScoped(watch(x, deadlines))
        return {
          drive: (first, computation) => drive(x, first, computation)
        }
      }),

    receive: ({ kind, tag, number, body }, from) => {
      if (kind === "round") return receiveRound(exchangeOf(from, tag), number, body)
      const x = exchanges.get(`${from} ${tag}`)
      const sent = x?.kept.get(number)
      // What was not sent yet will be; what is forgotten, the peer has shown to have.
      if (x === undefined || sent === undefined || !takeAgain(sent, clock.unsafeCurrentTimeMillis())) return
      post.postKept(x.peer, "round", sent, x.counter)
    },

    reconnected: () => {
      for (const x of exchanges.values()) if (x.waiter !== undefined) askAgain(x, x.waiter)
    },

    closed: () => {
      for (const x of exchanges.values()) settle(x, Exit.fail(givenUp))
    }
  }
}

/** The peer's part, cut like this party's own. Where it is shorter or longer, the last piece shows it. */
const cut = (received: Uint8Array, lengths: ReadonlyArray<number>): ReadonlyArray<Uint8Array> => {
  let at = 0
  return lengths.map((length, i) => {
    const end = i === lengths.length - 1 ? received.length : at + length
    const part = received.subarray(at, end)
    at = end
    return part
  })
}

const givenUp = new TransportClosed({ reason: "it was given up while a round was awaited" })
