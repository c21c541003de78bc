/**
 * A simulated run whose parties also receive a flood of messages that no party should send: noise, frames
 * with wrong bits, repeated frames, well-formed envelopes that mean nothing, on every subject and past all
 * permissions. Messages that only the real sender can send (a round of the other cloud, an enrolment under a
 * member's name) are not forged: the broker vouches for senders.
 */
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
export const fuzzKinds = ["noise", "mutated", "replayed", "misdirected", "meaningless"] as const
export type FuzzKind = (typeof fuzzKinds)[number]

export interface FuzzOptions {
  readonly seed: number
  /** How many messages are injected in all. */
  readonly messages: number
  /** The most between two messages of the run. */
  readonly atATime: number
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

export const fuzzRun = async (simulation: Simulation, options: FuzzOptions): Promise<FuzzedRun> => {
  const draw = draws(options.seed, 0xf2)
  const below = (n: number) => Math.floor(draw() * n)
  const pick = <A>(items: ReadonlyArray<A>): A => items[below(items.length)]!
  const parties = partiesOf(simulation.agreement)
  const strangers = actorNames.filter((name) => !parties.includes(name))
  const injected = new Map<FuzzKind, number>()
  const subjects = new Set<string>()
  const seen: Array<Delivery> = []
  let total = 0

  const noise = (length: number) => Uint8Array.from({ length }, () => below(256))
  const addressed = (run: string, from: string, channel: Channel) =>
    subjectOf({ run, to: pick(parties), from, channel })

  const mutated = (data: Uint8Array): Uint8Array => {
    const changed = data.slice()
    switch (below(4)) {
      case 0:
        return changed.slice(0, below(changed.length))
      case 1:
        return new Uint8Array(Buffer.concat([changed, noise(1 + below(16))]))
      case 2:
        changed.set(noise(Math.min(8, changed.length)), below(Math.max(1, changed.length - 8)))
        return changed
      default:
        for (let n = 1 + below(8); n > 0; n--) changed[below(changed.length)]! ^= 1 << below(8)
        return changed
    }
  }

  /** A well-formed envelope that its sender can't have meant. */
  const meaningless = (run: string): Delivery => {
    const member = draw() < 0.5
    const from = member ? pick(parties) : pick(strangers)
    const known = seen.length === 0 ? undefined : decodeEnvelope(pick(seen).data)
    const tag = known?._tag === "Right" && draw() < 0.7 ? known.right.tag : `Tag${below(1_000)}`
    // A cloud's round, whatever it holds, is what the other waits for.
    const kind = pick(member ? kinds.filter((each) => each !== "round") : kinds)
    const envelope: Envelope = {
      kind,
      id: `fuzz-${below(1_000_000)}`,
      tag,
      number: below(2 ** (1 + below(32))),
      of: kind === "fragment" ? 2 + below(2 ** below(16)) : below(3),
      body: noise(2 + below(200))
    }
    return {
      subject: addressed(run, from, draw() < 0.8 ? channelOf(kind) : pick(channels)),
      data: encodeEnvelope(envelope),
      headers: {}
    }
  }

  const make = (kind: FuzzKind, run: string): Delivery => {
    const frame = pick(seen)
    switch (kind) {
      case "noise":
        return {
          subject: addressed(run, pick(actorNames), pick(channels)),
          data: noise(below(300)),
          headers: {}
        }
      case "mutated":
        return { ...frame, data: mutated(frame.data) }
      case "replayed":
        return { ...frame, data: frame.data.slice() }
      case "misdirected": {
        const { channel } = parseSubject(frame.subject)!
        return { ...frame, subject: addressed(run, pick(strangers), draw() < 0.5 ? channel : pick(channels)) }
      }
      case "meaningless":
        return meaningless(run)
    }
  }

  const onArrival = (delivery: Delivery, inject: (delivery: Delivery) => void) => {
    const { run } = parseSubject(delivery.subject)!
    if (seen.length < framesKept) seen.push({ ...delivery, data: delivery.data.slice() })
    else seen[below(framesKept)] = { ...delivery, data: delivery.data.slice() }
    for (let n = 0; n < options.atATime && total < options.messages; n++) {
      const kind = pick(fuzzKinds)
      const made = make(kind, run)
      injected.set(kind, (injected.get(kind) ?? 0) + 1)
      subjects.add(made.subject)
      total++
      inject(made)
    }
    options.onProgress?.(total)
  }
  const plan = { seed: options.seed, healAfterMs: undefined, links: [], events: [] }
  const run = await simulateRun(simulation, { seed: options.seed, plan, livenessMs, onArrival })
  return { run, injected, subjects }
}

const channelOf = (kind: Envelope["kind"]): Channel => {
  if (kind === "round" || kind === "nack") return "round"
  if (kind === "tell") return "tell"
  return kind === "ask" || kind === "poll" || kind === "fragment" ? "ask" : "reply"
}
