/**
 * A run over NATS of which a party stays away: it ends and says which, and `resume` goes on from what was kept, to the
 * model of the undisturbed run.
 */
import { join } from "node:path"
import { layer as nodeContext } from "@effect/platform-node/NodeContext"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import type { Phase } from "../../../actors/party/phases.ts"
import type { ProcessControl } from "../../../scenarios/faults-injected/process-control.ts"
import type { RunDisplay } from "../../../scenarios/report/result.ts"
import { resumeRun, runScenario } from "../../../scenarios/run/run.ts"
import { patienceMs } from "../../support/patience.ts"
import {
  disturbedRun,
  ending,
  read,
  runInMemory,
  splits,
  writeScenario
} from "../../support/small-scenario.ts"

describe("resume", () => {
  it.scopedLive("a party that stays away ends the run by name, and the run goes on from what was kept", () =>
    Effect.gen(function* () {
      // Only the deadline of a round is to pass.
      const deadlines = { replyTimeoutMs: patienceMs, roundTimeoutMs: 15_000, phaseTimeoutMs: 600_000 }
      const { file, out } = yield* writeScenario(splits.rows, { ...disturbedRun, deadlines })
      yield* runInMemory(file, join(out, "undisturbed"))
      let control: ProcessControl | undefined
      const notes: Array<string> = []
      const display: RunDisplay = {
        note: (text) => notes.push(text),
        phase: () => {},
        // Stopped, not killed: its supervisor sees nothing wrong.
        progress: (_, phase, steps) => {
          if (phase === "train" && steps >= 96) control?.signal("cloud0", "SIGSTOP")
        }
      }
      const folder = join(out, "stopped")
      const options = { file, out: folder, transport: "nats", seed: Option.none(), display } as const
      const onUp = (given: ProcessControl) => {
        control = given
      }
      const message = yield* ending(runScenario({ ...options, onUp }).pipe(Effect.provide(nodeContext)))
      expect(message).toMatch(
        /cloud1 failed at Train: cloud0 did not send round \d+ of phase train within \d+ ms/
      )
      expect(notes.at(-1)).toContain(`bicameral resume ${folder}`)

      const seen: Array<Phase> = []
      const watching: RunDisplay = { ...display, phase: (phase) => seen.push(phase), progress: () => {} }
      const resumed = resumeRun({ out: folder, display: watching }).pipe(Effect.provide(nodeContext))
      const { result } = yield* resumed
      expect(seen).toEqual(["train", "output"])
      expect(result.maxWeightDeviation).toBe(0)
      expect(yield* read(folder, "model.json")).toBe(yield* read(out, "undisturbed", "model.json"))
      expect(yield* ending(resumed)).toContain("its run has ended")
    })
  )
})
