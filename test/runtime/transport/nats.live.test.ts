import { once } from "node:events"
import { describe, expect, it } from "@effect/vitest"
import { Context, Deferred, Effect, Fiber, Layer, Redacted } from "effect"
import { drawNkey, publicNkey } from "../../../protocol/channels/nkey.ts"
import { ask } from "../../../protocol/messages/message.ts"
import {
  actorNames,
  actorOf,
  actorsWithMembers,
  channels,
  dealers,
  inboxOf,
  inboxPrefixOf,
  mayPublish,
  maySubscribe,
  memberNamed,
  subjectOf
} from "../../../protocol/messages/subjects.ts"
import { Schema } from "../../../protocol/schema.ts"
import { type Broker, startOwnBroker } from "../../../runtime/broker/start.ts"
import { within } from "../../../runtime/deadline.ts"
import { exchange, on, Party } from "../../../runtime/messaging/contract.ts"
import * as Parties from "../../../runtime/messaging/party.ts"
import * as Nats from "../../../runtime/transport/nats.ts"
import { publish, Transport } from "../../../runtime/transport/transport.ts"
import { answering, fitting, infoLine, listener } from "../../support/fake-broker.ts"
import { gateTo } from "../../support/gate.ts"
import { patienceMs } from "../../support/patience.ts"
import { Network, transportSuite } from "../messaging/conformance.ts"

const transportOf = ({ url, credentials }: Broker, actor: string) =>
  Nats.layer({ servers: [url], ...credentials[actorOf(actor)]! })

transportSuite(
  "NATS",
  Layer.scoped(
    Network,
    Effect.map(startOwnBroker(), (broker) => ({
      // A smaller limit than the broker's, so that the suite's large messages are cut into many and stay quick.
      transport: (actor: string) =>
        Layer.map(transportOf(broker, actor), (context) =>
          Context.make(Transport, { ...Context.get(context, Transport), maxPayloadBytes: 256 * 1024 })
        )
    }))
  )
)

const Double = ask(
  "Double",
  Schema.Struct({ value: Schema.Number }),
  Schema.Struct({ doubled: Schema.Number })
)
const double = on(Double, ({ value }) => Effect.succeed({ doubled: 2 * value }))

const partyOf = (broker: Broker, name: string, run = "run") =>
  Layer.build(
    Parties.layer({ name, run, limits: { resendFirstMs: 50 } }).pipe(
      Layer.provideMerge(transportOf(broker, name))
    )
  )

describe("connecting", () => {
  it.scopedLive("connecting - no broker is an error that names where it was sought", () =>
    Effect.gen(function* () {
      const nkey = drawNkey()
      const error = yield* Effect.flip(
        Layer.build(Nats.layer({ servers: ["nats://127.0.0.1:1"], user: "kgc", nkey }))
      )
      expect(error).toMatchObject({ _tag: "BrokerUnreachable", servers: ["nats://127.0.0.1:1"] })
      expect(error.message).toMatch(/127\.0\.0\.1:1.*NATS_URL/)
    })
  )

  it.scopedLive(
    "connecting - refused credentials are an error at once, that names the user and its public NKEY alone",
    () =>
      Effect.gen(function* () {
        const { url } = yield* startOwnBroker()
        const nkey = drawNkey()
        const error = yield* Effect.flip(Layer.build(Nats.layer({ servers: [url], user: "cloud0", nkey })))
        expect(error).toMatchObject({ _tag: "BrokerRefused", user: "cloud0" })
        expect(error.message).toContain(`CLOUD0_NKEY=${publicNkey(nkey)}`)
        expect(JSON.stringify(error) + error.message).not.toContain(Redacted.value(nkey))
      })
  )

  it.scopedLive(
    "connecting - somebody whom the broker does not know is not let in, without a name either",
    () =>
      Effect.gen(function* () {
        const { url } = yield* startOwnBroker()
        const nobody = Nats.layer({ servers: [url], user: "", nkey: drawNkey() })
        expect(yield* Effect.flip(Layer.build(nobody))).toMatchObject({ _tag: "BrokerRefused" })
      })
  )
})

const members = actorsWithMembers.flatMap((actor) => [
  memberNamed(actor, "worker", "1"),
  memberNamed(actor, "lane", "1")
])
const processes = ["kgc", "cloud0", "cloud1", "director", "user1", "user16", ...members]

describe("nats.conf", () => {
  it.scopedLive(
    "permissions - the broker lets each role publish where `mayPublish` says, and nowhere else",
    () =>
      Effect.gen(function* () {
        const broker = yield* startOwnBroker()
        for (const from of processes) {
          const transport = Context.get(yield* Layer.build(transportOf(broker, from)), Transport)
          const denied = new Set<string>()
          const last = yield* Deferred.make<void>()
          transport.listen((event) => {
            if (event._tag !== "Denied") return
            denied.add(event.error.subject)
            if (event.error.subject === "the-last") Deferred.unsafeDone(last, Effect.void)
          })
          const subjects = [...actorNames, ...members, dealers].flatMap((to) =>
            channels.map((channel) => ({ to, channel, subject: subjectOf({ run: "r", to, from, channel }) }))
          )
          const foreign = [
            subjectOf({ run: "r", to: "kgc", from: "user2", channel: "ask" }),
            `bicameral.r.director.main.${from.includes(".") ? from : `${from}.main`}.other`,
            `bicameral.r.kgc.main.${actorOf(from)}.main`,
            "bicameral.r.kgc.main.user1.w-1.ask",
            "elsewhere",
            "$SYS.REQ.SERVER.PING",
            "the-last"
          ]
          for (const { subject } of subjects) yield* publish(transport, subject, new Uint8Array(1))
          for (const subject of foreign) yield* publish(transport, subject, new Uint8Array(1))
          yield* Deferred.await(last)
          for (const { to, channel, subject } of subjects)
            expect(denied.has(subject), subject).toBe(!mayPublish(from, to, channel))
          for (const subject of foreign) expect(denied.has(subject), subject).toBe(true)
        }
      })
  )

  it.scopedLive(
    "permissions - the broker lets each role subscribe where `maySubscribe` says, and nowhere else",
    () =>
      Effect.gen(function* () {
        const broker = yield* startOwnBroker()
        for (const self of processes) {
          const context = yield* Layer.build(transportOf(broker, self))
          const transport = Context.get(context, Transport)
          const subjects = [
            ...[...actorNames, ...members, dealers].map((to) => inboxOf("r", to)),
            ...actorNames.map((to) => `bicameral.*.${to}.>`),
            ...actorNames.map((to) => `bicameral.r.${to}.main.user1.main.ask`),
            `${inboxPrefixOf(self)}.>`,
            "bicameral.>",
            "bicameral.r.>",
            "bicameral.r.*.*.user1.main.ask",
            "bicameral.*.*.>",
            ">",
            "*.>",
            "_INBOX.>",
            "$SYS.>"
          ]
          for (const subject of subjects) {
            const exit = yield* Effect.exit(Effect.scoped(transport.subscribe(subject, () => {})))
            expect(exit._tag === "Success", `${self} to ${subject}`).toBe(maySubscribe(self, subject))
          }
        }
      })
  )
})

describe("losing the broker", () => {
  it.scopedLive("losing the broker - what was asked meanwhile is answered when it is back", () =>
    Effect.gen(function* () {
      const broker = yield* startOwnBroker()
      const gate = yield* gateTo(Number(new URL(broker.url).port))
      const through = { ...broker, url: `nats://127.0.0.1:${gate.port}` }
      const asker = Context.get(yield* partyOf(through, "user1"), Party)
      const answererContext = yield* partyOf(broker, "kgc")
      yield* Context.get(answererContext, Party).serve([double])
      expect(yield* asker.ask("kgc", Double, { value: 1 }, { deadlineMs: patienceMs })).toEqual({
        doubled: 2
      })
      yield* gate.shut
      const reply = yield* Effect.fork(asker.ask("kgc", Double, { value: 2 }, { deadlineMs: patienceMs }))
      yield* Effect.yieldNow()
      yield* gate.open
      expect(yield* Fiber.join(reply)).toEqual({ doubled: 4 })
    })
  )

  it.scopedLive("losing the broker - it is sought at once though the date was set back before", () =>
    Effect.gen(function* () {
      const broker = yield* startOwnBroker()
      const gate = yield* gateTo(Number(new URL(broker.url).port))
      const context = yield* partyOf({ ...broker, url: `nats://127.0.0.1:${gate.port}` }, "user1")
      const back = yield* Deferred.make<void>()
      Context.get(context, Transport).listen((event) => {
        if (event._tag === "Status" && event.status === "connected") Deferred.unsafeDone(back, Effect.void)
      })
      const now = Date.now
      Date.now = () => now() - 3_600_000
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          Date.now = now
        })
      )
      yield* gate.shut
      yield* gate.open
      yield* Deferred.await(back).pipe(within(patienceMs, () => new Error("it is not sought")))
    })
  )

  it.scopedLive("losing the broker - a deadline says that the connection is lost", () =>
    Effect.gen(function* () {
      const broker = yield* startOwnBroker()
      const gate = yield* gateTo(Number(new URL(broker.url).port))
      const context = yield* partyOf({ ...broker, url: `nats://127.0.0.1:${gate.port}` }, "user1")
      const lost = yield* Deferred.make<void>()
      Context.get(context, Transport).listen((event) => {
        if (event._tag === "Status" && event.status === "reconnecting") Deferred.unsafeDone(lost, Effect.void)
      })
      yield* gate.shut
      yield* Deferred.await(lost)
      const error = yield* Effect.flip(
        Context.get(context, Party).ask("kgc", Double, { value: 2 }, { deadlineMs: 100 })
      )
      expect(error).toMatchObject({ _tag: "DeadlineExceeded", broker: "reconnecting" })
      expect(error.message).toContain("the connection to the broker is lost")
    })
  )

  it.scopedLive(
    "losing the broker - rounds have a connection of their own: all else comes without it, and they go on when it is back",
    () =>
      Effect.gen(function* () {
        const broker = yield* startOwnBroker()
        const gate = yield* gateTo(Number(new URL(broker.url).port))
        const user = Context.get(yield* partyOf(broker, "user1"), Party)
        const c0 = Context.get(yield* partyOf(broker, "cloud0"), Party)
        const context = yield* partyOf({ ...broker, url: `nats://127.0.0.1:${gate.port}` }, "cloud1")
        const [c1, transport] = [Context.get(context, Party), Context.get(context, Transport)]
        yield* c1.serve([double])
        const [at0, at1] = [yield* c0.rounds("cloud1", "train"), yield* c1.rounds("cloud0", "train")]
        const lost = yield* Deferred.make<void>()
        transport.listen((event) => {
          if (event._tag === "Status" && event.status === "reconnecting")
            Deferred.unsafeDone(lost, Effect.void)
        })
        yield* gate.shutOnLast
        yield* Deferred.await(lost)
        const mine = yield* Effect.fork(exchange(at1, 1, Uint8Array.of(1)))
        const theirs = yield* Effect.fork(exchange(at0, 1, Uint8Array.of(0)))
        const reply = yield* user.ask("cloud1", Double, { value: 4 }, { deadlineMs: patienceMs })
        expect(reply).toEqual({ doubled: 8 })
        expect(transport.status()).toBe("reconnecting")
        expect([mine.unsafePoll(), theirs.unsafePoll()]).toEqual([null, null])
        yield* gate.open
        expect(yield* Fiber.join(theirs)).toEqual(Uint8Array.of(1))
        expect(yield* Fiber.join(mine)).toEqual(Uint8Array.of(0))
        expect(transport.status()).toBe("connected")
      })
  )

  it.scopedLive(
    "losing the broker - an attempt that was given up does not end the connection that came after it",
    () =>
      Effect.gen(function* () {
        // Says nothing at all to the second who comes.
        const info = infoLine(fitting)
        const { came, port } = yield* listener((socket, number) => {
          if (number === 2) return
          answering(socket)
          socket.write(info)
        })
        const context = yield* Layer.build(
          Nats.layer({
            servers: [`nats://127.0.0.1:${port}`],
            user: "kgc",
            nkey: drawNkey(),
            connectTimeoutMs: 200
          })
        )
        const transport = Context.get(context, Transport)
        const seen: Array<string> = []
        const back = yield* Deferred.make<void>()
        transport.listen((event) => {
          if (event._tag !== "Status") return
          seen.push(event.status)
          if (event.status === "connected") Deferred.unsafeDone(back, Effect.void)
        })
        came[0]!.destroy()
        yield* Deferred.await(back)
        expect(came.length).toBe(3)
        // Now the second is answered after all, and let go as one that did not say who it is.
        const second = came[1]!
        if (!second.closed) {
          second.end(info)
          yield* Effect.promise(() => once(second, "close"))
        }
        for (let i = 0; i < 20; i++) yield* transport.subscribe(`x${i}`, () => {})
        expect(seen).toEqual(["reconnecting", "connected"])
        expect(came.length).toBe(3)
      })
  )
})
