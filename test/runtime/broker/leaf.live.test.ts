import { once } from "node:events"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { connect as connectTcp } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { connect as connectTls } from "node:tls"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "@effect/vitest"
import { Context, Deferred, Effect, Layer, Redacted, Schedule } from "effect"
import { projectRoot } from "../../../protocol/artifact.ts"
import {
  actorNames,
  type Channel,
  channels,
  inboxesOf,
  inboxOf,
  mayPublish,
  memberNamed,
  subjectOf
} from "../../../protocol/messages/subjects.ts"
import { drawCredentials, nkeysFor, nkeyVariable } from "../../../runtime/broker/start.ts"
import * as Nats from "../../../runtime/transport/nats.ts"
import { publish, Transport } from "../../../runtime/transport/transport.ts"
import { authority } from "../../support/certificates.ts"
import { configuredBroker, freePort } from "../../support/configured-broker.ts"
import { letIn, type RawClient, rawClient } from "../../support/raw-client.ts"

const configuration = (name: string) => fileURLToPath(new URL(`docs/deployment/${name}`, projectRoot))

/** A broker whose owner lets its one user do everything, joined to the hub as cloud 0's is. */
const lawless = `
listen: $BROKER_LISTEN
tls { cert_file: $BROKER_CERTIFICATE, key_file: $BROKER_KEY }
authorization { users: [{ nkey: $CLOUD0_NKEY }] }
leafnodes { remotes: [{ url: $CLOUD0_HUB, nkey: $CLOUD0_SEED, tls { ca_file: $HUB_CA } }] }
`

const folder = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "bicameral-leaf-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
)

/** The hub, and the brokers of both clouds; whoever connects does so over TLS. */
const deployment = (configurations: Readonly<Record<"cloud0" | "cloud1", string>>) =>
  Effect.gen(function* () {
    const { certificate: ca, sign } = yield* authority
    const credentials = drawCredentials()
    const nkeys = nkeysFor(credentials)
    const { certificate, key } = yield* sign(["IP:127.0.0.1"])
    const files = { BROKER_CERTIFICATE: certificate, BROKER_KEY: key, HUB_CA: ca }
    const ports = { hub: yield* freePort, cloud0: yield* freePort, cloud1: yield* freePort }
    const leaves = yield* freePort
    yield* configuredBroker(configuration("hub.conf"), {
      ...nkeys,
      ...files,
      BROKER_LISTEN: `127.0.0.1:${ports.hub}`,
      HUB_LEAF_LISTEN: `127.0.0.1:${leaves}`
    })
    for (const cloud of ["cloud0", "cloud1"] as const) {
      const leaf = yield* configuredBroker(configurations[cloud], {
        ...files,
        [nkeyVariable(cloud)]: nkeys[nkeyVariable(cloud)]!,
        [`${cloud.toUpperCase()}_HUB`]: `tls://127.0.0.1:${leaves}`,
        [`${cloud.toUpperCase()}_SEED`]: Redacted.value(credentials[cloud]!.nkey),
        BROKER_LISTEN: `127.0.0.1:${ports[cloud]}`
      })
      yield* Effect.repeat(Effect.sync(leaf.said), {
        until: (said) => said.includes("Leafnode connection created"),
        schedule: Schedule.spaced("10 millis")
      })
    }
    const connect = (actor: string, broker: keyof typeof ports) =>
      Layer.build(
        Nats.layer({
          servers: [`tls://127.0.0.1:${ports[broker]}`],
          ...credentials[actor]!,
          trust: { authorities: ca }
        })
      ).pipe(Effect.map((context) => Context.get(context, Transport)))
    /** As a program of somebody else's, which does not mind what the broker allows it. */
    const spy = (actor: string, broker: keyof typeof ports) =>
      rawClient(ports[broker], credentials[actor]!.nkey)
    return { connect, spy, leaves, credentials }
  })

/**
 * Comes in at the hub as a broker that forgets its manners: speaks the protocol of leaf nodes itself, and checks nothing. Until the scope
 * ends, or the hub has enough of it.
 */
const rawLeaf = (port: number, nkey: Redacted.Redacted) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.promise(async () => {
        const plain = connectTcp(port, "127.0.0.1")
        // The hub says what it is before the connection is encrypted.
        const [info] = (await once(plain, "data")) as [Buffer]
        const socket = connectTls({ socket: plain, rejectUnauthorized: false })
        socket.on("error", () => {})
        await once(socket, "secureConnect")
        const hello = {
          ...letIn(nkey, info),
          name: "lawless",
          server_id: "lawless",
          headers: true,
          tls_required: true
        }
        socket.write(`CONNECT ${JSON.stringify(hello)}\r\nPING\r\n`)
        return socket
      }),
      (socket) => Effect.sync(() => socket.destroy())
    ),
    (socket) => {
      let said = ""
      socket.on("data", (chunk: Buffer) => {
        said += chunk.toString()
      })
      return {
        send: (subject: string) => Effect.sync(() => socket.write(`LMSG ${subject} 1\r\nx\r\n`)),
        /** All that the hub said, once it has ended the connection. */
        ended: Effect.async<string>((resume) => {
          if (socket.closed) resume(Effect.succeed(said))
          else socket.once("close", () => resume(Effect.succeed(said)))
        })
      }
    }
  )

/** What arrives on what an actor subscribes to, by subject, and when a subject of that name has. */
const listening = (transport: Pick<RawClient, "subscribe">, subscribed: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const subjects = new Set<string>()
    const waiting = new Map<string, Deferred.Deferred<void>>()
    for (const subject of subscribed)
      yield* transport.subscribe(subject, (delivery) => {
        subjects.add(delivery.subject)
        const deferred = waiting.get(delivery.subject)
        if (deferred !== undefined) Deferred.unsafeDone(deferred, Effect.void)
      })
    /** Sends it again until it comes: what a broker has learned of another's subscribers takes a moment. */
    const arrives = (wanted: string, send: Effect.Effect<void, unknown>) =>
      Effect.gen(function* () {
        const arrived = yield* Deferred.make<void>()
        waiting.set(wanted, arrived)
        yield* Effect.raceFirst(
          Deferred.await(arrived),
          Effect.zipRight(Effect.repeat(send, Schedule.spaced("20 millis")), Effect.never)
        )
      })
    return { subjects, arrives }
  })

const run = "r"
const inboxes = (name: string) => inboxesOf(run, name)
const byte = new Uint8Array(1)

describe("brokers of the clouds, joined to the hub", () => {
  it.scopedLive("let a cloud write to whom it may, on all brokers, and to nobody else", () =>
    Effect.gen(function* () {
      const { connect } = yield* deployment({
        cloud0: configuration("cloud0.conf"),
        cloud1: configuration("cloud1.conf")
      })
      for (const cloud of ["cloud0", "cloud1"] as const) {
        const other = cloud === "cloud0" ? "cloud1" : "cloud0"
        const from = yield* connect(cloud, cloud)
        const denied = new Set<string>()
        const last = yield* Deferred.make<void>()
        from.listen((event) => {
          if (event._tag !== "Denied") return
          denied.add(event.error.subject)
          if (event.error.subject === "the-last") Deferred.unsafeDone(last, Effect.void)
        })
        const receivers = new Map<string, Effect.Effect.Success<ReturnType<typeof listening>>>()
        for (const to of ["kgc", "director", "user1", other] as const)
          receivers.set(to, yield* listening(yield* connect(to, to === other ? other : "hub"), inboxes(to)))
        for (const [to, { arrives }] of receivers)
          for (const channel of channels) {
            const subject = subjectOf({ run, to, from: cloud, channel })
            if (mayPublish(cloud, to, channel)) yield* arrives(subject, publish(from, subject, byte))
          }
        for (const to of actorNames)
          for (const channel of channels)
            yield* publish(from, subjectOf({ run, to, from: cloud, channel }), byte)
        yield* publish(from, "the-last", byte)
        yield* Deferred.await(last)
        for (const to of actorNames)
          for (const channel of channels) {
            const subject = subjectOf({ run, to, from: cloud, channel })
            expect(denied.has(subject), subject).toBe(!mayPublish(cloud, to, channel))
          }
      }
    })
  )

  it.scopedLive("bring what is sent to each of many processes of a cloud", () =>
    Effect.gen(function* () {
      const { connect } = yield* deployment({
        cloud0: configuration("cloud0.conf"),
        cloud1: configuration("cloud1.conf")
      })
      const lanes = Array.from({ length: 40 }, (_, i) => memberNamed("cloud1", "lane", `${i}`))
      const there = yield* listening(yield* connect("cloud1", "cloud1"), lanes.flatMap(inboxes))
      const from = yield* connect("cloud0", "cloud0")
      for (const to of lanes) {
        const subject = subjectOf({ run, to, from: "cloud0", channel: "round" })
        yield* there.arrives(subject, publish(from, subject, byte))
      }
    })
  )

  it.scopedLive(
    "hold a cloud to its permissions where its own broker does not: it can't write as another",
    () =>
      Effect.gen(function* () {
        const file = join(yield* folder, "lawless.conf")
        yield* Effect.promise(() => writeFile(file, lawless))
        const { connect, spy } = yield* deployment({ cloud0: file, cloud1: configuration("cloud1.conf") })
        const from = yield* spy("cloud0", "cloud0")
        const atHub = new Map<string, Effect.Effect.Success<ReturnType<typeof listening>>>()
        for (const to of ["kgc", "cloud1", "user2"] as const)
          atHub.set(to, yield* listening(yield* connect(to, to === "cloud1" ? "cloud1" : "hub"), inboxes(to)))
        // Of both connections that cloud 1 receives by.
        const allowed: Readonly<Record<string, ReadonlyArray<Channel>>> = {
          kgc: ["ask", "reply"],
          cloud1: ["ask", "round"],
          user2: ["reply"]
        }
        const allArrive = Effect.gen(function* () {
          for (const [to, { arrives }] of atHub)
            for (const channel of allowed[to]!) {
              const subject = subjectOf({ run, to, from: "cloud0", channel })
              yield* arrives(subject, publish(from, subject, byte))
            }
        })
        // All brokers know of the subscribers: what goes wrong from here on is not for want of a way.
        yield* allArrive
        const forged = [...atHub.keys()].flatMap((to) =>
          ["user1", "cloud1", "director", memberNamed("kgc", "worker", "1")].flatMap((as) =>
            channels.map((channel) => subjectOf({ run, to, from: as, channel }))
          )
        )
        for (const subject of forged) yield* publish(from, subject, byte)
        // One behind the other on one connection: when these are there, they would have been. The first may be left from before.
        yield* allArrive
        yield* allArrive
        for (const { subjects } of atHub.values())
          for (const subject of forged) expect(subjects.has(subject), subject).toBe(false)
      })
  )

  it.scopedLive(
    "hold a cloud to its permissions where its own broker does not: it can't read what is another's",
    () =>
      Effect.gen(function* () {
        const file = join(yield* folder, "lawless.conf")
        yield* Effect.promise(() => writeFile(file, lawless))
        const { connect, spy } = yield* deployment({ cloud0: file, cloud1: configuration("cloud1.conf") })
        // A party of the cloud would not have it.
        expect(yield* Effect.flip(connect("cloud0", "cloud0"))).toMatchObject({ _tag: "BrokerUnprotected" })
        const ears = yield* spy("cloud0", "cloud0")
        const heard = yield* listening(ears, ["bicameral.>"])
        const named = yield* listening(ears, [inboxOf(run, "cloud1"), ...inboxes("cloud1")])
        const own = yield* listening(ears, inboxes("cloud0"))
        const [user, kgc] = [yield* connect("user1", "hub"), yield* connect("kgc", "hub")]
        const there = yield* listening(yield* connect("cloud1", "cloud1"), inboxes("cloud1"))
        const toCloud0 = subjectOf({ run, to: "cloud0", from: "user1", channel: "ask" })
        const toCloud1 = subjectOf({ run, to: "cloud1", from: "user1", channel: "ask" })
        const dealt = subjectOf({ run, to: "cloud1", from: "kgc", channel: "reply" })
        yield* own.arrives(toCloud0, publish(user, toCloud0, byte))
        yield* there.arrives(toCloud1, publish(user, toCloud1, byte))
        yield* there.arrives(dealt, publish(kgc, dealt, byte))
        yield* own.arrives(toCloud0, publish(user, toCloud0, byte))
        const foreign = [...heard.subjects, ...named.subjects].filter((subject) => subject !== toCloud0)
        expect(foreign).toEqual([])
      })
  )

  it.scopedLive("are held to their permissions by the hub alone, whatever program they are", () =>
    Effect.gen(function* () {
      const { connect, leaves, credentials } = yield* deployment({
        cloud0: configuration("cloud0.conf"),
        cloud1: configuration("cloud1.conf")
      })
      const leaf = rawLeaf(leaves, credentials.cloud0!.nkey)
      const { subjects, arrives } = yield* listening(yield* connect("kgc", "hub"), inboxes("kgc"))
      const allowed = subjectOf({ run, to: "kgc", from: "cloud0", channel: "ask" })
      for (const from of ["cloud1", "user1"]) {
        const forged = subjectOf({ run, to: "kgc", from, channel: "ask" })
        // A connection for each: the hub ends it for such a message.
        const said = yield* Effect.scoped(
          Effect.gen(function* () {
            const { send, ended } = yield* leaf
            yield* arrives(allowed, send(allowed))
            yield* send(forged)
            return yield* ended
          })
        )
        expect(said).toContain(`Permissions Violation for Publish to "${forged}"`)
      }
      // What the hub lets through comes to the KGC in order: when this is there, the others would have been.
      subjects.delete(allowed)
      const { send } = yield* leaf
      yield* arrives(allowed, send(allowed))
      expect([...subjects]).toEqual([allowed])
    })
  )
})
