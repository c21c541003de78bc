/** A run over NATS without a seed whose parties are killed, and the reference that follows from what they drew. */
import { copyFileSync, mkdirSync } from "node:fs"
import { join } from "node:path"
import { layer as nodeContext } from "@effect/platform-node/NodeContext"
import { expect } from "@effect/vitest"
import { Effect, Option, Redacted } from "effect"
import { computationName, planOf } from "../../../actors/party/agreement.ts"
import { partyRoot } from "../../../actors/party/root.ts"
import { digestIds } from "../../../protocol/data/rows.ts"
import type { Model } from "../../../protocol/learning/model.ts"
import { batchOrder } from "../../../protocol/learning/order.ts"
import { stable } from "../../../runtime/storage/store.ts"
import { agreementOf } from "../../../scenarios/description/agreement.ts"
import { checkData, joinData } from "../../../scenarios/description/joined.ts"
import { loadScenario } from "../../../scenarios/description/load.ts"
import { maximumDeviation, trainFixedReference } from "../../../scenarios/reference/reference.ts"
import type { RunDisplay } from "../../../scenarios/report/result.ts"
import { runScenario } from "../../../scenarios/run/run.ts"
import { disturbedRun, read, splits, writeScenario } from "../../support/small-scenario.ts"
import { type Kills, killing } from "./recovery-table.ts"

const kills: Kills = [
  ["setup", "kgc"],
  ["upload", "user1"],
  ["transform", "cloud0"],
  ["train", "cloud1"],
  ["output", "cloud0"]
]

/** Demands of such a run the model that the fixed-point reference comes to with what the parties drew before they were killed. */
export const survivesUnseeded = Effect.gen(function* () {
  const { seed: _, expect: __, ...unseeded } = disturbedRun
  const { file, out } = yield* writeScenario(splits.rows, unseeded)
  const { display, done, onUp } = killing(kills)
  const options = { file, out, transport: "nats", seed: Option.none() } as const
  const phase: RunDisplay["phase"] = (begun) => {
    if (begun === "output") copyRoots(out)
    display.phase(begun)
  }
  const result = yield* runScenario({ ...options, display: { ...display, phase }, onUp }).pipe(
    Effect.provide(nodeContext)
  )
  expect(done.length).toBe(kills.length)
  expect(result.maxWeightDeviation).toBe(null)
  const models = yield* Effect.forEach(["user1", "user2", "user3"], (user) =>
    read(out, "parties", user, "model.json")
  )
  expect(new Set(models).size).toBe(1)
  const model = JSON.parse(models[0]!) as Model
  expect(maximumDeviation(model, yield* replayed(file, out))).toBe(0)
})

/** Copies what the parties' draws follow from, and the keys that it is under, before they are erased. */
const copyRoots = (out: string) => {
  for (const party of drawing) {
    const [from, to] = [join(out, "parties", party, "stable"), join(out, "before", party, "stable")]
    mkdirSync(to, { recursive: true })
    for (const entry of ["key-check", "agreement", "root"]) copyFileSync(join(from, entry), join(to, entry))
  }
  copyFileSync(join(out, "credentials.json"), join(out, "before", "credentials.json"))
}
const drawing = ["kgc", "cloud0", "cloud1", "user1"]

/** What the fixed-point reference comes to with what the parties of a run without a seed drew: it is in their stable storage. */
const replayed = (file: string, out: string) =>
  Effect.gen(function* () {
    const loaded = yield* loadScenario(file)
    const agreement = agreementOf(loaded.scenario, undefined)
    const { run } = JSON.parse(yield* read(out, "run.json"))
    const { stateKeys } = JSON.parse(yield* read(out, "before", "credentials.json"))
    const rootOf = (party: string) => {
      const owner = { party, run, secret: Redacted.make<string>(stateKeys[party]) }
      return Effect.provide(partyRoot(agreement), stable(join(out, "before", party), owner))
    }
    const [kgc, cloud0, cloud1] = [yield* rootOf("kgc"), yield* rootOf("cloud0"), yield* rootOf("cloud1")]
    const salt = (yield* rootOf("user1"))("salt")
    const joined = joinData(loaded.scenario, yield* checkData(loaded), (ids) => digestIds(salt, ids))
    const plan = planOf(agreement, joined.rows.training)
    const trained = yield* Effect.promise(() =>
      trainFixedReference({
        data: joined.prepared,
        plan,
        training: joined.training(),
        order: batchOrder(plan, kgc("order")),
        initialKeys: [cloud0("weights"), cloud1("weights")],
        replay: { run: computationName(agreement, run), keys: [kgc("dealer0"), kgc("dealer1")] }
      })
    )
    return trained.model
  }).pipe(Effect.provide(nodeContext))
