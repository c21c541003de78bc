/**
 * Connections to a NATS broker; the only file that imports `nats`. A connection that was up once is restored
 * without limit of time. A broker that cannot be reached at the start is an error immediately; so is one that
 * refuses the credentials or does not fit, at any time.
 */
import type { Socket } from "node:net"
import { Deferred, Effect, type Redacted, Schedule, type Scope } from "effect"
import {
  type ConnectionOptions,
  ErrorCode,
  Events,
  type Msg,
  headers as makeHeaders,
  NatsError,
  type ServerInfo
} from "nats"
import { NatsConnectionImpl } from "nats/lib/nats-base-client/nats.js"
import { setTransportFactory } from "nats/lib/nats-base-client/transport.js"
import { NodeTransport, nodeResolveHost } from "nats/lib/src/node_transport.js"
import { inboxPrefixOf } from "../../protocol/messages/subjects.ts"
import { within } from "../deadline.ts"
import type { BrokerAddressInvalid } from "./address.ts"
import { type BrokerUnfit, type BrokerUnprotected, complaintOf, headerBytes } from "./assumptions.ts"
import type { NotABroker } from "./foreign.ts"
import { oneAtATime } from "./nats-attempts.ts"
import { admitted, type Guard, introduced } from "./nats-handshake.ts"
import { openSocket, ownBytes } from "./nats-reading.ts"
import {
  type BrokerRefused,
  BrokerUnreachable,
  type Delivery,
  PermissionDenied,
  RequestUnanswered,
  TransportClosed,
  type TransportError,
  type TransportEvent
} from "./transport.ts"
import {
  type BrokerUntrusted,
  type ConnectionExposed,
  type TlsSettings,
  type Trust,
  tlsSettings,
  untrusted
} from "./trust.ts"

export interface NatsOptions {
  /** Addresses of one broker, with one certificate. */
  readonly servers: readonly [string, ...ReadonlyArray<string>]
  /**
   * The actor's name, also for members of its process group: it is the user, and its inbox is named after it.
   */
  readonly user: string
  /** The seed of the NKEY that the broker lets the user in by. */
  readonly nkey: Redacted.Redacted
  /** The run whose subjects the broker is checked with. */
  readonly run?: string
  /** The connection's name in the broker's log; the user by default. */
  readonly name?: string
  readonly connectTimeoutMs?: number
  /** Connections that are trusted. By default: any to this machine, else TLS. */
  readonly trust?: Trust
}

/** A connection that is up, and restored when it is lost. */
export type Connection = NatsConnectionImpl

export type NotConnected =
  | BrokerUnreachable
  | BrokerRefused
  | BrokerUnprotected
  | BrokerUnfit
  | NotABroker
  | BrokerUntrusted
  | BrokerAddressInvalid
  | ConnectionExposed

export const reconnectPauseMs = 250
const drainMs = 2_000
/** How long the broker may take to confirm a subscription, or be away meanwhile; a dead broker never does. */
const subscribeMs = 10_000
/** How long the broker may take to answer a request to itself before it is repeated. */
const answerMs = 5_000
const noHeaders: Readonly<Record<string, string>> = {}

/** The client's options, with those for its transport. */
interface GuardedOptions extends ConnectionOptions {
  readonly guard: Guard
}

const pong = new TextEncoder().encode("PONG\r\n")

/**
 * The client's way to the broker over a socket that we read ourselves. The client gets it once the broker has
 * proved to fit.
 */
class BrokerTransport extends NodeTransport {
  #at = { hostname: "", port: 0 }
  /** What the broker asks the user to sign on this connection. */
  #nonce = ""
  /** The client's first words, CONNECT and PING: they have been said and answered by then. */
  #untold = 2

  get #guard(): Guard {
    return (this.options as GuardedOptions).guard
  }

  override async connect(
    server: { readonly hostname: string; readonly port: number; readonly tlsName: string },
    options: ConnectionOptions
  ): Promise<void> {
    this.#at = server
    await super.connect(server, options)
    const { lang, version, yields } = this
    const introduction = yields.length
    try {
      const client = { lang, version, encrypted: this.isEncrypted(), nonce: this.#nonce }
      await admitted(this.socket, this.#guard, client, (rest) => {
        yields.splice(introduction, yields.length, pong, ...(rest.length > 0 ? [rest] : []))
      })
    } catch (error) {
      // Its end would be taken for that of a connection.
      this.connected = false
      throw error
    }
  }

  override async peekInfo(): Promise<ServerInfo> {
    const info = await introduced(this.socket, this.#guard, this.#at, (chunk) => this.yields.push(chunk))
    this.#nonce = info.nonce ?? ""
    return info as ServerInfo
  }

  override send(frame: Uint8Array): void {
    if (this.#untold === 0) super.send(frame)
    else this.#untold--
  }

  override dial({ hostname, port }: { readonly hostname: string; readonly port: number }): Promise<Socket> {
    return new Promise((resolve, reject) => {
      const socket = openSocket(port, hostname)
      let failure: Error | undefined
      // The client gives up after the same time, but leaves a socket without any answer to the system, which
      // tries for minutes.
      const giveUp = setTimeout(
        () => socket.destroy(NatsError.errorForCode(ErrorCode.Timeout)),
        this.#guard.timeoutMs
      )
      const settled = () => {
        clearTimeout(giveUp)
        socket.removeAllListeners()
      }
      socket
        .setNoDelay(true)
        .on("connect", () => {
          settled()
          resolve(socket)
        })
        .on("error", (error) => {
          failure = error
        })
        .on("close", () => {
          settled()
          reject(failure)
        })
    })
  }
}

export const gone = new TransportClosed({ reason: "it was closed here" })

export const open = ({ servers, trust = {}, ...options }: NatsOptions) =>
  Effect.gen(function* () {
    const [tls] = yield* Effect.forEach(servers, (server) => tlsSettings(server, options.user, trust))
    return yield* connecting({ ...options, servers, trust, tls })
  })

const connecting = (
  options: NatsOptions & { readonly trust: Trust; readonly tls: TlsSettings | undefined }
): Effect.Effect<NatsConnectionImpl, NotConnected> =>
  Effect.tryPromise({
    try: async () => {
      const { servers, user, nkey, run = "none", trust: _, tls, connectTimeoutMs = 5_000 } = options
      const guard: Guard = {
        server: servers[0],
        ...{ user, nkey, run, name: options.name ?? user },
        secured: tls !== undefined,
        timeoutMs: connectTimeoutMs,
        refused: () => {}
      }
      const guarded: GuardedOptions = {
        servers: [...servers],
        ...(tls === undefined ? {} : { tls }),
        guard,
        inboxPrefix: inboxPrefixOf(user),
        // Only the named addresses have been checked for exposing the connection.
        ignoreClusterUpdates: true,
        maxReconnectAttempts: -1,
        reconnectTimeWait: reconnectPauseMs,
        reconnectJitter: reconnectPauseMs,
        pingInterval: 10_000,
        // Each step towards a connection has a time limit of its own before.
        timeout: 3 * connectTimeoutMs
      }
      // Applies to all connections of this process, as in the client, whose own `connect` resets it.
      setTransportFactory({ factory: () => new BrokerTransport(), dnsResolveFn: nodeResolveHost })
      const connection = (await NatsConnectionImpl.connect(guarded)) as NatsConnectionImpl
      oneAtATime(connection.protocol)
      guard.payloadBytes = connection.info?.max_payload ?? 0
      guard.refused = () => {
        connection.protocol.abortReconnect = true
      }
      return connection
    },
    catch: (cause) => notConnected(cause, options)
  })

const notConnected = (cause: unknown, { servers, trust }: NatsOptions & { readonly trust: Trust }) =>
  isOurs(cause)
    ? (cause as NotConnected)
    : (untrusted(cause, servers[0], trust) ??
      new BrokerUnreachable({
        servers,
        remedy: `${whyUnreachable(cause)}; start one with nats.conf, or correct NATS_URL (unset, a broker is started here)`
      }))

const isOurs = (cause: unknown): boolean => typeof cause === "object" && cause !== null && "_tag" in cause

/** Why a connection fails, from the names that the system or the client give the error. */
export const whyUnreachable = (cause: unknown): string => {
  const code = (cause as { readonly code?: unknown } | undefined)?.code
  switch (code) {
    case ErrorCode.ConnectionRefused:
    case "ECONNREFUSED":
      return "nothing listens there"
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return "there is no such host"
    case ErrorCode.Timeout:
    case "ETIMEDOUT":
      return "nobody answers in time"
    case "EHOSTUNREACH":
    case "ENETUNREACH":
      return "no way leads there"
    default:
      return `the connection failed (${code ?? "closed"})`
  }
}

/** Published messages are delivered first, unless the broker is away. */
export const close = (connection: NatsConnectionImpl) =>
  Effect.promise(() => connection.drain().catch(() => undefined)).pipe(
    Effect.interruptible,
    Effect.timeoutOption(drainMs),
    Effect.zipRight(Effect.promise(() => connection.close().catch(() => undefined)))
  )

/** The client times its pauses by the date, which may have been set back meanwhile. */
const tryAtOnce = (connection: NatsConnectionImpl) => {
  const server = connection.protocol.servers.getCurrentServer()
  server.lastConnect = 0
}

export const watchStatus = (connection: Connection, user: string, emit: (event: TransportEvent) => void) => {
  const watch = async () => {
    for await (const event of connection.status()) {
      if (event.type === Events.Disconnect) {
        emit({ _tag: "Status", status: "reconnecting" })
        tryAtOnce(connection)
      } else if (event.type === Events.Reconnect) emit({ _tag: "Status", status: "connected" })
      else if (event.type === Events.Error && event.permissionContext !== undefined)
        emit({ _tag: "Denied", error: denial(user, event.permissionContext) })
    }
  }
  const closed = (cause: unknown) =>
    emit({ _tag: "Status", status: "closed", error: isOurs(cause) ? (cause as TransportError) : gone })
  watch().catch(closed)
  connection.closed().then(closed, closed)
}

const denial = (
  user: string,
  { operation, subject }: { readonly operation: string; readonly subject: string }
) => new PermissionDenied({ user, operation: operation === "publish" ? "publish" : "subscribe", subject })

/** The current socket of a connection; none while it is down. */
export const socketOf = ({ protocol }: Connection): Socket | undefined =>
  (protocol.transport as NodeTransport).socket as Socket | undefined

/** The largest payload that the broker takes from us. */
export const payloadOf = ({ info }: Connection): number => (info?.max_payload ?? 2 ** 20) - headerBytes

/**
 * Sends a request that the broker itself answers, once. `why` returns why the connection was given up, if it
 * was.
 */
export const requestOnce = (
  connection: Connection,
  { servers, user }: NatsOptions,
  { subject, data }: { readonly subject: string; readonly data: Uint8Array },
  why: () => TransportError
): Effect.Effect<Msg, TransportError> =>
  Effect.tryPromise({
    try: () => connection.request(subject, data, { timeout: answerMs }),
    catch: (cause) => {
      if (connection.isClosed()) return why()
      const { code, permissionContext } = cause as NatsError
      return permissionContext === undefined
        ? new RequestUnanswered({ server: servers[0], subject, nobody: code === ErrorCode.NoResponders })
        : denial(user, permissionContext)
    }
  })

/**
 * Calls `onDelivery` for each message on a subject until the scope ends. `why` returns why the connection was
 * given up, if it was.
 */
export const subscribe = (
  connection: Connection,
  { servers, user }: NatsOptions,
  { subject, queue }: { readonly subject: string; readonly queue: string | undefined },
  onDelivery: (delivery: Delivery) => void,
  why: () => TransportError | undefined
): Effect.Effect<void, TransportError, Scope.Scope> =>
  Effect.gen(function* () {
    const { protocol } = connection
    if (connection.isClosed()) return yield* why() ?? gone
    const denied = yield* Deferred.make<never, PermissionDenied>()
    const before = protocol.lastError
    const subscription = connection.subscribe(subject, {
      ...(queue === undefined ? {} : { queue }),
      // Callbacks keep the path of a message short, and a slow reader can't pile up an iterator's queue.
      callback: (error, message) => {
        if (error === null) onDelivery(delivery(message))
        else
          Deferred.unsafeDone(
            denied,
            Effect.fail(new PermissionDenied({ user, operation: "subscribe", subject }))
          )
      }
    })
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        if (!connection.isClosed()) subscription.unsubscribe()
      })
    )
    const lost = () =>
      why() ?? new TransportClosed({ reason: "the broker went away, or fell silent, at a subscription" })
    // The broker's refusal precedes its answer to the flush. A broker that is away learns of the subscription
    // when it is back.
    yield* Effect.tryPromise({ try: () => connection.flush(), catch: lost }).pipe(
      Effect.retry({ schedule: Schedule.spaced(reconnectPauseMs), while: () => !connection.isClosed() }),
      within(subscribeMs, lost)
    )
    if (yield* Deferred.isDone(denied)) yield* Deferred.await(denied)
    const complaint = protocol.lastError
    if (complaint !== before && complaint !== undefined)
      yield* complaintOf(complaint.message.replace(/^'|'$/g, ""), servers[0])
  })

const delivery = (message: Msg): Delivery => {
  const { headers } = message
  return {
    subject: message.subject,
    data: ownBytes(message.data),
    headers:
      headers === undefined
        ? noHeaders
        : Object.fromEntries(headers.keys().map((key) => [key, headers.get(key)]))
  }
}

export const natsHeaders = (headers: Readonly<Record<string, string>>) => {
  const made = makeHeaders()
  for (const [key, value] of Object.entries(headers)) made.set(key, value)
  return made
}
