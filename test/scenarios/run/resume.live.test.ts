/**
 * A run that ended before its time, over NATS: by a party that stays away, by a full disk, by the death of the runner. It says who
 * and why, leaves nothing behind, and `resume` goes on from what was kept, to the model of the undisturbed run.
 */
import { readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { layer as nodeContext } from "@effect/platform-node/NodeContext"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { stringify } from "yaml"
import type { Phase } from "../../../actors/party/phases.ts"
import type { ProcessControl } from "../../../scenarios/faults-injected/process-control.ts"
import type { RunDisplay } from "../../../scenarios/report/result.ts"
import { resumeRun, runScenario } from "../../../scenarios/run/run.ts"
import { bicameral, type Ended, processesNaming } from "../../support/program.ts"
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

/** Gives every row of a file another label. */
const withOtherLabels = (file: string) =>
  Effect.promise(async () => {
    const text = await readFile(file, "utf8")
    await writeFile(
      file,
      text.replace(/(ash|elm)$/gm, (kind) => (kind === "ash" ? "elm" : "ash"))
    )
  })

/** All had uploaded: the model is right, and what it was tested on was kept; references would be of other data. */
const rightWithoutReferences = ({ status, printed, complained }: Ended) => {
  const changed = "the data in west-0.csv of user west changed after the run began"
  expect(printed).toContain(`no reference will be trained: ${changed}`)
  expect(printed).toMatch(new RegExp(`accuracy +1\\.0000 secure .*; no float64 reference: ${changed}`))
  expect(printed).toContain(`not compared with the fixed-point reference: ${changed}`)
  expect(status).toBe(1)
  expect(complained).toMatch(/1 of 1 expectations did not hold: deviation from the fixed-point/)
}

describe("resume", () => {
  it.scopedLive("a party that stays away ends the run by name, and the run goes on from what was kept", () =>
    Effect.gen(function* () {
      const deadlines = { replyTimeoutMs: 8_000, roundTimeoutMs: 8_000, phaseTimeoutMs: 600_000 }
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

  const full = [
    // The upload of user 1 ends too if user 2 cannot keep their declaration to them, and may be the one to tell.
    ["user2", "upload", /user2 failed at (Upload|Declaration)/],
    ["director", "transform", /^bicameral: /],
    // Its first write is as it joins cloud 0, who may be the one to tell.
    ["cloud1", "train", /cloud1 failed at (Train|Join)/]
  ] as const
  for (const [party, phase, failed] of full)
    it.scopedLive(`a full disk at ${party} in ${phase} ends the run by name and remedy, and it goes on`, () =>
      Effect.gen(function* () {
        const { file, folder, out } = yield* writeScenario(splits.rows, disturbedRun)
        yield* runInMemory(file, join(out, "undisturbed"))
        const faults = join(folder, "faults.yaml")
        const event = { event: "disk-full", party, forMs: 600_000, when: { phase } }
        yield* Effect.promise(() => writeFile(faults, stringify({ events: [event] })))
        const filled = join(out, "filled")
        const stopped = yield* bicameral(["run", file, "--out", filled, "--faults", faults])
        expect(stopped.status).toBe(1)
        expect(stopped.complained).toMatch(failed)
        expect(stopped.complained).toMatch(
          new RegExp(`can't write ${party}/.*: no space left; see that the folder .* has room`)
        )
        expect(stopped.printed).toContain(`bicameral resume ${filled}`)
        expect(yield* Effect.promise(() => processesNaming(folder))).toEqual([])
        if (phase === "train") yield* withOtherLabels(join(folder, "west-0.csv"))
        const resumed = yield* bicameral(["resume", filled])
        expect(resumed.printed).not.toContain("setup:")
        expect(yield* read(filled, "model.json")).toBe(yield* read(out, "undisturbed", "model.json"))
        if (phase === "train") rightWithoutReferences(resumed)
        else expect(resumed.complained).toBe("")
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
