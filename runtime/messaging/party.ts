/**
 * An actor's place in a run: the layer that makes a `Party` of any transport. It subscribes to the actor's
 * inboxes; `receiving.ts` hands each message to the asking, the answering or the rounds. Nothing that arrives
 * can break it.
 */
import { Clock, Duration, Effect, Layer, Random, Runtime } from "effect"
import { inboxesOf, inboxOf, isRunName, mayPublish } from "../../protocol/messages/subjects.ts"
import { Metering, type Sample } from "../metrics.ts"
import { Tracing } from "../tracing.ts"
import { Transport, TransportClosed, type TransportError } from "../transport/transport.ts"
import { type Answering, makeAnswering } from "./answering.ts"
import { type Asking, makeAsking } from "./asking.ts"
import { Party } from "./contract.ts"
import { framesOf } from "./framing.ts"
import { defaultLimits, type Limits } from "./limits.ts"
import { makePost, traceHeaders } from "./post.ts"
import { Receiving } from "./receiving.ts"
import { makeRounds, type RoundKeeping } from "./rounds.ts"
import { Ledger } from "./traffic.ts"

export interface PartyOptions {
  /**
   * The name on the wire: an actor's (`kgc`, `cloud0`, `user3`) or that of a member of its process group
   * (`cloud0.w-3f2a`).
   */
  readonly name: string
  readonly run: string
  readonly limits?: Partial<Limits>
  /** Calls `happen` after `ms` milliseconds and returns a canceller. By default a fiber waits for it. */
  readonly after?: (ms: number, happen: () => void) => () => void
}

/** The party itself, until the scope ends. */
export const makeParty = (options: PartyOptions) =>
  Effect.gen(function* () {
    const { name, run } = options
    if (!isRunName(run))
      // Names from people are checked where they come in.
      return yield* Effect.dieMessage(`"${run}" is no name of a run`)
    const transport = yield* Transport
    const clock = steady(yield* Effect.clock)
    const { enabled: traced } = yield* Tracing
    const fork = Runtime.runFork(yield* Effect.runtime())
    const limits = { ...defaultLimits, ...options.limits }
    const ledger = new Ledger()
    const after =
      options.after ??
      ((ms, happen) => {
        const waiting = fork(Effect.delay(Effect.sync(happen), Duration.millis(ms)))
        return () => waiting.unsafeInterruptAsFork(waiting.id())
      })
    const post = makePost({ name, run }, { transport, limits, ledger, clock, traced, after }, fork)

    // A prefix drawn at each start makes ids differ from those of the actor's earlier incarnations.
    const incarnation = yield* Random.nextIntBetween(0, Number.MAX_SAFE_INTEGER)
    let ids = 0
    const newId = () => `${incarnation.toString(36)}-${++ids}`

    const asking = makeAsking(post, newId)
    const answering = makeAnswering(post)
    const rounds = makeRounds(post)
    const { meters } = yield* Metering
    if (meters !== undefined) yield* meters.observe(() => figuresOf(ledger, { asking, answering, rounds }))
    const receiving = new Receiving(post, run, { asking, answering, rounds })

    const unlisten = transport.listen((event) => {
      if (event._tag === "Denied") {
        post.note("the broker denied a subject", { error: event.error.message })
        asking.denied(event.error)
      } else if (event.status === "connected") {
        asking.reconnected()
        rounds.reconnected()
      } else if (event.status === "closed") {
        const error = event.error ?? new TransportClosed({ reason: "it was given up" })
        asking.closed(error)
        rounds.closed(error)
      }
    })
    yield* Effect.addFinalizer(() => Effect.sync(unlisten))
    for (const inbox of inboxesOf(run, name)) yield* transport.subscribe(inbox, receiving.receive)

    return Party.of({
      name,
      run,
      ask: asking.ask,
      tell: (to, message, payload) =>
        Effect.gen(function* () {
          const body = yield* Effect.orDie(message.payload.encode(payload))
          const frames = yield* framesOf(
            { kind: "tell", id: newId(), tag: message.tag, number: 0, of: 0, body },
            transport
          )
          const span = traced ? yield* Effect.option(Effect.currentParentSpan) : undefined
          const headers = span?._tag === "Some" ? traceHeaders(span.value) : undefined
          yield* post.send(to, "tell", frames, ledger.counter("sent", to, message.tag), headers)
        }),
      serve: answering.serve,
      joinGroup: (group) =>
        Effect.gen(function* () {
          receiving.join(group)
          yield* transport.subscribe(inboxOf(run, group), receiving.receive, group)
        }),
      announce: (peers) =>
        Effect.forEach(
          peers.filter((peer) => mayPublish(name, peer, "reply")),
          answering.announce,
          { discard: true }
        ),
      rounds: (peer, phase, { deadlineMs = limits.roundDeadlineMs, firstMs = deadlineMs } = {}) =>
        rounds.open(peer, phase, { deadlineMs, firstMs }),
      traffic: Effect.sync(() => ledger.rows())
    })
  })

/** What a party counts, for its operator. */
const figuresOf = (
  ledger: Ledger,
  parts: {
    readonly asking: Asking
    readonly answering: Answering
    readonly rounds: RoundKeeping
  }
): ReadonlyArray<Sample> => {
  const byPeer = new Map<string, { direction: string; peer: string; bytes: number; messages: number }>()
  for (const { direction, peer, bytes, messages } of ledger.rows()) {
    const sum = byPeer.get(`${direction} ${peer}`) ?? { direction, peer, bytes: 0, messages: 0 }
    sum.bytes += bytes
    sum.messages += messages
    byPeer.set(`${direction} ${peer}`, sum)
  }
  return [
    ...[...byPeer.values()].flatMap(({ direction, peer, bytes, messages }): ReadonlyArray<Sample> => {
      const attributes = [["direction", direction] as const, ["peer", peer] as const]
      return [
        { name: "bicameral.bytes", value: bytes, attributes },
        { name: "bicameral.messages", value: messages, attributes }
      ]
    }),
    ...parts.rounds.counts().flatMap(
      ({ peer, rounds, waitedMs }): ReadonlyArray<Sample> => [
        { name: "bicameral.rounds", value: rounds, attributes: [["peer", peer]] },
        { name: "bicameral.round.wait", value: waitedMs / 1000, attributes: [["peer", peer]] }
      ]
    ),
    { name: "bicameral.requests.open", value: parts.asking.open() },
    { name: "bicameral.requests.waiting", value: parts.answering.waiting() }
  ]
}

/**
 * A clock whose milliseconds never jump, from an arbitrary start. The system's date may be set at any time,
 * and a pause until a date could then last for hours.
 */
const steady = (clock: Clock.Clock): Clock.Clock => {
  const millis = () => Math.floor(Number(clock.unsafeCurrentTimeNanos()) / 1e6)
  return {
    [Clock.ClockTypeId]: Clock.ClockTypeId,
    unsafeCurrentTimeMillis: millis,
    currentTimeMillis: Effect.sync(millis),
    unsafeCurrentTimeNanos: () => clock.unsafeCurrentTimeNanos(),
    currentTimeNanos: clock.currentTimeNanos,
    sleep: (duration) => clock.sleep(duration)
  }
}

/** A party of this name in this run, over whatever transport it is given. */
export const layer = (options: PartyOptions): Layer.Layer<Party, TransportError, Transport> =>
  Layer.scoped(Party, makeParty(options))
