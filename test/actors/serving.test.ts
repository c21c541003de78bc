/** A served model in this process, over a hub: who is answered, with what, and what becomes of requests when a party dies. */
import { describe, expect, layer } from "@effect/vitest"
import { Context, Effect, Either, ExecutionStrategy, Exit, Fiber, Logger, Scope } from "effect"
import { makeAsker } from "../../actors/askers/asker.ts"
import { trainedEntry, trainedFormat } from "../../actors/clouds/training/session.ts"
import { type Agreement, agreementDigest, servedPlan } from "../../actors/party/agreement.ts"
import { type ServingRole, serveModel } from "../../actors/serving.ts"
import { fixedScores } from "../../protocol/computation/predicting.ts"
import { type Model, modelOf, modelWords } from "../../protocol/learning/model.ts"
import { outputs } from "../../protocol/learning/network.ts"
import { DealServed, Predict } from "../../protocol/messages/serving.ts"
import { Ring } from "../../protocol/ring/ring.ts"
import type { AdmissionStatement } from "../../protocol/serving/admission.ts"
import { mostRows } from "../../protocol/serving/steps.ts"
import { splitWords } from "../../protocol/sharing/split.ts"
import { Party } from "../../runtime/messaging/contract.ts"
import { memoryStore, type StoreService } from "../../runtime/storage/store.ts"
import { type Hub, makeHub } from "../../runtime/transport/memory.ts"
import { splitmix } from "../protocol/ring/twin.ts"
import { agreed, processOf } from "../support/on-a-hub.ts"
import { patienceMs } from "../support/patience.ts"

const numbers = (seed: bigint, count: number): Float64Array => {
  const next = splitmix(seed)
  return Float64Array.from({ length: count }, () => Number(BigInt.asIntN(53, next())) / 2 ** 52)
}

/** A model with made-up numbers, and both clouds' storage with a share of it. */
const made = (agreement: Agreement) =>
  Effect.gen(function* () {
    const ring = yield* Effect.promise(() => Ring.load())
    const plan = servedPlan(agreement)
    const values = numbers(3n, modelWords(plan.network))
    const model: Model = modelOf({ data: {} as Model["data"], loss: "squared-error", ...plan }, values)
    const words = ring.matrix(1, values.length)
    ring.encode(words, values, plan.fractionalBits)
    const { share0, share1 } = splitWords(ring.copyOut(words), new Uint8Array(16).fill(9))
    const stores = new Map<string, StoreService>([["kgc", memoryStore()]])
    for (const [cloud, share] of [share0, share1].entries()) {
      const store = memoryStore()
      yield* store.put(trainedEntry, yield* trainedFormat.encode({ words: share, steps: 1, rounds: 1 }))
      stores.set(`cloud${cloud}`, store)
    }
    return { ring, plan, model, stores }
  })

const admission = (agreement: Agreement, rows: number): AdmissionStatement => ({
  ...{ run: "r", agreement: agreementDigest(agreement), preparation: "0".repeat(64) },
  asker: { actor: "asker1", identity: "" },
  quota: { rows },
  until: 2 ** 32 - 1
})

const roles = ["kgc", "cloud0", "cloud1"] as const

/** The parties of a served model, each of which can be killed and started again. */
const serving = (quota = 100_000, dealing: Agreement["security"]["dealing"] = "kgc") =>
  Effect.gen(function* () {
    const small = yield* agreed
    const agreement = { ...small, security: { ...small.security, dealing } }
    const { model, plan, ring, stores } = yield* made(agreement)
    const hub = makeHub()
    const outer = yield* Effect.scope
    const lives = new Map<ServingRole, Scope.CloseableScope>()
    const start = (role: ServingRole) =>
      Effect.gen(function* () {
        const scope = yield* Scope.fork(outer, ExecutionStrategy.sequential)
        const context = yield* Scope.extend(processOf(hub, role, stores.get(role)), scope)
        yield* Effect.forkIn(
          Effect.provide(serveModel(agreement, role, [admission(agreement, quota)]), context),
          scope
        )
        lives.set(role, scope)
      })
    for (const role of roles) if (role !== "kgc" || dealing === "kgc") yield* start(role)
    const kill = (role: ServingRole) => Scope.close(lives.get(role)!, Exit.void)
    const expected = (features: Float64Array) => fixedScores(ring, model, features)
    return { agreement, hub, plan, start, kill, expected }
  })

type Serving = Effect.Effect.Success<ReturnType<typeof serving>>

const askerNamed = ({ hub, plan }: { readonly hub: Hub; readonly plan: Serving["plan"] }, name: string) =>
  Effect.gen(function* () {
    const context = yield* processOf(hub, name)
    const { fractionalBits, network } = plan
    const of = { inputs: network.inputs, outputs: outputs(network), fractionalBits, deadlineMs: patienceMs }
    const asker = yield* Effect.provide(makeAsker(of), context)
    return { ...asker, party: Context.get(context, Party) }
  })

/** Off by a few units of the last place. */
const expectNear = (found: Float64Array, expected: Float64Array) => {
  expect(found.length).toBe(expected.length)
  for (const [i, value] of found.entries()) expect(Math.abs(value - expected[i]!)).toBeLessThan(2 ** -15)
}

layer(Logger.remove(Logger.defaultLogger), { excludeTestServices: true })("a served model", (it) => {
  it.scoped("answers an admitted asker and a user of the run, each what the opened model says", () =>
    Effect.gen(function* () {
      const served = yield* serving()
      const { inputs } = served.plan.network
      for (const [i, name] of ["asker1", "user2"].entries()) {
        const asker = yield* askerNamed(served, name)
        for (const rows of [1, 3, mostRows + 5]) {
          const features = numbers(BigInt(10 * i + rows), rows * inputs)
          expectNear(yield* asker.predict(features), served.expected(features))
        }
      }
    })
  )

  it.scoped("refuses an asker that nobody has admitted, and rows of another network", () =>
    Effect.gen(function* () {
      const served = yield* serving()
      const { inputs } = served.plan.network
      const stranger = yield* askerNamed(served, "asker2")
      const refused = yield* Effect.flip(stranger.predict(numbers(1n, inputs)))
      expect(refused).toMatchObject({ _tag: "ServiceRefused", retryable: false })
      expect(refused.message).toContain("asker2 is not admitted; have all users of the run sign")
      const asker = yield* askerNamed(served, "asker1")
      expect(yield* Effect.flip(asker.predict(numbers(1n, inputs + 1)))).toMatchObject({ _tag: "RowsUnfit" })
      const share = { id: new Uint8Array(16), rows: 2, share: new Uint8Array(8), withinMs: 1000 }
      for (const cloud of ["cloud0", "cloud1"]) {
        const wrong = yield* Effect.flip(asker.party.ask(cloud, Predict, share, { deadlineMs: patienceMs }))
        expect(wrong.message).toContain("a request of asker1 does not fit the model: its share has 8 bytes")
      }
    })
  )

  it.scoped(
    "charges an asker's quota at both clouds, refuses what goes beyond it, and never charges a user",
    () =>
      Effect.gen(function* () {
        const served = yield* serving(10)
        const { inputs } = served.plan.network
        const asker = yield* askerNamed(served, "asker1")
        yield* asker.predict(numbers(1n, 7 * inputs))
        expect((yield* asker.service).rowsLeft).toBe(3)
        const refused = yield* Effect.flip(asker.predict(numbers(2n, 4 * inputs)))
        expect(refused).toMatchObject({ _tag: "ServiceRefused" })
        expect(refused.message).toContain("the request has 4 rows, and 3 are left of the quota")
        yield* asker.predict(numbers(3n, 3 * inputs))
        const user = yield* askerNamed(served, "user1")
        yield* user.predict(numbers(4n, 40 * inputs))
        expect((yield* user.service).rowsLeft).toBeUndefined()
      })
  )

  it.scoped("charges nothing of a prediction in several requests that goes beyond the quota", () =>
    Effect.gen(function* () {
      const served = yield* serving(mostRows + 1)
      const { inputs } = served.plan.network
      const asker = yield* askerNamed(served, "asker1")
      const refused = yield* Effect.flip(asker.predict(numbers(1n, (mostRows + 2) * inputs)))
      expect(refused).toMatchObject({ _tag: "ServiceRefused", cloud: "cloud0", error: "QuotaSpent" })
      expect(refused.message).toContain("are left of the quota; none was asked")
      expect((yield* asker.service).rowsLeft).toBe(mostRows + 1)
    })
  )

  it.scoped(
    "answers other rows under a name that was used neither while it waits nor later, at no cloud",
    () =>
      Effect.gen(function* () {
        const served = yield* serving(10)
        const { inputs } = served.plan.network
        const { party, service } = yield* askerNamed(served, "asker1")
        const id = new Uint8Array(16).fill(7)
        const rows = 2
        const seed = (fill: number) => new Uint8Array(16).fill(fill)
        const words = (fill: number) => new Uint8Array(rows * inputs * 8).fill(fill)
        const asked = (cloud: number, share: Uint8Array) => {
          const request = { id, rows, share, withinMs: patienceMs }
          return party.ask(`cloud${cloud}`, Predict, request, { deadlineMs: patienceMs })
        }
        const refusedAt = (cloud: number, share: Uint8Array) =>
          Effect.map(Effect.flip(asked(cloud, share)), ({ message }) =>
            expect(message).toContain("other rows came under its name; draw a name at random")
          )
        const first = yield* Effect.fork(asked(0, seed(1)))
        yield* Effect.repeat(service, { until: ({ rowsLeft }) => rowsLeft === 8 })
        yield* refusedAt(0, seed(2))
        yield* asked(1, words(1))
        yield* Fiber.join(first)
        yield* refusedAt(0, seed(2))
        yield* refusedAt(1, words(2))
        yield* Effect.all([asked(0, seed(1)), asked(1, words(1))], { concurrency: 2 })
        expect((yield* service).rowsLeft).toBe(8)
      })
  )

  it.scoped("answers the last of those that ask the same, and tells the others so", () =>
    Effect.gen(function* () {
      const served = yield* serving(10)
      const { inputs } = served.plan.network
      const { party, service } = yield* askerNamed(served, "asker1")
      const request = { id: new Uint8Array(16), rows: 1, withinMs: patienceMs }
      const asked = (cloud: number, share: Uint8Array) =>
        party.ask(`cloud${cloud}`, Predict, { ...request, share }, { deadlineMs: patienceMs })
      const earlier = yield* Effect.fork(Effect.flip(asked(0, new Uint8Array(16))))
      yield* Effect.repeat(service, { until: ({ rowsLeft }) => rowsLeft === 9 })
      const later = yield* Effect.fork(asked(0, new Uint8Array(16)))
      expect((yield* Fiber.join(earlier)).message).toContain("asked the same again since")
      const [one, other] = [yield* asked(1, new Uint8Array(inputs * 8)), yield* Fiber.join(later)]
      expect(other).toMatchObject({ session: one.session, step: one.step })
    })
  )

  it.scoped("answers others while one asker sends cloud 1 nothing, and charges a name again in the end", () =>
    Effect.gen(function* () {
      const served = yield* serving(1000)
      const { inputs } = served.plan.network
      const { party, service } = yield* askerNamed(served, "asker1")
      const half = (fill: number) => {
        const request = { id: new Uint8Array(16).fill(fill), rows: 1, share: new Uint8Array(16) }
        return party.ask("cloud0", Predict, { ...request, withinMs: patienceMs }, { deadlineMs: patienceMs })
      }
      for (let i = 0; i < 20; i++) yield* Effect.fork(half(i))
      yield* Effect.repeat(service, { until: ({ rowsLeft }) => rowsLeft === 980 })
      const user = yield* askerNamed(served, "user1")
      const features = numbers(4n, 3 * inputs)
      expectNear(yield* user.predict(features), served.expected(features))
      for (let i = 0; i < 16; i++) yield* Effect.fork(half(0))
      yield* Effect.repeat(service, { until: ({ rowsLeft }) => rowsLeft === 979 })
    })
  )

  it.scoped("keeps few rows of an asker waiting, and then takes those of others", () =>
    Effect.gen(function* () {
      const served = yield* serving(4_000_000_000)
      const { inputs } = served.plan.network
      const { party } = yield* askerNamed(served, "asker1")
      const half = (i: number) => {
        const request = { id: Uint8Array.from({ length: 16 }, () => i), rows: mostRows }
        const share = new Uint8Array(16)
        return party.ask(
          "cloud0",
          Predict,
          { ...request, share, withinMs: patienceMs },
          { deadlineMs: patienceMs }
        )
      }
      const each = Array.from({ length: 17 }, (_, i) => i)
      const refused = yield* Effect.flip(Effect.forEach(each, half, { concurrency: "unbounded" }))
      expect(refused.message).toContain("of asker1 are waiting already; ask again in a moment")
      const user = yield* askerNamed(served, "user1")
      const features = numbers(4n, 3 * inputs)
      expectNear(yield* user.predict(features), served.expected(features))
    })
  )

  it.scoped("answers without a KGC where the clouds deal for themselves", () =>
    Effect.gen(function* () {
      const served = yield* serving(100_000, "clouds")
      const { inputs } = served.plan.network
      const asker = yield* askerNamed(served, "asker1")
      for (const rows of [1, 3, 1, 70]) {
        const features = numbers(BigInt(rows), rows * inputs)
        expectNear(yield* asker.predict(features), served.expected(features))
      }
      const { party } = yield* askerNamed(served, "user1")
      const stolen = { session: new Uint8Array(16), steps: [1] }
      const refused = yield* Effect.flip(party.ask("cloud0", DealServed, stolen, { deadlineMs: patienceMs }))
      expect(refused.message).toContain("user1")
    })
  )

  describe("whose parties die", () => {
    const cases = [
      ...roles.map((role) => ({ role, dealing: "kgc" as const })),
      ...(["cloud0", "cloud1"] as const).map((role) => ({ role, dealing: "clouds" as const }))
    ]
    for (const { dealing, role } of cases)
      it.scoped(`answers all that was asked when ${role} is killed and comes back, dealing: ${dealing}`, () =>
        Effect.gen(function* () {
          const served = yield* serving(100_000, dealing)
          const { inputs } = served.plan.network
          const askers = [yield* askerNamed(served, "asker1"), yield* askerNamed(served, "user1")]
          yield* askers[0]!.predict(numbers(1n, inputs))
          const asking = yield* Effect.fork(
            Effect.forEach(
              Array.from({ length: 40 }, (_, i) => i),
              (i) => {
                const features = numbers(BigInt(100 + i), (1 + (i % 3)) * inputs)
                const answer = Effect.map(Effect.either(askers[i % 2]!.predict(features)), (found) => {
                  if (Either.isRight(found)) expectNear(found.right, served.expected(features))
                  else expect(found.left).toMatchObject({ _tag: "TryAgain", retryable: true })
                  return Either.isRight(found)
                })
                return answer
              },
              { concurrency: 8 }
            )
          )
          yield* served.kill(role)
          yield* served.start(role)
          const answered = yield* Fiber.join(asking)
          expect(answered.filter((each) => each).length).toBe(40)
        })
      )
  })
})
