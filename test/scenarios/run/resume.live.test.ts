/**
 * A run that ended before its time, over NATS: by a party that stays away, by the death of the runner. It says who
 * and why, leaves nothing behind, and `resume` goes on from what was kept, to the model of the undisturbed run.
 */
import { readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { layer as nodeContext } from "@effect/platform-node/NodeContext"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import type { Phase } from "../../../actors/party/phases.ts"
import type { ProcessControl } from "../../../scenarios/faults-injected/process-control.ts"
import type { RunDisplay } from "../../../scenarios/report/result.ts"
import { resumeRun, runScenario } from "../../../scenarios/run/run.ts"
import { patienceMs } from "../../support/patience.ts"
import { bicameral, processesNaming } from "../../support/program.ts"
import {
  disturbedRun,
  read,
  runInMemory,
  silent,
  splits,
  writeScenario
} from "../../support/small-scenario.ts"

/** The words with which a run ended. */
const ending = <A, E extends { readonly message: string }, R>(work: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.flip(work as Effect.Effect<A, E, R>), ({ message }) => message)

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

  it.scopedLive("a runner that was killed leaves nobody behind, and its run goes on", () =>
    Effect.gen(function* () {
      const { file, folder, out } = yield* writeScenario(splits.rows, disturbedRun)
      yield* runInMemory(file, join(out, "undisturbed"))
      const killed = join(out, "killed")
      const { status } = yield* bicameral(["run", file, "--out", killed], {}, (printed, running) => {
        if (printed.includes("transform:")) running.signal("SIGKILL")
      })
      expect(status).toBe("SIGKILL")
      // Each ends as soon as it finds that the runner is gone.
      yield* Effect.repeat(
        Effect.delay(
          Effect.promise(() => processesNaming(folder)),
          "50 millis"
        ),
        { while: (left) => left.length > 0 }
      )
      const resumed = yield* bicameral(["resume", killed])
      expect(resumed.complained).toBe("")
      expect(resumed.status).toBe(0)
      expect(resumed.printed).not.toContain("upload:")
      expect(yield* read(killed, "model.json")).toBe(yield* read(out, "undisturbed", "model.json"))
    })
  )

  it.scopedLive("where nothing was begun, or with another scenario or other rows, is refused", () =>
    Effect.gen(function* () {
      const { file, folder, out } = yield* writeScenario(splits.rows, disturbedRun)
      const nowhere = yield* bicameral(["resume", join(folder, "nowhere")])
      expect(nowhere.complained).toMatch(/nothing to resume in .*nowhere: no run over NATS was begun there/)
      yield* bicameral(["run", file, "--out", out], {}, (printed, running) => {
        if (printed.includes("setup:")) running.signal("SIGINT")
      })
      const text = yield* read(file)
      yield* Effect.promise(() => writeFile(file, text.replace("rate: 0.25", "rate: 0.5")))
      const resumed = resumeRun({ out, display: silent }).pipe(Effect.provide(nodeContext))
      expect(yield* ending(resumed)).toMatch(
        /leaves.yaml is another scenario than when the run began, or this another version of bicameral; put back/
      )
      yield* Effect.promise(async () => {
        await writeFile(file, text)
        // Two rows fewer: what was predicted of the run, and how many rows it has, would be of other data.
        const rows = await readFile(join(folder, "south-0.csv"), "utf8")
        await writeFile(join(folder, "south-0.csv"), rows.split("\n").slice(0, -3).join("\n"))
      })
      expect(yield* ending(resumed)).toMatch(
        /^other rows or columns than when the run began are in south-0\.csv of user south; put back what was there/
      )
      expect(yield* read(out, "run.json")).toContain('"format": "bicameral run"')
    })
  )
})
