/** Checkpoints at the broker: a store like others, that outlives the broker's process, and what the broker lets a cloud do with it. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { decodeEnvelope } from "../../../protocol/messages/envelope.ts"
import { type OwnBroker, operator, startOwnBroker } from "../../../runtime/broker/start.ts"
import { bucketOf, bucketStore, makeBucket } from "../../../runtime/storage/jetstream-store.ts"
import type { StoreService } from "../../../runtime/storage/store.ts"
import { brokerRequests } from "../../../runtime/transport/nats.ts"

const requestsOf = ({ url, credentials }: OwnBroker, user: string) =>
  brokerRequests({ servers: [url], ...credentials[user]! })

/** A broker with the buckets of both clouds. */
const broker = Effect.gen(function* () {
  const started = yield* startOwnBroker({ storing: true })
  const requests = yield* requestsOf(started, operator)
  // Twice: a run that is resumed makes them again.
  for (const cloud of ["cloud0", "cloud1", "cloud0"]) yield* makeBucket(requests, cloud)
  return started
})

const bytes = (length: number, seed: number) => Uint8Array.from({ length }, (_, i) => (i * seed) >> 3)
/** Whether a store has just these bytes; vitest would take minutes to compare them. */
const has = (store: StoreService, name: string, expected: Uint8Array) =>
  Effect.map(store.get(name), (found) => Option.isSome(found) && Buffer.compare(found.value, expected) === 0)
const json = (content: object) => Buffer.from(JSON.stringify(content))

describe("a store at the broker", () => {
  it.scopedLive("gives back what was put last, of many chunks or none, and lists and removes it", () =>
    Effect.gen(function* () {
      const store = bucketStore(yield* requestsOf(yield* broker, "cloud0"), "cloud0", "run-1")
      expect(yield* store.list).toEqual([])
      expect(yield* store.get("weights-64")).toEqual(Option.none())
      const large = bytes(2_000_000, 7)
      yield* store.put("weights-64", bytes(3_000_000, 5))
      yield* store.put("weights-64", large)
      yield* store.put("b.1", new Uint8Array(0))
      expect(yield* store.list).toEqual(["b.1", "weights-64"])
      expect(yield* has(store, "weights-64", large)).toBe(true)
      expect(yield* store.get("b.1")).toEqual(Option.some(new Uint8Array(0)))
      yield* store.remove("weights-64")
      yield* store.remove("weights-64")
      expect(yield* store.get("weights-64")).toEqual(Option.none())
      expect(yield* store.list).toEqual(["b.1"])
    })
  )

  it.scopedLive("keeps what was confirmed when the broker is killed, and keeps runs apart", () =>
    Effect.gen(function* () {
      const started = yield* broker
      const requests = yield* requestsOf(started, "cloud1")
      const store = bucketStore(requests, "cloud1", "run-1")
      const words = bytes(600_000, 3)
      yield* store.put("weights-64", words)
      process.kill(started.pid, "SIGKILL")
      expect(yield* has(store, "weights-64", words)).toBe(true)
      expect(yield* bucketStore(requests, "cloud1", "run-2").list).toEqual([])
    })
  )

  it.scopedLive(
    "leaves the last version where a writer died before the manifest, and tells what was changed",
    () =>
      Effect.gen(function* () {
        const requests = yield* requestsOf(yield* broker, "cloud0")
        const store = bucketStore(requests, "cloud0", "run-1")
        const words = bytes(1_000_000, 3)
        yield* store.put("weights-64", words)
        const chunk = (version: string) => `checkpoints.cloud0.run-1.weights-64.${version}.0`
        yield* requests.request(chunk("half-written"), words.subarray(0, 100), 10_000)
        expect(yield* has(store, "weights-64", words)).toBe(true)
        const answer = yield* requests.request(
          `$JS.API.STREAM.MSG.GET.${bucketOf("cloud0")}`,
          json({ last_by_subj: "checkpoints.cloud0.run-1.weights-64.manifest" }),
          10_000
        )
        const { message } = JSON.parse(Buffer.from(answer).toString())
        const { version } = JSON.parse(Buffer.from(message.data, "base64").toString())
        yield* requests.request(chunk(version), new Uint8Array(100), 10_000)
        const error = yield* Effect.flip(store.get("weights-64"))
        expect(error).toMatchObject({ _tag: "StoredBytesChanged", party: "cloud0", name: "weights-64" })
        // What the broker says of a message that was stored, which the other cloud can have it say here; and what is no JSON.
        for (const instead of [json({ stream: bucketOf("cloud1"), seq: 3 }), Buffer.from("weights")]) {
          yield* requests.request("checkpoints.cloud0.run-1.weights-64.manifest", instead, 10_000)
          expect(yield* Effect.flip(store.get("weights-64"))).toEqual(error)
        }
      })
  )

  it.scopedLive("a cloud has its own bucket only, and no way to have it delivered as a message", () =>
    Effect.gen(function* () {
      const requests = yield* requestsOf(yield* broker, "cloud0")
      const [own, other] = [bucketOf("cloud0"), bucketOf("cloud1")]
      const refused = [
        "checkpoints.cloud1.run-1.weights-64.manifest",
        ...[`STREAM.MSG.GET.${other}`, `STREAM.INFO.${other}`, `STREAM.PURGE.${other}`].map(
          (s) => `$JS.API.${s}`
        ),
        ...[`STREAM.CREATE.${own}`, `STREAM.UPDATE.${own}`, "STREAM.CREATE.mine", `STREAM.DELETE.${own}`].map(
          (s) => `$JS.API.${s}`
        ),
        ...[`CONSUMER.CREATE.${own}`, `CONSUMER.CREATE.${own}.c.x`, `CONSUMER.DURABLE.CREATE.${own}.c`].map(
          (s) => `$JS.API.${s}`
        ),
        `$JS.API.DIRECT.GET.${own}`,
        `$JS.API.DIRECT.GET.${own}.checkpoints.cloud0.run-1.weights-64.manifest`
      ]
      for (const subject of refused) {
        const error = yield* Effect.flip(requests.request(subject, json({}), 10_000))
        expect(error, subject).toMatchObject({ _tag: "PermissionDenied", subject })
      }
      // The broker sends its answers wherever a cloud wants them: what it says of the cloud's own bucket is no message anywhere.
      const allowed = [
        ["checkpoints.cloud0.run-1.x", json({})],
        [`$JS.API.STREAM.MSG.GET.${own}`, json({ last_by_subj: "checkpoints.cloud0.run-1.x" })],
        [`$JS.API.STREAM.INFO.${own}`, json({})],
        [`$JS.API.STREAM.PURGE.${own}`, json({})]
      ] as const
      for (const [subject, data] of allowed) {
        const answer = yield* requests.request(subject, data, 10_000)
        expect(JSON.parse(Buffer.from(answer).toString()).error, subject).toBe(undefined)
        expect(decodeEnvelope(answer)._tag).toBe("Left")
      }
    })
  )

  it.scopedLive("is an error where there is no bucket, and not an empty store", () =>
    Effect.gen(function* () {
      const started = yield* startOwnBroker({ storing: true })
      const store = bucketStore(yield* requestsOf(started, "cloud0"), "cloud0", "run-1")
      const uses = [
        Effect.asVoid(store.list),
        Effect.asVoid(store.get("weights-64")),
        store.remove("weights-64")
      ]
      for (const use of uses)
        expect((yield* Effect.flip(use)).message).toContain("has no bucket checkpoints-cloud0")
    })
  )

  it.scopedLive(
    "is not made of a stream that somebody else has made, and does not take a cloud's own for one",
    () =>
      Effect.gen(function* () {
        const requests = yield* requestsOf(yield* startOwnBroker({ storing: true }), operator)
        const name = bucketOf("cloud0")
        const others = json({ name, subjects: ["checkpoints.cloud0.>"], storage: "memory", max_msgs: 5 })
        yield* requests.request(`$JS.API.STREAM.CREATE.${name}`, others, 10_000)
        const error = yield* Effect.flip(makeBucket(requests, "cloud0"))
        expect(error).toMatchObject({ _tag: "BucketRefused", bucket: name })
        expect(error.message).toContain("a stream of that name is there, with other settings")
        for (let times = 0; times < 2; times++) yield* makeBucket(requests, "cloud1")
      })
  )

  it.scopedLive("says what to look for where the broker stores nothing", () =>
    Effect.gen(function* () {
      const started = yield* startOwnBroker()
      const requests = yield* requestsOf(started, operator)
      const error = yield* Effect.flip(
        requests.request(`$JS.API.STREAM.CREATE.${bucketOf("cloud0")}`, json({}), 1_000)
      )
      expect(error.message).toContain("nats-jetstream.conf")
    })
  )
})
