/** Runs over NATS that end by a full disk, and are resumed. */
import { readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { expect } from "@effect/vitest"
import { Effect } from "effect"
import { stringify } from "yaml"
import { bicameral, type Ended, processesNaming } from "../../support/program.ts"
import { disturbedRun, read, runInMemory, splits, writeScenario } from "../../support/small-scenario.ts"

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

/** A party, the phase in which its disk is full, and who says so. */
export const fullDisks = [
  // Its first write is as it joins cloud 0, which may be the one to tell.
  ["cloud1", "train", /cloud1 failed at (Train|Join)/],
  // The upload of user 1 ends too if user 2 cannot keep their declaration to them, and may be the one to tell.
  ["user2", "upload", /user2 failed at (Upload|Declaration)/],
  ["director", "transform", /^bicameral: /]
] as const

/** Demands that a full disk ends a run by name and remedy, and that the run goes on to the model of the undisturbed one. */
export const survivesFullDisk = ([party, phase, failed]: (typeof fullDisks)[number]) =>
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
