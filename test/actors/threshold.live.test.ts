/**
 * Runs of which fewer than all users decrypt the model: they end without users that lost what they had
 * stored, and name those that are missing where too few are left.
 */
import { describe, expect, layer } from "@effect/vitest"
import { Deferred, Effect, Either, Exit, Layer, Logger, Option, Scope } from "effect"
import type { RunOutcome } from "../../actors/director.ts"
import { BcpPool, layer as bcpPool } from "../../actors/party/bcp-pool.ts"
import { modelEntry } from "../../actors/users/output.ts"
import { fromBytes, toBytes } from "../../protocol/bcp/integers.ts"
import type { Parameters } from "../../protocol/bcp/parameters.ts"
import { elementBytes } from "../../protocol/bcp/wire.ts"
import { Finish, OpenModel, RollCall, Transform } from "../../protocol/messages/control.ts"
import { Enrolment } from "../../protocol/messages/enrolment.ts"
import type { JobInput, JobName } from "../../protocol/sharing/work.ts"
import { within } from "../../scenarios/run/run-result.ts"
import { company, type Wired } from "../support/company.ts"
import { read, runInMemory, splits, writeScenario } from "../support/small-scenario.ts"

const width = elementBytes({ bits: 512 })

/** So many of three users decrypt. Nobody is waited for in vain: who is gone says so. */
const ofThree = (threshold?: number, security: object = {}) => ({
  seed: 5,
  training: { epochs: 1, batch: 8, rate: 0.25 },
  security: { modulusBits: 512, insecure: true, ...security },
  ...(threshold === undefined ? {} : { decryption: { threshold } })
})

/**
 * The pool of a user that adds something to a weight by the first of its partial decryptions, before it
 * proves them.
 */
const cheating = (pool: BcpPool["Type"]): BcpPool["Type"] => ({
  run: <K extends JobName>(job: K, input: JobInput<K>) =>
    Effect.map(pool.run(job, input), (output) => {
      if (job === "partialDecrypt") {
        const { partials } = output as { readonly partials: Uint8Array }
        const { N, N2 } = (input as { readonly parameters: Parameters }).parameters
        const planted = (fromBytes(partials.slice(0, width)) * (1n + 7n * N)) % N2
        partials.set(toBytes(planted, width))
      }
      return output
    })
})

interface Company {
  readonly changes: object
  /** Users whose process dies after the upload, and comes back without what it had stored. */
  readonly losing?: ReadonlyArray<string>
  readonly planting?: ReadonlyArray<string>
}

/** A run among three users: how it ends, the model of each, and what was said. */
const run = ({ changes, losing = [], planting = [] }: Company) =>
  Effect.gen(function* () {
    const { file } = yield* writeScenario(splits.rows, changes)
    const uploaded = yield* Deferred.make<void>()
    let lost = losing.length === 0
    const said: Array<Wired> = []
    const { agreement, directed, start, startAll } = yield* company(file, {
      tap: (message) => {
        const { kind, tag } = message
        said.push(message)
        if (kind === "ask" && tag === Transform.tag) Deferred.unsafeDone(uploaded, Effect.void)
        // It arrives when it is repeated: the users' processes have died by then.
        return kind === "ask" && tag === RollCall.tag && !lost ? "cut" : undefined
      }
    })
    const users = agreement.users.map(({ actor }) => actor)
    yield* startAll(...users)
    const pool = yield* BcpPool
    const lives = new Map<string, Scope.CloseableScope>()
    const begin = (user: string) =>
      Effect.gen(function* () {
        const scope = yield* Effect.acquireRelease(Scope.make(), (made) => Scope.close(made, Exit.void))
        lives.set(user, scope)
        const otherwise = planting.includes(user) ? { pool: cheating(pool) } : {}
        return yield* Scope.extend(start(user, otherwise), scope)
      })
    const stores = new Map<string, Effect.Effect.Success<ReturnType<typeof begin>>>()
    for (const user of users) stores.set(user, yield* begin(user))
    yield* Effect.forkScoped(
      Effect.gen(function* () {
        yield* Deferred.await(uploaded)
        for (const user of losing) {
          yield* Scope.close(lives.get(user)!, Exit.void)
          stores.set(user, yield* begin(user))
        }
        lost = true
      })
    )
    const outcome = yield* Effect.either(directed)
    const models = yield* Effect.forEach(users, (user) =>
      Effect.map(stores.get(user)!.store.get(modelEntry), (stored) =>
        Option.map(stored, (bytes) => Buffer.from(bytes).toString())
      )
    )
    return { outcome, models, said }
  })

/** The run of which all users decrypt the model, carried out once. */
let ofAll: Effect.Effect.Success<ReturnType<typeof run>> | undefined
const byAll = Effect.gen(function* () {
  ofAll ??= yield* run({ changes: ofThree() })
  return ofAll
})

const succeeded = (outcome: Either.Either<RunOutcome, unknown>) => Either.getOrThrow(outcome)
const failed = (outcome: Either.Either<unknown, unknown>) => Option.getOrThrow(Either.getLeft(outcome))

layer(Layer.merge(bcpPool(2), Logger.remove(Logger.defaultLogger)), { excludeTestServices: true })(
  "threshold",
  (it) => {
    describe("two of three users", () => {
      it.scoped("open the very model that all three do, with what one had stored gone", () =>
        Effect.gen(function* () {
          const all = yield* byAll
          // The first user drew the salt, and tests where it is there.
          const two = yield* run({ changes: ofThree(2), losing: ["user1"] })
          const { kept, openers, tested } = succeeded(two.outcome)
          expect(openers).toEqual({
            threshold: 2,
            opened: ["user2", "user3"],
            absent: [{ user: "user1", reason: "it is there without what it had stored" }],
            rejected: []
          })
          expect(two.models).toEqual([Option.none(), all.models[1], all.models[2]])
          expect(Option.isSome(two.models[1]!)).toBe(true)
          // The rows of the two are tested, and by one of them.
          expect(tested?.total).toBeGreaterThan(0)
          expect(tested?.total).toBeLessThan(succeeded(all.outcome).tested!.total)
          expect(kept).toMatchObject({
            user1: { kept: [], sealed: ["what it had stored: it was absent and has erased nothing"] },
            user2: {
              kept: ["the model"],
              sealed: ["its secret key and its share of the joint key", "its held-out cells"]
            }
          })
        })
      )

      it.scoped("are named where one of them is missing too, and how to get on", () =>
        Effect.gen(function* () {
          const { models, outcome } = yield* run({ changes: ofThree(2), losing: ["user1", "user2"] })
          const error = failed(outcome) as Error
          expect(error).toMatchObject({ _tag: "TooFewUsers", retryable: true })
          expect(error.message).toMatch(
            /^it takes 2 users to decrypt the model; there: west; missing: north \(it is there without what it had stored\), south \(.*\)\. Start the processes/
          )
          expect(models.every(Option.isNone)).toBe(true)
        })
      )

      it.scoped("open it without what a third has planted, which is named", () =>
        Effect.gen(function* () {
          const all = yield* byAll
          const { models, outcome } = yield* run({ changes: ofThree(2), planting: ["user3"] })
          expect(succeeded(outcome).openers).toMatchObject({ rejected: ["user3"], absent: [] })
          expect(models).toEqual(all.models)
        })
      )

      it.scoped("do not, where one of them has planted it", () =>
        Effect.gen(function* () {
          const { models, outcome, said } = yield* run({
            changes: ofThree(2),
            losing: ["user1"],
            planting: ["user3"]
          })
          expect(Either.isLeft(outcome)).toBe(true)
          // The director hears of the first that fails, and that may be the user that cheated.
          const failures = said.filter(({ from, kind }) => kind === "failure" && from === "user2")
          expect(failures.map(({ body }) => Buffer.from(body).toString("latin1"))).toContainEqual(
            expect.stringMatching(/PartialsRejected.*by west were rejected: its proof does not hold/s)
          )
          expect(models[1]).toEqual(Option.none())
        })
      )
    })

    describe("forms and exponents", () => {
      for (const [form, exponents] of [
        ["packed", "full"],
        ["hybrid", "short"]
      ] as const)
        it.scoped(`${form} with ${exponents} exponents: the same model, and traffic as predicted`, () =>
          Effect.gen(function* () {
            const security = { exponents, output: form, upload: form }
            const { file, out } = yield* writeScenario(splits.rows, ofThree(2, security))
            const result = yield* runInMemory(file, out)
            expect(result.openers?.absent).toEqual([])
            expect(within(result.bytes, 0.05)).toBe(true)
            expect(Option.some(yield* read(out, "model.json"))).toEqual((yield* byAll).models[0])
          })
        )
    })

    it.scoped("a threshold of all users is none: the same messages as without one", () =>
      Effect.gen(function* () {
        const runs = yield* Effect.forEach([undefined, 3], (threshold) =>
          run({ changes: ofThree(threshold) })
        )
        const [without, withAll] = runs.map(({ outcome, said }) => {
          expect(succeeded(outcome).openers).toBeUndefined()
          const agreed = said.filter(
            ({ kind, tag }) => kind === "ask" && ["Begin", "OpenModel"].includes(tag)
          )
          const enrolments = said.filter(({ kind, tag }) => kind === "reply" && tag === Enrolment.tag)
          for (const { body } of enrolments)
            expect(Either.getOrThrow(Enrolment.reply.decode(body)).published).not.toHaveProperty("shared")
          for (const { body } of said.filter(({ kind, tag }) => kind === "ask" && tag === OpenModel.tag))
            expect(body).toEqual(Either.getOrThrow(Finish.payload.encode({})))
          expect(said.filter(({ tag }) => tag === RollCall.tag)).toEqual([])
          return [
            ...new Set(agreed.map(({ tag, body }) => `${tag} ${Buffer.from(body).toString("hex")}`))
          ].sort()
        })
        expect(withAll).toEqual(without)
      })
    )
  }
)
