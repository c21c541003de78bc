/**
 * What the actor runtime promises, whatever carries its messages: one suite, run over every transport.
 */
import { randomBytes } from "node:crypto"
import { expect, layer } from "@effect/vitest"
import {
  Context,
  Data,
  Deferred,
  Effect,
  Either,
  Exit,
  Fiber,
  Layer,
  Logger,
  LogLevel,
  Option,
  Ref,
  Scope,
  type Tracer
} from "effect"
import { decodeEnvelope, encodedBytes, encodeEnvelope } from "../../../protocol/messages/envelope.ts"
import { ask, Bytes, tell } from "../../../protocol/messages/message.ts"
import { dealers, inboxOf, subjectOf } from "../../../protocol/messages/subjects.ts"
import { Deal } from "../../../protocol/messages/training.ts"
import { Schema } from "../../../protocol/schema.ts"
import { type Computation, exchange, type Handler, on, Party } from "../../../runtime/messaging/contract.ts"
import type { Limits } from "../../../runtime/messaging/limits.ts"
import * as Parties from "../../../runtime/messaging/party.ts"
import { Tracing } from "../../../runtime/tracing.ts"
import {
  publish,
  Transport,
  type TransportError,
  type TransportEvent
} from "../../../runtime/transport/transport.ts"
import { type Faults, lossy } from "../../support/lossy.ts"
import { patienceMs } from "../../support/patience.ts"

/** What the suite runs over: the transport of each actor. */
export class Network extends Context.Tag("test/Network")<
  Network,
  { readonly transport: (actor: string, run: string) => Layer.Layer<Transport, TransportError> }
>() {}

const Double = ask(
  "Double",
  Schema.Struct({ value: Schema.Number }),
  Schema.Struct({ doubled: Schema.Number })
)
const Echo = ask("Echo", Schema.Struct({ bytes: Bytes }), Schema.Struct({ bytes: Bytes }))
const Note = tell("Note", Schema.Struct({ text: Schema.String }))

class TooLarge extends Data.TaggedError("TooLarge")<{ readonly limit: number; readonly retryable: boolean }> {
  override get message(): string {
    return `more than ${this.limit}`
  }
}

/** Pauses short enough that a test with losses is quick. */
const quick: Partial<Limits> = {
  resendFirstMs: 15,
  resendLongestMs: 60,
  roundResendMs: 20,
  memberSilentMs: 100
}
/** Pauses that no answer takes on a busy machine. */
const unhurried: JoinOptions = {
  limits: { resendFirstMs: 400, resendGrowth: 1, resendLongestMs: 400, memberSilentMs: 5_000 }
}
const soon = { deadlineMs: patienceMs, phase: "test" }

const noise = (length: number) => new Uint8Array(randomBytes(length))

let runs = 0
const freshRun = () => `test-${process.pid}-${++runs}`

/** What the runtime notes of dropped messages is right, and would fill the screen. */
const quiet = Logger.minimumLogLevel(LogLevel.None)

interface JoinOptions {
  readonly limits?: Partial<Limits>
  readonly faults?: Faults
  readonly traced?: boolean
  /** Where given, every kibibyte takes the broker so long. */
  readonly slowMs?: number
}

/** A transport of small messages that are sent slowly. */
const slow = (ms: number, transport: Layer.Layer<Transport, TransportError>) =>
  Layer.map(transport, (context) =>
    Context.add(context, Transport, {
      ...Context.get(context, Transport),
      maxPayloadBytes: 1024,
      settled: Effect.sleep(ms)
    })
  )

const join = (name: string, run: string, options: JoinOptions = {}) =>
  Effect.gen(function* () {
    const network = yield* Network
    const made = network.transport(name, run)
    const transport = options.slowMs === undefined ? made : slow(options.slowMs, made)
    const carried = options.faults === undefined ? transport : lossy(options.faults, transport)
    const context = yield* Layer.build(
      Parties.layer({ name, run, limits: { ...quick, ...options.limits } }).pipe(
        Layer.provideMerge(carried),
        Layer.provide(quiet),
        Layer.provide(Layer.succeed(Tracing, { enabled: options.traced ?? false }))
      )
    )
    return { party: Context.get(context, Party), transport: Context.get(context, Transport) }
  })

const pair = (asker: string, answerer: string, options: JoinOptions = {}) =>
  Effect.gen(function* () {
    const run = freshRun()
    const one = yield* join(asker, run, options)
    const other = yield* join(answerer, run, options)
    return { run, asker: one.party, answerer: other.party, askersTransport: one.transport }
  })

const double: Handler<never, never> = on(Double, ({ value }) => Effect.succeed({ doubled: 2 * value }))

/** Runs the suite over the network that `network` makes; it is made once. */
export const transportSuite = (name: string, network: Layer.Layer<Network, unknown>): void =>
  layer(network, { excludeTestServices: true })(`the actor runtime over ${name}`, (it) => {
    it.scoped("ask - gets the typed reply", () =>
      Effect.gen(function* () {
        const { asker, answerer } = yield* pair("director", "cloud1")
        yield* answerer.serve([double])
        expect(yield* asker.ask("cloud1", Double, { value: 21 }, soon)).toEqual({ doubled: 42 })
      })
    )

    it.scoped("ask - the handler learns who asks, and requests before `serve` wait for it", () =>
      Effect.gen(function* () {
        const { asker, answerer } = yield* pair("user3", "kgc")
        const reply = yield* Effect.fork(asker.ask("kgc", Echo, { bytes: new Uint8Array([7]) }, soon))
        const sender = yield* Deferred.make<string>()
        yield* answerer.serve([
          on(Echo, (payload, from) => Effect.as(Deferred.succeed(sender, from), payload))
        ])
        expect(yield* Fiber.join(reply)).toEqual({ bytes: new Uint8Array([7]) })
        expect(yield* Deferred.await(sender)).toBe("user3")
      })
    )

    it.scoped("ask - many at once are told apart", () =>
      Effect.gen(function* () {
        const { asker, answerer } = yield* pair("director", "user1")
        yield* answerer.serve([double])
        const values = Array.from({ length: 200 }, (_, i) => i)
        const replies = yield* Effect.forEach(
          values,
          (value) => asker.ask("user1", Double, { value }, soon),
          {
            concurrency: "unbounded"
          }
        )
        expect(replies.map(({ doubled }) => doubled)).toEqual(values.map((value) => 2 * value))
      })
    )

    it.scoped("a group - each request is answered by one of those who joined", () =>
      Effect.gen(function* () {
        const run = freshRun()
        const asker = (yield* join("cloud1", run, unhurried)).party
        const answered = new Map<string, number>()
        for (const name of ["kgc", "kgc.w-1", "kgc.w-2"]) {
          const { party } = yield* join(name, run)
          yield* party.serve([
            on(Double, ({ value }, from) =>
              Effect.sync(() => {
                expect(from).toBe("cloud1")
                answered.set(name, (answered.get(name) ?? 0) + 1)
                return { doubled: 2 * value }
              })
            )
          ])
          yield* party.joinGroup(dealers)
        }
        // So many that it is next to impossible that the group, where it is asked, never gives one to each.
        const values = Array.from({ length: 200 }, (_, i) => i)
        const replies = yield* Effect.forEach(
          values,
          (value) => asker.ask(dealers, Double, { value }, soon),
          {
            concurrency: 8
          }
        )
        expect(replies.map(({ doubled }) => doubled)).toEqual(values.map((value) => 2 * value))
        expect([...answered.keys()].sort()).toEqual(["kgc", "kgc.w-1", "kgc.w-2"])
        // On a busy machine a member may seem gone, and another one is asked in its place; never are all of them.
        const times = [...answered.values()].reduce((sum, n) => sum + n, 0)
        expect(times).toBeGreaterThanOrEqual(200)
        expect(times).toBeLessThan(300)
      })
    )

    it.scoped("a group - what takes one of them long is asked of no other", () =>
      Effect.gen(function* () {
        const run = freshRun()
        const asker = (yield* join("cloud1", run, unhurried)).party
        let begun = 0
        const finish = yield* Deferred.make<void>()
        for (const name of ["kgc.w-1", "kgc.w-2"]) {
          const { party } = yield* join(name, run)
          yield* party.serve([
            on(Double, ({ value }) => {
              begun++
              return Effect.as(Deferred.await(finish), { doubled: 2 * value })
            })
          ])
          yield* party.joinGroup(dealers)
        }
        const reply = yield* Effect.fork(asker.ask(dealers, Double, { value: 3 }, soon))
        // Some pauses of a sender, after each of which it polls.
        yield* Effect.sleep("1500 millis")
        yield* Deferred.succeed(finish, undefined)
        expect(yield* Fiber.join(reply)).toEqual({ doubled: 6 })
        expect(begun).toBe(1)
      })
    )

    it.scoped("a group - who dies over a request is replaced by another", () =>
      Effect.gen(function* () {
        const run = freshRun()
        const asker = (yield* join("cloud1.l-1", run)).party
        const life = yield* Scope.make()
        const begun = yield* Deferred.make<void>()
        const first = (yield* Scope.extend(join("kgc.w-1", run), life)).party
        yield* Scope.extend(
          Effect.zipRight(
            first.serve([
              on(Double, () => Effect.zipRight(Deferred.succeed(begun, undefined), Effect.never))
            ]),
            first.joinGroup(dealers)
          ),
          life
        )
        const reply = yield* Effect.fork(asker.ask(dealers, Double, { value: 5 }, soon))
        yield* Deferred.await(begun)
        const second = (yield* join("kgc.w-2", run)).party
        yield* second.serve([double])
        yield* second.joinGroup(dealers)
        yield* Scope.close(life, Exit.void)
        expect(yield* Fiber.join(reply)).toEqual({ doubled: 10 })
      })
    )

    it.scoped("a group - of two at work on one request at a time, the slow one gets less", () =>
      Effect.gen(function* () {
        const run = freshRun()
        const asker = (yield* join("cloud1", run, unhurried)).party
        const answered = { "kgc.w-1": 0, "kgc.w-2": 0 }
        for (const [name, ms] of [
          ["kgc.w-1", 10],
          ["kgc.w-2", 100]
        ] as const) {
          const { party } = yield* join(name, run)
          const oneAtATime = yield* Effect.makeSemaphore(1)
          yield* party.serve([
            on(Double, ({ value }) =>
              Effect.sleep(ms).pipe(
                Effect.map(() => {
                  answered[name]++
                  return { doubled: 2 * value }
                }),
                oneAtATime.withPermits(1)
              )
            )
          ])
          yield* party.joinGroup(dealers)
        }
        const values = Array.from({ length: 80 }, (_, i) => i)
        const replies = yield* Effect.forEach(
          values,
          (value) => asker.ask(dealers, Double, { value }, soon),
          { concurrency: 4 }
        )
        expect(replies.map(({ doubled }) => doubled)).toEqual(values.map((value) => 2 * value))
        expect(answered["kgc.w-1"] + answered["kgc.w-2"]).toBeGreaterThanOrEqual(80)
        expect(answered["kgc.w-1"]).toBeGreaterThan(3 * answered["kgc.w-2"])
      })
    )

    it.scoped("a group - one that joins later is found", () =>
      Effect.gen(function* () {
        const run = freshRun()
        const asker = (yield* join("cloud1", run, unhurried)).party
        const asked = Effect.forEach(
          Array.from({ length: 200 }, (_, i) => i),
          (value) => asker.ask(dealers, Double, { value }, soon)
        )
        let found = 0
        for (const name of ["kgc", "kgc.w-1"]) {
          const { party } = yield* join(name, run)
          yield* party.serve([
            on(Double, ({ value }) => {
              if (name === "kgc.w-1") found++
              return Effect.succeed({ doubled: 2 * value })
            })
          ])
          yield* party.joinGroup(dealers)
          yield* asked
        }
        expect(found).toBeGreaterThan(0)
      })
    )

    it.scoped("a group - nothing is lost with one that dies, and no more is asked of it", () =>
      Effect.gen(function* () {
        const run = freshRun()
        const asker = (yield* join("cloud1", run)).party
        const life = yield* Scope.make()
        const both = yield* Deferred.make<void>()
        const heard = new Set<string>()
        for (const name of ["kgc.w-1", "kgc.w-2"]) {
          const joined = Effect.gen(function* () {
            const { party } = yield* join(name, run)
            yield* party.serve([
              on(Double, ({ value }) => {
                heard.add(name)
                if (heard.size === 2) Deferred.unsafeDone(both, Effect.void)
                return Effect.delay(Effect.succeed({ doubled: 2 * value }), 5)
              })
            ])
            yield* party.joinGroup(dealers)
          })
          yield* name === "kgc.w-1" ? Scope.extend(joined, life) : joined
        }
        const values = Array.from({ length: 300 }, (_, i) => i)
        const concurrency = 6
        const replies = yield* Effect.fork(
          Effect.forEach(values, (value) => asker.ask(dealers, Double, { value }, soon), { concurrency })
        )
        yield* Deferred.await(both)
        yield* Scope.close(life, Exit.void)
        const askedInVain = new Set<string>()
        const { transport: watching } = yield* join("kgc.w-3", run)
        yield* watching.subscribe(inboxOf(run, "kgc.w-1"), ({ data }) => {
          askedInVain.add(Either.getOrThrow(decodeEnvelope(data)).id)
        })
        expect((yield* Fiber.join(replies)).map(({ doubled }) => doubled)).toEqual(
          values.map((value) => 2 * value)
        )
        // What was under way when the first of them was given up.
        expect(askedInVain.size).toBeLessThanOrEqual(concurrency)
      })
    )

    it.scoped("a group - an answer of another party is not taken", () =>
      Effect.gen(function* () {
        const run = freshRun()
        const { party: asker } = yield* join("cloud1", run)
        const { transport: stranger } = yield* join("user1", run)
        const asked = yield* Deferred.make<string>()
        const { party: dealer } = yield* join("kgc", run)
        yield* dealer.serve([double])
        const reply = yield* Effect.fork(asker.ask(dealers, Double, { value: 8 }, soon))
        // Whoever has broken into the KGC's place sees the id; the answer of a user with it is dropped.
        const { transport: watching } = yield* join("kgc.w-1", run)
        yield* watching.subscribe(inboxOf(run, dealers), ({ data }) => {
          const envelope = decodeEnvelope(data)
          if (envelope._tag === "Right") Deferred.unsafeDone(asked, Effect.succeed(envelope.right.id))
        })
        const id = yield* Deferred.await(asked)
        const body = Either.getOrThrow(Double.reply.encode({ doubled: 0 }))
        const forged = encodeEnvelope({ kind: "reply", id, tag: "Double", number: 0, of: 0, body })
        yield* publish(stranger, subjectOf({ run, to: "cloud1", from: "user1", channel: "reply" }), forged)
        yield* dealer.joinGroup(dealers)
        expect(yield* Fiber.join(reply)).toEqual({ doubled: 16 })
      })
    )

    it.scoped("a message - arrives as plain bytes, whose slice is a copy", () =>
      Effect.gen(function* () {
        const run = freshRun()
        const { party: user } = yield* join("user2", run)
        const network = yield* Network
        const transport = Context.get(yield* Layer.build(network.transport("director", run)), Transport)
        const arrived = yield* Deferred.make<Uint8Array>()
        yield* transport.subscribe(inboxOf(run, "director"), ({ data }) => {
          Deferred.unsafeDone(arrived, Effect.succeed(data))
        })
        yield* user.tell("director", Note, { text: "one" })
        expect((yield* Deferred.await(arrived)).constructor).toBe(Uint8Array)
      })
    )

    it.scoped("tell - arrives, in order", () =>
      Effect.gen(function* () {
        const { asker, answerer } = yield* pair("user2", "director", { limits: { handlersAtOnce: 1 } })
        const heard = yield* Ref.make<ReadonlyArray<string>>([])
        const last = yield* Deferred.make<void>()
        yield* answerer.serve([
          on(Note, ({ text }) =>
            Effect.zipRight(
              Ref.update(heard, (all) => [...all, text]),
              text === "three" ? Deferred.succeed(last, undefined) : Effect.void
            ).pipe(Effect.asVoid)
          )
        ])
        for (const text of ["one", "two", "three"]) yield* asker.tell("director", Note, { text })
        yield* Deferred.await(last)
        expect(yield* Ref.get(heard)).toEqual(["one", "two", "three"])
      })
    )

    it.scoped("ask - is acted on once although messages are lost and doubled", () =>
      Effect.gen(function* () {
        const { asker, answerer } = yield* pair("director", "cloud0", {
          faults: { seed: 1, lost: 0.3, doubled: 0.3 }
        })
        const handled = yield* Ref.make(0)
        yield* answerer.serve([
          on(Double, ({ value }) =>
            Effect.as(
              Ref.update(handled, (n) => n + 1),
              { doubled: 2 * value }
            )
          )
        ])
        const values = Array.from({ length: 60 }, (_, i) => i)
        const replies = yield* Effect.forEach(
          values,
          (value) => asker.ask("cloud0", Double, { value }, soon),
          {
            concurrency: 10
          }
        )
        expect(replies.map(({ doubled }) => doubled)).toEqual(values.map((value) => 2 * value))
        expect(yield* Ref.get(handled)).toBe(values.length)
      })
    )

    it.scoped("ask - a long handler is not started again, and says that it is at work", () =>
      Effect.gen(function* () {
        const { asker, answerer } = yield* pair("director", "cloud1")
        const started = yield* Ref.make(0)
        yield* answerer.serve([
          on(Double, () =>
            Effect.zipRight(
              Ref.update(started, (n) => n + 1),
              Effect.never
            )
          )
        ])
        const error = yield* Effect.flip(asker.ask("cloud1", Double, { value: 1 }, { deadlineMs: 300 }))
        expect(error).toMatchObject({ _tag: "DeadlineExceeded", working: true })
        expect(error.message).toMatch(/: it is at work on it; allow it more time$/)
        expect(yield* Ref.get(started)).toBe(1)
      })
    )

    it.scoped("ask - a party that was at work and fell silent is not given more time", () =>
      Effect.gen(function* () {
        const run = freshRun()
        const { party: asker } = yield* join("director", run)
        const life = yield* Scope.make()
        const answerer = (yield* Scope.extend(join("cloud1", run), life)).party
        yield* Scope.extend(answerer.serve([on(Double, () => Effect.never)]), life)
        const asked = yield* Effect.fork(
          Effect.flip(asker.ask("cloud1", Double, { value: 1 }, { deadlineMs: 1_000 }))
        )
        const heard = Effect.map(asker.traffic, (rows) => rows.some((row) => row.direction === "received"))
        yield* Effect.repeat(Effect.zipLeft(heard, Effect.sleep(5)), { until: (said) => said })
        yield* Scope.close(life, Exit.void)
        const error = yield* Fiber.join(asked)
        expect(error).toMatchObject({ _tag: "DeadlineExceeded", working: true })
        expect(error.message).toMatch(
          /: it was at work on it, and has been silent for \d+ s; see that cloud1 runs and reaches the broker$/
        )
      })
    )

    it.scoped("ask - the deadline's error names the party, the message, the phase and the time", () =>
      Effect.gen(function* () {
        const { party } = yield* join("director", freshRun())
        const error = yield* Effect.flip(
          party.ask("user5", Double, { value: 1 }, { deadlineMs: 80, phase: "upload" })
        )
        expect(error).toMatchObject({
          _tag: "DeadlineExceeded",
          party: "user5",
          request: "Double",
          phase: "upload",
          retryable: true
        })
        expect(error.message).toMatch(/user5 did not answer Double in phase upload within \d+ ms/)
        expect(error._tag === "DeadlineExceeded" && error.waitedMs).toBeGreaterThanOrEqual(78)
      })
    )

    it.scoped("ask - a handler's tagged error reaches the asker", () =>
      Effect.gen(function* () {
        const { asker, answerer } = yield* pair("user1", "kgc")
        yield* answerer.serve([on(Double, () => Effect.fail(new TooLarge({ limit: 9, retryable: true })))])
        const error = yield* Effect.flip(asker.ask("kgc", Double, { value: 10 }, soon))
        expect(error).toMatchObject({
          _tag: "RemoteFailure",
          party: "kgc",
          request: "Double",
          error: { _tag: "TooLarge", message: "more than 9", retryable: true },
          retryable: true
        })
      })
    )

    it.scoped("ask - the replies that are remembered are bounded, and forgetting some does no harm", () =>
      Effect.gen(function* () {
        const { asker, answerer } = yield* pair("user1", "kgc", {
          limits: { rememberedRequests: 2, rememberedBytes: 64, rememberedForMs: 1 }
        })
        yield* answerer.serve([double])
        const values = Array.from({ length: 40 }, (_, i) => i)
        const replies = yield* Effect.forEach(values, (value) => asker.ask("kgc", Double, { value }, soon), {
          concurrency: 8
        })
        expect(replies.map(({ doubled }) => doubled)).toEqual(values.map((value) => 2 * value))
      })
    )

    it.scoped("ask - a reply that is long on its way is neither forgotten meanwhile nor sent again", () =>
      Effect.gen(function* () {
        const run = freshRun()
        const { party: asker } = yield* join("user1", run)
        const { party: answerer } = yield* join("kgc", run, { limits: { rememberedBytes: 64 }, slowMs: 20 })
        const bytes = noise(20_000)
        const handled = yield* Ref.make(0)
        const answered = yield* Deferred.make<void>()
        yield* answerer.serve([
          double,
          on(Echo, () =>
            Ref.update(handled, (n) => n + 1).pipe(
              Effect.zipRight(Deferred.succeed(answered, undefined)),
              Effect.as({ bytes })
            )
          )
        ])
        const reply = yield* Effect.fork(asker.ask("kgc", Echo, { bytes: new Uint8Array(0) }, soon))
        yield* Deferred.await(answered)
        // Each makes the other forget replies beyond its bounds.
        while (reply.unsafePoll() === null) yield* asker.ask("kgc", Double, { value: 1 }, soon)
        expect((yield* Fiber.join(reply)).bytes).toEqual(bytes)
        expect(yield* Ref.get(handled)).toBe(1)
        const sent = (yield* answerer.traffic).filter(
          ({ direction, tag }) => direction === "sent" && tag === "Echo"
        )
        expect(sent.reduce((sum, row) => sum + row.bytes, 0)).toBeLessThan(2 * bytes.length)
      })
    )

    it.scoped("ask - an answer that is written where it is sent from comes whole, whatever is lost", () =>
      Effect.gen(function* () {
        const { asker, answerer, askersTransport } = yield* pair("cloud1", "kgc", {
          faults: { seed: 3, lost: 0.3, doubled: 0.3 },
          // So that frames are used again.
          limits: { rememberedRequests: 2, rememberedForMs: 1 }
        })
        const lengths = [0, 100, 100_000, askersTransport.maxPayloadBytes + 1]
        const answers = lengths.map(noise)
        yield* answerer.serve([
          on(Deal, ({ rows }, _, room) =>
            Effect.sync(() => {
              const corrections = room(lengths[rows]!)
              corrections.set(answers[rows]!)
              return { corrections }
            })
          )
        ])
        const asked = [...Array.from({ length: 18 }, (_, i) => i % 3), 3]
        const given = yield* Effect.forEach(
          asked,
          (rows) => asker.ask("kgc", Deal, { rows, step: 1 }, soon),
          { concurrency: 4 }
        )
        given.forEach(({ corrections }, i) => {
          expect(Buffer.compare(corrections, answers[asked[i]!]!)).toBe(0)
        })
      })
    )

    it.scoped("tracing - the asker's span is the parent of the answerer's", () =>
      Effect.gen(function* () {
        const { asker, answerer } = yield* pair("user1", "kgc", { traced: true })
        const answering = yield* Deferred.make<Tracer.AnySpan>()
        yield* answerer.serve([
          on(Double, ({ value }) =>
            Effect.currentSpan.pipe(
              Effect.orDie,
              Effect.flatMap((span) => Deferred.succeed(answering, span)),
              Effect.as({ doubled: 2 * value })
            )
          )
        ])
        const asking = yield* Effect.useSpan("the phase", (span) =>
          Effect.as(Effect.withParentSpan(asker.ask("kgc", Double, { value: 1 }, soon), span), span)
        )
        const span = yield* Deferred.await(answering)
        expect(span.traceId).toBe(asking.traceId)
        const parent = span._tag === "Span" ? Option.getOrThrow(span.parent) : undefined
        expect(parent).toMatchObject({ _tag: "ExternalSpan", traceId: asking.traceId })
        expect(parent!.spanId).not.toBe(asking.spanId)
      })
    )

    it.scoped("serve - a defect is the asker's failure and harms nobody else", () =>
      Effect.gen(function* () {
        const { asker, answerer } = yield* pair("user1", "kgc")
        yield* answerer.serve([
          double,
          on(Echo, (): Effect.Effect<never> => {
            throw new Error("a bug")
          })
        ])
        const error = yield* Effect.flip(asker.ask("kgc", Echo, { bytes: new Uint8Array(1) }, soon))
        expect(error).toMatchObject({ _tag: "RemoteFailure", error: { _tag: "Defect", message: "a bug" } })
        expect(yield* asker.ask("kgc", Double, { value: 1 }, soon)).toEqual({ doubled: 2 })
      })
    )

    it.scoped("serve - a message that nobody handles is refused at once", () =>
      Effect.gen(function* () {
        const { asker, answerer } = yield* pair("user1", "kgc")
        yield* answerer.serve([double])
        const error = yield* Effect.flip(asker.ask("kgc", Echo, { bytes: new Uint8Array(1) }, soon))
        expect(error).toMatchObject({
          _tag: "RemoteFailure",
          error: { _tag: "UnknownMessage", retryable: false }
        })
      })
    )

    it.scoped("serve - a payload that breaks the schema is refused, not handled", () =>
      Effect.gen(function* () {
        const { asker, answerer } = yield* pair("user1", "kgc")
        yield* answerer.serve([double])
        const Wrong = ask("Double", Schema.Struct({ value: Schema.String }), Schema.Struct({}))
        const error = yield* Effect.flip(asker.ask("kgc", Wrong, { value: "12" }, soon))
        expect(error).toMatchObject({ _tag: "RemoteFailure", error: { _tag: "MalformedMessage" } })
      })
    )

    it.scoped("serve - no more handlers run at once than the limit", () =>
      Effect.gen(function* () {
        const { asker, answerer } = yield* pair("user1", "kgc", { limits: { handlersAtOnce: 3 } })
        let running = 0
        let most = 0
        yield* answerer.serve([
          on(Double, ({ value }) =>
            Effect.sync(() => {
              most = Math.max(most, ++running)
            }).pipe(
              Effect.zipRight(Effect.yieldNow()),
              Effect.zipRight(
                Effect.sync(() => {
                  running--
                  return { doubled: 2 * value }
                })
              )
            )
          )
        ])
        yield* Effect.forEach(Array(30).keys(), (value) => asker.ask("kgc", Double, { value }, soon), {
          concurrency: "unbounded"
        })
        expect(most).toBeLessThanOrEqual(3)
      })
    )

    it.scoped("garbage on any channel is dropped and the actor answers on", () =>
      Effect.gen(function* () {
        const { run, asker, answerer, askersTransport } = yield* pair("cloud1", "cloud0")
        yield* answerer.serve([double])
        for (const channel of ["ask", "tell", "reply", "round"] as const)
          for (let length = 0; length < 60; length++)
            yield* publish(
              askersTransport,
              subjectOf({ run, to: "cloud0", from: "cloud1", channel }),
              Uint8Array.from(
                { length },
                (_, i) => [0x97, 3, length % 11, 0xd9, 2][i] ?? (i * 37 + length) & 0xff
              )
            )
        expect(yield* asker.ask("cloud0", Double, { value: 4 }, soon)).toEqual({ doubled: 8 })
      })
    )

    it.scoped("large messages - a request and a reply beyond the broker's limit come whole", () =>
      Effect.gen(function* () {
        const { asker, answerer, askersTransport } = yield* pair("user1", "cloud1")
        yield* answerer.serve([on(Echo, Effect.succeed)])
        const bytes = Uint8Array.from(
          { length: Math.floor(2.5 * askersTransport.maxPayloadBytes) },
          (_, i) => i % 251
        )
        const reply = yield* asker.ask("cloud1", Echo, { bytes }, soon)
        expect(Buffer.compare(reply.bytes, bytes)).toBe(0)
      })
    )

    it.scoped("large messages - come whole over a transport that loses some of their fragments", () =>
      Effect.gen(function* () {
        const { asker, answerer, askersTransport } = yield* pair("user1", "cloud1", {
          faults: { seed: 5, lost: 0.25, doubled: 0.1 }
        })
        yield* answerer.serve([on(Echo, Effect.succeed)])
        const bytes = noise(3 * askersTransport.maxPayloadBytes)
        const reply = yield* asker.ask("cloud1", Echo, { bytes }, soon)
        expect(Buffer.compare(reply.bytes, bytes)).toBe(0)
      })
    )

    const exchangeAll = (party: Context.Tag.Service<typeof Party>, peer: string, count: number, first = 0) =>
      Effect.gen(function* () {
        const rounds = yield* party.rounds(peer, "train")
        const got: Array<number> = []
        for (let round = first; round < first + count; round++) {
          const theirs = yield* exchange(
            rounds,
            round,
            new Uint8Array([round & 255, party.name === "cloud0" ? 0 : 1])
          )
          expect(theirs[1]).toBe(party.name === "cloud0" ? 1 : 0)
          got.push(theirs[0]!)
        }
        return got
      })

    const expected = (count: number, first = 0) => Array.from({ length: count }, (_, i) => (first + i) & 255)

    it.scoped("rounds - each gets the other's part of every round, whoever is first", () =>
      Effect.gen(function* () {
        const { asker: c0, answerer: c1 } = yield* pair("cloud0", "cloud1")
        const early = yield* Effect.fork(exchangeAll(c0, "cloud1", 300, 1000))
        yield* Effect.yieldNow()
        expect(yield* exchangeAll(c1, "cloud0", 300, 1000)).toEqual(expected(300, 1000))
        expect(yield* Fiber.join(early)).toEqual(expected(300, 1000))
      })
    )

    it.scoped("rounds - may have pieces of other lengths each way", () =>
      Effect.gen(function* () {
        const { asker: c0, answerer: c1 } = yield* pair("cloud0", "cloud1")
        const piece = (length: number, receives: number) =>
          Object.assign(() => new Uint8Array(length).fill(length), { receives })
        const lengths = (party: typeof c0, peer: string, pieces: ReadonlyArray<ReturnType<typeof piece>>) =>
          Effect.flatMap(party.rounds(peer, "train"), (rounds) =>
            rounds.drive(
              0,
              (function* (): Computation<ReadonlyArray<string>> {
                const received = yield [...pieces, () => new Uint8Array([9])]
                return received.map((part) => part.join(" "))
              })()
            )
          )
        const [one, other] = yield* Effect.all(
          [
            lengths(c0, "cloud1", [piece(3, 0), piece(1, 2)]),
            lengths(c1, "cloud0", [piece(0, 3), piece(2, 1)])
          ],
          { concurrency: 2 }
        )
        expect(one.value).toEqual(["", "2 2", "9"])
        expect(other.value).toEqual(["3 3 3", "1", "9"])
      })
    )

    it.scoped("rounds - read their pieces when all of them are prepared", () =>
      Effect.gen(function* () {
        const { asker: c0, answerer: c1 } = yield* pair("cloud0", "cloud1")
        function* preparing(): Computation<ReadonlyArray<number>> {
          const heard: number[] = []
          for (let round = 1; round <= 3; round++) {
            const bytes = new Uint8Array(2)
            const piece = (at: number) =>
              Object.assign(() => bytes, {
                prepared: async () => {
                  await new Promise(setImmediate)
                  bytes[at] = round
                }
              })
            const [one] = yield [piece(0), piece(1)]
            heard.push(...one!)
          }
          return heard
        }
        const both = [c0, c1].map((party, i) =>
          Effect.flatMap(party.rounds(i === 0 ? "cloud1" : "cloud0", "train"), (rounds) =>
            rounds.drive(0, preparing())
          )
        )
        const driven = yield* Effect.all(both, { concurrency: 2 })
        for (const { value, rounds } of driven) {
          expect(value).toEqual([1, 1, 2, 2, 3, 3])
          expect(rounds).toBe(3)
        }
      })
    )

    it.scoped("rounds - end with the error of a preparation", () =>
      Effect.gen(function* () {
        const { asker: c0 } = yield* pair("cloud0", "cloud1")
        const rounds = yield* c0.rounds("cloud1", "train")
        const failing = Object.assign(() => new Uint8Array(0), {
          prepared: () => Promise.reject(new RangeError("no ciphertext"))
        })
        const exit = yield* Effect.exit(
          rounds.drive(
            0,
            (function* (): Computation<void> {
              yield [failing]
            })()
          )
        )
        expect(exit).toEqual(Exit.die(new RangeError("no ciphertext")))
      })
    )

    it.scoped("rounds - cost one message each way, counted with their bytes", () =>
      Effect.gen(function* () {
        const {
          asker: c0,
          answerer: c1,
          askersTransport
        } = yield* pair("cloud0", "cloud1", { limits: { roundResendMs: 10_000 } })
        yield* Effect.all([exchangeAll(c0, "cloud1", 20), exchangeAll(c1, "cloud0", 20)], {
          concurrency: 2
        })
        const sent = (yield* c0.traffic).find((row) => row.direction === "sent" && row.tag === "round:train")
        const received = (yield* c1.traffic).find(
          (row) => row.direction === "received" && row.tag === "round:train"
        )
        expect(sent).toMatchObject({ peer: "cloud1", messages: 20 })
        expect(received).toMatchObject({ peer: "cloud0", messages: 20, bytes: sent!.bytes })
        const envelope = encodedBytes({ id: "", tag: "train" }, 2)
        expect(sent!.bytes).toBe(20 * (envelope + askersTransport.overheadBytes("cloud1")))
      })
    )

    it.scoped("rounds - come through loss and duplication, each applied once", () =>
      Effect.gen(function* () {
        const { asker: c0, answerer: c1 } = yield* pair("cloud0", "cloud1", {
          faults: { seed: 9, lost: 0.2, doubled: 0.2 }
        })
        const both = yield* Effect.all([exchangeAll(c0, "cloud1", 60), exchangeAll(c1, "cloud0", 60)], {
          concurrency: 2
        })
        expect(both).toEqual([expected(60), expected(60)])
      })
    )

    it.scoped("rounds - the last part of one who has closed the phase can still be asked for", () =>
      Effect.gen(function* () {
        const run = freshRun()
        const { party: c0 } = yield* join("cloud0", run)
        // What C1 sends is lost at first: C0 asks again, C1 has left the phase by then.
        const { party: c1 } = yield* join("cloud1", run, { faults: { seed: 3, lost: 0.7, doubled: 0 } })
        const both = yield* Effect.all(
          [Effect.scoped(exchangeAll(c0, "cloud1", 3)), Effect.scoped(exchangeAll(c1, "cloud0", 3))],
          { concurrency: 2 }
        )
        expect(both).toEqual([expected(3), expected(3)])
      })
    )

    it.scoped("rounds - larger than the broker's limit", () =>
      Effect.gen(function* () {
        const { asker: c0, answerer: c1, askersTransport } = yield* pair("cloud0", "cloud1")
        const payload = (seed: number) =>
          Uint8Array.from({ length: askersTransport.maxPayloadBytes + 99 }, (_, i) => (i * seed) % 253)
        const swap = (party: typeof c0, peer: string, seed: number) =>
          Effect.flatMap(party.rounds(peer, "big"), (rounds) => exchange(rounds, 7, payload(seed)))
        const [at0, at1] = yield* Effect.all([swap(c0, "cloud1", 3), swap(c1, "cloud0", 5)], {
          concurrency: 2
        })
        expect(Buffer.compare(at0, payload(5))).toBe(0)
        expect(Buffer.compare(at1, payload(3))).toBe(0)
      })
    )

    it.scoped("rounds - the deadline's error names the peer, the phase, the round and the time", () =>
      Effect.gen(function* () {
        const { party } = yield* join("cloud0", freshRun())
        const rounds = yield* party.rounds("cloud1", "train", { deadlineMs: 80 })
        const error = yield* Effect.flip(exchange(rounds, 17, new Uint8Array(3)))
        expect(error).toMatchObject({
          _tag: "RoundDeadlineExceeded",
          party: "cloud1",
          phase: "train",
          round: 17,
          retryable: true
        })
        expect(error.message).toMatch(/cloud1 did not send round 17 of phase train within \d+ ms/)
      })
    )

    it.scoped("rounds - the first may be given longer than the others", () =>
      Effect.gen(function* () {
        const { asker: c0, answerer: c1 } = yield* pair("cloud0", "cloud1")
        const deadlines = { deadlineMs: 80, firstMs: 10_000 }
        const late = yield* Effect.fork(
          Effect.gen(function* () {
            const rounds = yield* c0.rounds("cloud1", "train", deadlines)
            yield* exchange(rounds, 5, new Uint8Array(3))
            return yield* Effect.flip(exchange(rounds, 6, new Uint8Array(3)))
          })
        )
        yield* Effect.sleep(300)
        const rounds = yield* c1.rounds("cloud0", "train", deadlines)
        yield* exchange(rounds, 5, new Uint8Array(3))
        expect(yield* Fiber.join(late)).toMatchObject({ _tag: "RoundDeadlineExceeded", round: 6 })
      })
    )

    it.scoped("permissions - what a role may not send is not delivered, and the asker hears of it", () =>
      Effect.gen(function* () {
        const { asker: c0, answerer: user, askersTransport } = yield* pair("cloud0", "user1")
        const handled = yield* Ref.make(0)
        yield* user.serve([
          on(Double, () =>
            Effect.as(
              Ref.update(handled, (n) => n + 1),
              { doubled: 0 }
            )
          )
        ])
        const events: Array<TransportEvent> = []
        askersTransport.listen((event) => events.push(event))
        const error = yield* Effect.flip(c0.ask("user1", Double, { value: 1 }, soon))
        expect(error).toMatchObject({ _tag: "PermissionDenied", user: "cloud0", operation: "publish" })
        expect(events.some((event) => event._tag === "Denied")).toBe(true)
        expect(yield* Ref.get(handled)).toBe(0)
      })
    )

    it.scoped("permissions - C0 can't subscribe to what is sent to C1", () =>
      Effect.gen(function* () {
        const run = freshRun()
        const { party: user } = yield* join("user1", run)
        const { party: c1 } = yield* join("cloud1", run)
        const { transport } = yield* join("cloud0", run)
        yield* c1.serve([on(Echo, Effect.succeed)])
        let seen = 0
        const subjects = [
          `bicameral.${run}.cloud1.>`,
          `bicameral.${run}.cloud1.main.user1.main.ask`,
          "bicameral.>",
          ">",
          "*.*.cloud1.>"
        ]
        for (const subject of subjects) {
          const exit = yield* Effect.exit(
            transport.subscribe(subject, () => {
              seen++
            })
          )
          expect(Exit.isFailure(exit), subject).toBe(true)
        }
        yield* user.ask("cloud1", Echo, { bytes: new Uint8Array([1]) }, soon)
        expect(seen).toBe(0)
      })
    )

    it.scoped("permissions - nobody speaks in another's name", () =>
      Effect.gen(function* () {
        const run = freshRun()
        const { party: kgc } = yield* join("kgc", run)
        const { transport } = yield* join("user2", run)
        const { party: user } = yield* join("user1", run)
        const senders = yield* Ref.make<ReadonlyArray<string>>([])
        yield* kgc.serve([
          on(Double, (_, from) =>
            Effect.as(
              Ref.update(senders, (all) => [...all, from]),
              { doubled: 0 }
            )
          )
        ])
        const body = yield* Double.payload.encode({ value: 1 })
        const forged = encodeEnvelope({ kind: "ask", id: "forged", tag: "Double", number: 0, of: 0, body })
        const denied = yield* Deferred.make<void>()
        transport.listen((event) => {
          if (event._tag === "Denied") Deferred.unsafeDone(denied, Effect.void)
        })
        yield* publish(transport, subjectOf({ run, to: "kgc", from: "user1", channel: "ask" }), forged)
        yield* Deferred.await(denied)
        yield* user.ask("kgc", Double, { value: 1 }, soon)
        expect(yield* Ref.get(senders)).toEqual(["user1"])
      })
    )

    it.scoped("mailbox - what exceeds its bound is dropped, and requests come through later", () =>
      Effect.gen(function* () {
        const { asker, answerer } = yield* pair("user1", "kgc", { limits: { mailboxMessages: 2 } })
        const asks = yield* Effect.fork(
          Effect.forEach([1, 2, 3, 4, 5, 6], (value) => asker.ask("kgc", Double, { value }, soon), {
            concurrency: "unbounded"
          })
        )
        yield* asker.ask("kgc", Echo, { bytes: new Uint8Array(0) }, { deadlineMs: 50 }).pipe(Effect.ignore)
        yield* answerer.serve([double])
        expect((yield* Fiber.join(asks)).map(({ doubled }) => doubled)).toEqual([2, 4, 6, 8, 10, 12])
      })
    )
  })
