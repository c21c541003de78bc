/** Sets up what a case of the corpus says is listening, and connects to it as a party does. */
import { once } from "node:events"
import { mkdtemp, readFile, rm } from "node:fs/promises"
import { createServer as createWebServer } from "node:http"
import { type AddressInfo, connect, type Server } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createServer as createTlsServer } from "node:tls"
import { Context, Effect, Either, Layer, Option, Schedule, type Scope } from "effect"
import { drawNkey } from "../../protocol/channels/nkey.ts"
import { inboxesOf } from "../../protocol/messages/subjects.ts"
import { drawCredentials, nkeysFor } from "../../runtime/broker/start.ts"
import { makeBucket, openBucket } from "../../runtime/storage/jetstream-store.ts"
import * as Nats from "../../runtime/transport/nats.ts"
import { Transport } from "../../runtime/transport/transport.ts"
import type { BrokerCase, Listening } from "./broker-corpus.ts"
import { type Authority, authority, type Signed } from "./certificates.ts"
import { brokerFrom, freePort } from "./configured-broker.ts"
import { listener } from "./fake-broker.ts"

/** What all cases have in common: their users, and an authority with a certificate for brokers of this machine. */
export interface Ground extends Signed {
  readonly credentials: ReturnType<typeof drawCredentials>
  readonly authority: Authority
}

export const ground: Effect.Effect<Ground, never, Scope.Scope> = Effect.gen(function* () {
  const known = yield* authority
  return { credentials: drawCredentials(), authority: known, ...(yield* known.sign(["IP:127.0.0.1"])) }
})

const run = "trial-1"
const connectTimeoutMs = 2_500

const folder = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "bicameral-broker-case-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
)

/** A server of the system's, until the scope ends; its port. */
const listening = (server: Server) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      server.listen(0, "127.0.0.1")
      await once(server, "listening")
      return (server.address() as AddressInfo).port
    }),
    () => Effect.sync(() => server.close())
  )

const blocks: Readonly<Record<string, (port: number) => string>> = {
  leaf: (port) => `leafnodes { listen: "127.0.0.1:${port}" }`,
  cluster: (port) => `cluster { name: c, listen: "127.0.0.1:${port}" }`,
  http: (port) => `http: "127.0.0.1:${port}"`,
  websocket: (port) => `websocket { listen: "127.0.0.1:${port}", no_tls: true }`
}

/** Starts a NATS server with a case's configuration; the port that the case means. */
const natsServer = (on: Ground, at: Extract<Listening, { readonly kind: "nats-server" }>) =>
  Effect.gen(function* () {
    const [path, other] = [yield* folder, yield* freePort]
    const configuration = [
      at.configuration
        .replaceAll("$CERTIFICATE", on.certificate)
        .replaceAll("$KEY", on.key)
        .replaceAll("$CA", on.authority.certificate)
        .replaceAll("$STORE", join(path, "store")),
      at.port === undefined ? "" : blocks[at.port]!(other)
    ].join("\n")
    const port = yield* brokerFrom(configuration, nkeysFor(on.credentials))
    if (at.occupied === true) yield* occupant(port)
    if (at.buckets === true) {
      const servers = [`nats://127.0.0.1:${port}`] as const
      const requests = yield* Nats.brokerRequests({ servers, ...on.credentials.operator! })
      for (const cloud of ["cloud0", "cloud1"]) yield* makeBucket(requests, cloud)
    }
    if (at.port === undefined) return port
    // A server listens there a moment after it has said that it is ready.
    yield* Effect.retry(takesConnections(other), Schedule.spaced("20 millis"))
    return other
  })

const takesConnections = (port: number) =>
  Effect.tryPromise(async () => {
    const socket = connect(port, "127.0.0.1")
    try {
      await once(socket, "connect")
    } finally {
      socket.destroy()
    }
  })

/** Somebody who is connected, let in or not. */
const occupant = (port: number) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const socket = connect(port, "127.0.0.1")
      await once(socket, "data")
      return socket
    }),
    (socket) => Effect.sync(() => socket.destroy())
  )

const portOf = (on: Ground, at: Listening) =>
  Effect.gen(function* () {
    switch (at.kind) {
      case "nats-server":
        return yield* natsServer(on, at)
      case "words":
        return (yield* listener((socket) => at.words.length > 0 && socket.write(at.words))).port
      case "hang-up":
        return (yield* listener((socket) => socket.destroy())).port
      case "web-server":
        return yield* listening(createWebServer((_, response) => response.end("<html></html>")))
      case "tls-server": {
        const [cert, key] = yield* Effect.promise(() =>
          Promise.all([readFile(on.certificate), readFile(on.key)])
        )
        return yield* listening(createTlsServer({ cert, key }))
      }
      case "nobody":
        return yield* freePort
    }
  })

/** What comes of a party at what a case says is listening: nothing, or the error with which it ends. */
export const outcomeOf = (on: Ground, each: BrokerCase) =>
  Effect.gen(function* () {
    const { user = "cloud0", scheme = "nats" } = each
    const server = `${scheme}://127.0.0.1:${yield* portOf(on, each.listening)}`
    const nkey = each.stranger === true ? drawNkey() : on.credentials[user]!.nkey
    const trust = each.trusting === true ? { authorities: on.authority.certificate } : {}
    const options = { servers: [server], user, nkey, run, trust, connectTimeoutMs } as const
    const party = Effect.gen(function* () {
      const transport = Context.get(yield* Layer.build(Nats.layer(options)), Transport)
      if (user !== "operator")
        for (const inbox of inboxesOf(run, user)) yield* transport.subscribe(inbox, () => {})
      if (each.checkpoints !== true) return
      const requests = yield* Nats.brokerRequests(options)
      if (user === "operator") return yield* makeBucket(requests, "cloud0")
      const bucket = yield* openBucket(requests, user, run)
      const weights = Uint8Array.from({ length: 300_000 }, (_, i) => (i * 7) >> 3)
      yield* bucket.put("weights-1", weights)
      const kept = Option.getOrThrow(yield* bucket.get("weights-1"))
      if (Buffer.compare(kept, weights) !== 0)
        yield* Effect.dieMessage("the checkpoint is another than was kept")
    })
    const begun = performance.now()
    const outcome = yield* Effect.either(party)
    return {
      error: Either.isLeft(outcome) ? outcome.left : undefined,
      tookMs: performance.now() - begun,
      server
    }
  })
