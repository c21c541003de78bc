/**
 * A broker in this process: a hub that many parties share. It enforces the permissions that `nats.conf` enforces on the real one
 * and copies what passes through it, so that parties share no memory; delivery is in order and never within `send`.
 */
import { Effect, Layer, type Scope } from "effect"
import { mayPublishOn, maySubscribe } from "../../protocol/messages/subjects.ts"
import {
  type Delivery,
  PayloadTooLarge,
  PermissionDenied,
  Transport,
  type TransportEvent,
  type TransportService
} from "./transport.ts"

export interface Hub {
  /** The transport of an actor or of a member. The actor's name decides what it may do, as its credentials do at a real broker. */
  readonly layer: (actor: string) => Layer.Layer<Transport>
  /** The same without its layer, for whoever starts parties by the thousand. */
  readonly transport: (actor: string) => TransportService
  /** Takes the hub away, as a broker that dies: what is on its way is lost, and nothing is taken. */
  readonly down: () => void
  /** Puts it back; everybody is connected again at once. */
  readonly up: () => void
  /** Puts a message before its receiver at once, past all permissions, as who has broken into the broker could. */
  readonly inject: (delivery: Delivery) => void
}

export interface HubOptions {
  /** That of `nats.conf` unless told. */
  readonly maxPayloadBytes?: number
  /** Brings a message on its way: calls `arrive` when it is there, never at once. The next turn of the event loop unless told. */
  readonly carry?: (delivery: Delivery, arrive: () => void) => void
}

interface Subscription {
  readonly pattern: ReadonlyArray<string>
  readonly queue: string | undefined
  readonly onDelivery: (delivery: Delivery) => void
}

class Subscriptions {
  readonly #all = new Set<Subscription>()
  /** The members of a queue take turns. */
  #queued = 0

  /** Until the scope ends. */
  add(subscription: Subscription): Effect.Effect<void, never, Scope.Scope> {
    return Effect.asVoid(
      Effect.acquireRelease(
        Effect.sync(() => this.#all.add(subscription)),
        () => Effect.sync(() => this.#all.delete(subscription))
      )
    )
  }

  deliver(delivery: Delivery): void {
    const parts = delivery.subject.split(".")
    const queues = new Map<string, Array<Subscription>>()
    for (const each of this.#all) {
      if (!matches(each.pattern, parts)) continue
      if (each.queue === undefined) each.onDelivery(delivery)
      else queues.set(each.queue, [...(queues.get(each.queue) ?? []), each])
    }
    for (const members of queues.values()) members[this.#queued++ % members.length]!.onDelivery(delivery)
  }
}

/** Whether an actor may publish on a subject; it does so on the same few again and again. */
const permissionOf = (actor: string): ((subject: string) => boolean) => {
  const known = new Map<string, boolean>()
  return (subject) => {
    const before = known.get(subject)
    if (before !== undefined) return before
    const allowed = mayPublishOn(actor, subject)
    known.set(subject, allowed)
    return allowed
  }
}

const noHeaders: Readonly<Record<string, string>> = {}

export const makeHub = (options: HubOptions = {}): Hub => {
  const { maxPayloadBytes = 8 * 2 ** 20, carry = nextTurn() } = options
  const subscriptions = new Subscriptions()
  const everybody = new Set<(event: TransportEvent) => void>()
  let isUp = true
  /** Grows with each outage: what was sent before it does not arrive. */
  let outages = 0

  const send = (delivery: Delivery) => {
    const sentIn = outages
    carry(delivery, () => {
      if (outages === sentIn) subscriptions.deliver(delivery)
    })
  }

  const turn = (status: "connected" | "reconnecting") => {
    for (const listener of [...everybody]) listener({ _tag: "Status", status })
  }

  const transport = (actor: string): TransportService => {
    const listeners = new Set<(event: TransportEvent) => void>()
    const may = permissionOf(actor)
    return {
      name: "memory",
      maxPayloadBytes,
      frame: (bytes) => new Uint8Array(bytes),
      release: () => {},
      send: (subject, data, headers) => {
        if (data.length > maxPayloadBytes)
          return new PayloadTooLarge({ subject, bytes: data.length, limitBytes: maxPayloadBytes })
        if (!isUp) return undefined
        if (may(subject)) send({ subject, data: data.slice(), headers: headers ?? noHeaders })
        else {
          // As from a real broker, the refusal comes back later.
          const error = new PermissionDenied({ user: actor, operation: "publish", subject })
          setImmediate(() => {
            for (const listener of listeners) listener({ _tag: "Denied", error })
          })
        }
        return undefined
      },
      settled: Effect.void,
      subscribe: (subject, onDelivery, queue) =>
        maySubscribe(actor, subject)
          ? subscriptions.add({ pattern: subject.split("."), queue, onDelivery })
          : Effect.fail(new PermissionDenied({ user: actor, operation: "subscribe", subject })),
      status: () => (isUp ? "connected" : "reconnecting"),
      listen: (listener) => {
        listeners.add(listener)
        everybody.add(listener)
        return () => {
          listeners.delete(listener)
          everybody.delete(listener)
        }
      }
    }
  }

  return {
    layer: (actor) => Layer.sync(Transport, () => transport(actor)),
    transport,
    down: () => {
      isUp = false
      outages++
      turn("reconnecting")
    },
    up: () => {
      isUp = true
      turn("connected")
    },
    inject: (delivery) => subscriptions.deliver(delivery)
  }
}

/** Brings all that is sent in one turn of the event loop in the next. */
const nextTurn = (): NonNullable<HubOptions["carry"]> => {
  let queue: Array<() => void> = []
  const deliver = () => {
    const arrivals = queue
    queue = []
    for (const arrive of arrivals) arrive()
  }
  return (_, arrive) => {
    if (queue.length === 0) setImmediate(deliver)
    queue.push(arrive)
  }
}

/** Whether a subject is one of a pattern's: `*` stands for one part, a last `>` for one or more. */
export const matches = (pattern: ReadonlyArray<string>, parts: ReadonlyArray<string>): boolean => {
  for (let i = 0; i < pattern.length; i++) {
    if (pattern[i] === ">") return parts.length > i
    if (parts[i] === undefined || (pattern[i] !== "*" && pattern[i] !== parts[i])) return false
  }
  return parts.length === pattern.length
}
