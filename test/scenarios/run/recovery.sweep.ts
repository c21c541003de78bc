/**
 * Each party of a run over NATS is killed in each phase, five in each run, and parties of other kinds of runs. A slice has two of the
 * runs; `SWEEP=full` has all.
 */
import { describe, it } from "@effect/vitest"
import { slice } from "../../support/sweep.ts"
import { killsOf, otherRuns, parties, plan, survives } from "./recovery-table.ts"

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

describe("recovery", () => {
  for (const { name, run } of slice([...table.slice(1), ...others], 2))
    it.scopedLive(`the model is that of the undisturbed run after kills ${name}`, () => run)
})
