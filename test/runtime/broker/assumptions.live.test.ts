/** What a party does about brokers that security can't rest on, and about what is none: a few of the corpus, and brokers that change. */
import type { Socket } from "node:net"
import { describe, expect, it } from "@effect/vitest"
import { Context, Deferred, Effect, Exit, Fiber, Layer, Scope } from "effect"
import { drawNkey } from "../../../protocol/channels/nkey.ts"
import { ask } from "../../../protocol/messages/message.ts"
import { Schema } from "../../../protocol/schema.ts"
import { drawCredentials, nkeysFor } from "../../../runtime/broker/start.ts"
import { Party } from "../../../runtime/messaging/contract.ts"
import * as Parties from "../../../runtime/messaging/party.ts"
import * as Nats from "../../../runtime/transport/nats.ts"
import { Transport, type TransportError, type TransportStatus } from "../../../runtime/transport/transport.ts"
import { brokerLost } from "../../../scenarios/run/until-broker.ts"
import { brokerCorpus } from "../../support/broker-corpus.ts"
import { corpusSuite } from "../../support/broker-suite.ts"
import { brokerFrom, openBroker, ownConfiguration } from "../../support/configured-broker.ts"
import { answering, fitting, infoLine, listener } from "../../support/fake-broker.ts"
import { patienceMs } from "../../support/patience.ts"

describe("the broker that a party connects to", () => {
  corpusSuite(brokerCorpus.filter(({ fast }) => fast === true))
})

/** A broker whose connections are each met as told; whoever was hung up on comes back. */
const changing = (meet: (socket: Socket, number: number) => void) =>
  Effect.gen(function* () {
    const { port, told, came, hangUp } = yield* listener(meet)
    const context = yield* Layer.build(
      Nats.layer({
        servers: [`nats://127.0.0.1:${port}`],
        user: "cloud0",
        nkey: drawNkey(),
        run: "trial-1",
        connectTimeoutMs: 1_000
      })
    )
    const transport = Context.get(context, Transport)
    const seen: Array<TransportStatus> = []
    const closed = yield* Deferred.make<TransportError | undefined>()
    const back = yield* Deferred.make<void>()
    transport.listen((event) => {
      if (event._tag !== "Status") return
      seen.push(event.status)
      if (event.status === "closed") Deferred.unsafeDone(closed, Effect.succeed(event.error))
      if (event.status === "connected") Deferred.unsafeDone(back, Effect.void)
    })
    return { transport, told, came, hangUp, seen, closed, back }
  })

const Anything = ask("Anything", Schema.Struct({}), Schema.Struct({}))

/** How often its nonce was signed. */
const signatures = (told: string) => told.split('"sig":').length - 1
const message = new Uint8Array(1)

describe("a broker that was away", () => {
  it.scopedLive("is not signed for any more where it comes back without authorization", () =>
    Effect.gen(function* () {
      const { transport, told, hangUp, seen, closed } = yield* changing((socket, number) => {
        answering(socket)
        socket.write(infoLine(number === 1 ? fitting : { ...fitting, auth_required: undefined }))
      })
      hangUp()
      const error = yield* Deferred.await(closed)
      expect(error).toMatchObject({ _tag: "BrokerUnprotected", user: "cloud0" })
      expect(seen).toEqual(["reconnecting", "closed"])
      expect(signatures(told())).toBe(1)
      expect(transport.send("bicameral.trial-1.kgc.main.cloud0.main.ask", message)).toBe(error)
      const late = yield* Effect.flip(
        Effect.scoped(transport.subscribe("bicameral.trial-1.cloud0.main.>", () => {}))
      )
      expect(late).toBe(error)
    })
  )

  it.scopedLive("gets no message where it comes back without permissions", () =>
    Effect.gen(function* () {
      const subject = "bicameral.trial-1.kgc.main.cloud0.main.ask"
      const { transport, told, hangUp, closed } = yield* changing((socket, number) => {
        if (number === 1) answering(socket)
        else
          socket.on("data", (chunk) => {
            if (chunk.includes("PING")) {
              // While it has not shown that it fits.
              transport.send(subject, message)
              socket.write("PONG\r\n")
            }
          })
        socket.write(infoLine(fitting))
      })
      hangUp()
      expect(yield* Deferred.await(closed)).toMatchObject({ _tag: "BrokerUnprotected" })
      expect(signatures(told())).toBe(2)
      expect(told()).not.toContain(`PUB ${subject}`)
    })
  )

  it.scopedLive(
    "is given up where it takes less at once than before, and sought where another is in its place",
    () =>
      Effect.gen(function* () {
        const { hangUp, came, seen, closed, back } = yield* changing((socket, number) => {
          answering(socket)
          if (number === 2) socket.write("SSH-2.0-OpenSSH_9.6\r\n")
          else
            socket.write(infoLine({ ...fitting, max_payload: number === 4 ? 64_000 : fitting.max_payload }))
        })
        hangUp()
        yield* Deferred.await(back)
        expect(came.length).toBe(3)
        expect(seen).toEqual(["reconnecting", "connected"])
        hangUp()
        const error = yield* Deferred.await(closed)
        expect(error).toMatchObject({ _tag: "BrokerUnfit" })
        expect(error?.message).toMatch(/64000 bytes at most, and 1048576 are needed/)
      })
  )

  it.scopedLive(
    "ends what is asked meanwhile with why it is given up, and a party that waits to be asked",
    () =>
      Effect.gen(function* () {
        const credentials = drawCredentials()
        const nkeys = nkeysFor(credentials)
        const first = yield* Scope.make()
        const port = yield* Scope.extend(brokerFrom(ownConfiguration, nkeys), first)
        const servers = [`nats://127.0.0.1:${port}`] as const
        const context = yield* Layer.build(
          Parties.layer({ name: "user1", run: "trial-1" }).pipe(
            Layer.provideMerge(Nats.layer({ servers, ...credentials.user1!, run: "trial-1" }))
          )
        )
        const asking = Context.get(context, Party).ask("kgc", Anything, {}, { deadlineMs: patienceMs })
        const [asked, waiting] = [
          yield* Effect.fork(asking),
          yield* Effect.fork(Effect.provide(brokerLost, context))
        ]
        yield* Effect.yieldNow()
        yield* Scope.close(first, Exit.void)
        yield* brokerFrom(openBroker, nkeys, port)
        for (const fiber of [asked, waiting])
          expect(yield* Effect.flip(Fiber.join(fiber))).toMatchObject({
            _tag: "BrokerUnprotected",
            user: "user1"
          })
      })
  )
})
