/**
 * Receives for a party: each delivery is parsed, counted, reassembled from fragments, and handed to the
 * asking, the answering or the rounds. Malformed messages, and those of a sender that may not send them, are
 * dropped and noted.
 */
import type { MalformedMessage } from "../../protocol/messages/codec.ts"
import { decodeEnvelope, type Envelope, type Kind } from "../../protocol/messages/envelope.ts"
import { type Address, type Channel, isGroup, parseSubject } from "../../protocol/messages/subjects.ts"
import type { Delivery } from "../transport/transport.ts"
import type { Answering } from "./answering.ts"
import type { Asking } from "./asking.ts"
import { Reassembly } from "./framing.ts"
import type { Post } from "./post.ts"
import type { RoundKeeping } from "./rounds.ts"
import { type Counter, trafficTag } from "./traffic.ts"

/** Subjects whose parse is cached; there are four for each peer. */
const mostAddresses = 256
/** Counters cached for each address. */
const mostCounters = 64

/** A parsed subject, and the counters of its messages, by kind and tag. */
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

/** The three halves of a party that handle what arrives. */
export interface Takers {
  readonly asking: Asking
  readonly answering: Answering
  readonly rounds: RoundKeeping
}

export class Receiving {
  readonly #post: Post
  readonly #run: string
  readonly #takers: Takers
  readonly #reassembly: Reassembly
  readonly #senders = new Map<string, Sender>()
  /** All addresses of the party: its own name and the groups that it has joined. */
  readonly #names: Set<string>

  constructor(post: Post, run: string, takers: Takers) {
    this.#post = post
    this.#run = run
    this.#takers = takers
    this.#reassembly = new Reassembly(post.limits)
    this.#names = new Set([post.name])
  }

  /** Messages to this group are for the party too from now on. */
  join(group: string): void {
    this.#names.add(group)
  }

  /** Takes a delivery. An instance field, since it serves as the callback of subscriptions. */
  readonly receive = ({ subject, data, headers }: Delivery): void => {
    const sender = this.#senders.get(subject) ?? this.#senderOf(subject)
    if (sender === undefined) {
      this.#post.note("a message came on a subject that is none of ours", { subject })
      return
    }
    const outer = decodeEnvelope(data)
    if (outer._tag === "Left") {
      this.#malformed(sender, outer.left)
      return
    }
    const { kind, tag } = outer.right
    this.#counterOf(sender, kind, tag).bytes += data.length + this.#post.transport.overheadBytes(sender.to)
    if (kind === "fragment") this.#receiveFragment(outer.right, sender, headers)
    else this.#dispatch(outer.right, sender, headers)
  }

  #receiveFragment(fragment: Envelope, sender: Sender, headers: Delivery["headers"]): void {
    if (sender.channel === "round") this.#takers.rounds.arriving(fragment, sender.from)
    const now = this.#post.clock.unsafeCurrentTimeMillis()
    const whole = this.#reassembly.add(`${sender.from} ${sender.channel}`, fragment, now)
    if (whole._tag === "Left") this.#malformed(sender, whole.left)
    else if (whole.right !== undefined) {
      const inner = decodeEnvelope(whole.right)
      if (inner._tag === "Left") this.#malformed(sender, inner.left)
      else this.#dispatch(inner.right, sender, headers)
    }
  }

  #dispatch(envelope: Envelope, sender: Sender, headers: Delivery["headers"]): void {
    const { kind } = envelope
    const { from, channel, to } = sender
    if (kind === "fragment" || channelOf[kind] !== channel) {
      this.#post.note("a message came on a channel that is not its own", { from, channel, kind })
      return
    }
    this.#counterOf(sender, kind, envelope.tag).messages++
    const { answering, asking, rounds } = this.#takers
    switch (channel) {
      case "round":
        rounds.receive(envelope, from)
        break
      case "ask":
      case "tell":
        answering.receive(envelope, from, headers, isGroup(to))
        break
      default:
        asking.receive(envelope, from)
    }
  }

  /** What came from a sender is counted here. */
  #counterOf({ counters, from, channel }: Sender, kind: Kind, tag: string): Counter {
    const key = kind === "nack" ? "" : tag
    const known = counters.get(key)
    if (known !== undefined) return known
    const made = this.#post.ledger.counter("received", from, trafficTag(channel, kind, tag))
    if (counters.size < mostCounters) counters.set(key, made)
    return made
  }

  #senderOf(subject: string): Sender | undefined {
    const address = parseSubject(subject)
    if (address === undefined || !this.#names.has(address.to) || address.run !== this.#run) return undefined
    const sender = { ...address, counters: new Map<string, Counter>() }
    if (this.#senders.size < mostAddresses) this.#senders.set(subject, sender)
    return sender
  }

  #malformed({ from, channel }: Address, { message: error }: MalformedMessage): void {
    this.#post.note("a message was malformed", { from, channel, error })
  }
}
