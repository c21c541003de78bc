/** Workers and the main process that they take jobs from, over a hub, with leases short enough to wait for. */
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
  Runtime,
  Scope
} from "effect"
import { groupMembers } from "../../actors/group/members.ts"
import { Admission, Alive, Give, packed, Take, TrainingRows } from "../../actors/group/requests.ts"
import { dealer, firstNamed } from "../../actors/kgc/dealing.ts"
import { BcpPool, BcpQueue, layer as bcpPool } from "../../actors/party/bcp-pool.ts"
import { Directory, directoryOf, type PartyKeys } from "../../actors/party/directory.ts"
import { worker } from "../../actors/worker.ts"
import { toBytes } from "../../protocol/bcp/integers.ts"
import { uploadSlotBits } from "../../protocol/bcp/packing.ts"
import { encodeMasterKey } from "../../protocol/bcp/wire.ts"
import { actorNames, actorOf, dealers } from "../../protocol/messages/subjects.ts"
import { Deal } from "../../protocol/messages/training.ts"
import { computationVersion } from "../../protocol/version.ts"
import { Party } from "../../runtime/messaging/contract.ts"
import { workLimits } from "../../runtime/messaging/limits.ts"
import * as Parties from "../../runtime/messaging/party.ts"
import { memoryStore, Stable } from "../../runtime/storage/store.ts"
import { type Hub, makeHub } from "../../runtime/transport/memory.ts"
import { sealed } from "../../runtime/transport/sealed.ts"
import type { Taken } from "../../runtime/work/pool.ts"
import { agreementOf } from "../../scenarios/description/agreement.ts"
import { loadScenario } from "../../scenarios/description/load.ts"
import { knownAnswers } from "../protocol/bcp/known-answers.ts"
import { identityOf } from "../support/identities.ts"
import { standStill } from "../support/on-a-hub.ts"
import { patienceMs } from "../support/patience.ts"
import { splits, writeScenario } from "../support/small-scenario.ts"

const limits = { ...workLimits, aliveEveryMs: 100, leaseMs: 600, longPollMs: 300, patienceMs: 5_000 }
const ask = { deadlineMs: patienceMs }
const there = { places: 1, report: { sent: [], peakMemoryBytes: 0 } }
const prgKey = (k: number) => new Uint8Array(16).fill(k)
const prgKeys = { key0: prgKey(1), key1: prgKey(2), orderKey: prgKey(3) }

const { parameters, masterKey, unifiedPublicKey } = knownAnswers(512)
const publicKey = toBytes(unifiedPublicKey, parameters.bits / 4)
const words = (k: number) => Uint8Array.from({ length: 8 * 14 }, (_, i) => (i * 7 + k) % 251)

// What is refused on purpose would fill the screen.
const quiet = Logger.minimumLogLevel(LogLevel.None)

const agreed = Effect.gen(function* () {
  const { file } = yield* writeScenario(splits.rows, {})
  const { scenario } = yield* loadScenario(file)
  return agreementOf(scenario)
}).pipe(Effect.provide(nodeContext))

const keys: PartyKeys = new Map(actorNames.map((actor) => [actor, identityOf(actor).publicKey]))

/** A process on the hub, whose pauses are short. It knows whom to take for whom, as main processes do. */
const mainProcess = (hub: Hub, name: string) =>
  Effect.flatMap(agreed, (agreement) =>
    connected(hub, directoryOf({ name, run: "r" }, identityOf(actorOf(name)), { agreement, keys }))
  )

/** A process that knows nothing but its party's identity, as a member when it starts. */
const memberProcess = (hub: Hub, name: string, identity = identityOf(actorOf(name))) =>
  connected(hub, directoryOf({ name, run: "r" }, identity))

const connected = (hub: Hub, directory: ReturnType<typeof directoryOf>) =>
  Layer.build(
    Layer.merge(
      Parties.layer({ ...directory, limits: { resendFirstMs: 50, resendLongestMs: 100 } }).pipe(
        Layer.provideMerge(sealed(directory, hub.layer(directory.name))),
        Layer.provide(quiet)
      ),
      Layer.succeed(Directory, directory)
    )
  )

/** What a member asks that a test plays. */
const playedBy = (hub: Hub, name: string) => Effect.map(memberProcess(hub, name), Context.get(Party))

/** A main process without a thread of its own. */
const mainOf = (hub: Hub, name: string, given: Pick<Parameters<typeof groupMembers>[0], "dealing"> = {}) =>
  Effect.gen(function* () {
    const agreement = yield* agreed
    const context = Context.merge(yield* mainProcess(hub, name), yield* Layer.build(bcpPool(0)))
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
    const context = yield* memberProcess(hub, name)
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
      const member = yield* playedBy(hub, "cloud0.w-1")
      const admitted = (version: number) => member.ask("cloud0", Admission, { version }, ask)
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
        const one = yield* playedBy(hub, "cloud0.w-1")
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
        const { task } = yield* one.ask("cloud0", Take, {}, ask)
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
      const silent = yield* playedBy(hub, "cloud0.w-1")
      yield* silent.ask("cloud0", Alive, there, ask)
      expect(queue.takers()).toBe(1)
      const result = yield* Effect.fork(encrypted(pool, 7))
      const { task } = yield* silent.ask("cloud0", Take, {}, ask)
      expect(task?.job).toBe("encryptPacked")
      yield* working(hub, "cloud0.w-2")
      const { ciphertexts } = yield* Fiber.join(result)
      const output = packed({ ciphertexts: new Uint8Array(1) })
      yield* silent.ask("cloud0", Give, { lease: task!.lease, result: { output } }, ask)
      expect((yield* decrypted(pool, ciphertexts)).words).toEqual(words(7))
      // The silent one does not count any more.
      expect(queue.takers()).toBe(1)
    })
  )

  it.scopedLive("are not taken for silent by a main process that was itself not there", () =>
    Effect.gen(function* () {
      const hub = makeHub()
      const { queue } = yield* mainOf(hub, "cloud0")
      const member = yield* playedBy(hub, "cloud0.w-1")
      yield* member.ask("cloud0", Alive, there, ask)
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
      const late = yield* playedBy(hub, "cloud0.w-1")
      const taken = late.ask("cloud0", Take, {}, ask)
      const result = yield* Effect.fork(encrypted(pool, 7))
      const first = yield* taken
      // It has never said that it is alive, so its lease ends, and the job is there again.
      const again = yield* Effect.repeat(taken, { until: ({ task }) => task !== undefined })
      expect(again.task?.lease).not.toBe(first.task?.lease)
      const output = packed({ ciphertexts: new Uint8Array([1, 2, 3]) })
      yield* late.ask("cloud0", Give, { lease: first.task!.lease, result: { output } }, ask)
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
      const context = yield* memberProcess(makeHub(), "cloud1.w-1")
      const short = { ...limits, patienceMs: 300 }
      const error = yield* Effect.flip(
        Effect.scoped(Effect.provide(worker({ threads: 1, limits: short }), context))
      )
      expect(error).toMatchObject({ _tag: "DeadlineExceeded", party: "cloud1" })
    })
  )

  it.scopedLive("of another party are refused by name, whatever they ask", () =>
    Effect.gen(function* () {
      const hub = makeHub()
      const dealing = { keys: prgKeys, rowsOfRun: Effect.succeed<number> }
      const { queue } = yield* mainOf(hub, "kgc", { dealing })
      for (const name of ["cloud1", "cloud1.w-1", "cloud1.l-1"]) {
        const stranger = Context.get(yield* mainProcess(hub, name), Party)
        const refused = yield* Effect.all([
          Effect.flip(stranger.ask("kgc", Admission, { version: computationVersion }, ask)),
          Effect.flip(stranger.ask("kgc", Take, {}, ask)),
          Effect.flip(stranger.ask("kgc", Give, { lease: "1", result: { output: packed(1) } }, ask)),
          Effect.flip(stranger.ask("kgc", Alive, there, ask)),
          Effect.flip(stranger.ask("kgc", TrainingRows, { named: 48 }, ask))
        ])
        for (const error of refused) {
          expect(error).toMatchObject({ _tag: "RemoteFailure", error: { _tag: "NotExpected" } })
          expect(error.message).toContain(`${name} sent `)
        }
      }
      expect(queue.takers()).toBe(0)
    })
  )

  it.scopedLive("who have the party's password but not its identity are not heard", () =>
    Effect.gen(function* () {
      const hub = makeHub()
      const { queue } = yield* mainOf(hub, "cloud0")
      const context = yield* memberProcess(hub, "cloud0.w-1", identityOf("cloud1"))
      const short = { ...limits, patienceMs: 500 }
      const error = yield* Effect.flip(
        Effect.scoped(Effect.provide(worker({ threads: 1, limits: short }), context))
      )
      expect(error).toMatchObject({ _tag: "DeadlineExceeded", party: "cloud0", request: "Admission" })
      expect(queue.takers()).toBe(0)
    })
  )

  it.scopedLive("of the KGC deal what the KGC deals, to C1 and its members", () =>
    Effect.gen(function* () {
      const hub = makeHub()
      const rowsOfRun = yield* Effect.provideService(firstNamed, Stable, memoryStore())
      const { agreement, context } = yield* mainOf(hub, "kgc", { dealing: { keys: prgKeys, rowsOfRun } })
      const deal = yield* Effect.provide(dealer(agreement, prgKeys, rowsOfRun), context)
      yield* working(hub, "kgc.w-1")
      for (const name of ["cloud1", "cloud1.l-1"]) {
        const asker = Context.get(yield* mainProcess(hub, name), Party)
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
        const stable = memoryStore()
        const rowsOfRun = Effect.provideService(firstNamed, Stable, stable)
        // Both are asked for the first time, and at once.
        const named = yield* rowsOfRun
        expect(yield* Effect.all([named(48), named(49)], { concurrency: 2 })).toEqual([48, 48])
        yield* mainOf(hub, "kgc", { dealing: { keys: prgKeys, rowsOfRun: yield* rowsOfRun } })
        yield* working(hub, "kgc.w-1")
        const cloud1 = Context.get(yield* mainProcess(hub, "cloud1"), Party)
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
