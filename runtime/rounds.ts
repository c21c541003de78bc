/**
 * The rounds of a party: symmetric exchanges numbered by the plan, each its own acknowledgement, so that without a fault a round
 * costs one message each way. What was sent is kept until the peer's next round shows that it arrived; whoever
 * misses one asks for it (`nack`). An exchange starts no fiber: one watch a phase asks again and minds the deadline.
 */
import { Context, Duration, Effect, Exit, Option, type Scope, Tracer } from "effect"
import { type Envelope, encodeEnvelope } from "../protocol/messages/envelope.ts"
import { RoundDeadlineExceeded, type RoundError, type Rounds } from "./actor.ts"
import { framesOf, type Sent, sentAt, takeAgain } from "./framing.ts"
import type { Post } from "./post.ts"
import { type Counter, trafficTag } from "./traffic.ts"
import { TransportClosed } from "./transport.ts"

interface Waiter {
  readonly round: number
  readonly since: number
  readonly resume: (exit: Exit.Exit<Uint8Array, RoundError>) => void
  askAgainAt: number
  pause: number
}

/** Where a phase with a peer stands. It exists before this party opens the phase, if the peer was faster, and stays when it has closed it. */
interface Exchange {
  readonly peer: string
  readonly phase: string
  readonly counter: Counter
  open: boolean
  /** The round this party is at: its own part is sent, or it is the next. Unknown before the first. */
  at: number | undefined
  /** The peer's rounds that nobody has waited for yet. */
  readonly arrived: Map<number, Uint8Array>
  /** What this party sent, of the last round that the peer has surely got and of those after it. */
  readonly kept: Map<number, Sent>
  waiter: Waiter | undefined
}

export interface RoundKeeping {
  readonly open: (
    peer: string,
    phase: string,
    deadlineMs: number
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
    post.run(post.send(x.peer, "round", [frame], post.ledger.counter("sent", x.peer, `nack:${x.phase}`)))
  }

  const settle = (x: Exchange, exit: Exit.Exit<Uint8Array, RoundError>) => {
    const waiter = x.waiter
    x.waiter = undefined
    waiter?.resume(exit)
  }

  /** Ends the wait for a round with the peer's part of it. */
  const advance = (x: Exchange, round: number) => {
    x.at = round + 1
    x.arrived.delete(round)
  }

  const receiveRound = (x: Exchange, round: number, body: Uint8Array) => {
    // The peer is at `round`, so it has got ours before it.
    for (const sent of x.kept.keys()) if (sent < round - 1) x.kept.delete(sent)
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

  const watch = (x: Exchange, deadlineMs: number) =>
    Effect.sync(() => {
      const waiter = x.waiter
      if (waiter === undefined) return
      const now = clock.unsafeCurrentTimeMillis()
      if (now - waiter.since >= deadlineMs)
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

  const begin = (x: Exchange, round: number, payload: Uint8Array) => {
    const frames = framesOf(
      { kind: "round", id: "", tag: x.phase, number: round, of: 0, body: payload },
      transport.maxPayloadBytes
    )
    x.at = round
    x.kept.set(round, sentAt(frames, clock.unsafeCurrentTimeMillis(), limits))
    for (const sent of x.kept.keys()) if (sent < round - 1 || sent > round) x.kept.delete(sent)
    for (const early of x.arrived.keys()) if (early < round || early > round + 1) x.arrived.delete(early)
    return post.send(x.peer, "round", frames, x.counter)
  }

  const wait = (x: Exchange, round: number): Effect.Effect<Uint8Array, RoundError> =>
    Effect.async((resume) => {
      if (x.waiter !== undefined)
        return resume(
          Effect.dieMessage(`two fibers exchange rounds of phase ${x.phase} with ${x.peer} at once`)
        )
      const arrived = x.arrived.get(round)
      if (arrived !== undefined) {
        advance(x, round)
        return resume(Exit.succeed(arrived))
      }
      if (transport.status() === "closed") return resume(Exit.fail(givenUp))
      const now = clock.unsafeCurrentTimeMillis()
      x.waiter = {
        round,
        since: now,
        resume,
        askAgainAt: now + limits.roundResendMs,
        pause: limits.roundResendMs
      }
      return Effect.sync(() => {
        x.waiter = undefined
      })
    })

  const exchange = (x: Exchange, round: number, payload: Uint8Array) =>
    Effect.suspend(() => Effect.zipRight(begin(x, round, payload), wait(x, round)))

  /** An exchange with its span, made by hand: there are many, and `withSpan` costs more than the rest of an exchange. */
  const recorded = (x: Exchange, round: number, work: Effect.Effect<Uint8Array, RoundError>) =>
    Effect.withFiberRuntime<Uint8Array, RoundError>((fiber) => {
      const { unsafeMap } = fiber.currentContext
      const parent = Option.fromNullable(unsafeMap.get(Tracer.ParentSpan.key) as Tracer.AnySpan | undefined)
      const span = fiber.currentTracer!.span(
        "round",
        parent,
        Context.empty(),
        [],
        clock.unsafeCurrentTimeNanos(),
        "internal"
      )
      span.attribute("peer", x.peer)
      span.attribute("phase", x.phase)
      span.attribute("round", round)
      return Effect.onExit(work, (exit) => Effect.sync(() => span.end(clock.unsafeCurrentTimeNanos(), exit)))
    })

  return {
    open: (peer, phase, deadlineMs) =>
      Effect.gen(function* () {
        const x = exchangeOf(peer, phase)
        if (x.open) return yield* Effect.dieMessage(`phase ${phase} with ${peer} is open already`)
        x.open = true
        x.at = undefined
        yield* Effect.addFinalizer(() =>
          Effect.sync(() => {
            x.open = false
            x.arrived.clear()
          })
        )
        yield* Effect.forkScoped(watch(x, deadlineMs))
        return {
          exchange: post.traced
            ? (round, payload) => recorded(x, round, exchange(x, round, payload))
            : (round, payload) => exchange(x, round, payload)
        }
      }),

    receive: ({ kind, tag, number, body }, from) => {
      if (kind === "round") return receiveRound(exchangeOf(from, tag), number, body)
      const x = exchanges.get(`${from} ${tag}`)
      const sent = x?.kept.get(number)
      // What was not sent yet will be; what is forgotten, the peer has shown to have.
      if (x === undefined || sent === undefined || !takeAgain(sent, clock.unsafeCurrentTimeMillis())) return
      post.run(post.send(x.peer, "round", sent.frames, x.counter))
    },

    reconnected: () => {
      for (const x of exchanges.values()) if (x.waiter !== undefined) askAgain(x, x.waiter)
    },

    closed: () => {
      for (const x of exchanges.values()) settle(x, Exit.fail(givenUp))
    }
  }
}

const givenUp = new TransportClosed({ reason: "it was given up while a round was awaited" })
