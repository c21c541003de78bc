/** The audit of trials in which the clouds deal, and what the KGC still opens together with a cloud. */
import { describe, expect, layer } from "@effect/vitest"
import { Effect, Layer, Logger } from "effect"
import { layer as bcpPool } from "../../actors/party/bcp-pool.ts"
import { auditDealtRounds } from "../../protocol/audit/dealt-rounds.ts"
import { isDealing } from "../../protocol/audit/recording.ts"
import { splits, writeScenario } from "../support/small-scenario.ts"
import { audited, lineOf } from "../support/trial.ts"

const size = { rows: 24, epochs: 1 }
const dealing = (by: "kgc" | "clouds", changes: object = {}) => ({
  security: { modulusBits: 512, insecure: true, dealing: by, ...changes }
})

layer(Layer.merge(bcpPool(2), Logger.remove(Logger.defaultLogger)), { excludeTestServices: true })(
  "a trial in which the clouds deal",
  (it) => {
    describe("its audit", () => {
      it.scoped("finds nothing, and says how much of it was dealing", () =>
        Effect.gen(function* () {
          const { file } = yield* writeScenario(splits.blocks, dealing("clouds"))
          const { error, findings, pads, views, recording } = yield* audited(file, size)
          expect(error).toBeUndefined()
          expect([...findings, ...pads, ...auditDealtRounds(recording)].map(lineOf)).toEqual([])
          const { saw } = views.find(({ coalition }) => coalition === "cloud1")!
          expect(saw[0]!.what).toBe("rounds of dealing")
        })
      )

      it.scoped("follows lanes, and a cloud that is killed and begins to deal again", () =>
        Effect.gen(function* () {
          const { file } = yield* writeScenario(splits.columns, {
            ...dealing("clouds", { upload: "hybrid", output: "hybrid" }),
            placement: { lanes: 2 }
          })
          let killed = false
          const { error, findings, pads, recording } = yield* audited(file, size, {
            kills: ({ process, kind, tag, number }) => {
              if (killed || process !== "cloud1" || kind !== "round" || tag !== "train") return false
              killed = number > 2
              return killed
            }
          })
          expect(error).toBeUndefined()
          const phases = recording.seen
            .get("cloud0")!
            .flatMap(({ kind, tag }) => (kind === "round" ? tag : []))
          expect(new Set(phases.filter(isDealing)).size).toBe(2)
          expect([...findings, ...pads, ...auditDealtRounds(recording)].map(lineOf)).toEqual([])
        })
      )
    })
  }
)
