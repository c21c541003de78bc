/**
 * An actor's place in a run: the layer that makes a `Party` of any transport. It subscribes to all that is sent to the
 * actor, reads each envelope and hands it to the asking, the answering or the rounds. Nothing that arrives can
 * break it: what is not well-formed, or not from whom it should be, is dropped and noted.
 */
import { Clock, Duration, Effect, Layer, Random, Runtime } from "effect"
import type { MalformedMessage } from "../../protocol/messages/codec.ts"
import { decodeEnvelope, type Envelope, type Kind } from "../../protocol/messages/envelope.ts"
import {
  type Address,
  type Channel,
  inboxesOf,
  inboxOf,
  isGroup,
  isRunName,
  mayPublish,
  parseSubject
} from "../../protocol/messages/subjects.ts"
import { Tracing } from "../tracing.ts"
import { type Delivery, Transport, type TransportError } from "../transport/transport.ts"
import { makeAnswering } from "./answering.ts"
import { makeAsking } from "./asking.ts"
import { Party } from "./contract.ts"
import { framesOf, Reassembly } from "./framing.ts"
import { defaultLimits, type Limits } from "./limits.ts"
import { makePost, traceHeaders } from "./post.ts"
import { makeRounds } from "./rounds.ts"
import { type Counter, Ledger, trafficTag } from "./traffic.ts"

export interface PartyOptions {
  /** The name on the wire: an actor's, `kgc`, `cloud0`, `user3`, or that of a member of a house, `cloud0.w-3f2a`. */
  readonly name: string
  readonly run: string
  readonly limits?: Partial<Limits>
  /** Lets something happen after so many milliseconds and gives what calls it off; unless told, a fiber of its own waits for it. */
  readonly after?: (ms: number, happen: () => void) => () => void
}

/** Subjects that are remembered as read; there are four a peer. */
const mostAddresses = 256
/** Counters that an address keeps at hand. */
const mostCounters = 64

/** A subject that was read, and the counters of what came on it, by kind and tag. */
interface Sender extends Address {
  readonly counters: Map<string, Counter>
}

/** The channel on which each kind of envelope may come; fragments come on any. */
const channelOf: Readonly<Record<Exclude<Kind, "fragment">, Channel>> = {
  ask: "ask",
  poll: "ask",
  tell: "tell",
  reply: "reply",
  failure: "reply",
  working: "reply",
  unknown: "reply",
  round: "round",
  nack: "round"
}

/** The party itself, until the scope ends. */
export const makeParty = (options: PartyOptions) =>
  Effect.gen(function* () {
    const { name, run } = options
    if (!isRunName(run))
      // Names that people give are checked where they come in.
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
    const reassembly = new Reassembly(limits)
    const senders = new Map<string, Sender>()
    /** All that it answers to: its own name and the groups that it is in. */
    const names = new Set([name])

    /** What came from a sender is counted here. */
    const counterOf = ({ counters, from, channel }: Sender, kind: Kind, tag: string): Counter => {
      const known = counters.get(kind === "nack" ? "" : tag)
      if (known !== undefined) return known
      const made = ledger.counter("received", from, trafficTag(channel, kind, tag))
      if (counters.size < mostCounters) counters.set(kind === "nack" ? "" : tag, made)
      return made
    }

    const dispatch = (envelope: Envelope, sender: Sender, headers: Delivery["headers"]) => {
      const { kind } = envelope
      const { from, channel } = sender
      if (kind === "fragment" || channelOf[kind] !== channel)
        return post.note("a message came on a channel that is not its own", { from, channel, kind })
      counterOf(sender, kind, envelope.tag).messages++
      switch (kind) {
        case "round":
        case "nack":
          return rounds.receive(envelope, from)
        case "ask":
        case "tell":
        case "poll":
          return answering.receive(envelope, from, headers, isGroup(sender.to))
        default:
          return asking.receive(envelope, from)
      }
    }

    const malformed = (address: Address, error: MalformedMessage) =>
      post.note("a message was malformed", {
        from: address.from,
        channel: address.channel,
        error: error.message
      })

    const senderOf = (subject: string): Sender | undefined => {
      const address = parseSubject(subject)
      if (address === undefined || !names.has(address.to) || address.run !== run) return undefined
      const sender = { ...address, counters: new Map<string, Counter>() }
      if (senders.size < mostAddresses) senders.set(subject, sender)
      return sender
    }

    const receive = ({ subject, data, headers }: Delivery) => {
      const sender = senders.get(subject) ?? senderOf(subject)
      if (sender === undefined)
        return post.note("a message came on a subject that is none of ours", { subject })
      const outer = decodeEnvelope(data)
      if (outer._tag === "Left") return malformed(sender, outer.left)
      const { kind, tag } = outer.right
      counterOf(sender, kind, tag).bytes += data.length
      if (kind !== "fragment") return dispatch(outer.right, sender, headers)
      const whole = reassembly.add(
        `${sender.from} ${sender.channel}`,
        outer.right,
        clock.unsafeCurrentTimeMillis()
      )
      if (whole._tag === "Left") return malformed(sender, whole.left)
      if (whole.right === undefined) return
      const inner = decodeEnvelope(whole.right)
      if (inner._tag === "Left") return malformed(sender, inner.left)
      dispatch(inner.right, sender, headers)
    }

    const unlisten = transport.listen((event) => {
      if (event._tag === "Denied") {
        post.note("the broker denied a subject", { error: event.error.message })
        asking.denied(event.error)
      } else if (event.status === "connected") {
        asking.reconnected()
        rounds.reconnected()
      } else if (event.status === "closed") {
        asking.closed()
        rounds.closed()
      }
    })
    yield* Effect.addFinalizer(() => Effect.sync(unlisten))
    for (const inbox of inboxesOf(run, name)) yield* transport.subscribe(inbox, receive)

    return Party.of({
      name,
      run,
      ask: asking.ask,
      tell: (to, message, payload) =>
        Effect.gen(function* () {
          const body = yield* Effect.orDie(message.payload.encode(payload))
          const frames = framesOf(
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
          names.add(group)
          yield* transport.subscribe(inboxOf(run, group), receive, group)
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

/**
 * A clock whose milliseconds go on evenly, from no date in particular: the system's date may be set at any time, and what is not to be sent again
 * for some milliseconds would then wait for hours.
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
