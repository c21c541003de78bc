/**
 * The transport over a NATS broker: the only file that imports `nats`. A connection that was up once is sought again for ever,
 * while what is published in between is dropped (whoever needs it sends it again); a broker that cannot be reached at the
 * start, or that refuses the credentials, is an error at once.
 * Rounds go over a connection of their own (docs/architecture.md).
 */
import type { Socket } from "node:net"
import { Deferred, Effect, Layer, Redacted, Schedule, type Scope } from "effect"
import { ErrorCode, Events, type Msg, headers as makeHeaders, type NatsConnection, NatsError } from "nats"
import { NatsConnectionImpl } from "nats/lib/nats-base-client/nats.js"
import { setTransportFactory } from "nats/lib/nats-base-client/transport.js"
import { NodeTransport, nodeResolveHost } from "nats/lib/src/node_transport.js"
import { inboxPrefixOf, isOfRounds } from "../../protocol/messages/subjects.ts"
import { within } from "../deadline.ts"
import { oneAtATime } from "./nats-attempts.ts"
import { FrameRoom } from "./nats-frames.ts"
import { gatherAtOnce, openSocket, ownBytes, parseAtOnce } from "./nats-reading.ts"
import {
  BrokerRefused,
  BrokerUnreachable,
  type Delivery,
  PayloadTooLarge,
  PermissionDenied,
  Transport,
  TransportClosed,
  type TransportError,
  type TransportEvent,
  type TransportStatus
} from "./transport.ts"
import {
  type BrokerUntrusted,
  type PasswordExposed,
  type TlsSettings,
  type Trust,
  tlsSettings,
  untrusted
} from "./trust.ts"

export interface NatsOptions {
  /** Addresses of one broker, which has one certificate. */
  readonly servers: readonly [string, ...ReadonlyArray<string>]
  /** The actor's name, for its members too: it is the user, and its inbox is named after it. */
  readonly user: string
  readonly password: Redacted.Redacted
  /** How the broker's log calls the connection; the user unless told. */
  readonly name?: string
  readonly connectTimeoutMs?: number
  /** Over which connections the password may go; to this machine over any, else over TLS, unless told. */
  readonly trust?: Trust
}

/** What may be handed to the socket before `publish` waits for the broker to have taken it. */
const unflushedBytes = 16 * 2 ** 20
const reconnectPauseMs = 250
const drainMs = 2_000
/** How long the broker may take to confirm a subscription; one that died meanwhile never does. */
const subscribeMs = 5_000
const noHeaders: Readonly<Record<string, string>> = {}

export const layer = (options: NatsOptions): Layer.Layer<Transport, NotConnected> =>
  Layer.scoped(Transport, make(options))

type NotConnected = BrokerUnreachable | BrokerRefused | BrokerUntrusted | PasswordExposed

/** A connection of a party, and how it stands. */
interface Line {
  readonly connection: NatsConnection
  readonly protocol: NatsConnectionImpl["protocol"]
  status: TransportStatus
  /** Bytes since it was last seen that the broker has taken all. */
  unflushed: number
  /** None while there is no connection. */
  readonly socket: () => Socket | undefined
}

const lineOf = (options: NatsOptions, tell: (event: TransportEvent) => void) =>
  Effect.map(open(options), (connection) => {
    const { protocol } = connection as NatsConnectionImpl
    const socket = () => (protocol.transport as NodeTransport).socket as Socket | undefined
    const line: Line = { connection, protocol, status: "connected", unflushed: 0, socket }
    watchStatus(connection, options.user, (event) => {
      if (event._tag === "Status") {
        line.status = event.status
        if (line.status === "connected") parseAtOnce(protocol, socket())
      }
      tell(event)
    })
    oneAtATime(protocol)
    gatherAtOnce(protocol)
    parseAtOnce(protocol, socket())
    return line
  })

const make = (options: NatsOptions) =>
  Effect.gen(function* () {
    const listeners = new Set<(event: TransportEvent) => void>()
    const lines: Array<Line> = []
    let status: TransportStatus = "connected"
    /** That of the line that is worst off: what is to come over any of them is missed. Until all are up nothing is asked either. */
    const statusOfAll = (): TransportStatus => {
      const all = lines.map((line) => line.status)
      return (["closed", "reconnecting"] as const).find((each) => all.includes(each)) ?? "connected"
    }
    const tell = (event: TransportEvent) => {
      if (event._tag === "Status") {
        const before = status
        status = statusOfAll()
        if (status === before) return
      }
      for (const listener of listeners) listener(event._tag === "Status" ? { ...event, status } : event)
    }
    yield* Effect.addFinalizer(() =>
      Effect.forEach(lines, ({ connection }) => close(connection), {
        concurrency: "unbounded",
        discard: true
      })
    )
    const newLine = (name: string) =>
      Effect.uninterruptible(
        Effect.tap(lineOf({ ...options, name }, tell), (line) => {
          lines.push(line)
        })
      )
    const name = options.name ?? options.user
    const main = yield* newLine(name)
    /** That of the rounds; who exchanges none has none. */
    let rounds: Line | undefined
    const openRounds = yield* newLine(`${name} rounds`).pipe(
      Effect.tap((line) => {
        rounds = line
      }),
      Effect.cached
    )
    const maxPayloadBytes = main.connection.info?.max_payload ?? 2 ** 20
    const frames = new FrameRoom()

    const flush = (line: Line) =>
      Effect.suspend(() => {
        line.unflushed = 0
        // Rejected when the connection is lost meanwhile; then there is nothing left to wait for.
        return Effect.ignore(Effect.tryPromise(() => line.connection.flush()))
      })

    return Transport.of({
      name: "nats",
      maxPayloadBytes,
      frame: (bytes) => frames.make(bytes),
      release: (frame) => frames.release(frame),
      send: (subject, data, headers) => {
        if (data.length > maxPayloadBytes)
          return new PayloadTooLarge({ subject, bytes: data.length, limitBytes: maxPayloadBytes })
        const line = rounds !== undefined && isOfRounds(subject) ? rounds : main
        const { connection, protocol } = line
        if (line.status === "closed" || connection.isClosed()) return gone
        if (line.status === "reconnecting") return undefined
        line.unflushed += data.length
        // What the client has gathered goes first.
        const direct = headers === undefined && protocol.connected && protocol.outbound.size() === 0
        const socket = direct ? line.socket() : undefined
        if (socket === undefined || !frames.write(socket, subject, data))
          connection.publish(
            subject,
            data,
            headers === undefined ? undefined : { headers: natsHeaders(headers) }
          )
        return undefined
      },
      settled: Effect.suspend(() =>
        Effect.forEach(
          lines.filter((line) => line.unflushed >= unflushedBytes),
          flush,
          { discard: true }
        )
      ),
      subscribe: (subject, onDelivery, queue) =>
        Effect.flatMap(isOfRounds(subject) ? openRounds : Effect.succeed(main), ({ connection }) =>
          subscribe(connection, options.user, { subject, queue }, onDelivery)
        ),
      status: () => status,
      listen: (listener) => {
        listeners.add(listener)
        return () => listeners.delete(listener)
      }
    })
  })

/** Requests that the broker answers itself. */
export interface BrokerRequests {
  /** Sends a request, again if the broker is away meanwhile, so it must be one that may be done twice. */
  readonly request: (
    subject: string,
    data: Uint8Array,
    deadlineMs: number
  ) => Effect.Effect<Uint8Array, TransportError>
}

const answerMs = 5_000

/** Over a connection of their own. */
export const brokerRequests = (
  options: NatsOptions
): Effect.Effect<BrokerRequests, NotConnected, Scope.Scope> =>
  Effect.gen(function* () {
    const connection = yield* Effect.acquireRelease(open(options), close)
    oneAtATime((connection as NatsConnectionImpl).protocol)
    watchStatus(connection, options.user, () => {})
    const request = (subject: string, data: Uint8Array) =>
      Effect.tryPromise({
        try: () => connection.request(subject, data, { timeout: answerMs }),
        catch: (cause) => {
          if (connection.isClosed()) return gone
          return cause instanceof NatsError && cause.isPermissionError()
            ? new PermissionDenied({ user: options.user, operation: "publish", subject })
            : new BrokerUnreachable({ servers: options.servers, remedy: "see that it runs, with JetStream" })
        }
      })
    return {
      request: (subject, data, deadlineMs) =>
        request(subject, data).pipe(
          Effect.retry({
            schedule: Schedule.spaced(reconnectPauseMs),
            while: ({ _tag }) => _tag === "BrokerUnreachable"
          }),
          within(
            deadlineMs,
            () =>
              new BrokerUnreachable({
                servers: options.servers,
                remedy: `it did not answer ${subject} within ${deadlineMs} ms; see that it runs, with nats-jetstream.conf`
              })
          ),
          Effect.map((message) => message.data)
        )
    }
  })

/** The client's way to the broker, with a socket whose reading is ours. */
class BrokerTransport extends NodeTransport {
  override dial({ hostname, port }: { readonly hostname: string; readonly port: number }): Promise<Socket> {
    return new Promise((resolve, reject) => {
      const socket = openSocket(port, hostname)
      let failure: Error | undefined
      // The client gives up after as long, but leaves the socket of who does not answer at all to the system, which tries for minutes.
      const giveUp = setTimeout(
        () => socket.destroy(NatsError.errorForCode(ErrorCode.Timeout)),
        this.options.timeout
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

const gone = new TransportClosed({
  reason: "it was closed here, or the broker refused to let this party in again"
})

const open = ({ servers, trust = {}, ...options }: NatsOptions) =>
  Effect.gen(function* () {
    const [tls] = yield* Effect.forEach(servers, (server) => tlsSettings(server, options.user, trust))
    return yield* connecting({ ...options, servers, trust, tls })
  })

const connecting = ({
  servers,
  user,
  password,
  name,
  connectTimeoutMs,
  trust,
  tls
}: NatsOptions & { readonly trust: Trust; readonly tls: TlsSettings | undefined }) =>
  Effect.tryPromise({
    try: () => {
      // For all connections of this process, as the client has it; its own `connect` sets it back.
      setTransportFactory({ factory: () => new BrokerTransport(), dnsResolveFn: nodeResolveHost })
      return NatsConnectionImpl.connect({
        servers: [...servers],
        ...(tls === undefined ? {} : { tls }),
        user,
        pass: Redacted.value(password),
        name: name ?? user,
        inboxPrefix: inboxPrefixOf(user),
        // Only addresses that were named have been checked for who hears the password.
        ignoreClusterUpdates: true,
        maxReconnectAttempts: -1,
        reconnectTimeWait: reconnectPauseMs,
        reconnectJitter: reconnectPauseMs,
        pingInterval: 10_000,
        timeout: connectTimeoutMs ?? 5_000
      })
    },
    catch: (cause): NotConnected =>
      isAuthError(cause)
        ? new BrokerRefused({
            user,
            remedy: `check that ${user.toUpperCase()}_PASSWORD is the one that the broker was started with, and that nats.conf has a user "${user}"`
          })
        : (untrusted(cause, servers[0], trust) ??
          new BrokerUnreachable({
            servers,
            remedy: "start one with nats.conf, or correct NATS_URL (unset, a broker is started here)"
          }))
  })

// That it took one of the two too long to get to the credentials is no refusal.
const isAuthError = (cause: unknown) =>
  cause instanceof NatsError &&
  (cause.code === ErrorCode.AuthorizationViolation || cause.code === ErrorCode.AuthenticationExpired)

/** What was published is delivered first, unless the broker is away. */
const close = (connection: NatsConnection) =>
  Effect.promise(() => connection.drain().catch(() => undefined)).pipe(
    Effect.interruptible,
    Effect.timeoutOption(drainMs),
    Effect.zipRight(Effect.promise(() => connection.close().catch(() => undefined)))
  )

/** The client pauses between two attempts by the date, which may have been set back since the last. */
const tryAtOnce = (connection: NatsConnection) => {
  const server = (connection as NatsConnectionImpl).protocol.servers.getCurrentServer()
  server.lastConnect = 0
}

const watchStatus = (connection: NatsConnection, user: string, emit: (event: TransportEvent) => void) => {
  const watch = async () => {
    for await (const event of connection.status()) {
      if (event.type === Events.Disconnect) {
        emit({ _tag: "Status", status: "reconnecting" })
        tryAtOnce(connection)
      } else if (event.type === Events.Reconnect) emit({ _tag: "Status", status: "connected" })
      else if (event.type === Events.Error && event.permissionContext !== undefined) {
        const { operation, subject } = event.permissionContext
        emit({
          _tag: "Denied",
          error: new PermissionDenied({
            user,
            operation: operation === "publish" ? "publish" : "subscribe",
            subject
          })
        })
      }
    }
  }
  const closed = () => emit({ _tag: "Status", status: "closed" })
  watch().catch(closed)
  connection.closed().then(closed, closed)
}

const subscribe = (
  connection: NatsConnection,
  user: string,
  { subject, queue }: { readonly subject: string; readonly queue: string | undefined },
  onDelivery: (delivery: Delivery) => void
): Effect.Effect<void, TransportError, Scope.Scope> =>
  Effect.gen(function* () {
    if (connection.isClosed()) return yield* gone
    const denied = yield* Deferred.make<never, PermissionDenied>()
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
    // The broker's refusal comes back before its answer to the flush.
    yield* Effect.tryPromise({ try: () => connection.flush(), catch: () => gone }).pipe(
      within(subscribeMs, () => gone)
    )
    if (yield* Deferred.isDone(denied)) yield* Deferred.await(denied)
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

const natsHeaders = (headers: Readonly<Record<string, string>>) => {
  const made = makeHeaders()
  for (const [key, value] of Object.entries(headers)) made.set(key, value)
  return made
}
