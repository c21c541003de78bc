/**
 * The transport over a NATS broker. While the broker is away, what is published is dropped (whoever needs it sends it again). How it is
 * connected to, and what it has to be for that, is in `nats-connection.ts`. Rounds go over a connection of their own (docs/concepts/architecture.md).
 */
import type { Socket } from "node:net"
import { Effect, Layer, Schedule, type Scope } from "effect"
import { isOfRounds } from "../../protocol/messages/subjects.ts"
import { within } from "../deadline.ts"
import {
  type Connection,
  close,
  gone,
  type NatsOptions,
  type NotConnected,
  natsHeaders,
  open,
  payloadOf,
  reconnectPauseMs,
  requestOnce,
  socketOf,
  subscribe,
  watchStatus
} from "./nats-connection.ts"
import { FrameRoom } from "./nats-frames.ts"
import { gatherAtOnce, parseAtOnce } from "./nats-reading.ts"
import {
  BrokerUnreachable,
  PayloadTooLarge,
  RequestUnanswered,
  Transport,
  type TransportError,
  type TransportEvent,
  type TransportStatus
} from "./transport.ts"

/** What may be handed to the socket before `publish` waits for the broker to have taken it. */
const unflushedBytes = 16 * 2 ** 20

export const layer = (options: NatsOptions): Layer.Layer<Transport, NotConnected> =>
  Layer.scoped(Transport, make(options))

/** A connection of a party, and how it stands. */
interface Line {
  readonly connection: Connection
  readonly protocol: Connection["protocol"]
  status: TransportStatus
  /** Why it was given up. */
  why: TransportError | undefined
  /** Bytes since it was last seen that the broker has taken all. */
  unflushed: number
  /** None while there is no connection. */
  readonly socket: () => Socket | undefined
}

const lineOf = (options: NatsOptions, tell: (event: TransportEvent) => void) =>
  Effect.map(open(options), (connection) => {
    const { protocol } = connection
    const socket = () => socketOf(connection)
    const line: Line = { connection, protocol, status: "connected", why: undefined, unflushed: 0, socket }
    watchStatus(connection, options.user, (event) => {
      if (event._tag === "Status") {
        line.status = event.status
        line.why = event.error
        if (line.status === "connected") parseAtOnce(protocol, socket())
      }
      tell(event)
    })
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
    // What it says when it is back may be less, and is refused then: messages are made already.
    const maxPayloadBytes = payloadOf(main.connection)
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
        if (line.status === "closed" || connection.isClosed()) return line.why ?? gone
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
        Effect.flatMap(isOfRounds(subject) ? openRounds : Effect.succeed(main), (line) =>
          subscribe(line.connection, options, { subject, queue }, onDelivery, () => line.why)
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
  readonly server: string
  /** The largest request. */
  readonly maxPayloadBytes: number
  /** Whether the broker says that it stores. */
  readonly stores: () => boolean
  /** Sends a request, again if the broker is away meanwhile, so it must be one that may be done twice. */
  readonly request: (
    subject: string,
    data: Uint8Array,
    deadlineMs: number
  ) => Effect.Effect<Uint8Array, TransportError>
}

/** Over a connection of their own. */
export const brokerRequests = (
  options: NatsOptions
): Effect.Effect<BrokerRequests, NotConnected, Scope.Scope> =>
  Effect.gen(function* () {
    const connection = yield* Effect.acquireRelease(open(options), close)
    const [server] = options.servers
    let [status, why]: [TransportStatus, TransportError] = ["connected", gone]
    watchStatus(connection, options.user, (event) => {
      if (event._tag === "Status") [status, why] = [event.status, event.error ?? gone]
    })
    const stores = () => connection.info?.jetstream === true
    const request = (subject: string, data: Uint8Array) =>
      requestOnce(connection, options, { subject, data }, () => why)
    return {
      server,
      maxPayloadBytes: payloadOf(connection),
      stores,
      request: (subject, data, deadlineMs) => {
        if (data.length > payloadOf(connection))
          return new PayloadTooLarge({ subject, bytes: data.length, limitBytes: payloadOf(connection) })
        let last: TransportError | undefined
        return request(subject, data).pipe(
          Effect.tapError((error) =>
            Effect.sync(() => {
              last = error
            })
          ),
          Effect.retry({
            schedule: Schedule.spaced(reconnectPauseMs),
            // A broker that stores may be on its way to it; from one that does not nobody will ever answer.
            while: (error) => error._tag === "RequestUnanswered" && (!error.nobody || stores())
          }),
          within(deadlineMs, () =>
            status === "connected"
              ? (last ?? new RequestUnanswered({ server, subject, nobody: false }))
              : new BrokerUnreachable({ servers: options.servers, remedy: "it went away; see that it runs" })
          ),
          Effect.map((message) => message.data)
        )
      }
    }
  })
