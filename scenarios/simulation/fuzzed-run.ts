/**
 * A simulated run whose parties also receive a flood of messages that no party should send: noise, frames
 * with wrong bits, repeated frames, well-formed envelopes that mean nothing, on every subject and past all
 * permissions. Sealed, as messages are, they come in anybody's name, also under sessions that exist and sessions
 * of before. Unsealed, they test what takes messages apart; then messages that only the real sender can send
 * (a round of the other cloud, an enrolment under a member's name) are not forged, for the seal vouches for
 * senders; and no message of a member is mutated, for nothing but the seal tells it from another that it sent.
 * Mutated messages then come in a stranger's name.
 */
import { FrameSealer, frameKinds, overheadBytes, sessionBytes } from "../../protocol/channels/frames.ts"
import { decodeEnvelope, type Envelope, encodeEnvelope, kinds } from "../../protocol/messages/envelope.ts"
import {
  actorNames,
  type Channel,
  channels,
  parseSubject,
  subjectOf
} from "../../protocol/messages/subjects.ts"
import { draws } from "../../runtime/transport/faulty.ts"
import type { Delivery } from "../../runtime/transport/transport.ts"
import { partiesOf } from "../faults-injected/plan.ts"
import { simulateRun } from "./run.ts"
import type { SimulatedRun } from "./verdict.ts"
import type { Simulation } from "./world.ts"

/** The kinds of injected messages. */
const fuzzKinds = ["noise", "mutated", "replayed", "misdirected", "meaningless", "forged"] as const
export type FuzzKind = (typeof fuzzKinds)[number]

/** Those of a flood: what is not sealed has no key to be forged under. */
export const fuzzKindsOf = (sealed: boolean): ReadonlyArray<FuzzKind> =>
  sealed ? fuzzKinds : fuzzKinds.filter((kind) => kind !== "forged")

export interface FuzzOptions {
  readonly seed: number
  /** How many messages are injected in all. */
  readonly messages: number
  /** The most between two messages of the run. */
  readonly atATime: number
  /** Whether the run's messages are sealed; by default they are. */
  readonly sealed?: boolean
  /** Takes, now and then, how many were injected. */
  readonly onProgress?: (injected: number) => void
}

export interface FuzzedRun {
  readonly run: SimulatedRun
  readonly injected: ReadonlyMap<FuzzKind, number>
  /** Subjects that something was injected on. */
  readonly subjects: ReadonlySet<string>
}

/** How many frames of the run are kept, to be sent again or changed. */
const framesKept = 512
/** Long enough for everything to be injected. */
const livenessMs = 3_600_000

/** Runs a simulation under a flood of messages. The flood follows from the seed and the run. */
export const fuzzRun = async (simulation: Simulation, options: FuzzOptions): Promise<FuzzedRun> => {
  const { seed, messages, atATime, sealed = true } = options
  const fuzzer = new Fuzzer(seed, partiesOf(simulation.agreement), sealed)
  const injected = new Map<FuzzKind, number>()
  const subjects = new Set<string>()
  let total = 0
  const onArrival = (delivery: Delivery, inject: (delivery: Delivery) => void) => {
    fuzzer.keep(delivery)
    const { run } = parseSubject(delivery.subject)!
    for (let n = 0; n < atATime && total < messages; n++) {
      const { kind, made } = fuzzer.make(run)
      injected.set(kind, (injected.get(kind) ?? 0) + 1)
      subjects.add(made.subject)
      total++
      inject(made)
    }
    options.onProgress?.(total)
  }
  const plan = { seed, healAfterMs: undefined, links: [], events: [] }
  const run = await simulateRun(simulation, { seed, plan, livenessMs, onArrival, sealed })
  return { run, injected, subjects }
}

/** Makes messages that no party should send, from those that it has seen. */
class Fuzzer {
  readonly #draw: () => number
  readonly #parties: ReadonlyArray<string>
  readonly #strangers: ReadonlyArray<string>
  readonly #seen: Array<Delivery> = []
  readonly #sealed: boolean

  constructor(seed: number, parties: ReadonlyArray<string>, sealed: boolean) {
    this.#sealed = sealed
    this.#draw = draws(seed, 0xf2)
    this.#parties = parties
    this.#strangers = actorNames.filter((name) => !parties.includes(name))
  }

  /** Keeps a copy of a message of the run, in place of a drawn one when there are many. */
  keep(delivery: Delivery): void {
    const at = this.#seen.length < framesKept ? this.#seen.length : this.#below(framesKept)
    this.#seen[at] = { ...delivery, data: delivery.data.slice() }
  }

  /** A message of a drawn kind. */
  make(run: string): { readonly kind: FuzzKind; readonly made: Delivery } {
    const kind = this.#pick(fuzzKindsOf(this.#sealed))
    return { kind, made: this.#ofKind(kind, run) }
  }

  #below(n: number): number {
    return Math.floor(this.#draw() * n)
  }

  #pick<A>(items: ReadonlyArray<A>): A {
    return items[this.#below(items.length)]!
  }

  #noise(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.#below(256))
  }

  #addressed(run: string, from: string, channel: Channel): string {
    return subjectOf({ run, to: this.#pick(this.#parties), from, channel })
  }

  #ofKind(kind: FuzzKind, run: string): Delivery {
    const frame = this.#pick(this.#seen)
    switch (kind) {
      case "noise":
        return {
          subject: this.#addressed(run, this.#pick(actorNames), this.#pick(channels)),
          data: this.#noise(this.#below(300)),
          headers: {}
        }
      case "mutated": {
        const data = this.#mutated(frame.data)
        return this.#sealed ? { ...frame, data } : { ...this.#misdirected(run, frame), data }
      }
      case "replayed":
        return { ...frame, data: frame.data.slice() }
      case "misdirected":
        return this.#misdirected(run, frame)
      case "meaningless":
        return this.#meaningless(run)
      case "forged":
        return this.#forged(run, frame)
    }
  }

  /** A message of the run, from and to others and perhaps on another channel: unsealed, from a stranger. */
  #misdirected(run: string, frame: Delivery): Delivery {
    const { channel } = parseSubject(frame.subject)!
    const from = this.#pick(this.#sealed ? this.#parties : this.#strangers)
    const other = this.#draw() < 0.5 ? channel : this.#pick(channels)
    return { ...frame, subject: this.#addressed(run, from, other) }
  }

  /** A message of the run with another content, sealed under another key: of its own session, of none, or to a group. */
  #forged(run: string, frame: Delivery): Delivery {
    const { data: content } = this.#meaningless(run)
    const session = this.#draw() < 0.7 ? frame.data.subarray(1, 1 + sessionBytes) : this.#noise(sessionBytes)
    const data = new Uint8Array(content.length + overheadBytes)
    new FrameSealer(session, this.#noise(32)).seal(content, data)
    if (this.#draw() < 0.2) data[0] = frameKinds.group
    return { ...frame, data }
  }

  #mutated(data: Uint8Array): Uint8Array {
    const changed = data.slice()
    switch (this.#below(4)) {
      case 0:
        return changed.slice(0, this.#below(changed.length))
      case 1:
        return new Uint8Array(Buffer.concat([changed, this.#noise(1 + this.#below(16))]))
      case 2:
        changed.set(this.#noise(Math.min(8, changed.length)), this.#below(Math.max(1, changed.length - 8)))
        return changed
      default:
        for (let n = 1 + this.#below(8); n > 0; n--)
          changed[this.#below(changed.length)]! ^= 1 << this.#below(8)
        return changed
    }
  }

  /** A well-formed envelope that its sender can't have meant. */
  #meaningless(run: string): Delivery {
    const member = this.#draw() < 0.5
    const from = this.#pick(member ? this.#parties : this.#strangers)
    const known = this.#seen.length === 0 ? undefined : decodeEnvelope(this.#pick(this.#seen).data)
    const tag = known?._tag === "Right" && this.#draw() < 0.7 ? known.right.tag : `Tag${this.#below(1_000)}`
    // A cloud's round, whatever it holds, is what the other waits for.
    const kind = this.#pick(member && !this.#sealed ? kinds.filter((each) => each !== "round") : kinds)
    const envelope: Envelope = {
      kind,
      id: `fuzz-${this.#below(1_000_000)}`,
      tag,
      number: this.#below(2 ** (1 + this.#below(32))),
      of: kind === "fragment" ? 2 + this.#below(2 ** this.#below(16)) : this.#below(3),
      body: this.#noise(2 + this.#below(200))
    }
    return {
      subject: this.#addressed(run, from, this.#draw() < 0.8 ? channelOf(kind) : this.#pick(channels)),
      data: encodeEnvelope(envelope),
      headers: {}
    }
  }
}

const channelOf = (kind: Envelope["kind"]): Channel => {
  if (kind === "round" || kind === "nack") return "round"
  if (kind === "tell") return "tell"
  return kind === "ask" || kind === "poll" || kind === "fragment" ? "ask" : "reply"
}
