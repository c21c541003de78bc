/**
 * A broker in this process: a hub that many parties share. It enforces the permissions that `nats.conf` enforces on the real one
 * and copies what passes through it, so that parties share no memory; delivery is in order and never within `send`.
 */
import { Effect, Layer } from "effect"
import { mayPublishOn, maySubscribe } from "../protocol/messages/subjects.ts"
import {
  type Delivery,
  PayloadTooLarge,
  PermissionDenied,
  Transport,
  type TransportEvent
} from "./transport.ts"

export interface Hub {
  /** The transport of one actor. Its name decides what it may do, as its credentials do at a real broker. */
  readonly layer: (actor: string) => Layer.Layer<Transport>
}

interface Subscription {
  readonly pattern: ReadonlyArray<string>
  readonly onDelivery: (delivery: Delivery) => void
}

const noHeaders: Readonly<Record<string, string>> = {}

/** `maxPayloadBytes` is that of `nats.conf` unless told. */
export const makeHub = (options: { readonly maxPayloadBytes?: number } = {}): Hub => {
  const maxPayloadBytes = options.maxPayloadBytes ?? 8 * 2 ** 20
  const subscriptions = new Set<Subscription>()
  let queue: Array<Delivery> = []

  const deliver = () => {
    const deliveries = queue
    queue = []
    for (const delivery of deliveries) {
      const parts = delivery.subject.split(".")
      for (const { pattern, onDelivery } of subscriptions) if (matches(pattern, parts)) onDelivery(delivery)
    }
  }

  const send = (delivery: Delivery) => {
    if (queue.length === 0) setImmediate(deliver)
    queue.push(delivery)
  }

  const transport = (actor: string) => {
    const listeners = new Set<(event: TransportEvent) => void>()
    return Transport.of({
      name: "memory",
      maxPayloadBytes,
      frame: (bytes) => new Uint8Array(bytes),
      release: () => {},
      send: (subject, data, headers) => {
        if (data.length > maxPayloadBytes)
          return new PayloadTooLarge({ subject, bytes: data.length, limitBytes: maxPayloadBytes })
        if (mayPublishOn(actor, subject)) send({ subject, data: data.slice(), headers: headers ?? noHeaders })
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
      subscribe: (subject, onDelivery) =>
        maySubscribe(actor, subject)
          ? Effect.asVoid(
              Effect.acquireRelease(
                Effect.sync(() => {
                  const subscription = { pattern: subject.split("."), onDelivery }
                  subscriptions.add(subscription)
                  return subscription
                }),
                (subscription) => Effect.sync(() => subscriptions.delete(subscription))
              )
            )
          : Effect.fail(new PermissionDenied({ user: actor, operation: "subscribe", subject })),
      status: () => "connected",
      listen: (listener) => {
        listeners.add(listener)
        return () => listeners.delete(listener)
      }
    })
  }

  return { layer: (actor) => Layer.sync(Transport, () => transport(actor)) }
}

/** Whether a subject is one of a pattern's: `*` stands for one part, a last `>` for one or more. */
const matches = (pattern: ReadonlyArray<string>, parts: ReadonlyArray<string>): boolean => {
  for (let i = 0; i < pattern.length; i++) {
    if (pattern[i] === ">") return parts.length > i
    if (parts[i] === undefined || (pattern[i] !== "*" && pattern[i] !== parts[i])) return false
  }
  return parts.length === pattern.length
}
