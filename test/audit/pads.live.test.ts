/** A cloud that is killed while it trains opens nothing else under the pads that it has used. */
import { expect, layer } from "@effect/vitest"
import { Effect, Layer, Logger } from "effect"
import { layer as bcpPool } from "../../actors/party/bcp-pool.ts"
import { splits, writeScenario } from "../support/small-scenario.ts"
import { audited, lineOf } from "../support/trial.ts"

layer(Layer.merge(bcpPool(2), Logger.remove(Logger.defaultLogger)), { excludeTestServices: true })(
  "the pads of a trial",
  (it) => {
    it.scoped("cover the same again when a cloud was killed", () =>
      Effect.gen(function* () {
        const { file } = yield* writeScenario(splits.columns)
        let killed = false
        const kills = ({ process, kind, number }: { process: string; kind: string; number: number }) => {
          if (killed || process !== "cloud1" || kind !== "round" || number < 20) return false
          killed = true
          return true
        }
        const { error, pads, recording } = yield* audited(file, { rows: 24, epochs: 1 }, { kills })
        expect(error).toBeUndefined()
        const phases = new Set(
          recording.seen.get("cloud0")!.flatMap((seen) => (seen.kind === "round" ? seen.tag : []))
        )
        expect([...phases]).toEqual(["train", "train.2"])
        expect(pads.map(lineOf)).toEqual([])
      })
    )
  }
)
