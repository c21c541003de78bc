/**
 * A run that ended before its time, over NATS, by the death of the runner. It leaves nothing behind, and `resume` goes on
 * from what was kept, to the model of the undisturbed run. `resume.sweep.ts` has a party that stays away.
 */
import { readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { layer as nodeContext } from "@effect/platform-node/NodeContext"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { resumeRun } from "../../../scenarios/run/run.ts"
import { bicameral, processesNaming } from "../../support/program.ts"
import {
  disturbedRun,
  ending,
  read,
  runInMemory,
  silent,
  splits,
  writeScenario
} from "../../support/small-scenario.ts"

describe("resume", () => {
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
