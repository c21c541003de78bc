/**
 * Steps that are dealt ahead by `bicameral deal`, as processes over NATS in lanes: both clouds are killed while they deal and one
 * while they train with what is stored, and the model is that of an undisturbed run in which the KGC deals beside the training.
 */
import { readdirSync, rmSync, watch } from "node:fs"
import { join } from "node:path"
import { layer as nodeContext } from "@effect/platform-node/NodeContext"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import type { ProcessControl } from "../../../scenarios/faults-injected/process-control.ts"
import { dealScenario } from "../../../scenarios/run/deal.ts"
import { resumeRun } from "../../../scenarios/run/run.ts"
import { killing } from "../../support/killing.ts"
import {
  ending,
  read,
  runInMemory,
  smallScenario,
  splits,
  writeScenario
} from "../../support/small-scenario.ts"
import { full } from "../../support/sweep.ts"

/** A part of it in the sweep, and all of it in the full one. */
const [epochs, lanes] = full ? [22, 2] : [12, 1]

const seeded = {
  ...{ seed: 5, validation: 0.2, reveal: ["progress", "curve"] },
  training: { epochs, batch: 8, rate: 0.25 },
  expect: { maxWeightDeviation: 0 }
}

/** Kills each of these processes as soon as cloud 1 has stored something more. */
const killingAsItDeals = (out: string, victims: Array<string>) => {
  let control: ProcessControl | undefined
  const watcher = watch(join(out, ".."), { recursive: true }, (_, name) => {
    const [victim] = victims
    if (victim !== undefined && name?.includes("cloud1/dealt-") && control?.signal(victim, "SIGKILL"))
      victims.shift()
  })
  const onUp = (given: ProcessControl) => {
    control = given
  }
  return { onUp, ended: Effect.sync(() => watcher.close()) }
}

describe("deal", () => {
  it.scopedLive("deals all steps through kills, and resume trains with them", () =>
    Effect.gen(function* () {
      const beside = yield* writeScenario(splits.rows, seeded)
      yield* runInMemory(beside.file, beside.out)
      const refused = { ...beside, seed: Option.none<number>(), display: killing([]).display }
      expect(yield* ending(Effect.provide(dealScenario(refused), nodeContext))).toContain(
        "security.dealing is kgc, and the KGC deals beside the training"
      )
      for (const dealing of full ? ["clouds", "kgc-ahead"] : ["clouds"]) {
        const security = { ...smallScenario(splits.rows).security, dealing }
        const { file, out } = yield* writeScenario(splits.rows, {
          ...seeded,
          security,
          placement: { lanes }
        })
        const stored = () =>
          readdirSync(join(out, "parties", "cloud1")).filter((name) => name.startsWith("dealt-")).length
        const victims = ["cloud1", "cloud0"]
        const { onUp, ended } = killingAsItDeals(out, victims)
        const notes: Array<string> = []
        const { display } = killing([])
        const dealt = {
          file,
          out,
          seed: Option.none(),
          display: { ...display, note: notes.push.bind(notes) }
        }
        yield* dealScenario({ ...dealt, onUp }).pipe(Effect.provide(nodeContext), Effect.ensuring(ended))
        expect(victims, dealing).toEqual([])
        expect(notes[0]).toContain("cloud 1 stores")
        // Each epoch has a stretch of steps and one of an evaluation.
        expect(stored()).toBe(2 * epochs)
        rmSync(join(out, "parties", "kgc", "stable"), { recursive: true, force: true })
        const disturbing = killing([[10, "cloud1"]])
        const resumed = resumeRun({ out, ...disturbing }).pipe(Effect.provide(nodeContext))
        const { result } = yield* resumed
        expect(disturbing.lives).toContain("cloud1 Died")
        expect(result.maxWeightDeviation).toBe(0)
        expect(yield* read(out, "model.json")).toBe(yield* read(beside.out, "model.json"))
        expect(stored()).toBe(0)
        // Nothing was dealt in the training: clouds that are started again count anew, and a KGC that has left is counted once.
        const [dealers, most] =
          dealing === "clouds" ? ["cloud 0 and cloud 1", 0.5] : (["KGC and clouds", 1.5] as const)
        const { measured, predicted } = result.bytes.byLink!.find(({ link }) => link === dealers)!
        expect(measured, dealers).toBeLessThan(most * predicted)
      }
    })
  )
})
