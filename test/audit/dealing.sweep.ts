/** The audit of trials in which the clouds deal, and what the KGC still opens together with a cloud. */
import { expect, layer } from "@effect/vitest"
import { Effect, Layer, Logger } from "effect"
import { layer as bcpPool } from "../../actors/party/bcp-pool.ts"
import { auditDealtRounds } from "../../protocol/audit/dealt-rounds.ts"
import { isDealing, type Recording, type Seen } from "../../protocol/audit/recording.ts"
import { auditCoalition, Truth } from "../../protocol/audit/taint.ts"
import { splits, writeScenario } from "../support/small-scenario.ts"
import { audited, lineOf } from "../support/trial.ts"

const size = { rows: 24, epochs: 1 }
const dealing = (by: "kgc" | "clouds", changes: object = {}) => ({
  security: { modulusBits: 512, insecure: true, dealing: by, ...changes }
})

type Recorded = Effect.Effect.Success<ReturnType<typeof audited>>

const expectNothing = ({ error, findings, pads, recording }: Recorded) => {
  expect(error).toBeUndefined()
  expect([...findings, ...pads, ...auditDealtRounds(recording)].map(lineOf)).toEqual([])
}

/** What the KGC and a cloud find together, in all that they saw, or in the rounds of the cloud alone. */
const foundWith = (recording: Recording, cloud: string, rounds: boolean) => {
  const kept = ({ process, kind }: Seen) => !rounds || process === "kgc" || kind === "round"
  const seen = new Map([...recording.seen].map(([process, messages]) => [process, messages.filter(kept)]))
  const coalition = { kind: "kgc", name: `kgc with ${cloud}`, members: ["kgc", cloud] } as const
  return auditCoalition(new Truth({ ...recording, seen }), coalition).map(lineOf)
}

const cells = (cloud: string, from: string) =>
  expect.stringMatching(new RegExp(`^kgc with ${cloud}: cells to train on of user1; in ${from}`))

/** Nothing in the training and the dealing; in what cloud 1 keeps all, as in the paper: it is under keys that the KGC has. */
const expectKgcOpens = ({ recording }: Recorded) => {
  expect(recording.held.get("kgc")!.secrets.has("dealer0")).toBe(false)
  for (const cloud of ["cloud0", "cloud1"]) expect(foundWith(recording, cloud, true)).toEqual([])
  expect(foundWith(recording, "cloud0", false)).toEqual([])
  const all = foundWith(recording, "cloud1", false)
  expect(all).toContainEqual(cells("cloud1", "UnifiedShare0 from cloud0"))
  expect(all).toContainEqual(
    expect.stringMatching(/the trained weights; in ModelShare from cloud0 to cloud1/)
  )
}

layer(Layer.merge(bcpPool(2), Logger.remove(Logger.defaultLogger)), { excludeTestServices: true })(
  "a trial in which the clouds deal",
  (it) => {
    it.scoped("has no finding, and the KGC opens nothing of the training with either cloud", () =>
      Effect.gen(function* () {
        const { file } = yield* writeScenario(splits.blocks, dealing("clouds"))
        const trial = yield* audited(file, size)
        expectNothing(trial)
        const { saw } = trial.views.find(({ coalition }) => coalition === "cloud1")!
        expect(saw[0]!.what).toBe("rounds of dealing")
        expect(trial.views.map(({ coalition }) => coalition)).toContain("kgc with cloud0")
        expectKgcOpens(trial)
      })
    )

    it.scoped("has none with lanes and a cloud that is killed and begins to deal again", () =>
      Effect.gen(function* () {
        const { file } = yield* writeScenario(splits.blocks, {
          ...dealing("clouds", { upload: "hybrid", output: "hybrid" }),
          placement: { lanes: 2 }
        })
        let killed = false
        const trial = yield* audited(file, size, {
          kills: ({ process, kind, tag, number }) => {
            if (killed || process !== "cloud1" || kind !== "round" || tag !== "train") return false
            killed = number > 2
            return killed
          }
        })
        const seen = trial.recording.seen.get("cloud0")!
        const phases = seen.flatMap(({ kind, tag }) => (kind === "round" ? tag : [])).filter(isDealing)
        expect(new Set(phases).size).toBe(2)
        expectNothing(trial)
        expectKgcOpens(trial)
      })
    )

    it.scoped("is unlike one in which the KGC deals: that opens the data in the training", () =>
      Effect.gen(function* () {
        const { file } = yield* writeScenario(splits.blocks, dealing("kgc"))
        const { recording, views } = yield* audited(file, size)
        expect(views.map(({ coalition }) => coalition)).not.toContain("kgc with cloud0")
        for (const [i, cloud] of ["cloud0", "cloud1"].entries())
          expect(foundWith(recording, cloud, true)).toContainEqual(
            cells(cloud, `a round of train from cloud${1 - i} to ${cloud}, unmasked`)
          )
      })
    )
  }
)
