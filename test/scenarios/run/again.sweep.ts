/** A training from an archive over NATS, of which a party or the runner is killed in each phase: the model stays the same. */
import { join } from "node:path"
import { layer as nodeContext } from "@effect/platform-node/NodeContext"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import type { ProcessControl } from "../../../scenarios/faults-injected/process-control.ts"
import { trainAgain } from "../../../scenarios/run/again.ts"
import { runScenario } from "../../../scenarios/run/run.ts"
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
      const { file, folder, out } = yield* writeScenario(splits.columns, disturbedRun)
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
      const resumed = yield* bicameral(["resume", again])
      expect(resumed.complained).toBe("")
      expect(yield* read(again, "model.json")).toBe(yield* read(out, "model.json"))
    })
  )
})
