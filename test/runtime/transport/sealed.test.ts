import { describe, expect, it } from "@effect/vitest"
import { Clock, Context, Effect, Layer, Logger, LogLevel } from "effect"
import { ask, Bytes } from "../../../protocol/messages/message.ts"
import {
  dealers,
  inboxOf,
  memberNamed,
  parseSubject,
  subjectOf
} from "../../../protocol/messages/subjects.ts"
import { Schema } from "../../../protocol/schema.ts"
import { exchange, on, Party } from "../../../runtime/messaging/contract.ts"
import * as Parties from "../../../runtime/messaging/party.ts"
import { faulty, type MessageFault } from "../../../runtime/transport/faulty.ts"
import { type Hub, makeHub } from "../../../runtime/transport/memory.ts"
import { withSeals } from "../../../runtime/transport/sealed.ts"
import { Transport } from "../../../runtime/transport/transport.ts"
import { channelsOf, identityOf } from "../../support/identities.ts"
import { patienceMs } from "../../support/patience.ts"
import { Network, transportSuite } from "../messaging/conformance.ts"

// A small limit, so that the suite's large messages are cut into many.
transportSuite(
  "channels over a hub",
  Layer.sync(Network, () => {
    const hub = makeHub({ maxPayloadBytes: 64 * 1024 })
    return { transport: (name, run) => channelsOf(name, run, hub.layer(name)) }
  })
)

// What is dropped on purpose would fill the screen.
const quiet = Logger.minimumLogLevel(LogLevel.None)

const Echo = ask("Echo", Schema.Struct({ bytes: Bytes }), Schema.Struct({ bytes: Bytes }))

/** A handshake takes a few turns of the hub. */
const turns = Effect.gen(function* () {
  for (let turn = 0; turn < 50; turn++) yield* Effect.promise(() => new Promise(setImmediate))
})

/** A party whose messages come to harm below their seals, where a bad link or a broker would change them. */
const onBadLinks = (hub: Hub, name: string, count: (kind: MessageFault) => void) => {
  const faults = { loss: 0, duplication: 0, reordering: 0, corruption: 0.2, truncation: 0.1 }
  const limits = { resendFirstMs: 15, resendLongestMs: 60, roundResendMs: 20 }
  const links = faulty({ seed: 7, faultsOf: () => faults, count }, hub.layer(name))
  const party = Parties.layer({ name, run: "r", limits }).pipe(Layer.provide(channelsOf(name, "r", links)))
  return Effect.map(Layer.build(Layer.provide(party, quiet)), Context.get(Party))
}

describe("channels", () => {
  it.scopedLive("make a message longer by what they say, to a process and to a group", () =>
    Effect.gen(function* () {
      const hub = makeHub()
      const lengths = new Map<string, number>()
      const tapped = Layer.map(hub.layer("cloud1"), (context) => {
        const real = Context.get(context, Transport)
        return Context.add(context, Transport, {
          ...real,
          send: (subject, data, headers) => {
            lengths.set(parseSubject(subject)!.to, data.length)
            return real.send(subject, data, headers)
          }
        })
      })
      const asker = Context.get(yield* Layer.build(channelsOf("cloud1", "r", tapped)), Transport)
      const kgc = Context.get(yield* Layer.build(channelsOf("kgc", "r", hub.layer("kgc"))), Transport)
      const arrived = yield* Effect.makeSemaphore(2)
      yield* arrived.take(2)
      const arrive = () => Effect.runSync(arrived.release(1))
      for (const name of ["kgc", dealers]) yield* kgc.subscribe(inboxOf("r", name), arrive)
      yield* asker.subscribe(inboxOf("r", "cloud1"), () => {})
      for (const to of ["kgc", dealers])
        asker.send(subjectOf({ run: "r", to, from: "cloud1", channel: "ask" }), new Uint8Array(1000))
      yield* arrived.take(2)
      for (const to of ["kgc", dealers]) expect(lengths.get(to), to).toBe(1000 + asker.overheadBytes(to))
    })
  )

  it.scopedLive("take the longest message to a group that they say they take", () =>
    Effect.gen(function* () {
      const hub = makeHub({ maxPayloadBytes: 4096 })
      const asker = Context.get(yield* Layer.build(channelsOf("cloud1", "r", hub.layer("cloud1"))), Transport)
      const subject = subjectOf({ run: "r", to: dealers, from: "cloud1", channel: "ask" })
      expect(asker.send(subject, new Uint8Array(asker.maxPayloadBytes))).toBeUndefined()
    })
  )
})

describe("channels to a process that is started anew", () => {
  // So long that nothing is sent again because of the time.
  const limits = { resendFirstMs: 10 * patienceMs, resendLongestMs: 10 * patienceMs }
  const options = { deadlineMs: patienceMs }
  const partyOf = (hub: Hub, name: string) => {
    const links = channelsOf(name, "r", hub.layer(name))
    const party = Parties.layer({ name, run: "r", limits }).pipe(Layer.provide(links))
    return Effect.map(Layer.build(Layer.provide(party, quiet)), Context.get(Party))
  }
  const sentBy = (party: Party["Type"], wanted: string) =>
    Effect.map(party.traffic, (rows) =>
      rows.flatMap(({ direction, messages, tag }) =>
        direction === "sent" && tag === wanted ? [messages] : []
      )
    )

  it.scopedLive("carry the first reply to it, which is sent once", () =>
    Effect.gen(function* () {
      const hub = makeHub()
      const cloud = yield* partyOf(hub, "cloud1")
      yield* cloud.serve([on(Echo, Effect.succeed)])
      const echo = { bytes: new Uint8Array(1000) }
      for (let life = 0; life < 3; life++)
        yield* Effect.flatMap(partyOf(hub, "user1"), (user) => user.ask("cloud1", Echo, echo, options)).pipe(
          Effect.scoped
        )
      expect(yield* sentBy(cloud, "Echo")).toEqual([3])
    })
  )

  it.scopedLive("carry what has waited for it before what it asks, which is sent once", () =>
    Effect.gen(function* () {
      const hub = makeHub()
      const early = yield* partyOf(hub, "user1")
      yield* early.serve([on(Echo, Effect.succeed)])
      // That the first knows of no request: it waits, since there is nobody yet who could agree on a session.
      yield* early.announce(["user2"])
      yield* turns
      const late = yield* partyOf(hub, "user2")
      yield* late.announce(["user1"])
      yield* turns
      yield* late.ask("user1", Echo, { bytes: new Uint8Array(20_000) }, options)
      expect(yield* sentBy(late, "Echo")).toEqual([1])
    })
  )
})

describe("channels over links that corrupt and truncate", () => {
  it.scopedLive("carry requests and rounds, large and small, and let no changed byte through", () =>
    Effect.gen(function* () {
      const hub = makeHub({ maxPayloadBytes: 4096 })
      const harmed = new Map<MessageFault, number>()
      const count = (kind: MessageFault) => void harmed.set(kind, (harmed.get(kind) ?? 0) + 1)
      const c0 = yield* onBadLinks(hub, "cloud0", count)
      const c1 = yield* onBadLinks(hub, "cloud1", count)
      yield* c1.serve([on(Echo, Effect.succeed)])
      for (let n = 0; n < 20; n++) {
        const bytes = Uint8Array.from({ length: 400 * n }, (_, i) => (i * n) % 251)
        const reply = yield* c0.ask("cloud1", Echo, { bytes }, { deadlineMs: patienceMs })
        expect(reply.bytes).toEqual(bytes)
      }
      const rounds = (party: typeof c0, peer: string, own: number) =>
        Effect.gen(function* () {
          const train = yield* party.rounds(peer, "train")
          const got: Array<ReadonlyArray<number>> = []
          for (let round = 0; round < 40; round++)
            got.push(Array.from(yield* exchange(train, round, new Uint8Array([round, own]))))
          return got
        })
      const both = yield* Effect.all([rounds(c0, "cloud1", 0), rounds(c1, "cloud0", 1)], { concurrency: 2 })
      const sent = (by: number) => Array.from({ length: 40 }, (_, round) => [round, by])
      expect(both).toEqual([sent(1), sent(0)])
      expect(harmed.get("corruption")).toBeGreaterThan(10)
      expect(harmed.get("truncation")).toBeGreaterThan(5)
    })
  )
})

describe("channels - of very many processes", () => {
  /** A process that knows sessions with two others, and a way to write to it from members of its party. */
  const crowded = Effect.gen(function* () {
    const hub = makeHub()
    const real = (name: string) => Effect.map(Layer.build(hub.layer(name)), Context.get(Transport))
    const options = {
      run: "r",
      identity: identityOf("kgc"),
      keyOf: () => identityOf("kgc").publicKey,
      agreed: () => new Uint8Array(0)
    }
    const main = yield* withSeals({ ...options, name: "kgc", mostPeers: 2 }, yield* real("kgc"))
    let nowMs = 1000
    const machine = Clock.make()
    const clock: Clock.Clock = {
      ...machine,
      [Clock.ClockTypeId]: Clock.ClockTypeId,
      unsafeCurrentTimeMillis: () => nowMs,
      unsafeCurrentTimeNanos: () => BigInt(nowMs) * 1_000_000n,
      sleep: (duration) => machine.sleep(duration)
    }
    const arrived: Array<number> = []
    yield* main.subscribe(inboxOf("r", "kgc"), ({ data }) => void arrived.push(data[0]!))
    const worker = (id: string) =>
      Effect.gen(function* () {
        const name = memberNamed("kgc", "worker", id)
        const transport = yield* withSeals({ ...options, name }, yield* real(name)).pipe(
          Effect.withClock(clock)
        )
        yield* transport.subscribe(inboxOf("r", name), () => {})
        const subject = subjectOf({ run: "r", to: "kgc", from: name, channel: "ask" })
        const send = (content: number) =>
          Effect.gen(function* () {
            transport.send(subject, new Uint8Array([content]))
            yield* turns
          })
        return { send }
      })
    const later = (ms: number) => {
      nowMs += ms
    }
    return { arrived, later, worker }
  })

  it.scoped("keeps sessions of so many, and has the first begin anew", () =>
    Effect.gen(function* () {
      const { arrived, later, worker } = yield* crowded
      const [a, b, c] = [yield* worker("a"), yield* worker("b"), yield* worker("c")]
      yield* a.send(1)
      yield* b.send(2)
      yield* a.send(3)
      expect(arrived).toEqual([1, 2, 3])
      yield* c.send(4)
      // A process that is told so begins anew after a pause.
      later(1000)
      // The first is not known any more: what it sends is lost, and it begins a session again.
      yield* a.send(5)
      yield* a.send(6)
      expect(arrived).toEqual([1, 2, 3, 4, 6])
    })
  )
})
