/** The kill table of a served model over a broker: each of its processes is killed while askers and users have 100 requests under way. */
import { join } from "node:path"
import { layer as nodeContext } from "@effect/platform-node/NodeContext"
import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Either, Layer, Option } from "effect"
import { makeAsker } from "../../../actors/askers/asker.ts"
import { servedPlan } from "../../../actors/party/agreement.ts"
import { fixedScores } from "../../../protocol/computation/predicting.ts"
import { outputs } from "../../../protocol/learning/network.ts"
import { maxAskers } from "../../../protocol/messages/subjects.ts"
import { Ring } from "../../../protocol/ring/ring.ts"
import { readModel } from "../../../scenarios/model/model-file.ts"
import { runScenario } from "../../../scenarios/run/run.ts"
import { serveRun } from "../../../scenarios/run/serve.ts"
import { patienceMs } from "../../support/patience.ts"
import { silent, splits, writeScenario } from "../../support/small-scenario.ts"
import { full, randomOf, seed, slice } from "../../support/sweep.ts"

const cases = ["cloud1", "kgc", "cloud0", "broker"].map((name) => ({ name }))
const requests = 100
/** Requests of one batch or so are answered before the kill, and most are under way. */
const answeredBefore = 10
/** Units of the last place by which the truncations of the clouds may differ from those of the opened model. */
const mostUnits = 32

const askerNames = [
  ...Array.from({ length: maxAskers }, (_, k) => `asker${k + 1}`),
  ...["user1", "user2", "user3"]
]

/** A served model whose opened twin says what is right. */
const served = Effect.fn(function* (dealing: string) {
  const training = { epochs: 2, batch: 8, rate: 0.25 }
  const security = { modulusBits: 512, insecure: true, dealing }
  const { file, out } = yield* writeScenario(splits.rows, { model: "both", training, security })
  yield* runScenario({ file, out, transport: "nats", seed: Option.none(), display: silent })
  const { model } = yield* readModel(join(out, "model.json"))
  const ring = yield* Effect.promise(() => Ring.load())
  const admitted = askerNames
    .filter((name) => name.startsWith("asker"))
    .map((actor) => ({ actor, rows: 100_000 }))
  const serving = yield* serveRun({ out, askers: admitted, display: silent })
  const { fractionalBits, network } = servedPlan(serving.agreement)
  const shape = { inputs: network.inputs, outputs: outputs(network), fractionalBits }
  const askers = yield* Effect.forEach(askerNames, (name) =>
    Effect.gen(function* () {
      const place = yield* Layer.build(yield* serving.asker(name))
      return yield* Effect.provide(makeAsker({ ...shape, deadlineMs: patienceMs }), place)
    })
  )
  const draw = randomOf(seed)
  const features = () =>
    Float64Array.from({ length: (1 + draw.below(4)) * network.inputs }, () => 2 * draw.next() - 1)
  const expected = (rows: Float64Array) => fixedScores(ring, model, rows)
  return { askers, control: serving.control, expected, features, unit: 2 ** -fractionalBits }
})

describe("a served model", () => {
  const dealt = full ? ["kgc", "clouds"] : ["clouds"]
  it.scopedLive.each(dealt)(
    "answers 100 requests at a time when any of its processes is killed, dealing: %s",
    (dealing) =>
      Effect.gen(function* () {
        const { askers, control, expected, features, unit } = yield* served(dealing)
        const expectRight = (rows: Float64Array, found: Float64Array) => {
          const right = expected(rows)
          expect(found.length).toBe(right.length)
          for (const [i, value] of found.entries())
            expect(Math.abs(value - right[i]!)).toBeLessThanOrEqual(mostUnits * unit)
        }
        for (const { name } of slice(cases, 1)) {
          if (name === "kgc" && dealing === "clouds") continue
          let [answered, right] = [0, 0]
          const some = yield* Deferred.make<void>()
          const ask = (i: number) =>
            Effect.gen(function* () {
              const rows = features()
              const found = yield* Effect.either(askers[i % askers.length]!.predict(rows))
              if (++answered === answeredBefore) yield* Deferred.succeed(some, undefined)
              if (Either.isRight(found)) {
                expectRight(rows, found.right)
                right += 1
              } else expect(found.left, name).toMatchObject({ _tag: "TryAgain", retryable: true })
            })
          // Each of the hundred asks three times, so that they are under way before, during and after.
          const thrice = (i: number) => Effect.repeatN(ask(i), 2)
          const all = Array.from({ length: requests }, (_, i) => i)
          const asking = yield* Effect.fork(Effect.forEach(all, thrice, { concurrency: "unbounded" }))
          yield* Deferred.await(some)
          expect(control.signal(name, "SIGKILL"), name).toBe(true)
          yield* asking
          expect(answered, name).toBe(3 * requests)
          // An asker that is told to ask again may; most need not.
          expect(right, name).toBeGreaterThan(answered / 2)
          for (const { predict } of askers) {
            const rows = features()
            expectRight(rows, yield* predict(rows))
          }
        }
      }).pipe(Effect.provide(nodeContext))
  )
})
