/** A training from an archive over NATS, of which a party or the runner is killed in each phase: the model stays the same. */
import { join } from "node:path"
import { layer as nodeContext } from "@effect/platform-node/NodeContext"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer, Option } from "effect"
import { makeAsker } from "../../../actors/askers/asker.ts"
import { servedPlan } from "../../../actors/party/agreement.ts"
import { fixedScores } from "../../../protocol/computation/predicting.ts"
import type { Model } from "../../../protocol/learning/model.ts"
import { outputs } from "../../../protocol/learning/network.ts"
import { Ring } from "../../../protocol/ring/ring.ts"
import type { ProcessControl } from "../../../scenarios/faults-injected/process-control.ts"
import { trainAgain } from "../../../scenarios/run/again.ts"
import { runScenario } from "../../../scenarios/run/run.ts"
import { serveRun } from "../../../scenarios/run/serve.ts"
import { command } from "../../support/in-process.ts"
import { patienceMs } from "../../support/patience.ts"
import { bicameral } from "../../support/program.ts"
import { disturbedRun, read, silent, splits, writeScenario } from "../../support/small-scenario.ts"
import { slice } from "../../support/sweep.ts"

const victims = ["cloud1", "cloud0", "director", "kgc"]
const phases = ["train", "transform", "output"]
const cases = phases.flatMap((phase) =>
  victims
    .filter((victim) => phase !== "output" || victim !== "kgc")
    .map((victim) => ({ name: `${victim} in ${phase}`, phase, victim }))
)

describe("a training from an archive", () => {
  it.scopedLive("gives the same model when a party is killed", () =>
    Effect.gen(function* () {
      const { file, folder, out } = yield* writeScenario(splits.columns, { ...disturbedRun, model: "both" })
      const seed = Option.none()
      yield* runScenario({ file, out, transport: "nats", seed, display: silent }).pipe(
        Effect.provide(nodeContext)
      )
      for (const [i, { name, phase, victim }] of slice(cases, 1).entries()) {
        let control: ProcessControl | undefined
        let killed = false
        const display = {
          ...silent,
          phase: (begun: string) => {
            if (begun === phase) killed = control!.signal(victim, "SIGKILL")
          }
        }
        const onUp = (given: ProcessControl) => {
          control = given
        }
        const again = join(folder, `again-${i}`)
        const options = { from: out, scenario: Option.none(), out: again, seed, display, onUp }
        const { result } = yield* trainAgain(options).pipe(Effect.provide(nodeContext))
        expect({ name, killed, ...result }).toMatchObject({
          name,
          killed: true,
          expectations: [{ held: true }]
        })
        expect(yield* read(again, "model.json")).toBe(yield* read(out, "model.json"))
      }
      const again = join(folder, "again")
      const { status } = yield* bicameral(["train", out, "--out", again], {}, (printed, running) => {
        if (printed.includes("train:")) running.signal("SIGKILL")
      })
      expect(status).toBe("SIGKILL")
      // It has shares of all cells, so nobody is withdrawn before it ends.
      const forget = ["archive", "forget", out, "--user", "south"] as const
      const early = yield* command(...forget)
      expect(early.complained).toContain("again/parties/cloud0 has not ended, and has the cells")
      expect((yield* command("archive", "forget", out)).complained).toContain("has not ended")
      const resumed = yield* bicameral(["resume", again])
      expect(resumed.complained).toBe("")
      expect(yield* read(again, "model.json")).toBe(yield* read(out, "model.json"))
      // It is served as any other.
      const served = yield* serveRun({ out: again, askers: [], display: silent }).pipe(
        Effect.provide(nodeContext)
      )
      const { fractionalBits, network } = servedPlan(served.agreement)
      const sizes = {
        inputs: network.inputs,
        outputs: outputs(network),
        fractionalBits,
        deadlineMs: patienceMs
      }
      const asker = yield* Effect.provide(makeAsker(sizes), yield* Layer.build(yield* served.asker("user1")))
      const model = JSON.parse(yield* read(again, "model.json")) as Model
      const features = Float64Array.from({ length: 3 * network.inputs }, (_, k) => ((7 * k) % 20) / 10 - 1)
      const expected = fixedScores(yield* Effect.promise(() => Ring.load()), model, features)
      for (const [k, value] of (yield* asker.predict(features)).entries())
        expect(Math.abs(value - expected[k]!)).toBeLessThan(2 ** -15)
      expect((yield* command(...forget)).printed).toContain("the cells of south are erased")
    })
  )
})
