/**
 * The transport over a NATS broker. Messages published while the broker is away are dropped; the layers above
 * send them again. `nats-connection.ts` connects and checks the broker. Rounds have a connection of their own
 * (docs/concepts/architecture.md).
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

/** Bytes that may be handed to the socket before `publish` waits until the broker has taken them. */
const unflushedBytes = 16 * 2 ** 20

export const layer = (options: NatsOptions): Layer.Layer<Transport, NotConnected> =>
  Layer.scoped(Transport, make(options))

/** A connection of a party, and its state. */
interface Line {
  readonly connection: Connection
  readonly protocol: Connection["protocol"]
  status: TransportStatus
  /** Why it was given up. */
  why: TransportError | undefined
  /** Bytes sent since the broker last confirmed that it has taken all. */
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

/** The connections of a party as one transport: connected only while all of them are. */
class Lines {
  readonly #all: Array<Line> = []
  readonly #listeners = new Set<(event: TransportEvent) => void>()
  #status: TransportStatus = "connected"

  get status(): TransportStatus {
    return this.#status
  }

  add(line: Line): void {
    this.#all.push(line)
  }

  listen(listener: (event: TransportEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Passes an event of one line on. A status is passed on only if it changes that of all. */
  readonly tell = (event: TransportEvent): void => {
    if (event._tag === "Status") {
      const before = this.#status
      this.#status = this.#worst()
      if (this.#status === before) return
    }
    for (const listener of this.#listeners)
      listener(event._tag === "Status" ? { ...event, status: this.#status } : event)
  }

  /** What any line misses is missed, so the status is that of the worst line. */
  #worst(): TransportStatus {
    const all = this.#all.map((line) => line.status)
    return (["closed", "reconnecting"] as const).find((each) => all.includes(each)) ?? "connected"
  }

  /** Waits until the broker has what the lines have sent, if that is much. */
  readonly settled: Effect.Effect<void> = Effect.suspend(() =>
    Effect.forEach(
      this.#all.filter((line) => line.unflushed >= unflushedBytes),
      flush,
      { discard: true }
    )
  )

  readonly close: Effect.Effect<void> = Effect.suspend(() =>
    Effect.forEach(this.#all, ({ connection }) => close(connection), {
      concurrency: "unbounded",
      discard: true
    })
  )
}

const flush = (line: Line): Effect.Effect<void> =>
  Effect.suspend(() => {
    line.unflushed = 0
    // Rejected if the connection is lost meanwhile; then there is nothing left to wait for.
    return Effect.ignore(Effect.tryPromise(() => line.connection.flush()))
  })

/** Sends over a line, bypassing the client's buffer if it is empty. */
const sendOver = (
  line: Line,
  frames: FrameRoom,
  subject: string,
  data: Uint8Array,
  headers?: Readonly<Record<string, string>>
): TransportError | undefined => {
  const { connection, protocol } = line
  if (line.status === "closed" || connection.isClosed()) return line.why ?? gone
  if (line.status === "reconnecting") return undefined
  line.unflushed += data.length
  const direct = headers === undefined && protocol.connected && protocol.outbound.size() === 0
  const socket = direct ? line.socket() : undefined
  if (socket === undefined || !frames.write(socket, subject, data))
    connection.publish(subject, data, headers === undefined ? undefined : { headers: natsHeaders(headers) })
  return undefined
}

const make = (options: NatsOptions) =>
  Effect.gen(function* () {
    const lines = new Lines()
    yield* Effect.addFinalizer(() => lines.close)
    const newLine = (name: string) =>
      Effect.uninterruptible(Effect.tap(lineOf({ ...options, name }, lines.tell), (line) => lines.add(line)))
    const name = options.name ?? options.user
    const main = yield* newLine(name)
    /** The line of the rounds; a party that exchanges none has none. */
    let rounds: Line | undefined
    const openRounds = yield* newLine(`${name} rounds`).pipe(
      Effect.tap((line) => {
        rounds = line
      }),
      Effect.cached
    )
    // After a reconnection the broker may state a lower limit, and refuses messages that were made before.
    const maxPayloadBytes = payloadOf(main.connection)
    const frames = new FrameRoom()
    return Transport.of({
      name: "nats",
      maxPayloadBytes,
      overheadBytes: () => 0,
      frame: (bytes) => frames.make(bytes),
      release: (frame) => frames.release(frame),
      send: (subject, data, headers) =>
        data.length > maxPayloadBytes
          ? new PayloadTooLarge({ subject, bytes: data.length, limitBytes: maxPayloadBytes })
          : sendOver(
              rounds !== undefined && isOfRounds(subject) ? rounds : main,
              frames,
              subject,
              data,
              headers
            ),
      settled: lines.settled,
      subscribe: (subject, onDelivery, queue) =>
        Effect.flatMap(isOfRounds(subject) ? openRounds : Effect.succeed(main), (line) =>
          subscribe(line.connection, options, { subject, queue }, onDelivery, () => line.why)
        ),
      status: () => lines.status,
      listen: (listener) => lines.listen(listener)
    })
  })

/** Requests that the broker answers itself. */
export interface BrokerRequests {
  readonly server: string
  /** Largest size of a request. */
  readonly maxPayloadBytes: number
  /** Whether the broker reports that it stores. */
  readonly stores: () => boolean
  /** Sends a request, and repeats it if the broker is away meanwhile, so it must be idempotent. */
  readonly request: (
    subject: string,
    data: Uint8Array,
    deadlineMs: number
  ) => Effect.Effect<Uint8Array, TransportError>
}

/** Over a connection of its own. */
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
            // A broker that stores may be about to report it; one that does not will never answer.
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
