/** Who is sent what: every message of a run is read before it is sealed, and held against what its receiver may have. */
import { describe, expect, layer } from "@effect/vitest"
import { Effect, Either, Layer, Logger } from "effect"
import { layer as bcpPool } from "../../actors/party/bcp-pool.ts"
import { OpenModel } from "../../protocol/messages/control.ts"
import { Enrolment } from "../../protocol/messages/enrolment.ts"
import { HeldOutCells } from "../../protocol/messages/output.ts"
import { UploadShare0, UploadShare1 } from "../../protocol/messages/upload.ts"
import { startOwnBroker } from "../../runtime/broker/start.ts"
import { layer as nats } from "../../runtime/transport/nats.ts"
import { type Delivery, Transport } from "../../runtime/transport/transport.ts"
import { company, type Wired } from "../support/company.ts"
import { leaves, splits, writeScenario } from "../support/small-scenario.ts"

const short = { training: { epochs: 1, batch: 8, rate: 0.25 } }
const isUser = (name: string) => name.startsWith("user")

/** A whole run of which every message was read. */
const recorded = (changes: object = {}) =>
  Effect.gen(function* () {
    const { file } = yield* writeScenario(splits.blocks, { ...short, ...changes })
    const messages: Array<Wired> = []
    const frames: Array<Uint8Array> = []
    const { directed, startAll } = yield* company(file, {
      wire: ({ data }) => {
        frames.push(data)
        return undefined
      },
      tap: (message) => {
        messages.push(message)
        return undefined
      }
    })
    yield* startAll()
    return { messages, frames, outcome: yield* directed }
  })

const bodiesOf = (messages: ReadonlyArray<Wired>, tag: string, kind: Wired["kind"] = "ask") =>
  messages.filter((message) => message.tag === tag && message.kind === kind)

layer(Layer.merge(bcpPool(2), Logger.remove(Logger.defaultLogger)), { excludeTestServices: true })(
  "privacy",
  (it) => {
    describe("on the wire", () => {
      it.scoped("each kind of message goes only from and to whom it is meant for", () =>
        Effect.gen(function* () {
          const { messages } = yield* recorded()
          const ways = (tag: string) =>
            new Set(
              bodiesOf(messages, tag).map(
                ({ from, to }) => `${isUser(from) ? "user" : from} → ${isUser(to) ? "user" : to}`
              )
            )
          expect(ways("UploadShare0")).toEqual(new Set(["user → cloud0"]))
          expect(ways("UploadShare1")).toEqual(new Set(["user → cloud1"]))
          expect(ways("OpenUpload")).toEqual(new Set(["user → cloud0", "user → cloud1"]))
          expect(ways("Reencrypt")).toEqual(new Set(["cloud1 → cloud0"]))
          expect(ways("UnifiedShare0")).toEqual(new Set(["cloud0 → cloud1"]))
          expect(ways("ModelShare")).toEqual(new Set(["cloud0 → cloud1"]))
          expect(ways("FetchModel")).toEqual(new Set(["user → cloud1"]))
          expect(ways("ModelDigest")).toEqual(new Set(["user → cloud0"]))
          // The group is asked, or a member of it by name.
          expect(new Set(Array.from(ways("Deal"), (way) => way.replace(".deal", "")))).toEqual(
            new Set(["cloud1 → kgc"])
          )
          for (const tag of ["RowSalt", "Declaration", "PartialDecryptions", "HeldOutCells"]) {
            expect(ways(tag), tag).toEqual(new Set(["user → user"]))
          }
          const rounds = messages.filter(({ kind }) => kind === "round")
          expect(new Set(rounds.map(({ from, to }) => `${from} → ${to}`))).toEqual(
            new Set(["cloud0 → cloud1", "cloud1 → cloud0"])
          )
        })
      )

      it.scoped("C0 is sent nothing of the second shares, C1 nothing of the first and no master key", () =>
        Effect.gen(function* () {
          const { messages } = yield* recorded()
          const tagsTo = (to: string) =>
            new Set(messages.filter((each) => each.to === to).map(({ tag }) => tag))
          for (const tag of ["UploadShare1", "FetchModel", "PartialDecryptions", "Deal", "HeldOutCells"]) {
            expect(tagsTo("cloud0").has(tag), tag).toBe(false)
          }
          expect(tagsTo("cloud1").has("UploadShare0")).toBe(false)
          // Whatever its tag: no ciphertext of one upload is found in what the other cloud is sent.
          const needles = bodiesOf(messages, UploadShare0.tag).map(({ body }) =>
            Buffer.from(Either.getOrThrow(UploadShare0.payload.decode(body)).ciphertexts.slice(0, 64))
          )
          expect(needles.length).toBeGreaterThan(0)
          const found = (to: string) =>
            needles.filter((needle) =>
              messages.some((each) => each.to === to && Buffer.from(each.body).includes(needle))
            ).length
          expect(found("cloud1")).toBe(0)
          expect(found("cloud0")).toBe(needles.length)
          // The secrets of C0 are longer than those of C1 by both primes.
          const secrets = new Map(
            bodiesOf(messages, Enrolment.tag, "reply").map(({ to, body }) => [
              to,
              Either.getOrThrow(Enrolment.reply.decode(body)).secrets
            ])
          )
          expect(secrets.get("cloud0")!.length).toBeGreaterThan(secrets.get("cloud1")!.length + 2 * 32)
        })
      )

      it.scoped("a broker reads nothing of any message", () =>
        Effect.gen(function* () {
          const { messages, frames } = yield* recorded()
          const wire = Buffer.concat(frames)
          // What is shorter may be found by chance.
          const long = messages.filter(({ body }) => body.length >= 16)
          expect(long.length).toBeGreaterThan(100)
          for (const { body, tag } of long)
            expect(wire.includes(Buffer.from(body.subarray(0, 16))), tag).toBe(false)
          for (const { tag } of messages) expect(wire.includes(tag), tag).toBe(tag.length < 3)
        })
      )

      it.scoped(
        "no id, and no cell as it stands in a file, is sent, but for what users reveal to the tester",
        () =>
          Effect.gen(function* () {
            const { messages } = yield* recorded()
            const others = messages.filter(({ tag }) => tag !== HeldOutCells.tag)
            const wire = Buffer.concat(others.map(({ body }) => body))
            for (const { id } of leaves) expect(wire.includes(id), id).toBe(false)
            const double = (value: number) => {
              const bytes = Buffer.alloc(8)
              bytes.writeDoubleLE(value)
              return bytes
            }
            for (const { cells } of leaves) {
              const scaled = (2 * Number(cells.width)) / 5 - 1
              expect(wire.includes(double(scaled))).toBe(false)
              expect(wire.includes(double(Number(cells.width)))).toBe(false)
            }
          })
      )

      it.scoped("the director hears of no accuracy and no step unless the scenario reveals it", () =>
        Effect.gen(function* () {
          const { messages, outcome } = yield* recorded({ reveal: [] })
          expect(outcome.tested).toBe(undefined)
          const opened = bodiesOf(messages, OpenModel.tag, "reply")
          // A reply that was late is sent again, so not how many there are.
          expect(new Set(opened.map(({ from }) => from))).toEqual(new Set(["user1", "user2", "user3"]))
          for (const { body } of opened) expect(Either.getOrThrow(OpenModel.reply.decode(body))).toEqual({})
          const steps = messages.filter(
            ({ tag, body }) => tag === "Progress" && Buffer.from(body).includes("train")
          )
          expect(steps).toEqual([])
          expect(bodiesOf(messages, HeldOutCells.tag)).toEqual([])

          const told = yield* recorded()
          expect(told.outcome.tested?.total).toBe(12)
          expect(
            told.messages.some(({ tag, body }) => tag === "Progress" && Buffer.from(body).includes("train"))
          ).toBe(true)
        })
      )
    })

    describe("on a broker with nats.conf", () => {
      it.scoped("C0's credentials, however they subscribe, receive nothing of what users send to C1", () =>
        Effect.gen(function* () {
          const broker = yield* startOwnBroker()
          const transport = (actor: string) => nats({ servers: [broker.url], ...broker.credentials[actor]! })
          const { file } = yield* writeScenario(splits.rows, short)
          const sent = { share1: 0 }
          const { directed, run, startAll } = yield* company(file, {
            transport,
            tap: ({ tag, kind, to }) => {
              if (tag === UploadShare1.tag && kind === "ask" && to === "cloud1") sent.share1++
              return undefined
            }
          })
          const overheard: Array<Delivery> = []
          const own: Array<Delivery> = []
          const spy = yield* Effect.provide(Transport, yield* Layer.build(transport("cloud0")))
          const wider = [
            "bicameral.*.cloud1.>",
            "bicameral.>",
            ">",
            `bicameral.${run}.cloud1.main.user1.main.ask`,
            `bicameral.${run}.*.*.user1.>`,
            "bicameral.*.user1.>",
            "_INBOX.>",
            "_INBOX_cloud1.>",
            "_INBOX_user1.>",
            "$SYS.>"
          ]
          for (const subject of wider) {
            const tried = yield* Effect.either(spy.subscribe(subject, (delivery) => overheard.push(delivery)))
            expect(Either.isLeft(tried) && tried.left._tag, subject).toBe("PermissionDenied")
          }
          // To be sure that it would hear: its own subjects it does receive.
          yield* spy.subscribe("bicameral.*.cloud0.>", (delivery) => own.push(delivery))
          yield* startAll()
          yield* directed
          expect(sent.share1).toBeGreaterThanOrEqual(3)
          expect(own.some(({ subject }) => subject.endsWith("cloud0.main.user1.main.ask"))).toBe(true)
          expect(overheard).toEqual([])
          expect(own.every(({ subject }) => subject.startsWith(`bicameral.${run}.cloud0.`))).toBe(true)
        })
      )
    })
  }
)
