/** Adds up what a run sends: messages and bytes by phase and tag, with envelopes and seals, as the parties count them. */
import { type Phase, phases } from "../../actors/party/phases.ts"
import { overheadBytes } from "../../protocol/channels/frames.ts"
import { encodedBytes } from "../../protocol/messages/envelope.ts"

/** All messages of one kind in a run. */
export interface PredictedTraffic {
  readonly phase: Phase
  /** The message's tag; `round:train` for the exchanges of the clouds. */
  readonly tag: string
  /** Requests, replies and round messages. */
  readonly messages: number
  readonly bytes: number
}

export interface PredictedPhase {
  readonly phase: Phase
  /** Requests, replies and round messages. */
  readonly messages: number
  readonly bytes: number
  /** Ciphertexts that are made in the phase, by all parties together. */
  readonly ciphertexts: number
}

/** A message but for its body: its envelope, which holds an id and a tag, and its seal. */
const framingBytes = (tag: string, idBytes = 0): number =>
  encodedBytes({ id: "", tag }, idBytes) + overheadBytes
/** The id of a request; rounds have none. */
const requestIdBytes = 14
/** A message without fields. */
const emptyBytes = 3
/** Names and lengths of a message's fields, and its small numbers. */
export const fieldBytes = 24

interface Exchange {
  /** Bytes that the requests carry, all together. */
  readonly requests?: number
  readonly replies?: number
}

export class Tally {
  readonly traffic: Array<PredictedTraffic> = []
  readonly #ciphertexts = new Map<Phase, number>()

  /** `count` requests, each answered. */
  ask(phase: Phase, { tag }: { readonly tag: string }, count: number, carried: Exchange = {}): void {
    if (count === 0) return
    const payloads = ({ requests, replies }: Exchange) =>
      total([requests, replies], (bytes) =>
        bytes === undefined ? count * emptyBytes : count * fieldBytes + bytes
      )
    const bytes = 2 * count * framingBytes(tag, requestIdBytes) + payloads(carried)
    this.traffic.push({ phase, tag, messages: 2 * count, bytes })
  }

  /** `count` requests without fields, whose replies are not counted. */
  request(phase: Phase, { tag }: { readonly tag: string }, count: number): void {
    const bytes = count * (framingBytes(tag, requestIdBytes) + emptyBytes)
    this.traffic.push({ phase, tag, messages: count, bytes })
  }

  /** `count` messages that carry a tag and nothing else. */
  tell(phase: Phase, tag: string, count: number): void {
    this.traffic.push({ phase, tag, messages: count, bytes: count * framingBytes(tag) })
  }

  rounds(phase: Phase, count: number, bytesEachWay: number): void {
    const bytes = 2 * (bytesEachWay + count * framingBytes(phase))
    this.traffic.push({ phase, tag: `round:${phase}`, messages: 2 * count, bytes })
  }

  /** Rounds in which the two clouds send different things, under a tag of their own: bytes of both together. */
  exchanges(phase: Phase, tag: string, count: number, bytes: number): void {
    this.traffic.push({
      phase,
      tag: `round:${tag}`,
      messages: 2 * count,
      bytes: bytes + 2 * count * framingBytes(tag)
    })
  }

  encrypted(phase: Phase, ciphertexts: number): void {
    this.#ciphertexts.set(phase, (this.#ciphertexts.get(phase) ?? 0) + ciphertexts)
  }

  get phases(): ReadonlyArray<PredictedPhase> {
    return phases.map((phase) => {
      const own = this.traffic.filter((entry) => entry.phase === phase)
      return {
        phase,
        messages: total(own, ({ messages }) => messages),
        bytes: total(own, ({ bytes }) => bytes),
        ciphertexts: this.#ciphertexts.get(phase) ?? 0
      }
    })
  }
}

export const total = <A>(items: Iterable<A>, of: (item: A) => number): number => {
  let sum = 0
  for (const item of items) sum += of(item)
  return sum
}
