/**
 * A broker in this process: a hub that many parties share. It enforces the permissions that `nats.conf`
 * enforces and copies what passes through it, so that parties share no memory. Delivery is in order and never
 * within `send`.
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
  /**
   * The transport of an actor or of a member of its process group. The actor's name decides its permissions,
   * as its credentials do at a real broker.
   */
  readonly layer: (actor: string) => Layer.Layer<Transport>
  /** The service without a layer, for simulations of thousands of parties. */
  readonly transport: (actor: string) => TransportService
  /** Stops the hub as if the broker died: messages in transit are lost, and none is accepted. */
  readonly down: () => void
  /** Restarts it; all parties are connected immediately. */
  readonly up: () => void
  /** Delivers a message immediately and past all permissions, as an intruder at the broker could. */
  readonly inject: (delivery: Delivery) => void
}

export interface HubOptions {
  /** By default that of `nats.conf`. */
  readonly maxPayloadBytes?: number
  /**
   * Carries a message: calls `arrive` when it is there, never within the call. By default in the next turn of
   * the event loop.
   */
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
    const receivers: Array<Subscription> = []
    const queues = new Map<string, Array<Subscription>>()
    for (const each of this.#all) {
      if (!matches(each.pattern, parts)) continue
      if (each.queue === undefined) receivers.push(each)
      else queues.set(each.queue, [...(queues.get(each.queue) ?? []), each])
    }
    for (const members of queues.values()) receivers.push(members[this.#queued++ % members.length]!)
    // Each has the bytes for itself, as from a real broker.
    const copies = receivers.map((_, i) =>
      i === 0 ? delivery : { ...delivery, data: delivery.data.slice() }
    )
    for (const [i, { onDelivery }] of receivers.entries()) onDelivery(copies[i]!)
  }
}

/** Whether an actor may publish on a subject. Each answer is cached: subjects are few and recur. */
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
  /** Grows with each outage: messages sent before one do not arrive. */
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
      overheadBytes: () => 0,
      frame: (bytes) => new Uint8Array(bytes),
      release: () => {},
      send: (subject, data, headers) => {
        if (data.length > maxPayloadBytes)
          return new PayloadTooLarge({ subject, bytes: data.length, limitBytes: maxPayloadBytes })
        if (!isUp) return undefined
        if (may(subject)) send({ subject, data: data.slice(), headers: headers ?? noHeaders })
        else {
          // As with a real broker, the refusal comes later.
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

/** Delivers what is sent in one turn of the event loop in the next. */
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

/** Whether a subject matches a pattern: `*` stands for one part, a last `>` for one or more. */
export const matches = (pattern: ReadonlyArray<string>, parts: ReadonlyArray<string>): boolean => {
  for (let i = 0; i < pattern.length; i++) {
    if (pattern[i] === ">") return parts.length > i
    if (parts[i] === undefined || (pattern[i] !== "*" && pattern[i] !== parts[i])) return false
  }
  return parts.length === pattern.length
}
