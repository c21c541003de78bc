/**
 * Records a trial run for its audit: what each process opens, above the seals, what the broker carries, below them, and what
 * each party stores.
 */
import { Effect, Either } from "effect"
import type { Framed, Seen } from "../../protocol/audit/recording.ts"
import { decodeEnvelope, type Envelope } from "../../protocol/messages/envelope.ts"
import { type Address, parseSubject } from "../../protocol/messages/subjects.ts"
import { Reassembly } from "../../runtime/messaging/framing.ts"
import { defaultLimits } from "../../runtime/messaging/limits.ts"
import type { StoreService } from "../../runtime/storage/store.ts"
import type { TransportService } from "../../runtime/transport/transport.ts"

export class Recorder {
  readonly seen = new Map<string, Array<Seen>>()
  readonly frames: Array<Framed> = []
  readonly #stored = new Map<string, Map<string, Uint8Array>>()
  readonly #onSeen: (seen: Seen) => void

  /** `onSeen` gets each message when its receiver has opened it. */
  constructor(onSeen: (seen: Seen) => void = () => {}) {
    this.#onSeen = onSeen
  }

  /** What a party stored under a name last, also if it has erased it since. */
  stored(party: string, name: string): Uint8Array | undefined {
    return this.#stored.get(party)?.get(name)
  }

  /** Below the seals: records frames as they go to the broker, whether or not it takes them. */
  carried(real: TransportService): TransportService {
    return {
      ...real,
      send: (subject, data, headers) => {
        this.frames.push({ subject, data: data.slice() })
        return real.send(subject, data, headers)
      }
    }
  }

  /** Above the seals: records messages as a process opens them. */
  opened(process: string, real: TransportService): TransportService {
    const seen = this.seen.get(process) ?? []
    this.seen.set(process, seen)
    const fragments = new Reassembly(defaultLimits)
    const take = (address: Address, data: Uint8Array): void => {
      const envelope = wholeIn(fragments, address, data)
      if (envelope === undefined) return
      const { kind, tag, id, number, body } = envelope
      const { from, to, channel } = address
      const message = { process, from, to, channel, kind, tag, id, number, body }
      seen.push(message)
      this.#onSeen(message)
    }
    return {
      ...real,
      subscribe: (subject, onDelivery, queue) =>
        real.subscribe(
          subject,
          (delivery) => {
            const address = parseSubject(delivery.subject)
            // A copy: the receiver may free what it was given.
            if (address !== undefined) take(address, delivery.data.slice())
            onDelivery(delivery)
          },
          queue
        )
    }
  }

  /** Records what a party puts into a store. */
  storing(party: string, real: StoreService): StoreService {
    const stored = this.#stored.get(party) ?? new Map<string, Uint8Array>()
    this.#stored.set(party, stored)
    return {
      ...real,
      put: (name, bytes) =>
        Effect.suspend(() => {
          stored.set(name, bytes.slice())
          return real.put(name, bytes)
        })
    }
  }
}

/** The message that a delivery completes. What is malformed is dropped, as its receiver drops it. */
const wholeIn = (
  fragments: Reassembly,
  { from, channel }: Address,
  data: Uint8Array
): Envelope | undefined => {
  const outer = Either.getOrUndefined(decodeEnvelope(data))
  if (outer?.kind !== "fragment") return outer
  const whole = Either.getOrUndefined(fragments.add(`${from} ${channel}`, outer, 0))
  return whole === undefined ? undefined : Either.getOrUndefined(decodeEnvelope(whole))
}
