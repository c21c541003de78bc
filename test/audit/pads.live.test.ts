/** Every byte that the clouds receive in a trial is under a pad of its own, in every form, in lanes, and after a cloud was killed. */
import { expect, layer } from "@effect/vitest"
import { Effect, Layer, Logger } from "effect"
import { layer as bcpPool } from "../../actors/party/bcp-pool.ts"
import { auditPads } from "../../protocol/audit/audit-pads.ts"
import { splits, writeScenario } from "../support/small-scenario.ts"
import { audited, lineOf } from "../support/trial.ts"

const size = { rows: 24, epochs: 1 }

layer(Layer.merge(bcpPool(2), Logger.remove(Logger.defaultLogger)), { excludeTestServices: true })(
  "the pads of a trial",
  (it) => {
    it.scoped("cover everything once in the packed forms", () =>
      Effect.gen(function* () {
        const { file } = yield* writeScenario(splits.blocks)
        const { recording } = yield* audited(file, size)
        expect((yield* auditPads(recording)).map(lineOf)).toEqual([])
      })
    )

    it.scoped("cover everything once in the hybrid forms, in lanes and with workers", () =>
      Effect.gen(function* () {
        const { file } = yield* writeScenario(splits.rows, {
          security: { modulusBits: 512, insecure: true, upload: "hybrid", output: "hybrid" },
          placement: { lanes: 2, workers: { kgc: 1, cloud0: 1, cloud1: 1 } }
        })
        const { recording } = yield* audited(file, size)
        expect((yield* auditPads(recording)).map(lineOf)).toEqual([])
      })
    )
  }
)
