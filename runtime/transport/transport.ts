/**
 * How bytes get from one party to another: one service, with a layer over NATS and one over a hub in this
 * process. It promises little: a message arrives at most once and may be lost with the broker. A decorator of
 * this service injects faults; the layers above it (`messaging/`) make up for losses.
 */
import { Context, Data, Effect, type Scope } from "effect"
import { free } from "../../protocol/bytes.ts"
import type { BrokerAddressInvalid } from "./address.ts"
import type { BrokerUnfit, BrokerUnprotected } from "./assumptions.ts"
import type { NotABroker } from "./foreign.ts"
import type { BrokerUntrusted, ConnectionExposed } from "./trust.ts"

/**
 * A message as it arrived. `data` does not change; if it is larger than `sharedBytes`, it has a buffer of its
 * own, which the receiver may free.
 */
export interface Delivery {
  readonly subject: string
  readonly data: Uint8Array
  readonly headers: Readonly<Record<string, string>>
}

/** The most that a transport reads in one piece: messages up to this size may share a buffer. */
export const sharedBytes = 64 * 1024

/** Frees a message that is no longer needed, or the rest of it, if it has a buffer of its own. */
export const freeReceived = (data: Uint8Array): void => {
  if (data.length > sharedBytes) free(data)
}

/** `reconnecting`: the connection is lost and is being restored; `closed`: it has been given up. */
export type TransportStatus = "connected" | "reconnecting" | "closed"

/**
 * Events of a transport other than messages. A denial that comes back after `publish` has returned is
 * reported here too.
 */
export type TransportEvent =
  /** The reason, if it is closed. */
  | { readonly _tag: "Status"; readonly status: TransportStatus; readonly error?: TransportError }
  | { readonly _tag: "Denied"; readonly error: PermissionDenied }

export interface TransportService {
  readonly name: "nats" | "memory"
  /** The largest `data` that one `send` takes. */
  readonly maxPayloadBytes: number
  /** Bytes that a message to a name is longer on the wire than `data`: its seal. */
  readonly overheadBytes: (to: string) => number
  /**
   * Memory for a message of the given size, not cleared: `send` hands it to the broker without another copy.
   */
  readonly frame: (bytes: number) => Uint8Array
  /** Gives back a frame that will not be sent again. */
  readonly release: (frame: Uint8Array) => void
  /**
   * Hands bytes to the broker immediately; returns the error if it can't. While the broker is away they are
   * dropped. Memory from `frame` must not change until the receiver is known to have it, so a decorator that
   * delays it copies it. Other memory is the caller's again after a turn of the event loop.
   */
  readonly send: (
    subject: string,
    data: Uint8Array,
    headers?: Readonly<Record<string, string>>
  ) => TransportError | undefined
  /** If much has been sent lately, waits until the broker has taken it. */
  readonly settled: Effect.Effect<void>
  /**
   * Calls `onDelivery` for each message, in order of arrival, until the scope ends; the payload is a plain
   * Uint8Array, not a Buffer. It must not block or throw. Of the subscribers with the same `queue`, one gets
   * each message. Rounds and other subjects have no order among them.
   */
  readonly subscribe: (
    subject: string,
    onDelivery: (delivery: Delivery) => void,
    queue?: string
  ) => Effect.Effect<void, TransportError, Scope.Scope>
  readonly status: () => TransportStatus
  /** Calls `listener` at each event, until the function it returns is called. */
  readonly listen: (listener: (event: TransportEvent) => void) => () => void
}

export class Transport extends Context.Tag("runtime/Transport")<Transport, TransportService>() {}

/** Sends, and waits if much is in transit already. */
export const publish = (
  transport: Pick<TransportService, "send" | "settled">,
  subject: string,
  data: Uint8Array,
  headers?: Readonly<Record<string, string>>
): Effect.Effect<void, TransportError> =>
  Effect.suspend(() => {
    const error = transport.send(subject, data, headers)
    return error === undefined ? transport.settled : Effect.fail(error)
  })

/** There is no answer at the broker's address. */
export class BrokerUnreachable extends Data.TaggedError("BrokerUnreachable")<{
  readonly servers: ReadonlyArray<string>
  readonly remedy: string
}> {
  readonly retryable = true
  override get message(): string {
    return `no NATS broker answers at ${this.servers.join(", ")}: ${this.remedy}`
  }
}

/** The broker answers and refuses this user. */
export class BrokerRefused extends Data.TaggedError("BrokerRefused")<{
  readonly user: string
  readonly remedy: string
}> {
  readonly retryable = false
  override get message(): string {
    return `the NATS broker refuses the credentials of "${this.user}": ${this.remedy}`
  }
}

/** The broker's permissions deny this user the subject. */
export class PermissionDenied extends Data.TaggedError("PermissionDenied")<{
  readonly user: string
  readonly operation: "publish" | "subscribe"
  readonly subject: string
}> {
  readonly retryable = false
  override get message(): string {
    return `"${this.user}" may not ${this.operation} ${this.operation === "publish" ? "on" : "to"} ${this.subject}: see this role's permissions in nats.conf`
  }
}

/** A message is larger than the broker takes; larger ones must be cut before. */
export class PayloadTooLarge extends Data.TaggedError("PayloadTooLarge")<{
  readonly subject: string
  readonly bytes: number
  readonly limitBytes: number
}> {
  readonly retryable = false
  override get message(): string {
    return `${this.bytes} bytes for ${this.subject} are more than the broker's ${this.limitBytes}`
  }
}

/** A message is larger than the most fragments of one message can hold. */
export class MessageTooLarge extends Data.TaggedError("MessageTooLarge")<{
  readonly tag: string
  readonly bytes: number
  /** Of a fragment. */
  readonly limitBytes: number
  readonly pieces: number
}> {
  readonly retryable = false
  override get message(): string {
    return `${this.bytes} bytes of ${this.tag} are more than ${this.pieces} pieces of the ${this.limitBytes} bytes that the broker takes in one message: raise max_payload in its configuration; nats.conf has 16MB`
  }
}

/** The broker did not answer a request to itself. */
export class RequestUnanswered extends Data.TaggedError("RequestUnanswered")<{
  readonly server: string
  readonly subject: string
  /** The broker reports that no one serves the request. */
  readonly nobody: boolean
}> {
  readonly retryable = true
  override get message(): string {
    return this.nobody
      ? `nobody at the NATS broker ${this.server} answers ${this.subject}: see that it runs with nats-jetstream.conf and has the buckets`
      : `the NATS broker at ${this.server} does not answer ${this.subject}: see that it is not stopped and that its disk answers`
  }
}

/** The connection has been given up. */
export class TransportClosed extends Data.TaggedError("TransportClosed")<{ readonly reason: string }> {
  readonly retryable = true
  override get message(): string {
    return `the connection to the broker is closed: ${this.reason}`
  }
}

export type TransportError =
  | BrokerUnreachable
  | BrokerRefused
  | PermissionDenied
  | PayloadTooLarge
  | MessageTooLarge
  | TransportClosed
  | RequestUnanswered
  | BrokerUnprotected
  | BrokerUnfit
  | NotABroker
  | BrokerUntrusted
  | BrokerAddressInvalid
  | ConnectionExposed

/** Whether an error at a restored connection will not pass by itself. */
export const isFinal = (error: TransportError): boolean =>
  (error._tag === "BrokerUnfit" && !error.retryable) ||
  error._tag === "BrokerUnprotected" ||
  error._tag === "BrokerRefused"
