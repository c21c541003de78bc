/**
 * A6: a user multiplies one of its partial decryptions by (1 + N)^−δ and so adds δ to a weight of its choice in the others'
 * copies of the model. Before partial decryptions were proved, nobody noticed.
 */
import { describe, expect, layer } from "@effect/vitest"
import { Effect, Either, Layer, Logger, Option } from "effect"
import { BcpPool, layer as bcpPool } from "../../actors/party/bcp-pool.ts"
import { modelEntry } from "../../actors/users/output.ts"
import { fromBytes, toBytes } from "../../protocol/bcp/integers.ts"
import { outputSlotBits } from "../../protocol/bcp/packing.ts"
import type { Parameters } from "../../protocol/bcp/parameters.ts"
import { elementBytes } from "../../protocol/bcp/wire.ts"
import { FetchModel } from "../../protocol/messages/output.ts"
import type { JobInput, JobName } from "../../protocol/sharing/work.ts"
import { company, type Tap } from "../support/company.ts"
import { splits, writeScenario } from "../support/small-scenario.ts"

const width = elementBytes({ bits: 512 })

const scenario = {
  seed: 5,
  training: { epochs: 1, batch: 8, rate: 0.25 },
  security: { modulusBits: 512, insecure: true, fractionalBits: 20 }
}

type Change = (power: bigint, parameters: Parameters) => bigint

/** Adds 7 to the second weight. */
const planted: Change = (power, { N, N2 }) => {
  const delta = (7n << 20n) << BigInt(outputSlotBits)
  return (power * (1n + (N - delta) * N)) % N2
}
const otherSign: Change = (power, { N2 }) => N2 - power

/** The pool of a user that changes the first of its partial decryptions before it proves them. */
const cheating = (pool: BcpPool["Type"], change: Change): BcpPool["Type"] => ({
  run: <K extends JobName>(job: K, input: JobInput<K>) =>
    Effect.map(pool.run(job, input), (output) => {
      if (job === "partialDecrypt") {
        const { partials } = output as { readonly partials: Uint8Array }
        const { parameters } = input as { readonly parameters: Parameters }
        partials.set(toBytes(change(fromBytes(partials.slice(0, width)), parameters), width))
      }
      return output
    })
})

/** A run of which one user cheats, and the models that the others have then. */
const run = ({ change, tap }: { readonly change?: Change; readonly tap?: Tap }) =>
  Effect.gen(function* () {
    const { file } = yield* writeScenario(splits.rows, scenario)
    const { directed, start, startAll } = yield* company(file, tap === undefined ? {} : { tap })
    const stores = yield* startAll("user3")
    const pool = yield* BcpPool
    yield* start("user3", change === undefined ? {} : { pool: cheating(pool, change) })
    const outcome = yield* Effect.either(directed)
    const models = yield* Effect.forEach(["user1", "user2"], (user) =>
      Effect.map(stores.get(user)!.store.get(modelEntry), (stored) =>
        Option.map(stored, (bytes) => Buffer.from(bytes).toString())
      )
    )
    return { outcome, models }
  })

const failure = (outcome: Either.Either<unknown, unknown>) => Option.getOrThrow(Either.getLeft(outcome))

layer(Layer.merge(bcpPool(2), Logger.remove(Logger.defaultLogger)), { excludeTestServices: true })(
  "A6",
  (it) => {
    describe("a user's partial decryptions", () => {
      it.scoped("are refused where they plant a weight, and the user is named", () =>
        Effect.gen(function* () {
          const { outcome, models } = yield* run({ change: planted })
          expect(failure(outcome)).toMatchObject({
            request: "OpenModel",
            error: {
              _tag: "PartialsRejected",
              message: expect.stringMatching(/by west were rejected: its proof does not hold/),
              retryable: false
            }
          })
          expect(models).toEqual([Option.none(), Option.none()])
        })
      )

      it.scoped("open the very same model with the other sign", () =>
        Effect.gen(function* () {
          const honest = yield* run({})
          const turned = yield* run({ change: otherSign })
          expect(Either.isRight(turned.outcome)).toBe(true)
          expect(turned.models).toEqual(honest.models)
          expect(turned.models.every(Option.isSome)).toBe(true)
        })
      )
    })

    it.scoped("two models that C1 hands out under the same first components are found out", () =>
      Effect.gen(function* () {
        const { outcome } = yield* run({
          tap: ({ body, kind, tag, to }) => {
            if (tag !== FetchModel.tag || kind !== "reply" || to !== "user1") return undefined
            const { ciphertexts } = Either.getOrThrow(FetchModel.reply.decode(body))
            const second = ciphertexts.slice()
            second[2 * width - 1]! ^= 1
            return Either.getOrThrow(FetchModel.reply.encode({ ciphertexts: second }))
          }
        })
        expect(failure(outcome)).toMatchObject({
          error: {
            _tag: "PartialsRejected",
            message: expect.stringContaining("cloud1 has handed it another encrypted model")
          }
        })
      })
    )
  }
)
