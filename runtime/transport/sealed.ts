/**
 * A transport whose messages only their receiver can read, and only their sender can have written: the broker carries
 * them and is not trusted. Each ordered pair of processes has a session of its own (Noise KK, `protocol/channels/`),
 * which the sender begins when it first has something to send, and begins anew when the receiver says that it does
 * not know it. What can't be sealed yet waits, within bounds; what does not open is dropped and counts as lost, as from
 * any network. Who sends a group something does not know who will take it: that is sealed to their common key.
 */
import { type Clock, Effect, Either, Layer, Option, Runtime } from "effect"
import { plainBytes } from "../../protocol/bytes.ts"
import { CanonicalWriter } from "../../protocol/canonical.ts"
import {
  type FrameSealer,
  frameKinds,
  nameOf,
  overheadBytes,
  sessionBytes,
  sessionOf
} from "../../protocol/channels/frames.ts"
import {
  answer,
  begin,
  HandshakeFailed,
  type Identity,
  oneWayOverheadBytes,
  openOneWay,
  type Side,
  sealOneWay
} from "../../protocol/channels/noise.ts"
import {
  type Address,
  actorOf,
  channels,
  isGroup,
  mayPublish,
  parseSubject,
  subjectOf
} from "../../protocol/messages/subjects.ts"
import { Inbound, Outbound } from "./sessions.ts"
import { type Delivery, PayloadTooLarge, sharedBytes, Transport, type TransportService } from "./transport.ts"

export interface SealedOptions {
  /** The process's own name. */
  readonly name: string
  readonly run: string
  /** The identity of the party that the process belongs to. */
  readonly identity: Identity
  /** The static public key of an actor, by its name on the wire; nothing where the run has no such actor. */
  readonly keyOf: (actor: string) => Uint8Array | undefined
  /** What both ends must agree on besides, such as the digest of the scenario. */
  readonly agreed: (peer: string) => Uint8Array
  /**
   * Processes with which sessions are known, each way: those of a party can have any number of names. Beyond it,
   * the one that was taken up first has to begin anew.
   */
  readonly mostPeers?: number
}

/** How much longer a frame to a group is than its content. */
const groupOverheadBytes = 1 + oneWayOverheadBytes

/** A handshake's message is not sent again sooner. */
const helloAgainMs = 200
const defaultMostPeers = 1024

type Headers = Readonly<Record<string, string>>

/** Subjects whose parse is kept: there are four for each peer. */
const mostAddresses = 1024

/** The sessions of a process. */
class Channels {
  readonly #options: SealedOptions
  readonly #real: TransportService
  readonly #clock: Clock.Clock
  readonly #note: Note
  readonly #addresses = new Map<string, Address>()
  readonly #outbound = new Map<string, Outbound>()
  readonly #inbound = new Map<string, Inbound>()

  constructor(options: SealedOptions, real: TransportService, clock: Clock.Clock, note: Note) {
    this.#options = options
    this.#clock = clock
    this.#real = real
    this.#note = note
  }

  send(
    subject: string,
    data: Uint8Array,
    headers: Headers | undefined
  ): ReturnType<TransportService["send"]> {
    const address = this.#addressOf(subject)
    if (address === undefined) {
      this.#note("a message to nobody was dropped", { subject })
      return undefined
    }
    const { to } = address
    if (isGroup(to)) return this.#sendToGroup(address, subject, data, headers)
    const outbound = this.#outboundTo(to)
    if (outbound.sealer !== undefined && outbound.begun === undefined)
      return this.#sendSealed(outbound.sealer, subject, data, headers)
    outbound.wait({ subject, data: data.slice(), headers })
    return this.#hello(to, outbound, subject)
  }

  receive(delivery: Delivery, onDelivery: (delivery: Delivery) => void): void {
    const { subject, data, headers } = delivery
    const address = this.#addressOf(subject)
    if (address === undefined) {
      this.#note("a message from nobody was dropped", { subject })
      return
    }
    const { from } = address
    const content = this.#contentFrom(address, data)
    if (content !== undefined) onDelivery({ subject, data: content, headers })
    else if (data[0] === frameKinds.hello || data[0] === frameKinds.newcomer) this.#greeted(from, data)
    else if (data[0] === frameKinds.answer) this.#finish(from, data.subarray(1))
    else if (data[0] === frameKinds.lost) this.#lost(from, data.subarray(1))
  }

  #addressOf(subject: string): Address | undefined {
    const known = this.#addresses.get(subject)
    if (known !== undefined) return known
    const address = parseSubject(subject)
    if (address !== undefined && this.#addresses.size < mostAddresses) this.#addresses.set(subject, address)
    return address
  }

  /** What a frame holds for the party; nothing where it is of a handshake, or does not open. */
  #contentFrom({ from, to }: Address, frame: Uint8Array): Uint8Array | undefined {
    if (frame[0] === frameKinds.sealed) return this.#open(from, frame)
    if (frame[0] === frameKinds.group) {
      const opened = Either.flatMap(this.#side(from, to), (side) => openOneWay(side, frame.subarray(1)))
      if (Either.isRight(opened)) return opened.right
      this.#note("a message to a group was refused", { from, error: opened.left.message })
    } else if (!knownKinds.has(frame[0])) this.#note("a message was dropped that nobody had sealed", { from })
    return undefined
  }

  #open(from: string, frame: Uint8Array): Uint8Array | undefined {
    const session = sessionOf(frame)
    // Nothing is kept of a stranger: whoever has agreed on no session has none that is known.
    const opened =
      session === undefined
        ? Option.none()
        : (this.#inbound.get(from)?.open(session, frame) ?? "unknown session")
    if (opened === "unknown session") {
      // It is of an earlier life of ours, or of nobody's.
      const lost = new Uint8Array(1 + sessionBytes)
      lost[0] = frameKinds.lost
      lost.set(frame.subarray(1, 1 + sessionBytes), 1)
      this.#real.send(this.#wayTo(from), lost)
      return undefined
    }
    if (Option.isSome(opened)) return opened.value
    this.#note(
      "a message does not open under the key of its sender: it was changed on the way, forged, or came before",
      {
        from
      }
    )
    return undefined
  }

  #sendSealed(sealer: FrameSealer, subject: string, data: Uint8Array, headers: Headers | undefined) {
    const frame = this.#real.frame(data.length + overheadBytes)
    sealer.seal(data, frame)
    return this.#sendOnce(subject, frame, headers)
  }

  /** Sends a frame, whose memory serves again as soon as the transport is done with it. */
  #sendOnce(subject: string, frame: Uint8Array, headers: Headers | undefined) {
    const error = this.#real.send(subject, frame, headers)
    this.#real.release(frame)
    return error
  }

  #sendToGroup({ to }: Address, subject: string, data: Uint8Array, headers: Headers | undefined) {
    const sealed = Either.flatMap(this.#side(this.#options.name, to), (side) => sealOneWay(side, data))
    if (Either.isLeft(sealed)) {
      this.#note("a message to a group can't be sealed", { to, error: sealed.left.message })
      return undefined
    }
    const frame = this.#real.frame(1 + sealed.right.length)
    frame[0] = frameKinds.group
    frame.set(sealed.right, 1)
    return this.#sendOnce(subject, frame, headers)
  }

  /** Begins a handshake, or sends the message of the one that was begun again, after a pause. */
  #hello(to: string, outbound: Outbound, subject: string) {
    const isSaid = outbound.begun !== undefined && this.#nowMs() - outbound.saidAtMs < helloAgainMs
    return isSaid ? undefined : this.#greet(to, outbound, subject)
  }

  #greet(to: string, outbound: Outbound, subject: string) {
    if (outbound.begun === undefined) {
      const begun = Either.flatMap(this.#side(this.#options.name, to), (side) => begin(side))
      if (Either.isLeft(begun)) {
        this.#note("no session can be begun", { to, error: begun.left.message })
        return undefined
      }
      outbound.begun = begun.right
      const kind = this.#inbound.has(to) ? frameKinds.hello : frameKinds.newcomer
      outbound.hello = frameOf(kind, begun.right.message)
    }
    outbound.saidAtMs = this.#nowMs()
    return this.#real.send(subject, outbound.hello!)
  }

  #nowMs(): number {
    return Number(this.#clock.unsafeCurrentTimeNanos() / 1_000_000n)
  }

  /**
   * A peer that knows no session of ours gets another at once, if there is one or one was begun. Later, what is sent
   * under the old one would be lost, and sent again only when it is asked for again; and what waits for the answer of
   * a process that is gone would arrive long after it was true.
   */
  #greeted(from: string, frame: Uint8Array): void {
    const hello = frame.subarray(1)
    const isRepeated = this.#inbound.get(from)?.answerTo(hello) !== undefined
    const outbound = this.#outbound.get(from)
    if (!this.#answer(from, hello) || isRepeated || frame[0] !== frameKinds.newcomer) return
    if (outbound !== undefined) this.#greet(from, outbound, this.#wayTo(from))
  }

  /** Answers the first message of a handshake; false where it is refused. */
  #answer(from: string, hello: Uint8Array): boolean {
    let message = this.#inbound.get(from)?.answerTo(hello)
    if (message === undefined) {
      const answered = Either.flatMap(this.#side(from, this.#options.name), (side) => answer(side, hello))
      if (Either.isLeft(answered)) {
        this.#note("a session was refused", { from, error: answered.left.message })
        return false
      }
      message = answered.right.message
      this.#inboundOf(from).agreed(answered.right, hello, message)
    }
    this.#real.send(this.#wayTo(from), frameOf(frameKinds.answer, message))
    return true
  }

  #finish(from: string, message: Uint8Array): void {
    const outbound = this.#outbound.get(from)
    if (outbound?.begun === undefined) return
    const keys = outbound.begun.finish(message)
    if (Either.isLeft(keys)) {
      this.#note("the answer to a session's beginning was refused", { from, error: keys.left.message })
      return
    }
    outbound.start(keys.right)
    for (const { subject, data, headers } of outbound.take())
      this.#sendSealed(outbound.sealer!, subject, data, headers)
  }

  /** The peer says that it does not know the session: it was started anew, or somebody wants us to believe so. */
  #lost(from: string, session: Uint8Array): void {
    const outbound = this.#outbound.get(from)
    if (outbound?.session !== nameOf(session) || outbound.begun !== undefined) return
    // What anybody may say begins no more handshakes than this; a peer that does not know the session says so again.
    if (this.#nowMs() - outbound.saidAtMs >= helloAgainMs) this.#hello(from, outbound, this.#wayTo(from))
  }

  #outboundTo(to: string): Outbound {
    return this.#known(this.#outbound, to, () => new Outbound())
  }

  /** Of a peer that has shown in a handshake who it is. */
  #inboundOf(from: string): Inbound {
    return this.#known(this.#inbound, from, () => new Inbound())
  }

  /** The entry of a name, made where there is none; of too many, the oldest is forgotten. */
  #known<A>(entries: Map<string, A>, name: string, make: () => A): A {
    const there = entries.get(name)
    if (there !== undefined) return there
    const made = make()
    entries.set(name, made)
    const { mostPeers = defaultMostPeers } = this.#options
    if (entries.size > mostPeers) entries.delete(entries.keys().next().value!)
    return made
  }

  /** A subject on which this process may write to a peer: whoever may be written to may write something itself. */
  #wayTo(to: string): string {
    const { name: from, run } = this.#options
    const channel = channels.find((each) => mayPublish(from, to, each)) ?? "reply"
    return subjectOf({ run, to, from, channel })
  }

  /** This process's side of what goes from one process to another, of which it is one. */
  #side(from: string, to: string): Either.Either<Side, HandshakeFailed> {
    const { agreed, identity: own, keyOf, name, run } = this.#options
    const other = from === name ? to : from
    const peer = keyOf(actorOf(other))
    if (peer === undefined)
      return Either.left(new HandshakeFailed({ reason: `${actorOf(other)} has no identity in this run` }))
    const prologue = new CanonicalWriter().string("bicameral channel").string(run).string(from).string(to)
    return Either.right({ own, peer, prologue: prologue.bytes(agreed(other)).finish() })
  }
}

const knownKinds: ReadonlySet<number | undefined> = new Set(Object.values(frameKinds))

type Note = (what: string, details: Readonly<Record<string, unknown>>) => void

const frameOf = (kind: number, message: Uint8Array): Uint8Array => {
  const frame = new Uint8Array(1 + message.length)
  frame[0] = kind
  frame.set(message, 1)
  return frame
}

/** Decorates a transport. */
export const withSeals = (options: SealedOptions, real: TransportService): Effect.Effect<TransportService> =>
  Effect.gen(function* () {
    const fork = Runtime.runFork(yield* Effect.runtime())
    const times = new Map<string, number>()
    const note: Note = (what, details) => {
      const count = (times.get(what) ?? 0) + 1
      times.set(what, count)
      if ((count & (count - 1)) === 0)
        fork(Effect.logWarning(what).pipe(Effect.annotateLogs({ ...details, count })))
    }
    const channels = new Channels(options, real, yield* Effect.clock, note)
    const maxPayloadBytes = real.maxPayloadBytes - Math.max(overheadBytes, groupOverheadBytes)
    return {
      ...real,
      maxPayloadBytes,
      // What is small is copied into its sealed frame before `send` returns, and needs no room of the real transport.
      frame: (bytes) => (bytes <= sharedBytes ? plainBytes(Buffer.allocUnsafe(bytes)) : real.frame(bytes)),
      overheadBytes: (to) => (isGroup(to) ? groupOverheadBytes : overheadBytes),
      send: (subject, data, headers) =>
        data.length > maxPayloadBytes
          ? new PayloadTooLarge({ subject, bytes: data.length, limitBytes: maxPayloadBytes })
          : channels.send(subject, data, headers),
      subscribe: (subject, onDelivery, queue) =>
        real.subscribe(subject, (delivery) => channels.receive(delivery, onDelivery), queue)
    }
  })

/** The same as a layer over another. */
export const sealed = <E, R>(
  options: SealedOptions,
  transport: Layer.Layer<Transport, E, R>
): Layer.Layer<Transport, E, R> =>
  Layer.effect(
    Transport,
    Effect.flatMap(Transport, (real) => withSeals(options, real))
  ).pipe(Layer.provide(transport))
