/** Workers of a house and the main process that they take jobs from, over a hub, with leases short enough to wait for. */
import { randomBytes } from "node:crypto"
import { layer as nodeContext } from "@effect/platform-node/NodeContext"
import { describe, expect, it } from "@effect/vitest"
import {
  type Clock,
  Context,
  Duration,
  Effect,
  Exit,
  Fiber,
  Layer,
  Logger,
  LogLevel,
  Option,
  Redacted,
  Runtime,
  Scope
} from "effect"
import { groupMembers } from "../../actors/group/members.ts"
import { askInGroup, ProcessGroup, processGroupOf } from "../../actors/group/process-group.ts"
import { Admission, Alive, Give, packed, Take } from "../../actors/group/requests.ts"
import { dealer, firstNamed } from "../../actors/kgc/dealing.ts"
import { BcpPool, BcpQueue, layer as bcpPool } from "../../actors/party/bcp-pool.ts"
import { worker } from "../../actors/worker.ts"
import { toBytes } from "../../protocol/bcp/integers.ts"
import { uploadSlotBits } from "../../protocol/bcp/packing.ts"
import { encodeMasterKey } from "../../protocol/bcp/wire.ts"
import { dealers } from "../../protocol/messages/subjects.ts"
import { Deal } from "../../protocol/messages/training.ts"
import { computationVersion } from "../../protocol/version.ts"
import { Party } from "../../runtime/messaging/contract.ts"
import { workLimits } from "../../runtime/messaging/limits.ts"
import * as Parties from "../../runtime/messaging/party.ts"
import { memoryStore, Stable } from "../../runtime/storage/store.ts"
import { type Hub, makeHub } from "../../runtime/transport/memory.ts"
import type { Taken } from "../../runtime/work/pool.ts"
import { agreementOf } from "../../scenarios/description/agreement.ts"
import { loadScenario } from "../../scenarios/description/load.ts"
import { knownAnswers } from "../protocol/bcp/known-answers.ts"
import { standStill } from "../support/on-a-hub.ts"
import { patienceMs } from "../support/patience.ts"
import { splits, writeScenario } from "../support/small-scenario.ts"

const secret = Option.some(Redacted.make(new Uint8Array(randomBytes(32))))
const limits = { ...workLimits, aliveEveryMs: 100, leaseMs: 600, longPollMs: 300, patienceMs: 5_000 }
const ask = { deadlineMs: patienceMs }

const { parameters, masterKey, unifiedPublicKey } = knownAnswers(512)
const publicKey = toBytes(unifiedPublicKey, parameters.bits / 4)
const words = (k: number) => Uint8Array.from({ length: 8 * 14 }, (_, i) => (i * 7 + k) % 251)

// What is refused on purpose would fill the screen.
const quiet = Logger.minimumLogLevel(LogLevel.None)

/** A process of a house, on the hub; its pauses are short. */
const processOf = (hub: Hub, name: string, own = secret) =>
  Layer.build(
    Layer.merge(
      Parties.layer({ name, run: "r", limits: { resendFirstMs: 50, resendLongestMs: 100 } }).pipe(
        Layer.provideMerge(hub.layer(name)),
        Layer.provide(quiet)
      ),
      Layer.succeed(ProcessGroup, processGroupOf({ name, run: "r" }, own))
    )
  )

const agreed = Effect.gen(function* () {
  const { file } = yield* writeScenario(splits.rows, {})
  const { scenario } = yield* loadScenario(file)
  return agreementOf(scenario)
}).pipe(Effect.provide(nodeContext))

/** A main process without a thread of its own. */
const mainOf = (
  hub: Hub,
  name: string,
  own = secret,
  given: Pick<Parameters<typeof groupMembers>[0], "dealing"> = {}
) =>
  Effect.gen(function* () {
    const agreement = yield* agreed
    const context = Context.merge(yield* processOf(hub, name, own), yield* Layer.build(bcpPool(0)))
    const { handlers, dismissed, reports } = yield* Effect.provide(
      groupMembers({ agreement, ...given }, limits),
      context
    )
    yield* Context.get(context, Party).serve(handlers)
    return {
      agreement,
      context,
      dismissed,
      reports,
      pool: Context.get(context, BcpPool),
      queue: Context.get(context, BcpQueue)
    }
  })

const working = (hub: Hub, name: string) =>
  Effect.gen(function* () {
    const context = yield* processOf(hub, name)
    return yield* Effect.fork(Effect.provide(Effect.scoped(worker({ threads: 1, limits })), context))
  })

const encrypted = (pool: Context.Tag.Service<BcpPool>, k: number) =>
  pool.run("encryptPacked", {
    parameters,
    publicKey,
    mode: "short",
    words: words(k),
    slotBits: uploadSlotBits
  })
const decrypted = (pool: Context.Tag.Service<BcpPool>, ciphertexts: Uint8Array) =>
  pool.run("openMaster", {
    parameters,
    masterKey: encodeMasterKey(parameters, masterKey),
    publicKey,
    mode: "short",
    ciphertexts,
    slotBits: uploadSlotBits
  })

describe("workers", () => {
  it.scopedLive("of another version are not admitted", () =>
    Effect.gen(function* () {
      const hub = makeHub()
      const { agreement } = yield* mainOf(hub, "cloud0")
      const member = yield* processOf(hub, "cloud0.w-1")
      const admitted = (version: number) =>
        Effect.provide(askInGroup("cloud0", Admission, { version }, ask), member)
      expect(JSON.parse((yield* admitted(computationVersion)).agreement)).toEqual(agreement)
      const refused = yield* Effect.flip(admitted(computationVersion - 1))
      expect(refused).toMatchObject({ error: { _tag: "OtherVersion" } })
      expect(refused.message).toContain("cloud0.w-1")
    })
  )

  it.scopedLive("do the jobs of their main process, and end when it lets them go", () =>
    Effect.gen(function* () {
      const hub = makeHub()
      const { pool, queue, dismissed, reports } = yield* mainOf(hub, "cloud0")
      const workers = yield* Effect.forEach(["cloud0.w-1", "cloud0.w-2"], (name) => working(hub, name))
      const results = yield* Effect.forEach(
        Array.from({ length: 12 }, (_, k) => k),
        (k) => Effect.flatMap(encrypted(pool, k), ({ ciphertexts }) => decrypted(pool, ciphertexts)),
        { concurrency: "unbounded" }
      )
      expect(results.map((each) => each.words)).toEqual(Array.from({ length: 12 }, (_, k) => words(k)))
      expect(queue.takers()).toBe(2)
      const gave = reports().map(({ sent }) => sent.some(({ tag }) => tag === "Take"))
      expect(gave).toEqual([true, true])
      yield* dismissed
      for (const each of workers) yield* Fiber.join(each)
    })
  )

  it.scopedLive("take one job more than they have threads, however many wait", () =>
    Effect.gen(function* () {
      const hub = makeHub()
      const { pool, queue } = yield* mainOf(hub, "cloud0")
      const [take, given] = [queue.take, new Map<unknown, Taken>()]
      let most = 0
      Object.assign(queue, {
        take: (give: (taken: Taken) => void) =>
          take((taken) => {
            given.set(taken.request, taken)
            most = Math.max(most, Array.from(given.values()).filter((each) => !each.settled()).length)
            give(taken)
          })
      })
      const done = yield* Effect.fork(
        Effect.forEach(
          Array.from({ length: 40 }, (_, k) => k),
          (k) => encrypted(pool, k),
          { concurrency: "unbounded" }
        )
      )
      yield* working(hub, "cloud0.w-1")
      expect((yield* Fiber.join(done)).length).toBe(40)
      expect(given.size).toBe(40)
      expect(most).toBe(2)
    })
  )

  it.scopedLive(
    "a job that comes in the turn in which a wish for one has lasted long enough goes to who wished",
    () =>
      Effect.gen(function* () {
        const hub = makeHub()
        const real = yield* Effect.clock
        let come = () => {}
        // What comes comes as the clock strikes, before who waits for it hears it.
        const striking: Clock.Clock = {
          ...real,
          unsafeCurrentTimeMillis: () => real.unsafeCurrentTimeMillis(),
          unsafeCurrentTimeNanos: () => real.unsafeCurrentTimeNanos(),
          sleep: (duration) => {
            const slept = real.sleep(duration)
            return Duration.toMillis(duration) === limits.longPollMs
              ? Effect.zipRight(
                  slept,
                  Effect.sync(() => come())
                )
              : slept
          }
        }
        const { pool, queue } = yield* Effect.withClock(mainOf(hub, "cloud0"), striking)
        const one = yield* processOf(hub, "cloud0.w-1")
        let left = 0
        const take = queue.take
        Object.assign(queue, {
          take: (give: (taken: Taken) => void) =>
            take((taken) => {
              left++
              give(taken)
            })
        })
        const runtime = yield* Effect.runtime()
        come = () => {
          come = () => {}
          Runtime.runFork(runtime)(encrypted(pool, 7))
        }
        const { task } = yield* Effect.provide(askInGroup("cloud0", Take, {}, ask), one)
        expect(left).toBe(1)
        expect(task?.job).toBe("encryptPacked")
      })
  )

  it.scopedLive("a job's own error comes back as it is", () =>
    Effect.gen(function* () {
      const hub = makeHub()
      const { pool } = yield* mainOf(hub, "cloud0")
      yield* working(hub, "cloud0.w-1")
      const error = yield* Effect.flip(decrypted(pool, new Uint8Array(parameters.bits / 2)))
      expect(error).toMatchObject({
        _tag: "JobFailed",
        job: "openMaster",
        error: { _tag: "InvalidCiphertext" }
      })
    })
  )

  it.scopedLive("the jobs of one that falls silent are taken over, and what it gives later is dropped", () =>
    Effect.gen(function* () {
      const hub = makeHub()
      const { pool, queue } = yield* mainOf(hub, "cloud0")
      const silent = yield* processOf(hub, "cloud0.w-1")
      yield* Effect.provide(
        askInGroup("cloud0", Alive, { places: 1, report: { sent: [], peakMemoryBytes: 0 } }, ask),
        silent
      )
      expect(queue.takers()).toBe(1)
      const result = yield* Effect.fork(encrypted(pool, 7))
      const { task } = yield* Effect.provide(askInGroup("cloud0", Take, {}, ask), silent)
      expect(task?.job).toBe("encryptPacked")
      yield* working(hub, "cloud0.w-2")
      const { ciphertexts } = yield* Fiber.join(result)
      yield* Effect.provide(
        askInGroup(
          "cloud0",
          Give,
          { lease: task!.lease, result: { output: packed({ ciphertexts: new Uint8Array(1) }) } },
          ask
        ),
        silent
      )
      expect((yield* decrypted(pool, ciphertexts)).words).toEqual(words(7))
      // The silent one does not count any more.
      expect(queue.takers()).toBe(1)
    })
  )

  it.scopedLive("are not taken for silent by a main process that was itself not there", () =>
    Effect.gen(function* () {
      const hub = makeHub()
      const { queue } = yield* mainOf(hub, "cloud0")
      const there = { places: 1, report: { sent: [], peakMemoryBytes: 0 } }
      yield* Effect.provide(askInGroup("cloud0", Alive, there, ask), yield* processOf(hub, "cloud0.w-1"))
      standStill(2 * limits.leaseMs)
      yield* Effect.sleep(limits.leaseMs / 3)
      expect(queue.takers()).toBe(1)
      yield* Effect.repeat(Effect.sleep(10), { until: () => queue.takers() === 0 })
    })
  )

  it.scopedLive("who is late but first is taken at its word", () =>
    Effect.gen(function* () {
      const hub = makeHub()
      const { pool } = yield* mainOf(hub, "cloud0")
      const late = yield* processOf(hub, "cloud0.w-1")
      const taken = Effect.provide(askInGroup("cloud0", Take, {}, ask), late)
      const result = yield* Effect.fork(encrypted(pool, 7))
      const first = yield* taken
      // It has never said that it is alive, so its lease ends, and the job is there again.
      const again = yield* Effect.repeat(taken, { until: ({ task }) => task !== undefined })
      expect(again.task?.lease).not.toBe(first.task?.lease)
      const output = packed({ ciphertexts: new Uint8Array([1, 2, 3]) })
      yield* Effect.provide(
        askInGroup("cloud0", Give, { lease: first.task!.lease, result: { output } }, ask),
        late
      )
      expect(yield* Fiber.join(result)).toEqual({ ciphertexts: new Uint8Array([1, 2, 3]) })
    })
  )

  it.scopedLive("go on with a main process that was started again", () =>
    Effect.gen(function* () {
      const hub = makeHub()
      const life = yield* Scope.make()
      const first = yield* Scope.extend(mainOf(hub, "cloud1"), life)
      yield* working(hub, "cloud1.w-1")
      expect((yield* encrypted(first.pool, 1)).ciphertexts.length).toBeGreaterThan(0)
      yield* Scope.close(life, Exit.void)
      const second = yield* mainOf(hub, "cloud1")
      expect((yield* encrypted(second.pool, 2)).ciphertexts.length).toBeGreaterThan(0)
    })
  )

  it.scopedLive("end with an error that names the main process, where they don't reach it", () =>
    Effect.gen(function* () {
      const context = yield* processOf(makeHub(), "cloud1.w-1")
      const short = { ...limits, patienceMs: 300 }
      const error = yield* Effect.flip(
        Effect.scoped(Effect.provide(worker({ threads: 1, limits: short }), context))
      )
      expect(error).toMatchObject({ _tag: "DeadlineExceeded", party: "cloud1" })
    })
  )

  it.scopedLive("are not admitted by a party without a house secret, nor with another", () =>
    Effect.gen(function* () {
      for (const [own, tag] of [
        [Option.none(), "NoHouse"],
        [Option.some(Redacted.make(new Uint8Array(randomBytes(32)))), "NotOfTheHouse"]
      ] as const) {
        const hub = makeHub()
        yield* mainOf(hub, "cloud0", own)
        const context = yield* processOf(hub, "cloud0.w-1")
        const error = yield* Effect.flip(
          Effect.scoped(Effect.provide(worker({ threads: 1, limits }), context))
        )
        expect(error).toMatchObject({ _tag: "RemoteFailure", party: "cloud0", error: { _tag: tag } })
      }
    })
  )

  it.scopedLive("of the KGC deal what the KGC deals, to C1 and its members", () =>
    Effect.gen(function* () {
      const hub = makeHub()
      const key = (k: number) => new Uint8Array(16).fill(k)
      const keys = { key0: key(1), key1: key(2), orderKey: key(3) }
      const rowsOfRun = yield* Effect.provideService(firstNamed, Stable, memoryStore())
      const { agreement, context } = yield* mainOf(hub, "kgc", secret, { dealing: { keys, rowsOfRun } })
      const deal = yield* Effect.provide(dealer(agreement, keys, rowsOfRun), context)
      yield* working(hub, "kgc.w-1")
      for (const name of ["cloud1", "cloud1.l-1"]) {
        const asker = Context.get(yield* processOf(hub, name), Party)
        const { corrections } = yield* asker.ask(dealers, Deal, { rows: 48, step: 2 }, ask)
        expect(corrections).toEqual(yield* deal({ rows: 48, step: 2 }, (bytes) => new Uint8Array(bytes)))
      }
    })
  )

  it.scopedLive(
    "of the KGC deal for no training rows but those that it was asked for first, before it died or after",
    () =>
      Effect.gen(function* () {
        const hub = makeHub()
        const key = (k: number) => new Uint8Array(16).fill(k)
        const keys = { key0: key(1), key1: key(2), orderKey: key(3) }
        const stable = memoryStore()
        const rowsOfRun = Effect.provideService(firstNamed, Stable, stable)
        // Both are asked for the first time, and at once.
        const named = yield* rowsOfRun
        expect(yield* Effect.all([named(48), named(49)], { concurrency: 2 })).toEqual([48, 48])
        yield* mainOf(hub, "kgc", secret, { dealing: { keys, rowsOfRun: yield* rowsOfRun } })
        yield* working(hub, "kgc.w-1")
        const cloud1 = Context.get(yield* processOf(hub, "cloud1"), Party)
        const asked = (rows: number) =>
          Effect.map(
            cloud1.ask(dealers, Deal, { rows, step: 2 }, ask),
            ({ corrections }) => corrections.length
          )
        expect(yield* Effect.flip(asked(49))).toMatchObject({ error: { _tag: "OtherRows" } })
        expect(yield* asked(48)).toBeGreaterThan(0)
        expect(yield* Effect.flip(asked(49))).toMatchObject({ error: { _tag: "OtherRows" } })
      })
  )
})
