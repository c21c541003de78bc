import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Context, Deferred, Effect, Layer, Redacted } from "effect"
import { ask } from "../../protocol/messages/message.ts"
import { Schema } from "../../protocol/schema.ts"
import { exchange, on, Party } from "../../runtime/messaging/contract.ts"
import * as Parties from "../../runtime/messaging/party.ts"
import { instruments, Metering } from "../../runtime/metrics.ts"
import * as Tracing from "../../runtime/tracing.ts"
import { makeHub } from "../../runtime/transport/memory.ts"
import { type Delivery, Transport } from "../../runtime/transport/transport.ts"
import { withVariables } from "../support/environment.ts"
import { patienceMs } from "../support/patience.ts"

const Double = ask(
  "Double",
  Schema.Struct({ value: Schema.Number }),
  Schema.Struct({ doubled: Schema.Number })
)

const folder = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "bicameral-events-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
)

type Line = Readonly<Record<string, unknown>>

const linesOf = (file: string) =>
  Effect.map(
    Effect.promise(() => readFile(file, "utf8")),
    (text) =>
      text
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line) as Line)
  )

describe("event log", () => {
  it.runIf(process.platform === "linux")("a full disk loses lines of it, and does no harm to the party", () =>
    // Each write to this device fails as on a full disk.
    Effect.runPromise(
      Effect.gen(function* () {
        const text = "x".repeat(1_000)
        for (let i = 0; i < 100; i++) yield* Effect.withSpan(Effect.logInfo(text), "a step")
        return "done"
      }).pipe(
        Effect.provide(Tracing.layer({ actor: "cloud0", file: "/dev/full" })),
        Effect.map((said) => expect(said).toBe("done"))
      )
    )
  )

  it.scopedLive("spans of two actors make one trace: the context goes with the request", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const hub = makeHub()
      const file = (name: string) => join(path, `${name}.jsonl`)
      const as = <A, E>(name: string, work: Effect.Effect<A, E, Party>) =>
        Effect.provide(
          work,
          Parties.layer({ name, run: "traced" }).pipe(
            Layer.provide(hub.layer(name)),
            Layer.provideMerge(Tracing.layer({ actor: name, file: file(name) }))
          )
        )
      const served = Effect.gen(function* () {
        const kgc = yield* Party
        yield* kgc.serve([
          on(Double, ({ value }) => Effect.withSpan(Effect.succeed({ doubled: 2 * value }), "kgc.double"))
        ])
        return yield* Effect.never
      })
      const asked = Effect.flatMap(Party, (user) =>
        user.ask("kgc", Double, { value: 1 }, { deadlineMs: patienceMs, phase: "keys" })
      )
      yield* Effect.raceFirst(
        as("kgc", Effect.scoped(served)),
        as("user1", Effect.withSpan(asked, "user.enrol"))
      )
      const user = yield* linesOf(file("user1"))
      const kgc = yield* linesOf(file("kgc"))
      const find = (lines: ReadonlyArray<Line>, name: string) => lines.find((line) => line.name === name)!
      const [enrol, asking] = [find(user, "user.enrol"), find(user, "ask Double")]
      const [answering, doubling] = [find(kgc, "answer Double"), find(kgc, "kgc.double")]
      expect(new Set([enrol, asking, answering, doubling].map(({ traceId }) => traceId)).size).toBe(1)
      expect(asking.parentId).toBe(enrol.spanId)
      expect(answering.parentId).toBe(asking.spanId)
      expect(doubling.parentId).toBe(answering.spanId)
      expect(asking).toMatchObject({
        actor: "user1",
        type: "span",
        status: "ok",
        attributes: { to: "kgc", phase: "keys" }
      })
    })
  )

  it.scopedLive("it begins with the start of the process, and ends with how its work ended", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const logOf = (actor: string, work: Effect.Effect<unknown, Error>) =>
        Effect.gen(function* () {
          const file = join(path, actor)
          yield* Effect.exit(Effect.provide(work, Tracing.layer({ actor, file })))
          return yield* linesOf(file)
        })
      const died = new Error("the disk is gone")
      const well = yield* logOf("kgc", Effect.logInfo("at work"))
      expect(well.map(({ type }) => type)).toEqual(["start", "event", "end"])
      expect(well[0]).toMatchObject({ actor: "kgc", pid: process.pid })
      expect(well.at(-1)).toMatchObject({ status: "ok" })
      expect((yield* logOf("cloud0", Effect.fail(died))).at(-1)).toMatchObject({
        ...{ type: "end", status: "error", error: "Error: the disk is gone" }
      })
      expect((yield* logOf("cloud1", Effect.interrupt)).at(-1)).toMatchObject({ status: "interrupted" })
    })
  )

  it.scopedLive("log events carry the span they happened in", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const hub = makeHub()
      const cloud = (name: string, peer: string) =>
        Effect.gen(function* () {
          const party = yield* Party
          const rounds = yield* party.rounds(peer, "train")
          yield* exchange(rounds, 5, new Uint8Array(4))
          yield* Effect.logWarning("a warning").pipe(Effect.annotateLogs({ step: 2 }))
        }).pipe(
          Effect.withSpan("train"),
          Effect.scoped,
          Effect.provide(
            Parties.layer({ name, run: "traced" }).pipe(
              Layer.provide(hub.layer(name)),
              Layer.provideMerge(Tracing.layer({ actor: name, file: join(path, name) }))
            )
          )
        )
      yield* Effect.all([cloud("cloud0", "cloud1"), cloud("cloud1", "cloud0")], { concurrency: 2 })
      const lines = yield* linesOf(join(path, "cloud0"))
      const train = lines.find(({ name }) => name === "train")!
      expect(train.attributes).toMatchObject({
        "rounds with cloud1": 1,
        "ms waited for cloud1": expect.any(Number)
      })
      expect(lines.find(({ type }) => type === "event")).toMatchObject({
        level: "WARN",
        message: "a warning",
        step: 2,
        spanId: train.spanId,
        actor: "cloud0"
      })
    })
  )

  it.scopedLive("secrets, bytes and big integers are withheld", () =>
    Effect.gen(function* () {
      const file = join(yield* folder, "kgc.jsonl")
      const attributes = {
        password: Redacted.make("p-hidden"),
        share: new Uint8Array([251, 252]),
        key: 987654321n,
        nested: { key: [123456789n] },
        rows: 3
      }
      yield* Effect.logInfo("keys", { share: new Uint8Array([251, 252]) }).pipe(
        Effect.annotateLogs(attributes),
        Effect.withSpan("deal", { attributes }),
        Effect.provide(Tracing.layer({ actor: "kgc", file }))
      )
      const text = yield* Effect.promise(() => readFile(file, "utf8"))
      for (const secret of ["p-hidden", '"0":251', "251,252", "987654321", "123456789"])
        expect(text).not.toContain(secret)
      expect(text).toContain('"rows":3')
    })
  )

  it.scopedLive("a failure's span says so", () =>
    Effect.gen(function* () {
      const file = join(yield* folder, "kgc.jsonl")
      yield* Effect.fail(new Error("out of range")).pipe(
        Effect.withSpan("check"),
        Effect.ignore,
        Effect.provide(Tracing.layer({ actor: "kgc", file }))
      )
      expect((yield* linesOf(file)).find(({ type }) => type === "span")).toMatchObject({
        name: "check",
        status: "error",
        error: "Error: out of range"
      })
    })
  )

  it.scopedLive("a file that can't be written is an error that names it", () =>
    Effect.gen(function* () {
      const file = join(yield* folder, "taken")
      yield* Effect.promise(() => writeFile(file, ""))
      const error = yield* Effect.flip(
        Layer.build(Tracing.layer({ actor: "kgc", file: join(file, "kgc.jsonl") }))
      )
      expect(error).toMatchObject({ _tag: "EventLogUnwritable" })
      expect(error.message).toContain(join(file, "kgc.jsonl"))
    })
  )

  it.scopedLive("spans go to a collector where one is named", () =>
    Effect.gen(function* () {
      const received: Array<string> = []
      const server = createServer((request, response) => {
        const chunks: Array<Buffer> = []
        request.on("data", (chunk: Buffer) => chunks.push(chunk))
        request.on("end", () => {
          received.push(`${request.url} ${Buffer.concat(chunks).toString()}`)
          response.end("{}")
        })
      })
      yield* Effect.acquireRelease(
        Effect.async<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
        () => Effect.sync(() => server.close())
      )
      const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
      yield* Effect.void.pipe(
        Effect.withSpan("collected", { attributes: { key: 42424242n } }),
        Effect.provide(Tracing.layer({ actor: "cloud1" })),
        withVariables({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint })
      )
      const all = received.join("\n")
      expect(all).toContain("/v1/traces")
      expect(all).toContain("collected")
      expect(all).toContain("bicameral-cloud1")
      expect(all).not.toContain("42424242")
    })
  )
})

describe("figures for the operator", () => {
  it.scopedLive(
    "go to the collector: traffic, rounds, waits, queues, steps and the start, of each by name",
    () =>
      Effect.gen(function* () {
        const received: Array<string> = []
        const server = createServer((request, response) => {
          const chunks: Array<Buffer> = []
          request.on("data", (chunk: Buffer) => chunks.push(chunk))
          request.on("end", () => {
            if (request.url === "/v1/metrics") received.push(Buffer.concat(chunks).toString())
            response.end("{}")
          })
        })
        yield* Effect.acquireRelease(
          Effect.async<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
          () => Effect.sync(() => server.close())
        )
        const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
        const hub = makeHub()
        const cloud = (name: string, peer: string) =>
          Effect.gen(function* () {
            const rounds = yield* (yield* Party).rounds(peer, "train")
            for (const round of [1, 2, 3]) yield* exchange(rounds, round, new Uint8Array(4))
            const { meters } = yield* Metering
            meters?.addSteps(7)
          }).pipe(
            Effect.scoped,
            Effect.provide(
              Parties.layer({ name, run: "metered" }).pipe(
                Layer.provide(hub.layer(name)),
                Layer.provideMerge(Tracing.layer({ actor: name }))
              )
            ),
            withVariables({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint })
          )
        yield* Effect.all([cloud("cloud0", "cloud1"), cloud("cloud1", "cloud0")], { concurrency: 2 })
        const [sent] = received
          .map((text) => JSON.parse(text).resourceMetrics[0])
          .filter(({ resource }) => JSON.stringify(resource).includes("bicameral-cloud0"))
        const metrics = new Map<string, Record<string, { readonly dataPoints: ReadonlyArray<object> }>>(
          sent.scopeMetrics[0].metrics.map((metric: { readonly name: string }) => [metric.name, metric])
        )
        expect([...metrics.keys()].sort()).toEqual(Object.keys(instruments).sort())
        const peer = [{ key: "peer", value: { stringValue: "cloud1" } }]
        expect(metrics.get("bicameral.rounds")).toMatchObject({
          sum: { isMonotonic: true, dataPoints: [{ attributes: peer, asDouble: 3 }] }
        })
        expect(metrics.get("bicameral.steps")).toMatchObject({ sum: { dataPoints: [{ asDouble: 7 }] } })
        expect(metrics.get("bicameral.requests.open")).toMatchObject({
          gauge: { dataPoints: [{ asDouble: 0 }] }
        })
        expect(JSON.stringify(metrics.get("bicameral.bytes"))).toContain('"sent"')
      })
  )

  it.scopedLive("are counted for nobody where no collector is named", () =>
    Effect.gen(function* () {
      const { meters } = yield* Metering
      expect(meters).toBeUndefined()
      const path = yield* folder
      const inLog = yield* Effect.provide(Metering, Tracing.layer({ actor: "kgc", file: join(path, "kgc") }))
      expect(inLog.meters).toBeUndefined()
    })
  )
})

describe("without tracing", () => {
  it.scopedLive("no span's context goes with a request", () =>
    Effect.gen(function* () {
      const hub = makeHub()
      const kgc = Context.get(yield* Layer.build(hub.layer("kgc")), Transport)
      const request = yield* Deferred.make<Delivery>()
      yield* kgc.subscribe("bicameral.plain.kgc.>", (delivery) =>
        Deferred.unsafeDone(request, Effect.succeed(delivery))
      )
      const user = Context.get(
        yield* Layer.build(Layer.provide(Parties.layer({ name: "user1", run: "plain" }), hub.layer("user1"))),
        Party
      )
      yield* Effect.forkScoped(
        Effect.withSpan(user.ask("kgc", Double, { value: 1 }, { deadlineMs: patienceMs }), "enrol")
      )
      expect((yield* Deferred.await(request)).headers).toEqual({})
    })
  )
})

describe("the address of a collector", () => {
  it.effect("is a web address, or none where the variable is empty or not set", () =>
    Effect.gen(function* () {
      for (const given of [undefined, ""]) expect(yield* Tracing.collectorAt(given)).toBeUndefined()
      for (const given of ["http://127.0.0.1:4318", "https://collector.example/otlp/", "HTTP://a"])
        expect(yield* Tracing.collectorAt(given)).toBe(given)
    })
  )

  it.effect("is refused where it is anything else, and not quoted, as it may hold a password", () =>
    Effect.gen(function* () {
      for (const [given, reason] of [
        ["collector", "it begins with neither http:// nor https://"],
        ["localhost:4318", "it begins with neither http:// nor https://"],
        ["grpc://localhost:4317", "it begins with neither http:// nor https://"],
        [" http://localhost", "it begins with neither http:// nor https://"],
        ["http://[", "its host or port can't be read"],
        ["http://a:99999", "its host or port can't be read"],
        ["http://", "its host or port can't be read"],
        ["http://me:p-secret@a", "it holds a name or a password"]
      ] as const) {
        const { message } = yield* Effect.flip(Tracing.collectorAt(given))
        expect(message).toBe(
          `OTEL_EXPORTER_OTLP_ENDPOINT is no address of an OpenTelemetry collector: ${reason}; write it as http://HOST:4318, or unset it`
        )
      }
    })
  )
})
