/** Models that runs leave to be served: what stays, what is refused, and what askers get over NATS. Kills are in `kills.sweep.ts`. */
import { existsSync } from "node:fs"
import { join } from "node:path"
import { layer as nodeContext } from "@effect/platform-node/NodeContext"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Either, Layer, Option } from "effect"
import { type Asker, makeAsker } from "../../../actors/askers/asker.ts"
import { servedPlan } from "../../../actors/party/agreement.ts"
import { preparationEntry } from "../../../actors/users/output.ts"
import { fixedScores } from "../../../protocol/computation/predicting.ts"
import type { Model } from "../../../protocol/learning/model.ts"
import { outputs } from "../../../protocol/learning/network.ts"
import { Ring } from "../../../protocol/ring/ring.ts"
import { partiesEntry } from "../../../scenarios/folders/out-folder.ts"
import { runScenario } from "../../../scenarios/run/run.ts"
import { type Serving, serveRun } from "../../../scenarios/run/serve.ts"
import { patienceMs } from "../../support/patience.ts"
import { ending, read, runInMemory, silent, splits, writeScenario } from "../../support/small-scenario.ts"

const serve = (out: string) =>
  serveRun({ out, askers: [{ actor: "asker1", rows: 10_000 }], display: silent }).pipe(
    Effect.provide(nodeContext)
  )

const askerOf = (serving: Serving, actor: string) =>
  Effect.gen(function* () {
    const { fractionalBits, network } = servedPlan(serving.agreement)
    const of = { inputs: network.inputs, outputs: outputs(network), fractionalBits, deadlineMs: patienceMs }
    return yield* Effect.provide(makeAsker(of), yield* Layer.build(yield* serving.asker(actor)))
  })

describe("a model that is served", () => {
  it.scopedLive("answers over NATS what the opened model says, to who is admitted", () =>
    Effect.gen(function* () {
      const { file, out } = yield* writeScenario(splits.rows, { model: "both" })
      yield* runScenario({ file, out, transport: "nats", seed: Option.none(), display: silent }).pipe(
        Effect.provide(nodeContext)
      )
      const model = JSON.parse(yield* read(out, "model.json")) as Model
      const preparation = JSON.parse(yield* read(out, partiesEntry, "user1", preparationEntry))
      expect(preparation).toEqual({
        ...{ format: "bicameral preparation", version: 4, data: model.data, network: model.network },
        ...{ loss: model.loss, fractionalBits: model.fractionalBits }
      })
      const ring = yield* Effect.promise(() => Ring.load())
      const serving = yield* serve(out)
      const asks = (asker: Asker, i: number) =>
        Effect.gen(function* () {
          const features = Float64Array.from(
            { length: 4 * (1 + (i % 4)) },
            (_, k) => ((7 * k + 3 * i) % 20) / 10 - 1
          )
          const found = yield* Effect.either(asker.predict(features))
          if (Either.isLeft(found)) return `${found.left._tag}: ${found.left.message}`
          const expected = fixedScores(ring, model, features)
          const most = Math.max(...found.right.map((value, k) => Math.abs(value - expected[k]!)))
          return most < 2 ** -15 ? "right" : `${most} off`
        })
      for (const name of ["asker1", "user2"])
        expect(yield* asks(yield* askerOf(serving, name), 1)).toBe("right")
      const refused = yield* asks(yield* askerOf(serving, "asker2"), 0)
      expect(refused).toMatch(/^ServiceRefused: .*asker2 is not admitted; have all users of the run sign/)
    })
  )

  it.scopedLive("is opened by nobody where it is to be served alone, and what needs it is refused", () =>
    Effect.gen(function* () {
      const unrevealed = { reveal: ["progress"], model: "served" }
      const { file, out } = yield* writeScenario(splits.rows, unrevealed)
      const result = yield* runInMemory(file, out)
      expect(result).toMatchObject({
        accuracy: null,
        reasons: { maxWeightDeviation: "nobody opens the model: the clouds serve it" }
      })
      expect(existsSync(join(out, "model.json"))).toBe(false)
      expect(result.kept).toMatchObject({ user1: ["how rows are prepared for it"] })
      expect(yield* ending(serve(out))).toContain("no run over NATS was begun there")
      const tested = yield* writeScenario(splits.rows, { model: "served" })
      expect(yield* ending(runInMemory(tested.file, tested.out))).toContain(
        "accuracy can't be found of a model that nobody opens; take it out, or set model to both"
      )
    })
  )
})
