/** What comes faster than it is taken is held back or dropped; it does not pile up. */
import { setTimeout as pause } from "node:timers/promises"
import { describe, expect, it } from "@effect/vitest"
import { Context, Deferred, Effect, Fiber, Layer, Logger, LogLevel } from "effect"
import { encodeEnvelope } from "../../../protocol/messages/envelope.ts"
import { ask, Bytes } from "../../../protocol/messages/message.ts"
import { subjectOf } from "../../../protocol/messages/subjects.ts"
import { Schema } from "../../../protocol/schema.ts"
import { startOwnBroker } from "../../../runtime/broker/start.ts"
import { on, Party } from "../../../runtime/messaging/contract.ts"
import type { Limits } from "../../../runtime/messaging/limits.ts"
import * as Parties from "../../../runtime/messaging/party.ts"
import { layer as nats } from "../../../runtime/transport/nats.ts"
import { publish, Transport } from "../../../runtime/transport/transport.ts"
import { patienceMs } from "../../support/patience.ts"

const MiB = 2 ** 20
const Piece = ask("Piece", Schema.Struct({ bytes: Bytes }), Schema.Struct({}))

// What is dropped on purpose would fill the screen.
const quiet = Logger.minimumLogLevel(LogLevel.None)

/** Bytes outside the heap that are held, after what is garbage has gone. */
const held = () => process.memoryUsage().arrayBuffers

describe("a flood of requests", () => {
  it.scopedLive("leaves no more in a party than its mailbox holds, and what was dropped is asked again", () =>
    Effect.gen(function* () {
      const broker = yield* startOwnBroker()
      const transport = (name: string) => nats({ servers: [broker.url], ...broker.credentials[name]! })
      const joined = (name: string, limits: Partial<Limits> = {}) =>
        Layer.build(
          Parties.layer({ name, run: "r", limits: { resendFirstMs: 100, ...limits } }).pipe(
            Layer.provideMerge(transport(name)),
            Layer.provide(quiet)
          )
        )
      const limits = { mailboxBytes: 8 * MiB, mailboxMessages: 100, handlersAtOnce: 2 }
      const receiver = Context.get(yield* joined("cloud1", limits), Party)
      const sender = yield* joined("user1")
      const first = yield* Deferred.make<void>()
      const open = yield* Deferred.make<void>()
      let taken = 0
      yield* receiver.serve([
        on(Piece, () => {
          taken++
          return Deferred.succeed(first, undefined).pipe(Effect.zipRight(Deferred.await(open)), Effect.as({}))
        })
      ])
      // As somebody who does not wait for answers: 400 MiB, each message a request of its own.
      const before = held()
      const body = yield* Piece.payload.encode({ bytes: new Uint8Array(256 * 1024) })
      const subject = subjectOf({ run: "r", to: "cloud1", from: "user1", channel: "ask" })
      const flooding = 1_600
      let most = 0
      for (let id = 0; id < flooding; id++) {
        const flood = encodeEnvelope({ kind: "ask", id: `x-${id}`, tag: "Piece", number: 0, of: 0, body })
        yield* publish(Context.get(sender, Transport), subject, flood)
        if (id % 64 === 0) {
          yield* Effect.promise(() => pause(1))
          most = Math.max(most, held() - before)
        }
      }
      yield* Deferred.await(first)
      const arrived = Effect.map(receiver.traffic, (rows) =>
        rows.reduce((sum, row) => sum + (row.direction === "received" ? row.messages : 0), 0)
      )
      while ((yield* arrived) < flooding) yield* Effect.sleep("20 millis")
      // The mailbox, what the socket has not taken yet (16 MiB before a sender waits) and garbage that is not collected yet.
      expect(most / MiB).toBeLessThan(200)
      expect(taken).toBe(2)
      // Who asks as a party does gets through as soon as there is room.
      const asked = yield* Effect.fork(
        Context.get(sender, Party).ask(
          "cloud1",
          Piece,
          { bytes: new Uint8Array(1024) },
          { deadlineMs: patienceMs }
        )
      )
      yield* Deferred.succeed(open, undefined)
      expect(yield* Fiber.join(asked)).toEqual({})
      // Two at work, 32 of a quarter MiB in the mailbox, and the last one.
      expect(taken).toBeLessThanOrEqual(2 + 32 + 1)
    })
  )
})
