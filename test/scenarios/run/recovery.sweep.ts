/**
 * Each party of a run over NATS is killed in each phase, five in each run, and parties of other kinds of runs; and disks are full.
 * A slice has three of the runs; `SWEEP=full` has all.
 */
import { describe, it } from "@effect/vitest"
import { slice } from "../../support/sweep.ts"
import { fullDisks, survivesFullDisk } from "./full-disk.ts"
import { killsOf, otherRuns, parties, plan, survives } from "./recovery-table.ts"
import { survivesUnseeded } from "./unseeded.ts"

const table = [...parties.keys()].map((k) => ({
  name: plan(k)
    .map(([phase, party]) => `${party} in ${phase}`)
    .join(", "),
  run: survives(plan(k))
}))

const others = Object.entries(otherRuns).map(([name, [changes, kills]]) => ({
  name: `of ${name}`,
  run: survives(killsOf(kills), changes)
}))

const killed = [...table.slice(1), ...others].map(({ name, run }) => ({ name: `kills ${name}`, run }))
const full = fullDisks.map((each) => ({
  name: `a full disk at ${each[0]} in ${each[1]}`,
  run: survivesFullDisk(each)
}))

describe("recovery", () => {
  it.scopedLive(
    "without a seed the model follows from what the parties drew before they were killed",
    () => survivesUnseeded
  )

  for (const { name, run } of [...slice(killed, 1), ...slice(full, 1)])
    it.scopedLive(`the model is that of the undisturbed run after ${name}`, () => run)
})
