import { describe, expect, it } from "@effect/vitest"
import { Clock, Context, Effect, Layer } from "effect"
import { inboxOf, memberNamed, subjectOf } from "../../../protocol/messages/subjects.ts"
import { makeHub } from "../../../runtime/transport/memory.ts"
import { withSeals } from "../../../runtime/transport/sealed.ts"
import { Transport } from "../../../runtime/transport/transport.ts"
import { channelsOf, identityOf } from "../../support/identities.ts"
import { Network, transportSuite } from "../messaging/conformance.ts"

// A small limit, so that the suite's large messages are cut into many.
transportSuite(
  "channels over a hub",
  Layer.sync(Network, () => {
    const hub = makeHub({ maxPayloadBytes: 64 * 1024 })
    return { transport: (name, run) => channelsOf(name, run, hub.layer(name)) }
  })
)

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
            // A handshake takes a few turns of the hub.
            for (let turn = 0; turn < 50; turn++) yield* Effect.promise(() => new Promise(setImmediate))
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
